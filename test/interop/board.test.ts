// Does a module, translated and linked, run on each board as it runs in Node? With a stand-in firmware that uses every pin.
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { FileNvm } from "../../host/chip/nvm-file.ts";
import { Board, type BoardOptions } from "../../host/board/qemu.ts";
import { DIGEST_MARK } from "../../boards/translate.mjs";
import { boardNames, buildImage } from "../../boards/build.mjs";
import { compile, readProfile } from "../../scripts/firmware.mjs";

const { NVM_BYTES = 0, ARENA_BYTES = 0 } = readProfile("card-6k");
let wasm: string;
let folder: string;
let board: Board;

beforeAll(async () => {
  wasm = await compile({ entry: "test/firmware/board-echo.ts", out: "build/test/board-echo.wasm" });
});

describe.each(boardNames())("%s", (name) => {
  afterEach(async () => {
    await board.cutPower();
    rmSync(folder, { recursive: true });
  });
  const boot = async (options: Partial<BoardOptions> = {}): Promise<void> => {
    const image = buildImage({ wasm, board: name });
    board = await Board.boot({ image, folder, ...options });
  };
  const plugIn = async (options: Partial<BoardOptions> = {}): Promise<void> => {
    folder = mkdtempSync(join(tmpdir(), "netcard-board-"));
    FileNvm.open(folder, NVM_BYTES).close();
    await boot(options);
  };

  it("computes, reads constants, keeps globals", async () => {
    await plugIn();
    expect(await ask("e", 0xfeedbeef)).toBe(0xfeedbeef);
    expect(await ask("q", 2)).toBe(25);
    const commands = (await ask("c")) ?? 0;
    expect(await ask("c")).toBe(commands + 1);
    expect(await board.trapped()).toBeUndefined();
  });

  it("computes what Node computes", async () => {
    await plugIn();
    for (const rounds of [0, 1, 1000]) expect(await ask("b", rounds)).toBe(busy(rounds));
  });

  it("keeps the time, and calls timer() while step() computes", async () => {
    await plugIn();
    const [ms = 0, calls = 0] = [await ask("m"), await ask("t")];
    await ask("b", 30_000_000); // much longer than 100 ms
    const [msLater = 0, callsLater = 0] = [await ask("m"), await ask("t")];
    expect(msLater - ms).toBeGreaterThan(100);
    expect(Math.abs(callsLater - calls - (msLater - ms) / 100)).toBeLessThan(2);
  });

  it("draws different random words", async () => {
    await plugIn();
    expect(new Set([await ask("n"), await ask("n"), await ask("n")]).size).toBe(3);
  });

  it("keeps its NVM when the power fails", async () => {
    await plugIn();
    expect(await ask("r", 0x1234)).toBe(0xffffffff);
    await ask("w", 0x1234);
    await board.cutPower();
    await boot();
    expect(await ask("r", 0x1234)).toBe(~0x1234 >>> 0);
    expect(await ask("r", NVM_BYTES - 4)).toBe(0xffffffff);
    expect(await ask("r", NVM_BYTES)).toBe(0xffffffff);
    await board.cutPower();
    const nvm = FileNvm.open(folder, NVM_BYTES);
    expect(nvm.cells.subarray(0x1233, 0x1239)).toEqual(Uint8Array.of(0xff, 0xff, 0xff, 0xed, 0xcb, 0xff));
    nvm.close();
  });

  it("loses no byte of a burst, also while it computes", async () => {
    await plugIn();
    const numbers = Array.from({ length: 190 }, (_, i) => i);
    const burst = Buffer.concat([command("b", 3_000_000), ...numbers.map((i) => command("e", i))]);
    const answers = await exchange(burst, 4 * (1 + numbers.length), 10_000);
    expect(numbers.map((i) => answers?.readUInt32BE(4 + 4 * i))).toEqual(numbers);
  });

  it.each([
    ["store outside the arena", "s", ARENA_BYTES],
    ["store outside the arena", "s", 0xffffffff],
    ["store outside the arena", "s", 16384],
    ["unreachable", "?", 0],
  ])("stops at a trap, %s, and starts anew", async (reason, letter, argument) => {
    await plugIn();
    expect(await ask("s", ARENA_BYTES - 1)).toBe(1);
    expect(await ask(letter, argument, 300)).toBeUndefined();
    expect(await ask("c")).toBe(0);
    expect(await board.trapped()).toBe(reason);
  });

  it("stays within the bound of its stack, off the guard", async () => {
    await plugIn();
    for (const letter of ["e", "n", "r", "w", "b"]) await ask(letter, 1000);
    const { peak, guardIntact } = await board.stack();
    const { stack } = JSON.parse(readFileSync(buildImage({ wasm, board: name }), "utf8")) as {
      stack: { bytes: number };
    };
    expect(peak).toBeGreaterThan(32);
    expect(peak).toBeLessThanOrEqual(stack.bytes);
    expect(guardIntact).toBe(true);
  });

  it("counts instructions in proportion to the work", async () => {
    await plugIn({ countInstructions: true });
    const count = async (rounds: number): Promise<number> => {
      const before = await board.instructions();
      await ask("b", rounds);
      for (;;) {
        await ask("e"); // the work is accounted for when the board goes to sleep, a moment after its answer
        const counted = (await board.instructions()) - before;
        if (counted > rounds) return counted;
      }
    };
    const [small, large] = [await count(100_000), await count(200_000)];
    expect((large - small) / 100_000).toBeGreaterThan(5);
    expect(Math.abs(large - 2 * small) / large).toBeLessThan(0.01);
  });
});

