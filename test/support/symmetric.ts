// Runs the symmetric primitives (test/firmware/crypto-sym.ts) on whole messages, cut into pieces; between two pieces the
// state moves to another place, scratch memory is overwritten, and guards around everything are looked at.
import { build, instantiate } from "./firmware.ts";

export interface SymmetricExports {
  sizes(index: number): number;
  sha256Init(state: number): void;
  sha256Update(state: number, data: number, length: number): void;
  sha256Final(state: number, out: number): void;
  hmacInit(state: number, key: number, keyLength: number): void;
  hmacUpdate(state: number, data: number, length: number): void;
  hmacFinal(state: number, key: number, keyLength: number, out: number): void;
  hkdfExtract(
    salt: number,
    saltLength: number,
    ikm: number,
    length: number,
    out: number,
    scratch: number,
  ): void;
  hkdfExpand(
    prk: number,
    info: number,
    length: number,
    out: number,
    outLength: number,
    scratch: number,
  ): void;
  hkdfExpandLabel(
    secret: number,
    label: number,
    labelLength: number,
    context: number,
    contextLength: number,
    out: number,
    outLength: number,
    scratch: number,
  ): void;
  aesEncrypt(key: number, pair: number, scratch: number): void;
  chacha20Block(out: number, key: number, counter: number, nonce: number): void;
  poly1305Mac(state: number, key: number, data: number, length: number, one: number, out: number): void;
  aeadBegin(
    state: number,
    suite: number,
    key: number,
    nonce: number,
    aad: number,
    aadLength: number,
    scratch: number,
  ): void;
  aeadEncrypt(state: number, key: number, data: number, length: number, scratch: number): void;
  aeadDecrypt(state: number, key: number, data: number, length: number, scratch: number): void;
  aeadTag(state: number, key: number, out: number, scratch: number): void;
  equal(a: number, b: number, length: number): number;
  drbgPowerOn(): void;
  drbgFill(target: number, length: number): void;
}

export const AES_128_GCM = 0x1301;
export const CHACHA20_POLY1305 = 0x1303;

// Where things lie, each with guards around it, below the constants.
const STATES = [1024, 1280] as const;
const OUT = 1536;
const KEY = 2048;
const NONCE = 2560;
const SCRATCH = 2816;
const SIDE = 3584;
const DATA = 6144;
const GUARD_BYTES = 16;
const GUARD = 0xa5;
const GUARDS = new Uint8Array(GUARD_BYTES).fill(GUARD);
const ZEROS = new Uint8Array(512);

/** Bytes of messages, and of keys and other side inputs, that fit. */
export const MAX_DATA = 8192;
export const MAX_SIDE = 2048;

export class Symmetric {
  readonly memory: Uint8Array;
  readonly stateBytes: { sha256: number; aead: number };
  readonly scratchBytes: { hkdf: number; aead: number };

  constructor(readonly wasm: SymmetricExports & { memory: WebAssembly.Memory }) {
    this.memory = new Uint8Array(wasm.memory.buffer);
    this.stateBytes = { sha256: wasm.sizes(0), aead: wasm.sizes(2) };
    this.scratchBytes = { hkdf: wasm.sizes(1), aead: wasm.sizes(3) };
  }

  static async load(): Promise<Symmetric> {
    return new Symmetric(instantiate<SymmetricExports>(await build("test/firmware/crypto-sym.ts")));
  }

  sha256(data: Uint8Array, cuts: Cuts): Uint8Array {
    const state = new MovingState(this, this.stateBytes.sha256);
    this.put(OUT, 32);
    this.put(DATA, data);
    this.wasm.sha256Init(state.at);
    for (const [from, length] of cuts(data.length)) this.wasm.sha256Update(state.move(), DATA + from, length);
    this.wasm.sha256Final(state.move(), OUT);
    state.check();
    this.get(DATA, data.length);
    return this.get(OUT, 32);
  }

