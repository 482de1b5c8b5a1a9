// A TLS 1.2 client that does what it is told, right or wrong. Its key schedule is written from RFC 5246 with node:crypto.
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  X509Certificate,
  type CipherGCMTypes,
} from "node:crypto";
import type { TlsCard } from "./tls-card.ts";
import {
  checkSignature,
  EXTENSION,
  extension,
  hmac,
  message,
  MESSAGE,
  P256,
  RawClient,
  RECORD,
  record,
  sha256,
  u16,
  u8,
  vector8,
  X25519,
} from "./tls-client.ts";

export const AES_1_2 = 0xc02b;
export const CHACHA_1_2 = 0xcca9;
export const RSA_AES_1_2 = 0xc02f;
export const RSA_CHACHA_1_2 = 0xcca8;

const isAes = (suite: number) => suite === AES_1_2 || suite === RSA_AES_1_2;

/** P_SHA256 (RFC 5246 section 5). */
export function prf(secret: Buffer, label: string, seed: Buffer, length: number): Buffer {
  const all = Buffer.concat([Buffer.from(label), seed]);
  let a = all;
  let out = Buffer.alloc(0);
  while (out.length < length) {
    a = hmac(secret, a);
    out = Buffer.concat([out, hmac(secret, Buffer.concat([a, all]))]);
  }
  return out.subarray(0, length);
}

/** One direction's record protection (RFC 5288, RFC 7905). */
export class Protection12 {
  sequence = 0;
  constructor(
    readonly key: Buffer,
    readonly iv: Buffer,
    readonly suite: number,
  ) {}

  /** @param explicit the nonce that AES-GCM sends along */
  seal(type: number, content: Buffer, explicit = this.#number()): Buffer {
    const brought = isAes(this.suite) ? explicit : u8();
    const cipher = createCipheriv(this.#algorithm, this.key, this.#nonce(brought), { authTagLength: 16 });
    cipher.setAAD(this.#additional(type, content.length), { plaintextLength: content.length });
    const body = Buffer.concat([brought, cipher.update(content), cipher.final(), cipher.getAuthTag()]);
    this.sequence++;
    return record(type, body);
  }
  open(type: number, body: Buffer): Buffer {
    const brought = body.subarray(0, isAes(this.suite) ? 8 : 0);
    const length = body.length - brought.length - 16;
    const decipher = createDecipheriv(this.#algorithm, this.key, this.#nonce(brought), { authTagLength: 16 });
    decipher.setAAD(this.#additional(type, length), { plaintextLength: length });
    decipher.setAuthTag(body.subarray(-16));
    this.sequence++;
    return Buffer.concat([decipher.update(body.subarray(brought.length, -16)), decipher.final()]);
  }
  #number(): Buffer {
    return Buffer.concat([u16(0, 0), u16(this.sequence >>> 16, this.sequence & 0xffff)]);
  }
  #nonce(brought: Buffer): Buffer {
    if (isAes(this.suite)) return Buffer.concat([this.iv, brought]);
    const nonce = Buffer.from(this.iv);
    nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ this.sequence) >>> 0, 8);
    return nonce;
  }
  #additional(type: number, length: number): Buffer {
    return Buffer.concat([this.#number(), u8(type), u16(0x0303, length)]);
  }
  get #algorithm(): CipherGCMTypes {
    return (isAes(this.suite) ? "aes-128-gcm" : "chacha20-poly1305") as CipherGCMTypes;
  }
}

/** What a client keeps of a connection. */
export interface Session12 {
  id: Buffer;
  master: Buffer;
}

export class RawClient12 extends RawClient {
  sealer: Protection12 | null = null;
  opener: Protection12 | null = null;
  kept: Session12 | null = null;
  master: Buffer = Buffer.alloc(0);
  sessionId: Buffer = Buffer.alloc(0);
  answers = new Map<number, Buffer>();
  #serverRandom: Buffer = Buffer.alloc(0);
  #serverKey: Buffer = Buffer.alloc(0);
  #next: { sealer: Protection12; opener: Protection12 } | null = null;

  constructor(card: TlsCard, ctx = 0) {
    super(card, ctx);
    this.hello.session = u8();
    this.hello.suites = [AES_1_2];
    this.hello.extensions = [
      extension.groups(X25519, P256),
      extension.algorithms(0x0403),
      [EXTENSION.extendedMaster, u8()],
      [EXTENSION.pointFormats, u8(1, 0)],
      [EXTENSION.renegotiation, u8(0)],
    ];
  }

  /** Offers a session by ticket (RFC 5077), under a session ID that it makes up; without one it asks for a ticket. */
  keepTicket(session: Session12 | null = null): this {
    this.kept = session;
    this.extend(EXTENSION.sessionTicket, session?.id ?? u8());
    if (session) this.hello.session = Buffer.alloc(32, 0x5a);
    return this;
  }
  keep(session: Session12): this {
    this.kept = session;
    this.hello.session = session.id;
    return this;
  }
  get session12(): Session12 {
    return { id: this.sessionId, master: this.master };
  }

