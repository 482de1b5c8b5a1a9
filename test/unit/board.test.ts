// Do the tools that make an image of a module, and measure it, refuse what they don't understand?
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { layerOf, layerOfSymbol } from "../../boards/layers.mjs";
import { deepest, readCallGraph } from "../../boards/stack.mjs";
import { DIGEST_MARK, editHeader, editSource, translate } from "../../boards/translate.mjs";
import { constants, functions } from "../../boards/wasm.mjs";
import { Board } from "../../host/board/qemu.ts";
import { ROOT, compile, readProfile } from "../../scripts/firmware.mjs";

const { ROM_BASE = 0 } = readProfile("card-6k");
let folder: string;
let wasm: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "netcard-board-"));
  wasm = await compile({ entry: "test/firmware/board-echo.ts", out: "build/test/board-echo.wasm" });
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("reading a module", () => {
  it("finds its constants", () => {
    expect([...constants(readFileSync(wasm), ROM_BASE)]).toEqual([0, 1, 4, 9, 16, 25, 36, 49]);
  });

  it("refuses constants below ROM_BASE", () => {
    expect(() => constants(readFileSync(wasm), ROM_BASE + 8)).toThrow("below ROM_BASE");
  });

  it("finds its functions and their sizes", () => {
    const bytes = readFileSync(wasm);
    const found = functions(bytes);
    expect(found.map(({ name }) => name)).toContain("test/firmware/board-echo/step");
    const total = found.reduce((sum, item) => sum + item.bytes, 0);
    expect(total).toBeGreaterThan(200);
    expect(total).toBeLessThan(bytes.length);
  });
});

describe("translating a module", () => {
  it("leaves nothing of wasm2c's runtime, and states the digest", () => {
    translate({ wasm, folder, romBase: ROM_BASE });
    const source = readFileSync(join(folder, "card.c"), "utf8");
    expect(source).not.toMatch(/init_memories|pins_instance|data_segment|func_type/);
    expect(source).toContain(DIGEST_MARK);
  });

  it("refuses an output of wasm2c that it does not know", () => {
    expect(() => editSource("int main(void) { return 0; }")).toThrow("is its package the pinned one?");
    expect(() => editHeader("")).toThrow("is its package the pinned one?");
  });
});

describe("the layer of a function", () => {
  it.each([
    ["firmware/tls/record-in/open", "tls"],
    ["firmware/link/ppp/fsm/input", "network"],
    ["firmware/files/files/find", "applications"],
    ["~lib/polyfills/bswap<u32>", "language"],
    ["firmware/card/step", "card"],
  ])("%s: %s", (name, layer) => {
    expect(layerOf(name)).toBe(layer);
  });

  it.each([
    ["w2c_card_firmware0x2Fcrypto0x2Fp2560x2Dpoint0x2Fmultiply.constprop.0", "crypto"],
    ["w2c_card_step", "card"],
    ["nvm_read", "board"],
  ])("%s: %s", (symbol, layer) => {
    expect(layerOfSymbol(symbol)).toBe(layer);
  });
});

describe("the bound of the stack", () => {
  const frame = (name: string, usage: string): string =>
    `node: { title: "${name}" label: "${name}\\nx.c:1:1\\n${usage}" }`;
  const call = (from: string, to: string): string =>
    `edge: { sourcename: "${from}" targetname: "${to}" label: "x" }`;
  const known = [
    frame("main", "8 bytes (static)"),
    frame("a", "16 bytes (static)"),
    frame("b", "40 bytes (static)"),
  ];
  const bound = (calls: string[], counts?: (name: string) => boolean): number =>
    deepest(readCallGraph([[...known, ...calls].join("\n")]), "main", counts).bytes;

  it("adds up the deepest chain", () => {
    expect(bound([call("main", "a"), call("main", "b")])).toBe(48);
    expect(bound([call("main", "a"), call("a", "b")])).toBe(64);
  });

  it("adds up what counts only", () => {
    expect(bound([call("main", "a"), call("a", "b")], (name) => name !== "a")).toBe(48);
  });

  it.each([
    ["recursion", [call("main", "a"), call("a", "main")]],
    ["no frame size is known", [call("main", "__aeabi_dadd")]],
    ["no frame size is known", [call("main", "__indirect_call")]],
    ["no fixed size", [frame("c", "24 bytes (dynamic)")]],
  ])("has none: %s", (reason, calls) => expect(() => bound(calls)).toThrow(reason));
});

describe("a missing tool", () => {
  it("is named with its package: the compiler", () => {
    const { status, stderr } = spawnSync(process.execPath, ["boards/build.mjs"], {
      cwd: ROOT,
      env: { PATH: "" },
      encoding: "utf8",
    });
    expect(stderr).toBe(
      "netcard: arm-none-eabi-gcc is missing: install the Debian package gcc-arm-none-eabi\n",
    );
    expect(status).toBe(1);
  });

  it("is named with its package: QEMU", async () => {
    const image = join(folder, "image.json");
    writeFileSync(image, JSON.stringify({ board: { machine: "lm3s811evb" } }));
    vi.stubEnv("PATH", "");
    await expect(Board.boot({ image, folder })).rejects.toThrow("install the Debian package qemu-system-arm");
    vi.unstubAllEnvs();
  });
});
