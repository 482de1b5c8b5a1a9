// npm run bench -- link [--only TEXT] [--seeds N] [--json] [--docs]: compiles what is measured, then measures it (bench/).
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { SEEDS, measureAll, table } from "../dist/bench/main.js";
import { benchModules } from "./bench-modules.mjs";
import { ROOT } from "./firmware.mjs";
import { compileLwip, lwipHostFiles, lwipSource } from "./lwip.mjs";

const MARKS = ["<!-- npm run bench -- link --docs -->", "<!-- end -->"];

/** @returns {string | undefined} lwIP's program; when it can't be had, says so */
function lwip() {
  try {
    const source = lwipSource();
    if (source) return compileLwip(source, "bench/lwip-server.c", lwipHostFiles(source));
  } catch {
    // no compiler: as below
  }
  console.error("netcard: lwIP is MISSING from the table: it needs gcc, and Debian's source of lwip.");
  return undefined;
}

function writeDocs(text) {
  const path = join(ROOT, "docs/performance.md");
  const [before, rest] = readFileSync(path, "utf8").split(`${MARKS[0]}\n`);
  const [, after] = rest.split(MARKS[1]);
  writeFileSync(path, `${before}${MARKS[0]}\n${text}\n${MARKS[1]}${after}`);
}

async function run() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: "boolean" },
      docs: { type: "boolean" },
      only: { type: "string", default: "" },
      seeds: { type: "string", default: String(SEEDS) },
    },
  });
  const seeds = Number(values.seeds);
  if (!(Number.isInteger(seeds) && seeds > 0)) throw new Error("--seeds wants a whole number from 1 on");
  if (positionals.length !== 1 || positionals[0] !== "link")
    throw new Error("which bench? There is one: npm run bench -- link");
  const onRow = ({ link, protocol, rttMs, loss, share }) =>
    console.error(`${link}, ${protocol}, ${rttMs} ms, ${100 * loss} % lost: ${(100 * share).toFixed(1)} %`);
  const rows = await measureAll({
    modules: await benchModules(),
    lwip: lwip(),
    only: values.only,
    seeds,
    onRow,
  });
  if (rows.length === 0) throw new Error(`no link's name contains "${values.only}"`);
  console.log(values.json ? JSON.stringify(rows, null, 2) : table(rows));
  if (values.docs) writeDocs(table(rows));
}

try {
  await run();
} catch (error) {
  console.error(`netcard: ${error.message}`);
  process.exitCode = 1;
}
