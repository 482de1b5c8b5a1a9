// The personalisation commands of firmware/apps/personalisation.ts, from the host's side: one method a command.
import type { KeyObject } from "node:crypto";
import { NetcardError } from "../errors.ts";

/**
 * Sends one command APDU, of 5 to 260 bytes, to the card; resolves to its response, whole, and the status word: what T=0
 * leaves to the terminal (61xx, 6Cxx) has been done.
 */
export type Transmit = (apdu: Uint8Array) => Promise<{ data: Uint8Array; sw: number }>;

export type LifeCycle = "manufactured" | "personalising" | "operational";

export interface CardStatus {
  lifeCycle: LifeCycle;
  hasKey: boolean;
  /** Number of files. */
  files: number;
  /** Bytes of the longest file that fits. */
  freeBytes: number;
}

const SUCCESS = 0x9000;
/** The layout of NVM that a card has; one with an RSA key that decrypts (TLS 1.0) or signs has its own. */
export const LAYOUT = 1;
export const LEGACY_LAYOUT = 0x81;
export const RSA_LAYOUT = 0x82;
/** Tags of an RSA key's numbers (ISO 7816-8), p first. */
const RSA_TAGS = { p: 0x92, q: 0x93, qi: 0x94, dp: 0x95, dq: 0x96 } as const;
const LIFE_CYCLES: Record<number, LifeCycle> = { 1: "manufactured", 3: "personalising", 5: "operational" };
/** The identifier of the master file: the whole card. */
const MASTER_FILE = Uint8Array.of(0x3f, 0x00);
/** File bytes in one UPDATE BINARY: 255 less the offset object (5) and the head of the data object (3). */
const CHUNK_BYTES = 247;
const POINT_BYTES = 65;

const MEANINGS: Record<number, string> = {
  0x6985: "which it does not allow in its present state: use a new card",
  0x6a84: "because its memory is full: leave some files out",
};

export class CardCommands {
  constructor(
    private readonly transmit: Transmit,
    private readonly layout: number = LAYOUT,
  ) {}

  async status(): Promise<CardStatus> {
    const data = Buffer.from(await this.#run("GET DATA", [0xca, 0x01, 0x00, 8]));
    const lifeCycle = LIFE_CYCLES[data[0] ?? 0];
    if (data.length !== 8 || data[1] !== this.layout || !lifeCycle)
      throw new NetcardError(
        "This card was made for another version of netcard: use that one, or a new card.",
      );
    return { lifeCycle, hasKey: data[2] === 1, files: data[3] ?? 0, freeBytes: data.readUInt32BE(4) };
  }

  /** The card reads all that it keeps. @returns how many items (key, files) are damaged */
  async selfTest(): Promise<number> {
    const [damaged = 255] = await this.#run("GET DATA", [0xca, 0x01, 0x01, 1]);
    return damaged;
  }

  /** The card makes its key pair. @returns the public key, 04 ‖ X ‖ Y */
  async generateKeyPair(): Promise<Uint8Array> {
    return publicKeyIn(await this.#run("GENERATE ASYMMETRIC KEY PAIR", [0x46, 0x80, 0x00, 0]));
  }

  /** @returns the public key that the card has, 04 ‖ X ‖ Y */
  async readPublicKey(): Promise<Uint8Array> {
    return publicKeyIn(await this.#run("GENERATE ASYMMETRIC KEY PAIR", [0x46, 0x81, 0x00, 0]));
  }

  /** Puts an RSA key in; the card keeps it if its numbers belong together. @param key of 1,024 to 2,048 bits, e = 65537 */
  async putRsaKey(key: KeyObject): Promise<void> {
    const numbers = key.export({ format: "jwk" });
    const half = (key.asymmetricKeyDetails?.modulusLength ?? 0) / 16;
    for (const [name, tag] of Object.entries(RSA_TAGS)) {
      const number = Buffer.from(numbers[name as keyof typeof RSA_TAGS] ?? "", "base64url");
      await this.#run(
        "PUT DATA",
        [0xda, 0x00, tag],
        Buffer.concat([Buffer.alloc(half - number.length), number]),
      );
    }
  }

  /** @param onBytes called after each piece with the bytes that it had */
  async putFile(file: CardFile, onBytes: (bytes: number) => void = () => undefined): Promise<void> {
    const size = Buffer.alloc(4);
    size.writeUInt32BE(file.content.length);
    const template = [
      ...object(0x80, size),
      ...object(0x84, Buffer.from(file.name)),
      ...object(0x85, Buffer.from(file.type)),
    ];
    await this.#run(`CREATE FILE ${file.name}`, [0xe0, 0, 0], object(0x62, template));
    for (let offset = 0; offset < file.content.length; offset += CHUNK_BYTES) {
      const piece = file.content.subarray(offset, offset + CHUNK_BYTES);
      const at = object(0x54, [offset >> 16, (offset >> 8) & 0xff, offset & 0xff]);
      await this.#run(`UPDATE BINARY ${file.name}`, [0xd7, 0, 0], [...at, ...object(0x53, piece)]);
      onBytes(piece.length);
    }
    await this.#run(`ACTIVATE FILE ${file.name}`, [0x44, 0, 0, 0]);
  }

  async deleteAllFiles(): Promise<void> {
    await this.#run("DELETE FILE", [0xe4, 0, 0], MASTER_FILE);
  }

  /** The card becomes operational: nothing can be changed any more. */
  async activateCard(): Promise<void> {
    await this.#run("ACTIVATE FILE", [0x44, 0, 0], MASTER_FILE);
  }

  /** @param header INS P1 P2, and P3 when there is no data. @throws NetcardError when the card refuses */
  async #run(name: string, header: number[], data?: ArrayLike<number>): Promise<Uint8Array> {
    const body = data ? [data.length, ...Array.from(data)] : [];
    const response = await this.transmit(Uint8Array.from([0x00, ...header, ...body]));
    if (response.sw === SUCCESS) return response.data;
    const code = response.sw.toString(16).padStart(4, "0");
    const meaning = MEANINGS[response.sw] ?? "which should not happen: report it";
    throw new NetcardError(`The card answered ${name} with ${code}, ${meaning}.`);
  }
}

/** A file as the card keeps it. */
export interface CardFile {
  /** What follows the host in its URL, decoded, at most 31 bytes of UTF-8: "/index.html". */
  name: string;
  /** Content type, at most 31 bytes. */
  type: string;
  content: Uint8Array;
}

/** A BER-TLV data object of at most 255 bytes. */
function object(tag: number, value: ArrayLike<number>): number[] {
  const length = value.length < 0x80 ? [value.length] : [0x81, value.length];
  return [tag, ...length, ...Array.from(value)];
}

/** 7F49 { 86 point }. */
function publicKeyIn(template: Uint8Array): Uint8Array {
  if (template.length !== 5 + POINT_BYTES)
    throw new NetcardError("The card gave no P-256 public key: use a new card.");
  return template.subarray(5);
}
