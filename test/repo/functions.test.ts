// The longest function is policed, not the average: unrolled arithmetic and tables aside, 60 lines.
import { readFileSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import ts from "typescript";
import { expect, test } from "vitest";
import { ROOT } from "../../scripts/firmware.mjs";

const LONGEST = 60;
const FOLDERS = ["firmware", "host", "cli", "scripts", "boards"];

test.each(FOLDERS)("no function in %s is longer than 60 lines", (folder) => {
  const long = sources(join(ROOT, folder)).flatMap(longFunctions);
  expect(long).toEqual([]);
});

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((item) => item.isFile() && /\.(ts|mjs)$/.test(item.name) && !item.name.endsWith(".d.ts"))
    .map((item) => join(item.parentPath, item.name));
}

/** @returns "file:line name (lines)" of each function that is too long, comments and blank lines not counted */
function longFunctions(file: string): string[] {
  const source = ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node)) {
      const lines = codeLines(node.getText(source));
      const { line } = source.getLineAndCharacterOfPosition(node.getStart(source));
      const name = node.name?.getText(source) ?? "anonymous";
      if (lines > LONGEST) found.push(`${relative(ROOT, file)}:${line + 1} ${name} (${lines})`);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function codeLines(text: string): number {
  return text.split("\n").filter((line) => !/^\s*(\/\/.*|\/?\*.*)?$/.test(line)).length;
}
