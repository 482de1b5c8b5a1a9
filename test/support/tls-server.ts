// A TLS 1.3 server that does what it is told, right or wrong, to a client card in the same process. Its key schedule is
// written from RFC 8446 section 7 with node:crypto, so that it checks the card's.
import {
  constants,
  createECDH,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  KeyObject,
  sign,
} from "node:crypto";
import type { Identity } from "./certificates.ts";
import { EAGAIN, SAFE, type Tcp, type TlsCard } from "./tls-card.ts";
import {
  CHACHA,
  EXTENSION,
  expandLabel,
  type Extension,
  hmac,
  message,
  MESSAGE,
  P256,
  Protection,
  RECORD,
  record,
  sha256,
  u16,
  u24,
  u8,
  vector16,
  vector8,
  X25519,
} from "./tls-client.ts";
import { TARGET } from "./tls-client-card.ts";

export const ECDSA = 0x0403;
export const RSA_PSS = 0x0804;
export const RSA_PKCS1 = 0x0401;
/** What ServerHello.random is in a HelloRetryRequest. */
export const RETRY = sha256(Buffer.from("HelloRetryRequest"));
export const CERTIFICATE = 11;
export const ENCRYPTED_EXTENSIONS = 8;
export const CERTIFICATE_REQUEST = 13;

export interface ServerHello {
  version: number;
  random: Buffer;
  session: Buffer;
  suite: number;
  compression: number;
  extensions: Extension[] | null;
}

export const extensionList = (list: Extension[]): Buffer =>
  vector16(Buffer.concat(list.map(([type, body]) => Buffer.concat([u16(type), vector16(body)]))));

export function encodeServerHello(hello: ServerHello): Buffer {
  const { version, random, session, suite, compression, extensions } = hello;
  const fixed = [u16(version), random, vector8(session), u16(suite), u8(compression)];
  const list = extensions ? [extensionList(extensions)] : [];
  return message(MESSAGE.serverHello, Buffer.concat([...fixed, ...list]));
}

/** What the card has said first. */
export interface ClientHello {
  random: Buffer;
  session: Buffer;
  suites: number[];
  extensions: Map<number, Buffer>;
}

