// Which firmware folder may import which (DESIGN: each layer only what stands below it), and what a card may ask of
// its chip.
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { ROOT } from "../../scripts/firmware.mjs";

/** From the bottom up; a layer imports itself and what stands in an earlier row. */
const LAYERS = [["chip"], ["buffer"], ["link"], ["net"], ["socket", "crypto"], ["files"], ["tls"], ["apps"]];
const HEIGHT = new Map(LAYERS.flatMap((names, height) => names.map((name) => [name, height] as const)));
const FIRMWARE = join(ROOT, "firmware");

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((item) => item.isFile() && item.name.endsWith(".ts") && !item.name.endsWith(".d.ts"))
    .map((item) => join(item.parentPath, item.name));
}

function importsOf(file: string): string[] {
  const text = readFileSync(file, "utf8");
  return [...text.matchAll(/^(?:import|export)\b[^;]*?from\s+"([^"]+)"/gms)].map((match) => match[1] ?? "");
}

const layerOf = (file: string) => relative(FIRMWARE, file).split(/[\\/]/)[0] ?? "";

describe("import arrows", () => {
  for (const file of sources(FIRMWARE).filter((path) => HEIGHT.has(layerOf(path)))) {
    test(relative(ROOT, file), () => {
      const own = layerOf(file);
      for (const target of importsOf(file)) {
        const theirs = layerOf(resolve(dirname(file), target));
        if (theirs === own) continue;
        expect(HEIGHT.has(theirs), `${target} is not a layer`).toBe(true);
        expect(HEIGHT.get(theirs)!, `${own} imports ${target}`).toBeLessThan(HEIGHT.get(own)!);
      }
    });
  }

  test("the host imports no firmware", () => {
    for (const file of [...sources(join(ROOT, "host")), ...sources(join(ROOT, "cli"))]) {
      for (const target of importsOf(file)) expect(target, file).not.toContain("firmware/");
    }
  });
});
