// The secrets of TLS and what protects records with them, written from RFC 8446 section 7, RFC 5246 and RFC 2246 with node:crypto, so
// that they check the card's.
import { createCipheriv, createDecipheriv, createHash, createHmac, type CipherGCMTypes } from "node:crypto";
import {
  AES,
  AES_1_2,
  message,
  MESSAGE,
  RECORD,
  record,
  RSA_AES_1_2,
  u16,
  u8,
  vector8,
} from "./tls-codec.ts";

const ZEROS: Buffer = Buffer.alloc(32);

export const sha256 = (data: Buffer) => createHash("sha256").update(data).digest();
export const hmac = (key: Buffer, data: Buffer) => createHmac("sha256", key).update(data).digest();

export function expandLabel(secret: Buffer, label: string, context: Buffer, length: number): Buffer {
  const info = Buffer.concat([u16(length), vector8(Buffer.from(`tls13 ${label}`)), vector8(context)]);
  return hmac(secret, Buffer.concat([info, u8(1)])).subarray(0, length);
}

/** TLS 1.3: HKDF-Extract with what is derived from the secret before; the first has none before. */
export function extract(before: Buffer | null, input = ZEROS): Buffer {
  return hmac(before ? expandLabel(before, "derived", sha256(u8()), 32) : ZEROS, input);
}

/** TLS 1.3: Finished, under a traffic secret. */
export function finishedMessage(secret: Buffer, transcript: Buffer): Buffer {
  return message(MESSAGE.finished, hmac(expandLabel(secret, "finished", u8(), 32), sha256(transcript)));
}

/** TLS 1.3: what CertificateVerify of a server signs. */
export function proofInput(transcript: Buffer): Buffer {
  const context = Buffer.from("TLS 1.3, server CertificateVerify\0");
  return Buffer.concat([Buffer.alloc(64, 0x20), context, sha256(transcript)]);
}

/** P_hash (RFC 5246 section 5, RFC 2246 section 5). */
function expand(hash: string, secret: Buffer, seed: Buffer, length: number): Buffer {
  const mac = (...data: Buffer[]) => createHmac(hash, secret).update(Buffer.concat(data)).digest();
  let out = Buffer.alloc(0);
  for (let a = mac(seed); out.length < length; a = mac(a)) out = Buffer.concat([out, mac(a, seed)]);
  return out.subarray(0, length);
}

/** A pseudorandom function of TLS before 1.3. */
export type Prf = (secret: Buffer, label: string, seed: Buffer, length: number) => Buffer;

export const prf12: Prf = (secret, label, seed, length) =>
  expand("sha256", secret, Buffer.concat([Buffer.from(label), seed]), length);

export const prf10: Prf = (secret, label, seed, length) => {
  const half = Math.ceil(secret.length / 2);
  const all = Buffer.concat([Buffer.from(label), seed]);
  const other = expand("sha1", secret.subarray(secret.length - half), all, length);
  return Buffer.from(expand("md5", secret.subarray(0, half), all, length).map((byte, i) => byte ^ other[i]!));
};

/**
 * The key block (RFC 5246 section 6.3), cut.
 * @param randoms the server's, then the client's @param lengths of MAC key, key and IV
 * @returns the client's MAC key, key and IV, and the server's
 */
export function keyBlock(
  prf: Prf,
  master: Buffer,
  randoms: Buffer[],
  lengths: number[],
): [Buffer[], Buffer[]] {
  const total = lengths.reduce((sum, length) => sum + length);
  const block = prf(master, "key expansion", Buffer.concat(randoms), 2 * total);
  let at = 0;
  const [client, server]: [Buffer[], Buffer[]] = [[], []];
  for (const length of lengths)
    for (const side of [client, server]) side.push(block.subarray(at, (at += length)));
  return [client, server];
}

