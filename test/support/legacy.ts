// Runs the primitives of TLS 1.0 (test/firmware/crypto-legacy.ts) on whole messages, in pieces where they take pieces; what
// lies beside each piece of memory is looked at, and so is whether scratch memory was wiped.
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { MemoryNvm } from "../../host/chip/nvm.ts";
import { build, instantiate } from "./firmware.ts";
import type { Cuts } from "./symmetric.ts";

interface Exports {
  sizes(index: number): number;
  digestInit(state: number): void;
  digestUpdate(hash: number, state: number, data: number, length: number): void;
  digestFinal(hash: number, state: number, out: number): void;
  hmacInit(hash: number, state: number, key: number, keyLength: number): void;
  hmacFinal(hash: number, state: number, key: number, keyLength: number, out: number): void;
  prfExpand(
    secret: number,
    secretLength: number,
    labelled: number,
    length: number,
    out: number,
    outLength: number,
    scratch: number,
  ): void;
  cbcEncrypt(cipher: number, key: number, iv: number, data: number, length: number, scratch: number): void;
  cbcDecrypt(cipher: number, key: number, iv: number, data: number, length: number, scratch: number): void;
  verifyTail(
    key: number,
    header: number,
    record: number,
    before: number,
    length: number,
    state: number,
    scratch: number,
  ): number;
  drbgPowerOn(): void;
  rsaWorkBytes(): number;
  rsaDecrypt(key: number, modulusBytes: number, cipher: number, work: number): number;
  takePreMaster(message: number, bytes: number, version: number, secret: number): void;
}

/** A private key as the card keeps it (firmware/crypto/rsa.ts), and what it is to node:crypto. */
export interface RsaKey {
  numbers: Buffer;
  modulusBytes: number;
  key: KeyObject;
}

/** @param bits of the modulus */
export function newRsaKey(bits: number): RsaKey {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: bits });
  const jwk = privateKey.export({ format: "jwk" });
  const number = (text: string | undefined) =>
    Buffer.concat([Buffer.alloc(bits / 16), Buffer.from(text ?? "", "base64url")]).subarray(-bits / 16);
  const numbers = Buffer.concat([jwk.p, jwk.q, jwk.dp, jwk.dq, jwk.qi].map(number));
  return { numbers, modulusBytes: bits / 8, key: privateKey };
}

export const MD5 = 0;
export const SHA1 = 1;
export const DES = 0;
export const AES_128 = 1;

const ARENA = 16384;
const GUARD_BYTES = 8;
const GUARD = 0xa5;
const BLOCK_BYTES = [8, 16] as const;
// In NVM, beyond what the generator keeps there.
const KEY = 4096;
const CIPHER = 8192;

export class Legacy {
  private readonly memory: Buffer;
  private top = 0;
  private pieces: [number, number][] = [];

  private constructor(
    private readonly wasm: Exports & { memory: WebAssembly.Memory },
    private readonly nvm: MemoryNvm,
  ) {
    this.memory = Buffer.from(wasm.memory.buffer);
  }

  static async load(): Promise<Legacy> {
    const nvm = new MemoryNvm(262144);
    return new Legacy(instantiate<Exports>(await build("test/firmware/crypto-legacy.ts"), {}, nvm), nvm);
  }

  /** The digest; the state moves between any two pieces. */
  digest(hash: number, data: Uint8Array, cuts: Cuts): Buffer {
    this.reset();
    const from = this.put(data);
    const out = this.room(hash === MD5 ? 16 : 20);
    const state = this.movingState();
    this.wasm.digestInit(state.at());
    for (const [at, length] of cuts(data.length)) this.wasm.digestUpdate(hash, state.at(), from + at, length);
    this.wasm.digestFinal(hash, state.at(), out);
    return this.take(out, hash === MD5 ? 16 : 20);
  }

  hmac(hash: number, key: Uint8Array, data: Uint8Array, cuts: Cuts): Buffer {
    this.reset();
    const from = this.put(data);
    const keyAt = this.put(key);
    const out = this.room(hash === MD5 ? 16 : 20);
    const state = this.movingState();
    this.wasm.hmacInit(hash, state.at(), keyAt, key.length);
    for (const [at, length] of cuts(data.length)) this.wasm.digestUpdate(hash, state.at(), from + at, length);
    this.wasm.hmacFinal(hash, state.at(), keyAt, key.length, out);
    return this.take(out, hash === MD5 ? 16 : 20);
  }

  prf(secret: Uint8Array, labelled: Uint8Array, length: number): Buffer {
    this.reset();
    const secretAt = this.put(secret);
    const seed = this.put(labelled);
    const out = this.room(length);
    const scratch = this.room(this.wasm.sizes(1));
    this.wasm.prfExpand(secretAt, secret.length, seed, labelled.length, out, length, scratch);
    this.expectWiped(scratch, this.wasm.sizes(1));
    return this.take(out, length);
  }

