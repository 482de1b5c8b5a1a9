// Calls the curves' entry file (test/firmware/crypto-curves.ts) and checks at each call what it may touch.
import { expect } from "vitest";
import { build, instantiate, type BuildOptions } from "./firmware.ts";

interface Exports {
  x25519PublicKey(out: number, scalar: number, scratch: number): void;
  x25519Shared(out: number, scalar: number, point: number, scratch: number): number;
  x25519ScratchBytes(): number;
  p256PublicKey(out: number, privateKey: number, scratch: number): number;
  p256Ecdh(out: number, privateKey: number, point: number, scratch: number): number;
  p256Sign(out: number, digest: number, privateKey: number, hedge: number, scratch: number): number;
  p256ScratchBytes(): number;
  p256Verify(signature: number, digest: number, publicKey: number, scratch: number): number;
  p256VerifyScratchBytes(): number;
  nonceFirst(file: number, digest: number, privateKey: number, hedge: number): number;
  nonceAnother(file: number): void;
}
type Wasm = Exports & { memory: WebAssembly.Memory };

const ARENA = 4096;
const OUT = 257; // odd addresses: inputs and outputs need no alignment
const INPUTS = [513, 641, 769];
const SCRATCH = 2048;
const CANARY = 0xa5;

export class Curves {
  private readonly page: Buffer;
  private readonly before = Buffer.alloc(ARENA);
  private readonly rom: Buffer;

  private constructor(private readonly wasm: Wasm) {
    this.page = Buffer.from(wasm.memory.buffer);
    this.rom = Buffer.from(this.page.subarray(ARENA));
  }

  static async load(options: BuildOptions = {}): Promise<Curves> {
    return new Curves(instantiate<Exports>(await build("test/firmware/crypto-curves.ts", options)));
  }

  get scratchBytes(): { x25519: number; p256: number; verify: number } {
    return {
      x25519: this.wasm.x25519ScratchBytes(),
      p256: this.wasm.p256ScratchBytes(),
      verify: this.wasm.p256VerifyScratchBytes(),
    };
  }

  /** X25519(scalar, 9). */
  x25519PublicKey(scalar: Uint8Array): Buffer {
    const call = (out: number, [s]: number[], scratch: number): number => {
      this.wasm.x25519PublicKey(out, s!, scratch);
      return 1;
    };
    return this.call([scalar], 32, this.scratchBytes.x25519, call).out;
  }

  /** X25519(scalar, point), and whether it is not zero. */
  x25519(scalar: Uint8Array, point: Uint8Array): { good: boolean; out: Buffer } {
    return this.call([scalar, point], 32, this.scratchBytes.x25519, (out, [s, p], scratch) =>
      this.wasm.x25519Shared(out, s!, p!, scratch),
    );
  }

  /** 04 ‖ X ‖ Y, null when refused. */
  publicKey(privateKey: Uint8Array): Buffer | null {
    return this.refusable([privateKey], 65, (out, [d], scratch) => this.wasm.p256PublicKey(out, d!, scratch));
  }

  /** The shared x coordinate, null when refused. */
  ecdh(privateKey: Uint8Array, point: Uint8Array): Buffer | null {
    return this.refusable([privateKey, point], 32, (out, [d, q], scratch) =>
      this.wasm.p256Ecdh(out, d!, q!, scratch),
    );
  }

  /** r ‖ s, null when refused. */
  sign(digest: Uint8Array, privateKey: Uint8Array, hedge?: Uint8Array): Buffer | null {
    const inputs = hedge ? [digest, privateKey, hedge] : [digest, privateKey];
    return this.refusable(inputs, 64, (out, [z, d, k], scratch) =>
      this.wasm.p256Sign(out, z!, d!, k ?? 0, scratch),
    );
  }

  verify(signature: Uint8Array, digest: Uint8Array, publicKey: Uint8Array): boolean {
    return this.call([signature, digest, publicKey], 0, this.scratchBytes.verify, (_, [s, z, q], scratch) =>
      this.wasm.p256Verify(s!, z!, q!, scratch),
    ).good;
  }

  /** The first `count` candidates for k. */
  nonces(count: number, digest: Uint8Array, privateKey: Uint8Array, hedge?: Uint8Array): Buffer[] {
    [digest, privateKey, hedge ?? []].forEach((bytes, i) => this.page.set(bytes, INPUTS[i]));
    const [z, d, k] = INPUTS as [number, number, number];
    const v = this.wasm.nonceFirst(SCRATCH, z, d, hedge ? k : 0);
    return Array.from({ length: count }, (_, i) => {
      if (i > 0) this.wasm.nonceAnother(SCRATCH);
      return Buffer.from(this.page.subarray(v, v + 32));
    });
  }

  /** The constants are as they were, and nothing was written outside the arena. */
  checkPage(): void {
    expect(this.page.subarray(ARENA).equals(this.rom)).toBe(true);
  }

  private refusable(
    inputs: Uint8Array[],
    length: number,
    run: (out: number, at: number[], scratch: number) => number,
  ): Buffer | null {
    const { good, out } = this.call(inputs, length, this.scratchBytes.p256, run);
    if (!good) expect(out.equals(Buffer.alloc(length, CANARY)), "output of a refused call").toBe(true);
    return good ? out : null;
  }

  private call(
    inputs: Uint8Array[],
    length: number,
    scratchBytes: number,
    run: (out: number, at: number[], scratch: number) => number,
  ): { good: boolean; out: Buffer } {
    const { page, before } = this;
    page.fill(CANARY, 0, ARENA);
    inputs.forEach((bytes, i) => page.set(bytes, INPUTS[i]));
    page.copy(before, 0, 0, ARENA);
    const result = run(OUT, INPUTS.slice(0, inputs.length), SCRATCH);
    const out = Buffer.from(page.subarray(OUT, OUT + length));
    before.fill(0, SCRATCH, SCRATCH + scratchBytes);
    out.copy(before, OUT);
    if (!before.equals(page.subarray(0, ARENA))) throw new Error("memory touched, or scratch not wiped");
    return { good: result !== 0, out };
  }
}

/** The seed of the random tests: SEED in the environment replays a run, whose report names it. */
export const seed = Number(process.env["SEED"] ?? Date.now() % 0x7fffffff);