  override sendRecord(type: number, content: Buffer): this {
    return this.send(this.sealer ? this.sealer.seal(type, content) : record(type, content));
  }
  protected override open(header: Buffer, body: Buffer): { type: number; content: Buffer } {
    const type = header[0]!;
    if (type === RECORD.changeCipherSpec) this.opener = this.#next!.opener;
    else if (this.opener) return { type, content: this.opener.open(type, body) };
    return { type, content: body };
  }

  /** Reads ServerHello. @returns the message; with a session resumed the keys are known */
  override receiveServerHello(): Buffer {
    const hello = this.receiveMessage();
    const session = hello[38]!;
    this.#serverRandom = hello.subarray(6, 38);
    this.sessionId = hello.subarray(39, 39 + session);
    this.suite = hello.readUInt16BE(39 + session);
    for (let at = 44 + session; at < hello.length;) {
      const length = hello.readUInt16BE(at + 2);
      this.answers.set(hello.readUInt16BE(at), hello.subarray(at + 4, at + 4 + length));
      at += 4 + length;
    }
    this.isResumed = this.kept !== null && this.sessionId.equals(this.hello.session);
    if (this.isResumed) this.#expand(this.kept!.master);
    return hello;
  }
  /** Certificate to ServerHelloDone; checks the signature. */
  override receiveFlight(): Buffer {
    const certificate = this.receiveMessage();
    const leaf = new X509Certificate(certificate.subarray(10, 10 + certificate.readUIntBE(7, 3)));
    const exchange = this.receiveMessage();
    this.group = exchange.readUInt16BE(5);
    this.#serverKey = exchange.subarray(8, 8 + exchange[7]!);
    const params = exchange.subarray(4, 8 + exchange[7]!);
    const signed = Buffer.concat([this.hello.random, this.#serverRandom, params]);
    this.scheme = checkSignature(leaf, signed, exchange.subarray(8 + exchange[7]!));
    return this.receiveMessage();
  }

  /** ClientHello to ServerHelloDone. */
  override startHandshake(): this {
    this.sendHello().run();
    this.receiveServerHello();
    this.receiveFlight();
    return this;
  }
  keyExchange(): Buffer {
    const point = this.share(this.group).subarray(4);
    return message(MESSAGE.clientKeyExchange, vector8(point));
  }
  sendKeyExchange(): this {
    this.sendMessage(this.keyExchange());
    const premaster = this.agree(this.#serverKey);
    const isExtended = this.answers.has(EXTENSION.extendedMaster);
    const seed = isExtended
      ? sha256(this.transcript)
      : Buffer.concat([this.hello.random, this.#serverRandom]);
    this.#expand(prf(premaster, isExtended ? "extended master secret" : "master secret", seed, 48));
    return this;
  }
  #expand(master: Buffer): void {
    this.master = master;
    const [key, iv] = isAes(this.suite) ? [16, 4] : [32, 12];
    const seed = Buffer.concat([this.#serverRandom, this.hello.random]);
    const block = prf(master, "key expansion", seed, 2 * (key + iv));
    const protection = (side: number) =>
      new Protection12(
        block.subarray(side * key, (side + 1) * key),
        block.subarray(2 * key + side * iv, 2 * key + (side + 1) * iv),
        this.suite,
      );
    this.#next = { sealer: protection(0), opener: protection(1) };
  }
  sendCipherChange(): this {
    this.sendRecord(RECORD.changeCipherSpec, u8(1));
    this.sealer = this.#next!.sealer;
    return this;
  }
  verifyData(who: "client" | "server"): Buffer {
    return prf(this.master, `${who} finished`, createHash("sha256").update(this.transcript).digest(), 12);
  }
  override finished(): Buffer {
    return message(MESSAGE.finished, this.verifyData("client"));
  }
  /** @returns the ticket */
  receiveTicket(): Buffer {
    const body = this.receiveMessage();
    if (body[0] !== MESSAGE.newSessionTicket) throw new Error(`message ${body[0]}`);
    return body.subarray(10);
  }
  receiveFinished(): void {
    const expected = this.verifyData("server");
    if (!this.receiveMessage().subarray(4).equals(expected)) throw new Error("wrong Finished");
  }

  /** A whole handshake, full or not. */
  override connect(): this {
    this.sendHello().run();
    this.receiveServerHello();
    if (this.isResumed) this.receiveFinished();
    else {
      this.receiveFlight();
      this.sendKeyExchange();
    }
    this.sendCipherChange().sendMessage(this.finished());
    const result = this.run();
    if (result !== 0) throw new Error(`accept() returns ${result}`);
    if (!this.isResumed && this.answers.has(EXTENSION.sessionTicket)) this.sessionId = this.receiveTicket();
    if (!this.isResumed) this.receiveFinished();
    this.tcp.acknowledge(this.card);
    return this;
  }
}