  /** @param cuts in blocks */
  cbc(
    way: "encrypt" | "decrypt",
    cipher: number,
    [key, iv, data]: readonly [Uint8Array, Uint8Array, Uint8Array],
    cuts: Cuts,
  ): Buffer {
    this.reset();
    const block = BLOCK_BYTES[cipher]!;
    const keyAt = this.put(key);
    const ivAt = this.put(iv);
    const at = this.put(data);
    const scratch = this.room(this.wasm.sizes(2));
    const crypt = way === "encrypt" ? "cbcEncrypt" : "cbcDecrypt";
    for (const [from, length] of cuts(data.length / block)) {
      this.wasm[crypt](cipher, keyAt, ivAt, at + from * block, length * block, scratch);
      this.expectWiped(scratch, this.wasm.sizes(2));
    }
    return this.take(at, data.length);
  }

  /**
   * Unpads and verifies a decrypted record whose last `length` bytes may be padding and MAC.
   * @returns bytes of content in the tail, -1 when it is forged
   */
  verifyTail(key: Uint8Array, header: Uint8Array, record: Uint8Array, length: number): number {
    this.reset();
    const keyAt = this.put(key);
    const headerAt = this.put(Buffer.concat([header, Buffer.alloc(2)]));
    const at = this.put(record);
    const state = this.room(this.wasm.sizes(0));
    const scratch = this.room(this.wasm.sizes(3));
    const before = record.length - length;
    const content = this.wasm.verifyTail(keyAt, headerAt, at, before, length, state, scratch);
    this.expectWiped(state, this.wasm.sizes(0));
    this.expectWiped(scratch, this.wasm.sizes(3));
    if (!this.take(at, record.length).equals(record)) throw new Error("the record was changed");
    return content;
  }

  /** c^d modulo n, null when that is refused. */
  rsa(key: RsaKey, cipher: Uint8Array): Buffer | null {
    this.reset();
    key.numbers.forEach((byte, i) => this.nvm.write(KEY + i, byte));
    cipher.forEach((byte, i) => this.nvm.write(CIPHER + i, byte));
    this.wasm.drbgPowerOn();
    this.reset();
    const work = this.room(this.wasm.rsaWorkBytes());
    const isGood = this.wasm.rsaDecrypt(KEY, key.modulusBytes, CIPHER, work);
    const used = (key.modulusBytes / 2) * 8 + 24;
    const from = isGood ? key.modulusBytes : 0;
    this.expectWiped(work + from, used - from);
    for (let i = 0; i < key.modulusBytes / 2; i++)
      if (this.nvm.read(CIPHER + key.modulusBytes + i) !== 0xff) throw new Error("a secret is left in NVM");
    return isGood ? this.take(work, key.modulusBytes) : null;
  }

  /** The pre-master secret, or what was there before. */
  preMaster(message: Uint8Array, version: number, random: Uint8Array): Buffer {
    this.reset();
    const at = this.put(message);
    const secret = this.put(random);
    this.wasm.takePreMaster(at, message.length, version, secret);
    return this.take(secret, random.length);
  }

  private reset(): void {
    this.memory.fill(GUARD, 0, ARENA);
    this.top = 256;
    this.pieces = [[0, 256]]; // the generator's
  }

  /** A piece of memory, 4-byte aligned, with guards around it. */
  private room(bytes: number): number {
    const at = this.top;
    this.pieces.push([at, bytes]);
    this.top = (at + bytes + GUARD_BYTES + 3) & ~3;
    if (this.top > ARENA) throw new Error("the test's memory is full");
    return at;
  }

  private put(bytes: Uint8Array): number {
    const at = this.room(bytes.length);
    this.memory.set(bytes, at);
    return at;
  }

  /** Takes bytes. @throws when something was written between the pieces */
  private take(at: number, length: number): Buffer {
    let from = 0;
    for (const [start, bytes] of [...this.pieces, [ARENA, 0] as const]) {
      if (this.memory.subarray(from, start).some((byte) => byte !== GUARD))
        throw new Error(`written before ${start}`);
      from = start + bytes;
    }
    return Buffer.from(this.memory.subarray(at, at + length));
  }

  private expectWiped(at: number, length: number): void {
    if (this.memory.subarray(at, at + length).some((byte) => byte !== 0))
      throw new Error(`secrets left at ${at}`);
  }

  /** A state that is somewhere else each time. */
  private movingState(): { at: () => number } {
    const bytes = this.wasm.sizes(0);
    const places = [this.room(bytes), this.room(bytes)] as const;
    let turn = 0;
    return {
      at: () => {
        const [from, to] = turn++ % 2 === 0 ? [places[0], places[1]] : [places[1], places[0]];
        this.memory.copyWithin(to, from, from + bytes);
        this.memory.fill(0xee, from, from + bytes);
        return to;
      },
    };
  }
}