class Aead {
  readonly #algorithm: CipherGCMTypes;
  constructor(
    readonly key: Buffer,
    readonly iv: Buffer,
    isAes: boolean,
  ) {
    this.#algorithm = (isAes ? "aes-128-gcm" : "chacha20-poly1305") as CipherGCMTypes;
  }
  seal(nonce: Buffer, additional: Buffer, plain: Buffer): Buffer {
    const cipher = createCipheriv(this.#algorithm, this.key, nonce, { authTagLength: 16 });
    cipher.setAAD(additional, { plaintextLength: plain.length });
    return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  }
  open(nonce: Buffer, additional: Buffer, sealed: Buffer): Buffer {
    const decipher = createDecipheriv(this.#algorithm, this.key, nonce, { authTagLength: 16 });
    decipher.setAAD(additional, { plaintextLength: sealed.length - 16 });
    decipher.setAuthTag(sealed.subarray(-16));
    return Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]);
  }
  /** The nonce that is the IV and a sequence number. */
  nonce(sequence: number): Buffer {
    const nonce = Buffer.from(this.iv);
    nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ sequence) >>> 0, 8);
    return nonce;
  }
}

/** One direction's record protection in TLS 1.3. */
export class Protection {
  sequence = 0;
  readonly #aead: Aead;
  constructor(
    readonly secret: Buffer,
    readonly suite: number,
  ) {
    const key = expandLabel(secret, "key", u8(), suite === AES ? 16 : 32);
    this.#aead = new Aead(key, expandLabel(secret, "iv", u8(), 12), suite === AES);
  }
  next(): Protection {
    return new Protection(expandLabel(this.secret, "traffic upd", u8(), 32), this.suite);
  }
  /** @param padding zeros behind the type */
  seal(type: number, content: Buffer, padding = 0): Buffer {
    const inner = Buffer.concat([content, u8(type), Buffer.alloc(padding)]);
    const header = Buffer.concat([u8(RECORD.data), u16(0x0303, inner.length + 16)]);
    return Buffer.concat([header, this.#aead.seal(this.#aead.nonce(this.sequence++), header, inner)]);
  }
  open(header: Buffer, body: Buffer): { type: number; content: Buffer } {
    const inner = this.#aead.open(this.#aead.nonce(this.sequence++), header, body);
    let end = inner.length;
    while (inner[end - 1] === 0) end--;
    return { type: inner[end - 1]!, content: inner.subarray(0, end - 1) };
  }
}

const isAes = (suite: number) => suite === AES_1_2 || suite === RSA_AES_1_2;

/** One direction's record protection in TLS 1.2 (RFC 5288, RFC 7905). */
export class Protection12 {
  sequence = 0;
  readonly #aead: Aead;
  readonly #isAes: boolean;
  constructor(key: Buffer, iv: Buffer, suite: number) {
    this.#isAes = isAes(suite);
    this.#aead = new Aead(key, iv, this.#isAes);
  }

  /** The client's and the server's. @param randoms the server's, then the client's */
  static pair(master: Buffer, randoms: Buffer[], suite: number): [Protection12, Protection12] {
    const sides = keyBlock(prf12, master, randoms, isAes(suite) ? [16, 4] : [32, 12]);
    const [client, server] = sides.map(([key, iv]) => new Protection12(key!, iv!, suite));
    return [client!, server!];
  }

  /** @param explicit the nonce that AES-GCM sends along */
  seal(type: number, content: Buffer, explicit = this.#number()): Buffer {
    const brought = this.#isAes ? explicit : u8();
    const sealed = this.#aead.seal(this.#nonce(brought), this.#additional(type, content.length), content);
    this.sequence++;
    return record(type, Buffer.concat([brought, sealed]));
  }
  open(type: number, body: Buffer): Buffer {
    const brought = body.subarray(0, this.#isAes ? 8 : 0);
    const sealed = body.subarray(brought.length);
    const additional = this.#additional(type, sealed.length - 16);
    const content = this.#aead.open(this.#nonce(brought), additional, sealed);
    this.sequence++;
    return content;
  }
  #number(): Buffer {
    return u16(0, 0, this.sequence >>> 16, this.sequence & 0xffff);
  }
  #nonce(brought: Buffer): Buffer {
    return this.#isAes ? Buffer.concat([this.#aead.iv, brought]) : this.#aead.nonce(this.sequence);
  }
  #additional(type: number, length: number): Buffer {
    return Buffer.concat([this.#number(), u8(type), u16(0x0303, length)]);
  }
}