function parseClientHello(hello: Buffer): ClientHello {
  const session = hello.subarray(39, 39 + hello[38]!);
  const suites = hello.subarray(41 + session.length).subarray(0, hello.readUInt16BE(39 + session.length));
  const extensions = new Map<number, Buffer>();
  for (let at = 45 + session.length + suites.length; at < hello.length;) {
    const length = hello.readUInt16BE(at + 2);
    extensions.set(hello.readUInt16BE(at), hello.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return {
    random: hello.subarray(6, 38),
    session,
    suites: Array.from({ length: suites.length / 2 }, (_, i) => suites.readUInt16BE(2 * i)),
    extensions,
  };
}

export class RawServer {
  readonly tcp: Tcp;
  readonly x25519 = generateKeyPairSync("x25519");
  readonly p256 = createECDH("prime256v1");
  readonly hello: ClientHello;
  answer: ServerHello;
  group = X25519;
  transcript: Buffer = Buffer.alloc(0);
  write: Protection | null = null;
  read: Protection | null = null;
  /** connect()'s last result. */
  result = EAGAIN;
  #wire: Buffer = Buffer.alloc(0);
  #messages: Buffer = Buffer.alloc(0);
  #handshakeSecret: Buffer = Buffer.alloc(0);
  #applicationSecrets: { client: Buffer; server: Buffer } | null = null;

  /** Lets the card connect, and hears its ClientHello. @param chain the server's certificate first */
  constructor(
    readonly card: TlsCard,
    public chain: Identity[],
  ) {
    this.tcp = card.connectTo(TARGET);
    this.tcp.onSent = (bytes) => (this.#wire = Buffer.concat([this.#wire, bytes]));
    this.p256.generateKeys();
    this.run();
    this.hello = parseClientHello(this.receiveMessage());
    this.answer = {
      version: 0x0303,
      random: Buffer.alloc(32, 7),
      session: this.hello.session,
      suite: CHACHA,
      compression: 0,
      extensions: [this.version(), this.keyShare()],
    };
  }

  version = (version = 0x0304): Extension => [EXTENSION.versions, u16(version)];
  keyShare(group = this.group, key = this.publicKey(group)): Extension {
    return [EXTENSION.keyShare, Buffer.concat([u16(group), vector16(key)])];
  }
  publicKey(group = this.group): Buffer {
    if (group === P256) return this.p256.getPublicKey();
    return this.x25519.publicKey.export({ type: "spki", format: "der" }).subarray(-32);
  }

  /** Lets the card run until it has nothing more to do. @returns what connect() ended with */
  run(): number {
    for (let idle = 0; idle < 2;) {
      if (this.result === EAGAIN) this.result = this.card.exports.connect(0);
      idle = this.tcp.acknowledge(this.card) || this.tcp.waiting > 0 ? 0 : idle + 1;
      if (this.result !== EAGAIN && this.tcp.outstanding === 0) break;
    }
    return this.result;
  }

  send(bytes: Buffer): this {
    this.tcp.arrive(bytes);
    return this;
  }
  sendRecord(type: number, content: Buffer, padding = 0): this {
    return this.send(this.write ? this.write.seal(type, content, padding) : record(type, content));
  }
  /** Sends messages of the handshake in one record, under the keys that there are. */
  sendMessage(...messages: Buffer[]): this {
    this.transcript = Buffer.concat([this.transcript, ...messages]);
    return this.sendRecord(RECORD.handshake, Buffer.concat(messages));
  }

  /** The next record of the card's, decrypted. */
  receive(): { type: number; content: Buffer } | null {
    if (this.#wire.length < 5) return null;
    const end = 5 + this.#wire.readUInt16BE(3);
    const [header, body] = [this.#wire.subarray(0, 5), this.#wire.subarray(5, end)];
    this.#wire = this.#wire.subarray(end);
    return this.open(header, body);
  }
  protected open(header: Buffer, body: Buffer): { type: number; content: Buffer } {
    return header[0] === RECORD.data ? this.read!.open(header, body) : { type: header[0]!, content: body };
  }
  /** The next handshake message of the card's, its header included. */
  receiveMessage(): Buffer {
    for (;;) {
      const length = this.#messages.length < 4 ? Infinity : 4 + this.#messages.readUIntBE(1, 3);
      if (this.#messages.length >= length) {
        const whole = this.#messages.subarray(0, length);
        this.#messages = this.#messages.subarray(length);
        this.transcript = Buffer.concat([this.transcript, whole]);
        return whole;
      }
      const next = this.receive();
      if (!next) throw new Error("the card has sent no more messages");
      if (next.type === RECORD.alert) throw new Error(`alert ${next.content[1]}`);
      if (next.type === RECORD.handshake) this.#messages = Buffer.concat([this.#messages, next.content]);
    }
  }
  /** The description of the alert that the card sent, -1: none. */
  alert(): number {
    for (let next = this.receive(); next; next = this.receive())
      if (next.type === RECORD.alert) return next.content[1]!;
    return -1;
  }

  /** Asks for another ClientHello, and hears it. */
  retry(group = P256): this {
    const first = this.transcript;
    const list: Extension[] = [this.version(), [EXTENSION.keyShare, u16(group)]];
    const request = encodeServerHello({ ...this.answer, random: RETRY, extensions: list });
    this.transcript = Buffer.concat([message(254, sha256(first)), request]);
    this.sendRecord(RECORD.handshake, request).run();
    Object.assign(this, { hello: parseClientHello(this.receiveMessage()), group });
    this.answer.extensions = [this.version(), this.keyShare()];
    return this;
  }

  /** Sends ServerHello, and installs the handshake keys. */
  sendServerHello(): this {
    this.sendMessage(encodeServerHello(this.answer));
    return this.protect();
  }
  protect(): this {
    const early = hmac(Buffer.alloc(32), Buffer.alloc(32));
    this.#handshakeSecret = hmac(
      expandLabel(early, "derived", sha256(u8()), 32),
      this.agree(this.hello.extensions.get(EXTENSION.keyShare)!.subarray(6)),
    );
    const hash = sha256(this.transcript);
    const { suite } = this.answer;
    this.write = new Protection(expandLabel(this.#handshakeSecret, "s hs traffic", hash, 32), suite);
    this.read = new Protection(expandLabel(this.#handshakeSecret, "c hs traffic", hash, 32), suite);
    return this;
  }
  protected agree(theirs: Buffer): Buffer {
    if (this.group === P256) return this.p256.computeSecret(theirs);
    const spki = Buffer.concat([Buffer.from("302a300506032b656e032100", "hex"), theirs]);
    const publicKey = createPublicKey({ key: spki, format: "der", type: "spki" });
    return diffieHellman({ privateKey: this.x25519.privateKey, publicKey });
  }

  encryptedExtensions(...list: Extension[]): Buffer {
    return message(ENCRYPTED_EXTENSIONS, extensionList(list));
  }
  certificate(chain = this.chain.map(({ der }) => der), extensions = u16(0)): Buffer {
    const entries = chain.flatMap((der) => [u24(der.length), der, extensions]);
    const list = Buffer.concat(entries);
    return message(CERTIFICATE, Buffer.concat([u8(0), u24(list.length), list]));
  }
  /** Signs the transcript as it is. */
  certificateVerify(scheme = ECDSA, identity = this.chain[0]!): Buffer {
    const context = Buffer.from("TLS 1.3, server CertificateVerify\0");
    const signed = Buffer.concat([Buffer.alloc(64, 0x20), context, sha256(this.transcript)]);
    const signature = signWith(identity, scheme, signed);
    return message(MESSAGE.certificateVerify, Buffer.concat([u16(scheme), vector16(signature)]));
  }
  finished(secret = this.write!.secret): Buffer {
    const key = expandLabel(secret, "finished", u8(), 32);
    return message(MESSAGE.finished, hmac(key, sha256(this.transcript)));
  }

  /** EncryptedExtensions to CertificateVerify. */
  sendProof(): this {
    this.sendMessage(this.encryptedExtensions()).sendMessage(this.certificate());
    return this.sendMessage(this.certificateVerify());
  }
  sendFinished(): this {
    this.sendMessage(this.finished());
    const master = hmac(expandLabel(this.#handshakeSecret, "derived", sha256(u8()), 32), Buffer.alloc(32));
    const hash = sha256(this.transcript);
    const secret = (label: string) => expandLabel(master, label, hash, 32);
    this.#applicationSecrets = { client: secret("c ap traffic"), server: secret("s ap traffic") };
    return this;
  }
  /** The card's Finished, which must be right. @throws Error when it isn't */
  receiveFinished(): this {
    const expected = this.finished(this.read!.secret);
    if (!this.receiveMessage().equals(expected)) throw new Error("wrong Finished");
    const { client, server } = this.#applicationSecrets!;
    this.read = new Protection(client, this.answer.suite);
    this.write = new Protection(server, this.answer.suite);
    return this;
  }

  /** All of the handshake. @throws Error when the card doesn't like it */
  connect(): this {
    this.sendServerHello().sendProof().sendFinished();
    if (this.run() !== 0) throw new Error(`connect() returns ${this.result}`);
    return this.receiveFinished();
  }

  /** What recv() returns first that is no data, and the data before. */
  hear(): { result: number; text: string } {
    const parts: Buffer[] = [];
    let result: number;
    while ((result = this.card.exports.recv(0, SAFE)) > 0) {
      parts.push(this.card.read(0, result));
      this.tcp.acknowledge(this.card);
    }
    return { result, text: Buffer.concat(parts).toString() };
  }
  /** The card says `request`, and the server `page` and goodbye. @throws Error when either doesn't arrive */
  exchange(request = "GET", page = "the page\n".repeat(60)): void {
    if (this.card.write(Buffer.from(request)) !== request.length) throw new Error("the card can't write");
    this.tcp.acknowledge(this.card);
    if (this.receive()?.content.toString() !== request) throw new Error("the request is another one");
    for (let at = 0; at < page.length; at += 200)
      this.sendRecord(RECORD.data, Buffer.from(page.slice(at, at + 200)));
    this.sendRecord(RECORD.alert, u8(1, 0));
    const { result, text } = this.hear();
    if (result !== 0 || text !== page)
      throw new Error(`recv() ends with ${result}, after ${text.length} bytes`);
  }
}

/** Signs as a server, with the algorithm of a SignatureScheme. */
export function signWith({ keys }: Identity, scheme: number, data: Buffer): Buffer {
  const key = KeyObject.from(keys.privateKey);
  if (scheme !== RSA_PSS) return sign("sha256", data, key);
  return sign("sha256", data, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 });
}