it.each(boardNames())("%s: the image carries the digest of the module that it was made of", (name) => {
  const elf = readFileSync(join(dirname(buildImage({ wasm, board: name })), "image.elf"), "latin1");
  const digest = createHash("sha256").update(readFileSync(wasm)).digest("hex");
  expect(elf).toContain(DIGEST_MARK + digest);
});

describe("an image that does not fit", () => {
  it.each([
    ["RAM", { use: { ARENA_BYTES: ARENA_BYTES + 1024 } }],
    ["C stack does not fit", { use: { ARENA_BYTES: ARENA_BYTES + 900 } }],
    ["C stack does not fit", { ramBytes: ARENA_BYTES + 63 }],
  ])("is not built: %s, %o", (reason, options) => {
    expect(() => buildImage({ wasm, board: "lm3s811evb", ...options })).toThrow(reason);
  });
});

/** What board-echo.ts does for "b". */
function busy(rounds: number): number {
  let x = 1n;
  for (let i = 0; i < rounds; i++)
    x = (x * 6364136223846793005n + BigInt(((i << 5) | (i >>> 27)) >>> 0)) & 0xffffffffffffffffn;
  return Number(x >> 32n);
}

/** @returns the board's answer to a command, undefined when none comes in `ms` */
async function ask(letter: string, argument = 0, ms = 10_000): Promise<number | undefined> {
  return (await exchange(command(letter, argument), 4, ms))?.readUInt32BE(0);
}

function command(letter: string, argument: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes.write(letter, "latin1");
  bytes.writeUInt32BE(argument, 1);
  return bytes;
}

function exchange(bytes: Buffer, answerBytes: number, ms: number): Promise<Buffer | undefined> {
  const { line } = board;
  return new Promise((resolve) => {
    let received = Buffer.alloc(0);
    const settle = (value?: Buffer): void => {
      clearTimeout(timeout);
      line.off("data", take);
      resolve(value);
    };
    const take = (piece: Buffer): void => {
      received = Buffer.concat([received, piece]);
      if (received.length >= answerBytes) settle(received);
    };
    const timeout = setTimeout(settle, ms);
    line.on("data", take);
    line.write(bytes);
  });
}
