// Timing on a Cortex-M3: whatever the secret, the translated firmware executes as many instructions, in QEMU, which counts
// them exactly but for the board's tick. It says nothing of instructions that take longer for some operands (docs/security.md).
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildImage } from "../../boards/build.mjs";
import { Board } from "../../host/board/qemu.ts";
import { FileNvm } from "../../host/chip/nvm-file.ts";
import { compile, readProfile } from "../../scripts/firmware.mjs";

const { NVM_BYTES = 0 } = readProfile("card-6k");
const KEYS = 16;
/** The counter counts ticks of the chip's clock. An interrupt in the midst of it adds a hundred. */
const NOISE = 24;
/** No command takes fewer. */
const LEAST = 20_000;

describe("as many instructions for every secret", () => {
  let folder: string;
  let board: Board;
  beforeAll(async () => {
    const wasm = await compile({
      entry: "test/firmware/board-crypto.ts",
      out: "build/test/board-crypto.wasm",
    });
    folder = mkdtempSync(join(tmpdir(), "netcard-board-"));
    FileNvm.open(folder, NVM_BYTES).close();
    const image = buildImage({ wasm, board: "lm3s811evb" });
    board = await Board.boot({ image, folder, countInstructions: true });
  });
  afterAll(async () => {
    await board.cutPower();
    rmSync(folder, { recursive: true });
  });

  /** @returns the board's answer */
  const ask = (letter: string, argument: number): Promise<Buffer> =>
    new Promise((resolve) => {
      const command = Buffer.alloc(5, letter);
      command.writeUInt32BE(argument, 1);
      let answer = Buffer.alloc(0);
      const take = (piece: Buffer): void => {
        answer = Buffer.concat([answer, piece]);
        if (answer.length < 4) return;
        board.line.off("data", take);
        resolve(answer);
      };
      board.line.on("data", take).write(command);
    });

  /** Instructions executed so far, when the board has fallen idle after a command since `before`. */
  const settled = async (before: number): Promise<number> => {
    for (let last = before; ; await setTimeout(1)) {
      const now = await board.instructions();
      if (now === last && now > before + LEAST) return now;
      last = now;
    }
  };

  /** @returns how many keys agree: the largest group whose counts are within NOISE, since a tick more or less parts groups */
  const alike = async (letter: string): Promise<number> => {
    const counts: number[] = [];
    let before = await board.instructions();
    for (let key = 0; key < KEYS; key++) {
      await ask(letter, key);
      const after = await settled(before);
      counts.push(after - before);
      before = after;
    }
    const agreeing = counts.map((from) => counts.filter((count) => count >= from && count - from <= NOISE));
    return Math.max(...agreeing.map((group) => group.length));
  };

  it.each([
    ["P-256, a key pair", "k"],
    ["P-256, ECDH", "d"],
    ["ECDSA", "s"],
    ["X25519", "x"],
    ["AES-128-GCM", "a"],
    ["ChaCha20-Poly1305", "c"],
  ])("%s", async (_name, letter) => {
    expect(await alike(letter)).toBeGreaterThanOrEqual(KEYS / 4);
  });

  it("and a leak is seen", async () => {
    expect(await alike("l")).toBeLessThan(KEYS / 4);
  });
});
