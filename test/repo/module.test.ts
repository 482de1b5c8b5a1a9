// The shipping module: what it imports, exports and where its constants lie.
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { CARDS } from "../../host/cards.mjs";
import { compile, readProfile } from "../../scripts/firmware.mjs";
import { dataSegments, mutableGlobals } from "../support/wasm-sections.ts";

const PINS = ["linkWrite", "nvmRead", "nvmWrite", "clockMs", "random32"];
const EXPORTS = ["powerOn", "receive", "step", "timer"];

/** Globals that the compiler keeps: none is ours. */
const GLOBALS_AT_MOST = 0;

describe.each(Object.values(CARDS))("$out", (card) => {
  let bytes: Buffer;
  let module: WebAssembly.Module;
  beforeAll(async () => {
    bytes = readFileSync(await compile(card));
    module = new WebAssembly.Module(Uint8Array.from(bytes));
  });

  test("imports the chip's pins and nothing else", () => {
    for (const { module: from, name } of WebAssembly.Module.imports(module)) {
      expect(from).toBe("pins");
      expect(PINS).toContain(name);
    }
  });

  test("exports the chip's interface and not its memory", () => {
    expect(
      WebAssembly.Module.exports(module)
        .map(({ name }) => name)
        .sort(),
    ).toEqual([...EXPORTS].sort());
  });

  test("keeps its constants at the ROM base and above", () => {
    const { ROM_BASE } = readProfile(card.profile);
    const addresses = dataSegments(bytes);
    expect(addresses.length).toBeGreaterThan(0);
    for (const address of addresses) expect(address).toBeGreaterThanOrEqual(ROM_BASE!);
  });

  test("keeps its state in the arena, not in wasm globals", () => {
    expect(mutableGlobals(bytes)).toBeLessThanOrEqual(GLOBALS_AT_MOST);
  });
});
