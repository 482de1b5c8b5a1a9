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
import { newRsaKey } from "../support/legacy.ts";

const { NVM_BYTES = 0 } = readProfile("card-6k");
const KEYS = 16;
/** The counter counts ticks of the chip's clock. An interrupt in the midst of it adds a hundred. */
const NOISE = 24;
/** No command takes fewer. */
const LEAST = 20_000;

/** A board with a stand-in firmware that takes commands. */
class CountingBoard {
  private constructor(
    readonly board: Board,
    readonly folder: string,
  ) {}

  /** @param name of the firmware in test/firmware @param cells what NVM begins with, by address */
  static async open(name: string, cells: [number, Uint8Array][] = []): Promise<CountingBoard> {
    const wasm = await compile({ entry: `test/firmware/${name}.ts`, out: `build/test/${name}.wasm` });
    const folder = mkdtempSync(join(tmpdir(), "netcard-board-"));
    const nvm = FileNvm.open(folder, NVM_BYTES);
    for (const [address, bytes] of cells) bytes.forEach((byte, i) => nvm.write(address + i, byte));
    nvm.close();
    const image = buildImage({ wasm, board: "lm3s811evb" });
    return new CountingBoard(await Board.boot({ image, folder, countInstructions: true }), folder);
  }

  async close(): Promise<void> {
    await this.board.cutPower();
    rmSync(this.folder, { recursive: true });
  }

  /** @returns the board's answer */
  ask(letter: string, argument: number): Promise<Buffer> {
    return new Promise((resolve) => {
      const command = Buffer.alloc(5, letter);
      command.writeUInt32BE(argument, 1);
      let answer = Buffer.alloc(0);
      const take = (piece: Buffer): void => {
        answer = Buffer.concat([answer, piece]);
        if (answer.length < 4) return;
        this.board.line.off("data", take);
        resolve(answer);
      };
      this.board.line.on("data", take).write(command);
    });
  }

  /** Instructions executed so far, when the board has fallen idle after a command since `before`. */
  async settled(before: number, least = LEAST): Promise<number> {
    for (let last = before; ; await setTimeout(1)) {
      const now = await this.board.instructions();
      if (now === last && now > before + least) return now;
      last = now;
    }
  }
}

describe("as many instructions for every secret", () => {
  let counting: CountingBoard;
  beforeAll(async () => {
    counting = await CountingBoard.open("board-crypto");
  });
  afterAll(() => counting.close());

  /** @returns how many keys agree: the largest group whose counts are within NOISE, since a tick more or less parts groups */
  const alike = async (letter: string): Promise<number> => {
    const counts: number[] = [];
    let before = await counting.board.instructions();
    for (let key = 0; key < KEYS; key++) {
      await counting.ask(letter, key);
      const after = await counting.settled(before);
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

describe("RSA's private operation", () => {
  /** NVM addresses of test/firmware/board-rsa.ts. */
  const [KEY, CIPHER, CIPHER_BYTES] = [4096, 8192, 512];
  const UNDER_WAY = 0;
  const DONE = 1;
  const { numbers, modulusBytes } = newRsaKey(2048);
  const ciphers = [3, 0x5a].map((byte) => Buffer.alloc(modulusBytes, byte)); // below the modulus
  let counting: CountingBoard;
  beforeAll(async () => {
    counting = await CountingBoard.open("board-rsa", [
      [KEY, numbers],
      ...ciphers.map((cipher, i): [number, Uint8Array] => [CIPHER + CIPHER_BYTES * i, cipher]),
    ]);
  });
  afterAll(() => counting.close());

  /** @returns the instructions of each step */
  async function steps(cipher: number): Promise<number[]> {
    const counts: number[] = [];
    await counting.ask("b", 0);
    for (let before = await counting.board.instructions(), result = UNDER_WAY; result === UNDER_WAY;) {
      result = (await counting.ask("s", cipher)).readUInt32BE(0);
      const after = await counting.settled(before);
      counts.push(after - before);
      before = after;
      if (result !== UNDER_WAY) expect(result).toBe(DONE);
    }
    return counts;
  }

  it("is in steps of two and a half million at most, as long for every ciphertext", async () => {
    const [first = [], second = []] = [await steps(0), await steps(1)];
    const total = first.reduce((a, b) => a + b, 0);
    console.log(`${first.length} steps, ${total} instructions, ${Math.max(...first)} at most in one`);
    expect(Math.max(...first)).toBeLessThan(2_500_000);
    expect(second.length).toBe(first.length);
    // A tick of the board's more or less.
    first.forEach((count, i) => expect(Math.abs(count - second[i]!)).toBeLessThan(count / 1000 + 500));
  });
});
