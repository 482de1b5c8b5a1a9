// A TLS 1.0 client that does what it is told, right or wrong. Its key schedule is written from RFC 2246 with node:crypto.
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
import { message, MESSAGE, RawClient, RECORD, record, u16, u8, vector16 } from "./tls-client.ts";

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

/** The pseudorandom function (RFC 2246 section 5). */
export function prf(secret: Buffer, label: string, seed: Buffer, length: number): Buffer {
  const half = Math.ceil(secret.length / 2);
  const stream = (hash: string, key: Buffer) => {
    const mac = (...data: Buffer[]) => createHmac(hash, key).update(Buffer.concat(data)).digest();
    const all = Buffer.concat([Buffer.from(label), seed]);
    let out = Buffer.alloc(0);
    for (let a = mac(all); out.length < length; a = mac(a)) out = Buffer.concat([out, mac(a, all)]);
    return out;
  };
  const other = stream("sha1", secret.subarray(secret.length - half));
  return Buffer.from(
    stream("md5", secret.subarray(0, half))
      .subarray(0, length)
      .map((byte, i) => byte ^ other[i]!),
  );
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

export interface Session10 {
  id: Buffer;
  master: Buffer;
}

export class RawClient10 extends RawClient {
  sealer: Protection10 | null = null;
  opener: Protection10 | null = null;
  kept: Session10 | null = null;
  master: Buffer = Buffer.alloc(0);
  sessionId: Buffer = Buffer.alloc(0);
  preMaster = Buffer.concat([u16(0x0301), Buffer.alloc(46, 0x5a)]);
  /** What stands where the encrypted pre-master secret belongs. */
  encrypted: (publicKey: X509Certificate["publicKey"]) => Buffer = (key) =>
    publicEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, this.preMaster);
  serverRandom: Buffer = Buffer.alloc(0);
  answer: Buffer = Buffer.alloc(0);
  #key: X509Certificate["publicKey"] | null = null;
  #next: { sealer: Protection10; opener: Protection10 } | null = null;

  constructor(card: TlsCard, suite = DES_SHA, ctx = 0) {
    super(card, ctx);
    this.hello.version = 0x0301;
    this.hello.session = u8();
    this.hello.suites = [suite];
    this.hello.extensions = null;
  }

  keep(session: Session10): this {
    this.kept = session;
    this.hello.session = session.id;
    return this;
  }
  get session10(): Session10 {
    return { id: this.sessionId, master: this.master };
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
    const type = header[0]!;
    if (header.readUInt16BE(1) !== 0x0301) throw new Error("the record's version is not 3.1");
    if (type === RECORD.changeCipherSpec) this.opener = this.#next!.opener;
    else if (this.opener) return { type, content: this.opener.open(type, body) };
    return { type, content: body };
  }

  override receiveServerHello(): Buffer {
    const hello = this.receiveMessage();
    this.answer = hello;
    const session = hello[38]!;
    this.serverRandom = hello.subarray(6, 38);
    this.sessionId = hello.subarray(39, 39 + session);
    this.suite = hello.readUInt16BE(39 + session);
    this.isResumed = this.kept !== null && this.kept.id.equals(this.sessionId);
    if (this.isResumed) this.#expand(this.kept!.master);
    return hello;
  }
  /** Certificate and ServerHelloDone. */
  override receiveFlight(): Buffer {
    const certificate = this.receiveMessage();
    const leaf = certificate.subarray(10, 10 + certificate.readUIntBE(7, 3));
    this.#key = new X509Certificate(leaf).publicKey;
    return this.receiveMessage();
  }
  override startHandshake(): this {
    this.sendHello().run();
    this.receiveServerHello();
    this.receiveFlight();
    return this;
  }
  keyExchange(): Buffer {
    return message(MESSAGE.clientKeyExchange, vector16(this.encrypted(this.#key!)));
  }
  sendKeyExchange(): this {
    this.sendMessage(this.keyExchange());
    this.#expand(
      prf(this.preMaster, "master secret", Buffer.concat([this.hello.random, this.serverRandom]), 48),
    );
    return this;
  }
  #expand(master: Buffer): void {
    this.master = master;
    const [key, iv] = this.suite === DES_SHA ? [8, 8] : [16, 16];
    const seed = Buffer.concat([this.serverRandom, this.hello.random]);
    const block = prf(master, "key expansion", seed, 2 * (20 + key + iv));
    const take = (from: number, length: number, side: number) =>
      block.subarray(from + side * length, from + (side + 1) * length);
    const protection = (side: number) =>
      new Protection10(this.suite, take(0, 20, side), take(40, key, side), take(40 + 2 * key, iv, side));
    this.#next = { sealer: protection(0), opener: protection(1) };
  }
  sendCipherChange(): this {
    this.sendRecord(RECORD.changeCipherSpec, u8(1));
    this.sealer = this.#next!.sealer;
    return this;
  }
  verifyData(who: "client" | "server"): Buffer {
    const hash = (name: string) => createHash(name).update(this.transcript).digest();
    return prf(this.master, `${who} finished`, Buffer.concat([hash("md5"), hash("sha1")]), 12);
  }
  override finished(): Buffer {
    return message(MESSAGE.finished, this.verifyData("client"));
  }
  receiveFinished(): void {
    const expected = this.verifyData("server");
    if (!this.receiveMessage().subarray(4).equals(expected)) throw new Error("wrong Finished");
  }

  /** The rest of a handshake whose ClientHello has been sent. */
  override connect(): this {
    if (this.transcript.length === 0) this.sendHello();
    this.run();
    this.receiveServerHello();
    if (this.isResumed) this.receiveFinished();
    else {
      this.receiveFlight();
      this.sendKeyExchange();
    }
    this.sendCipherChange().sendMessage(this.finished());
    const result = this.run();
    if (result !== 0) throw new Error(`accept() returns ${result}`);
    if (!this.isResumed) this.receiveFinished();
    this.tcp.acknowledge(this.card);
    return this;
  }
}
