// A chip with the file system, the keys and the personalisation, without a link: test/firmware/files.ts.
import type { CardFile, Transmit } from "../../host/issuer/commands.ts";
import { MemoryNvm, type Nvm } from "../../host/chip/nvm.ts";
import { build, instantiate } from "./firmware.ts";
import { SEED, randomFrom } from "./random.ts";

export const NVM_BYTES = 262144;
export const ARENA_BYTES = 5120;
/** Free NVM of a card without files. */
export const CAPACITY = NVM_BYTES - 20480;
export const EINVAL = -1;
export const ENOSPC = -2;
export const ENOENT = -3;

/** Constants are below the test's own buffers here. */
export const ROM_BASE = 16384;
const BUFFER = 40960;
const COMMAND = 49152; // test/firmware/stand-in-apdu.ts

interface Exports {
  memory: WebAssembly.Memory;
  powerOn(): void;
  step(): void;
  data(): number;
  find(name: number, length: number): number;
  size(file: number): number;
  typeOf(file: number, target: number): number;
  read(file: number, offset: number, target: number, length: number): number;
  etag(file: number): number;
  create(name: number, nameLength: number, type: number, typeLength: number, bytes: number): number;
  append(data: number, length: number): number;
  commit(): number;
  remove(file: number): void;
  count(): number;
  freeBytes(): number;
  damagedCount(): number;
  lifeCycle(): number;
  readPrivateKey(target: number): void;
}

/** Compiles the firmware; the link is a stand-in, and so is the cryptography where it is not the point. */
export function buildFilesCard({
  standInCrypto = true,
  profile = "card-6k",
} = {}): Promise<WebAssembly.Module> {
  const crypto = {
    "firmware/crypto/p256.ts": "test/firmware/stand-in-p256.ts",
    "firmware/crypto/drbg.ts": "test/firmware/stand-in-drbg.ts",
  };
  return build("test/firmware/files.ts", {
    profile,
    use: { ROM_BASE },
    replace: { "firmware/link/apdu.ts": "test/firmware/stand-in-apdu.ts", ...(standInCrypto ? crypto : {}) },
  });
}

export class FilesCard {
  readonly chip: Exports;
  readonly memory: Uint8Array;

  /** Powers a chip on with this NVM; its random pin gives what follows from `seed`. */
  constructor(
    module: WebAssembly.Module,
    readonly nvm: Nvm = new MemoryNvm(NVM_BYTES),
    seed = SEED,
  ) {
    this.chip = instantiate<Exports>(module, { random32: randomFrom(seed) }, nvm);
    this.memory = new Uint8Array(this.chip.memory.buffer);
    this.chip.powerOn();
  }

  create(name: string, type: string, bytes: number): number {
    this.#poke(BUFFER, name);
    this.#poke(BUFFER + 256, type);
    return this.chip.create(BUFFER, name.length, BUFFER + 256, type.length, bytes);
  }

  /** In pieces of up to 200 bytes. @returns the first result that is not 0, or 0 */
  append(content: Uint8Array): number {
    for (let at = 0; at < content.length; at += 200) {
      const piece = content.subarray(at, at + 200);
      this.memory.set(piece, BUFFER);
      const result = this.chip.append(BUFFER, piece.length);
      if (result) return result;
    }
    return 0;
  }

  /** @returns the handle, or the first error */
  put({ name, type, content }: CardFile): number {
    return this.create(name, type, content.length) || this.append(content) || this.chip.commit();
  }

  find(name: string): number {
    this.#poke(BUFFER, name);
    return this.chip.find(BUFFER, name.length);
  }

  /** @returns the file as it stands in NVM, null when there is none */
  get(name: string): CardFile | null {
    const file = this.find(name);
    if (file < 0) return null;
    const typeLength = this.chip.typeOf(file, BUFFER);
    const type = this.#text(BUFFER, typeLength);
    const content = new Uint8Array(this.chip.size(file));
    for (let at = 0; at < content.length; at += 200) {
      const run = this.chip.read(file, at, BUFFER, 200);
      content.set(this.memory.subarray(BUFFER, BUFFER + run), at);
    }
    return { name, type, content };
  }

  remove(name: string): void {
    this.chip.remove(this.find(name));
  }

  privateKey(): Uint8Array {
    this.chip.readPrivateKey(BUFFER);
    return this.memory.slice(BUFFER, BUFFER + 32);
  }

  /** One command through the stand-in of the link, which sends the response in one piece. */
  command(apdu: ArrayLike<number>): { data: Uint8Array; sw: number } {
    const bytes = Uint8Array.from(apdu);
    const lc = bytes.length > 5 ? (bytes[4] ?? 0) : 0;
    const data = this.chip.data();
    this.memory.set(bytes.subarray(0, 4), COMMAND);
    this.memory.set([lc, 1], COMMAND + 4);
    this.memory.set(bytes.subarray(5, 5 + lc), data);
    this.chip.step();
    const view = new DataView(this.memory.buffer);
    const length = view.getUint16(COMMAND + 10, true);
    return { data: this.memory.slice(data, data + length), sw: view.getUint16(COMMAND + 8, true) };
  }

  /** Rejects with PowerCut when the power fails. */
  readonly transmit: Transmit = (apdu) => new Promise((resolve) => resolve(this.command(apdu)));

  #poke(at: number, text: string): void {
    this.memory.set(Buffer.from(text, "latin1"), at);
  }

  #text(at: number, length: number): string {
    return Buffer.from(this.memory.subarray(at, at + length)).toString("latin1");
  }
}

/** `length` bytes that differ for each seed. */
export function content(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + seed * 31 + (i >> 8)) & 0xff);
}
