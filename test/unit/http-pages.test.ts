// Is the page that the card serves small, and complete by itself?
import { readFileSync, readdirSync } from "node:fs";
import { expect, test } from "vitest";

const page = readFileSync("pages/index.html", "utf8");
const names = readdirSync("pages");

test("the page is at most 8 KB, its icon 1 KB", () => {
  expect(Buffer.byteLength(page)).toBeLessThanOrEqual(8192);
  expect(readFileSync("pages/favicon.svg").length).toBeLessThanOrEqual(1024);
});

test("all that it refers to is on the card", () => {
  const references = [...page.matchAll(/(?:src|href)="([^"]*)"|fetch\("([^"]*)"|url\(([^)]*)\)/g)];
  const targets = references.map(([, attribute, fetched, url]) => attribute ?? fetched ?? url ?? "");
  expect(targets.length).toBeGreaterThan(2);
  for (const target of targets)
    expect([...names.map((name) => `/${name}`), "/status.json"]).toContain(target);
});

test("every figure that its script asks for exists", () => {
  const figures =
    /"uptimeMs".*(?:\n\/\/ .*)*/.exec(readFileSync("firmware/apps/http/text.ts", "utf8"))?.[0] ?? "";
  const wanted = [...page.matchAll(/\bf\.(\w+)/g)].map(([, name]) => name);
  const listed = /for\(const i of\[([^\]]*)\]/.exec(page)?.[1]?.match(/\w+/g) ?? [];
  expect(listed.length + wanted.length).toBeGreaterThan(5);
  for (const name of [...wanted, ...listed]) expect(figures).toContain(`"${String(name)}"`);
});
