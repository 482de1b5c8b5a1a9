// The last line of CI: how many tests passed, failed and were skipped, over all of vitest's JSON reports given.
import { readFileSync } from "node:fs";

const reports = process.argv.slice(2).map((path) => JSON.parse(readFileSync(path, "utf8")));
const total = (key) => reports.reduce((sum, report) => sum + report[key], 0);
const skipped = reports.flatMap(({ testResults }) =>
  testResults.flatMap(({ assertionResults }) =>
    assertionResults.filter(({ status }) => status !== "passed" && status !== "failed"),
  ),
);
for (const { fullName } of skipped) console.log(`skipped: ${fullName}`);
console.log(
  `${total("numPassedTests")} passed, ${total("numFailedTests")} failed, ${skipped.length} skipped`,
);
