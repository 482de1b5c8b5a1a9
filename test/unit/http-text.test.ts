// Is the text of the web server, which is written as numbers, what the comments beside it say?
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const SOURCE = readFileSync("firmware/apps/http/text.ts", "utf8");
const TABLE = /((?:\/\/ ".*\n)+)export const (\w+): usize = memory\.data<u8>\(\[([\d,\s]*)\]\);/g;

const tables = [...SOURCE.matchAll(TABLE)].map(([, comment = "", name = "", numbers = ""]) => {
  const texts = [...comment.matchAll(/"(?:[^"\\]|\\.)*"/g)].map(([text]) => JSON.parse(text) as string);
  const isList = texts.length > 1;
  return { name, text: texts.map((text) => `${text}\0`).join("") + (isList ? "\0" : ""), numbers };
});

test("every table has its comment", () => {
  expect(tables).toHaveLength(SOURCE.match(/memory\.data/g)?.length ?? 0);
});

test.each(tables)("$name", ({ text, numbers }) => {
  // When it differs, the expected numbers are the ones to write.
  expect(numbers.match(/\d+/g)?.join(", ")).toBe([...Buffer.from(text, "latin1")].join(", "));
});

test("the figures are counted right", () => {
  const figures = tables.find((table) => table.name === "FIGURES")?.text.match(/[^\0]+/g) ?? [];
  expect(SOURCE).toContain(`FIGURE_COUNT: u32 = ${String(figures.length)};`);
});