  hmac(key: Uint8Array, data: Uint8Array, cuts: Cuts): Uint8Array {
    const state = new MovingState(this, this.stateBytes.sha256);
    this.put(OUT, 32);
    this.put(SIDE, key);
    this.put(DATA, data);
    this.wasm.hmacInit(state.at, SIDE, key.length);
    for (const [from, length] of cuts(data.length)) this.wasm.hmacUpdate(state.move(), DATA + from, length);
    this.wasm.hmacFinal(state.move(), SIDE, key.length, OUT);
    state.check();
    this.get(SIDE, key.length);
    return this.get(OUT, 32);
  }

  hkdfExtract(salt: Uint8Array, ikm: Uint8Array): Uint8Array {
    this.put(OUT, 32);
    this.put(SIDE, salt);
    this.put(DATA, ikm);
    this.put(SCRATCH, this.scratchBytes.hkdf);
    this.wasm.hkdfExtract(SIDE, salt.length, DATA, ikm.length, OUT, SCRATCH);
    this.get(SCRATCH, this.scratchBytes.hkdf);
    return this.get(OUT, 32);
  }

  hkdfExpand(prk: Uint8Array, info: Uint8Array, length: number): Uint8Array {
    this.put(KEY, prk);
    this.put(SIDE, info);
    this.put(DATA, length);
    this.put(SCRATCH, this.scratchBytes.hkdf);
    this.wasm.hkdfExpand(KEY, SIDE, info.length, DATA, length, SCRATCH);
    this.get(SCRATCH, this.scratchBytes.hkdf);
    return this.get(DATA, length);
  }

  hkdfExpandLabel(secret: Uint8Array, label: Uint8Array, context: Uint8Array, length: number): Uint8Array {
    this.put(KEY, secret);
    this.put(SIDE, label);
    this.put(NONCE, context);
    this.put(DATA, length);
    this.put(SCRATCH, this.scratchBytes.hkdf);
    this.wasm.hkdfExpandLabel(KEY, SIDE, label.length, NONCE, context.length, DATA, length, SCRATCH);
    this.get(SCRATCH, this.scratchBytes.hkdf);
    return this.get(DATA, length);
  }

  aes(key: Uint8Array, pair: Uint8Array): Uint8Array {
    this.put(KEY, key);
    this.put(DATA, pair);
    this.put(SCRATCH, 348);
    this.wasm.aesEncrypt(KEY, DATA, SCRATCH);
    this.get(SCRATCH, 348);
    return this.get(DATA, 32);
  }

  chacha20Block(key: Uint8Array, counter: number, nonce: Uint8Array): Uint8Array {
    this.put(KEY, key);
    this.put(NONCE, nonce);
    this.put(OUT, 64);
    this.wasm.chacha20Block(OUT, KEY, counter, NONCE);
    return this.get(OUT, 64);
  }

  poly1305(key: Uint8Array, data: Uint8Array): Uint8Array {
    this.put(KEY, key);
    this.put(SIDE, Uint8Array.of(1));
    this.put(DATA, data);
    this.put(OUT, 16);
    this.put(STATES[0], 36 + 16);
    this.wasm.poly1305Mac(STATES[0], KEY, DATA, data.length, SIDE, OUT);
    this.get(STATES[0], 36 + 16);
    return this.get(OUT, 16);
  }

  /** @param shift bytes by which the message is off alignment */
  aead(
    way: "encrypt" | "decrypt",
    suite: number,
    [key, nonce, aad, data]: readonly [Uint8Array, Uint8Array, Uint8Array, Uint8Array],
    cuts: Cuts,
    shift = 0,
  ): { data: Uint8Array; tag: Uint8Array } {
    const state = new MovingState(this, this.stateBytes.aead);
    const at = DATA + shift;
    const crypt = way === "encrypt" ? "aeadEncrypt" : "aeadDecrypt";
    this.put(KEY, key);
    this.put(NONCE, nonce);
    this.put(SIDE, aad);
    this.put(at, data);
    this.put(OUT, 16);
    this.dirty();
    this.wasm.aeadBegin(state.at, suite, KEY, NONCE, SIDE, aad.length, SCRATCH);
    this.expectWiped(SCRATCH, this.scratchBytes.aead);
    for (const [from, length] of cuts(data.length)) {
      this.dirty();
      this.wasm[crypt](state.move(), KEY, at + from, length, SCRATCH);
      this.expectWiped(SCRATCH, this.scratchBytes.aead);
    }
    this.dirty();
    this.wasm.aeadTag(state.move(), KEY, OUT, SCRATCH);
    this.expectWiped(SCRATCH, this.scratchBytes.aead);
    this.expectWiped(state.at, this.stateBytes.aead);
    state.check();
    this.get(KEY, key.length);
    return { data: this.get(at, data.length), tag: this.get(OUT, 16) };
  }

