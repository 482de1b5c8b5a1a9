// docs/security.md names tests by file and title: they must be there, and each threat must have one.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { ROOT } from "../../scripts/firmware.mjs";

const DOCS = join(ROOT, "docs");
const text = readFileSync(join(DOCS, "security.md"), "utf8");
const links = [...text.matchAll(/\[([^\]]+)\]\(([^)]+)\)/g)].map(([, title, path]) => ({
  title: title!,
  path: path!,
}));

describe("docs/security.md", () => {
  test.each(links)("$path has a test named “$title”", ({ title, path }) => {
    const file = resolve(DOCS, path);
    expect(existsSync(file), path).toBe(true);
    // A title may stand in a template, with line breaks and quotes escaped.
    const source = readFileSync(file, "utf8").replaceAll(/\\(.)/g, "$1");
    expect(source, path).toContain(title);
  });

  test("each threat has one", () => {
    const [, threats] = /## Threats\n([^]*?)\n## /.exec(text)!;
    const rows = threats!
      .split("\n")
      .filter((line) => line.startsWith("| "))
      .slice(1);
    expect(rows.length).toBeGreaterThan(15);
    for (const row of rows) expect(row).toMatch(/\]\(\.\.\/test\/[\w/-]+\.test\.ts\)/);
  });

  test("every file named in code quotes is there", () => {
    for (const [, path] of text.matchAll(/`((?:test|firmware)\/[\w/.-]+\.ts)`/g))
      expect(existsSync(join(ROOT, path!)), path).toBe(true);
    for (const [, path] of text.matchAll(/`((?:crypto|tls|files)\/[\w/.-]+\.ts)`/g))
      expect(existsSync(join(ROOT, "firmware", path!)), path).toBe(true);
  });

  test("every declassification is in its table", () => {
    const [, table] = /These are all:\n([^]*?)\n## /.exec(text)!;
    for (const file of declassifying()) expect(table).toContain(`\`${file}\``);
  });
});

/** @returns the files, from firmware/, that make something secret public */
function declassifying(): string[] {
  const firmware = join(ROOT, "firmware");
  return readdirSync(firmware, { withFileTypes: true, recursive: true })
    .filter((item) => item.isFile() && item.name.endsWith(".ts"))
    .map((item) => relative(firmware, join(item.parentPath, item.name)))
    .filter((path) => readFileSync(join(firmware, path), "utf8").includes("declassify."))
    .filter((path) => path !== "crypto/declassify.ts");
}
