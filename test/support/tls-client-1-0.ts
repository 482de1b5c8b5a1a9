// A TLS 1.0 client that does what it is told, right or wrong (RFC 2246).
import {
  constants,
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  publicEncrypt,
  X509Certificate,
} from "node:crypto";
import * as rsaCard from "./rsa-card.ts";
import type { Personality, TlsCard } from "./tls-card.ts";
import { EarlierClient } from "./tls-client-earlier.ts";
import { firstCertificate, MESSAGE, message, record, u16, u8, vector16 } from "./tls-codec.ts";
import { keyBlock, prf10 } from "./tls-keys.ts";

export const DES_SHA = 0x0009;
export const AES_SHA = 0x002f;

/** The card's TLS in the profile of TLS 1.0. */
export function firmware(): Promise<WebAssembly.Module> {
  return rsaCard.firmware("card-legacy");
}

/** A card with an RSA key and a certificate for it. @param bits of the modulus */
export function personalise(module: WebAssembly.Module, bits = 1024): Promise<Personality> {
  return rsaCard.personalise(module, bits);
}

export interface Sealing {
  /** The padding's length byte; as short as can be unless told. */
  padding?: number;
  /** Changes content, MAC and padding before they are encrypted. */
  spoil?: (plain: Buffer) => void;
}

/** One direction's record protection (RFC 2246 section 6.2.3.2). */
export class Protection10 {
  sequence = 0;
  readonly #block: number;
  constructor(
    readonly suite: number,
    readonly mac: Buffer,
    readonly key: Buffer,
    public iv: Buffer,
  ) {
    this.#block = iv.length;
  }

  seal(type: number, content: Buffer, { padding, spoil }: Sealing = {}): Buffer {
    const covered = content.length + 20;
    const least = this.#block - 1 - (covered % this.#block);
    const bytes = padding ?? least;
    const plain = Buffer.concat([content, this.#mac(type, content), Buffer.alloc(bytes + 1, bytes)]);
    spoil?.(plain);
    const cipher = createCipheriv(this.#algorithm, this.#nodeKey, this.iv).setAutoPadding(false);
    const body = cipher.update(plain);
    this.iv = body.subarray(-this.#block);
    return record(type, body, 0x0301);
  }
  open(type: number, body: Buffer): Buffer {
    const decipher = createDecipheriv(this.#algorithm, this.#nodeKey, this.iv).setAutoPadding(false);
    const plain = decipher.update(body);
    this.iv = body.subarray(-this.#block);
    const end = plain.length - 1 - plain[plain.length - 1]!;
    const content = plain.subarray(0, end - 20);
    if (!plain.subarray(end - 20, end).equals(this.#mac(type, content))) throw new Error("wrong MAC");
    return content;
  }
  #mac(type: number, content: Buffer): Buffer {
    const head = Buffer.concat([u16(0, 0, 0, this.sequence++), u8(type), u16(0x0301, content.length)]);
    return createHmac("sha1", this.mac).update(head).update(content).digest();
  }
  get #algorithm(): string {
    return this.suite === DES_SHA ? "des-ede3-cbc" : "aes-128-cbc";
  }
  /** DES three times with one key is DES. */
  get #nodeKey(): Buffer {
    return this.suite === DES_SHA ? Buffer.concat([this.key, this.key, this.key]) : this.key;
  }
}

export class RawClient10 extends EarlierClient<Protection10> {
  protected override readonly prf = prf10;
  preMaster = Buffer.concat([u16(0x0301), Buffer.alloc(46, 0x5a)]);
  /** What stands where the encrypted pre-master secret belongs. */
  encrypted: (publicKey: X509Certificate["publicKey"]) => Buffer = (key) =>
    publicEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, this.preMaster);
  #key: X509Certificate["publicKey"] | null = null;

  constructor(card: TlsCard, suite = DES_SHA, ctx = 0) {
    super(card, suite, ctx);
    this.hello.version = 0x0301;
    this.hello.extensions = null;
  }

  override sendRecord(type: number, content: Buffer, _padding = 0, how: Sealing = {}): this {
    return this.send(this.sealer ? this.sealer.seal(type, content, how) : record(type, content, 0x0301));
  }
  /** The ClientHello in the format of SSL 2.0 (RFC 2246 appendix E.1); the random is zeros and the challenge. */
  sendSsl2Hello(challenge: Buffer, suites = [0x010080, DES_SHA]): this {
    const body = Buffer.concat([
      u8(1),
      u16(0x0301, 3 * suites.length, 0, challenge.length),
      ...suites.map((suite) => u8(suite >> 16, (suite >> 8) & 255, suite & 255)),
      challenge,
    ]);
    this.hello.random = Buffer.concat([Buffer.alloc(32 - challenge.length), challenge]);
    this.transcript = body;
    return this.send(Buffer.concat([u16(0x8000 | body.length), body]));
  }
  protected override open(header: Buffer, body: Buffer): { type: number; content: Buffer } {
    if (header.readUInt16BE(1) !== 0x0301) throw new Error("the record's version is not 3.1");
    return super.open(header, body);
  }

  /** Certificate and ServerHelloDone. */
  override receiveFlight(): Buffer {
    this.#key = new X509Certificate(firstCertificate(this.receiveMessage(), 7)).publicKey;
    return this.receiveMessage();
  }
  keyExchange(): Buffer {
    return message(MESSAGE.clientKeyExchange, vector16(this.encrypted(this.#key!)));
  }
  sendKeyExchange(): this {
    this.sendMessage(this.keyExchange());
    const seed = Buffer.concat([this.hello.random, this.serverRandom]);
    this.install(prf10(this.preMaster, "master secret", seed, 48));
    return this;
  }
  protected override protections(): Protection10[] {
    const bytes = this.suite === DES_SHA ? 8 : 16;
    const sides = keyBlock(prf10, this.master, this.randoms, [20, bytes, bytes]);
    return sides.map(([mac, key, iv]) => new Protection10(this.suite, mac!, key!, iv!));
  }
  protected override transcriptHash(): Buffer {
    return Buffer.concat(["md5", "sha1"].map((name) => createHash(name).update(this.transcript).digest()));
  }
}