  equal(a: Uint8Array, b: Uint8Array): boolean {
    this.put(SIDE, a);
    this.put(DATA, b);
    return this.wasm.equal(SIDE, DATA, a.length) !== 0;
  }

  /** Puts bytes, or as many of rubbish, between guards. */
  put(at: number, bytes: Uint8Array | number): void {
    const length = typeof bytes === "number" ? bytes : bytes.length;
    this.memory.fill(GUARD, at - GUARD_BYTES, at + length + GUARD_BYTES);
    if (typeof bytes !== "number") this.memory.set(bytes, at);
  }

  /** Takes bytes. @throws when a guard beside them was written */
  get(at: number, length: number): Uint8Array {
    const [before, behind] = [at - GUARD_BYTES, at + length];
    if (!this.holds(before, GUARDS) || !this.holds(behind, GUARDS))
      throw new Error(`written beside ${length} bytes at ${at}`);
    return this.memory.slice(at, behind);
  }

  private holds(at: number, bytes: Uint8Array): boolean {
    return Buffer.compare(this.memory.subarray(at, at + bytes.length), bytes) === 0;
  }

  private dirty(): void {
    this.put(SCRATCH, this.scratchBytes.aead);
  }

  private expectWiped(at: number, length: number): void {
    if (!this.holds(at, ZEROS.subarray(0, length))) throw new Error(`secrets left at ${at}`);
  }
}

/** A state that is somewhere else at each step. */
class MovingState {
  at: number = STATES[0];

  constructor(
    readonly host: Symmetric,
    readonly bytes: number,
  ) {
    for (const at of STATES) host.put(at, bytes);
  }

  move(): number {
    const from = this.at;
    this.at = STATES[0] + STATES[1] - from;
    this.host.memory.copyWithin(this.at, from, from + this.bytes);
    this.host.memory.fill(0xee, from, from + this.bytes);
    return this.at;
  }

  check(): void {
    for (const at of STATES) this.host.get(at, this.bytes);
  }
}

/** How a message is cut: pieces of [offset, length], which cover it. */
export type Cuts = (length: number) => [number, number][];

export const whole: Cuts = (length) => [[0, length]];

export const byteByByte: Cuts = (length) => Array.from({ length }, (_, i) => [i, 1]);

/** Random pieces, empty ones too. */
export function randomCuts(random: Random): Cuts {
  const most = [1, 20, 40, 100, 200, 300, 400, 1000][random.below(8)] ?? 1;
  return (length) => {
    const pieces: [number, number][] = [];
    for (let from = 0; from < length;) {
      const run = Math.min(random.below(most + 1), length - from);
      pieces.push([from, run]);
      from += run;
    }
    return pieces;
  };
}

/** Numbers that a seed determines (xorshift32): fast, and a case can be replayed by its seed. */
export class Random {
  private x: number;

  constructor(seed: number) {
    this.x = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) | 1;
    for (let i = 0; i < 8; i++) this.next();
  }

  next(): number {
    this.x ^= this.x << 13;
    this.x ^= this.x >>> 17;
    this.x ^= this.x << 5;
    return this.x >>> 0;
  }

  below(bound: number): number {
    return this.next() % bound;
  }

  /** Random bytes; every fourth time only 00 and FF, where carries run far. */
  bytes(length: number): Uint8Array {
    const extreme = this.below(4) === 0;
    return Uint8Array.from({ length }, () => (extreme ? -(this.next() >>> 31) : this.next() >>> 24));
  }
}
