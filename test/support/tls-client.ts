// A TLS 1.3 client that does what it is told, right or wrong, against a card in the same process. Its key schedule is
// written from RFC 8446 section 7 with node:crypto, so that it checks the card's.
import {
  constants,
  createCipheriv,
  createDecipheriv,
  createECDH,
  createHash,
  createHmac,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  verify,
  X509Certificate,
  type CipherGCMTypes,
} from "node:crypto";
import { EAGAIN, type Tcp, type TlsCard } from "./tls-card.ts";

export const AES = 0x1301;
export const CHACHA = 0x1303;
export const X25519 = 29;
export const P256 = 23;

export const RECORD = { changeCipherSpec: 20, alert: 21, handshake: 22, data: 23 };
export const MESSAGE = {
  clientHello: 1,
  serverHello: 2,
  serverKeyExchange: 12,
  serverHelloDone: 14,
  clientKeyExchange: 16,
  newSessionTicket: 4,
  finished: 20,
  certificateVerify: 15,
  keyUpdate: 24,
};
export const EXTENSION = {
  groups: 10,
  pointFormats: 11,
  algorithms: 13,
  alpn: 16,
  extendedMaster: 23,
  recordSizeLimit: 28,
  sessionTicket: 35,
  preSharedKey: 41,
  earlyData: 42,
  versions: 43,
  pskModes: 45,
  keyShare: 51,
  renegotiation: 0xff01,
};

export const u8 = (...values: number[]) => Buffer.from(values);
export const u16 = (...values: number[]) => Buffer.concat(values.map((v) => u8(v >> 8, v & 255)));
export const u24 = (value: number) => u8(value >> 16, (value >> 8) & 255, value & 255);
export const vector8 = (body: Buffer) => Buffer.concat([u8(body.length), body]);
export const vector16 = (body: Buffer) => Buffer.concat([u16(body.length), body]);
export const message = (type: number, body: Buffer) => Buffer.concat([u8(type), u24(body.length), body]);
export const record = (type: number, body: Buffer, version = 0x0303) =>
  Buffer.concat([u8(type), u16(version, body.length), body]);

// Signature schemes (RFC 8446 section 4.2.3).
export const ECDSA = 0x0403;
export const RSA_PSS = 0x0804;
export const RSA_PKCS1 = 0x0401;

/**
 * Checks what CertificateVerify and ServerKeyExchange have: scheme ‖ length ‖ signature.
 * @returns the scheme
 * @throws when it is wrong
 */
export function checkSignature({ publicKey }: X509Certificate, signed: Buffer, proof: Buffer): number {
  const scheme = proof.readUInt16BE(0);
  const signature = proof.subarray(4, 4 + proof.readUInt16BE(2));
  const type = publicKey.asymmetricKeyType;
  if (type !== (scheme === ECDSA ? "ec" : "rsa") || ![ECDSA, RSA_PSS, RSA_PKCS1].includes(scheme))
    throw new Error(`scheme ${scheme.toString(16)} with a key of type ${type}`);
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
  if (!verify("sha256", signed, { key: publicKey, ...(scheme === RSA_PSS && pss) }, signature))
    throw new Error("wrong signature");
  return scheme;
}

export type Extension = [type: number, body: Buffer];

export interface Hello {
  version: number;
  random: Buffer;
  session: Buffer;
  suites: number[];
  compression: Buffer;
  extensions: Extension[] | null;
}

export const share = (group: number, key: Buffer) => Buffer.concat([u16(group), vector16(key)]);

export const extension = {
  versions: (...versions: number[]): Extension => [EXTENSION.versions, vector8(u16(...versions))],
  groups: (...groups: number[]): Extension => [EXTENSION.groups, vector16(u16(...groups))],
  algorithms: (...algorithms: number[]): Extension => [EXTENSION.algorithms, vector16(u16(...algorithms))],
  shares: (...shares: Buffer[]): Extension => [EXTENSION.keyShare, vector16(Buffer.concat(shares))],
  alpn: (...names: string[]): Extension => [
    EXTENSION.alpn,
    vector16(Buffer.concat(names.map((name) => vector8(Buffer.from(name))))),
  ],
  recordSizeLimit: (limit: number): Extension => [EXTENSION.recordSizeLimit, u16(limit)],
};

/** pre_shared_key with these identities of age `age`, and as many binders of zeros. */
export function pskOf(identities: Buffer[], age = 0, binders = identities.length): Extension {
  const list = identities.map((identity) =>
    Buffer.concat([vector16(identity), u16(age >>> 16, age & 0xffff)]),
  );
  const codes = Buffer.alloc(33 * binders, vector8(Buffer.alloc(32)));
  return [EXTENSION.preSharedKey, Buffer.concat([vector16(Buffer.concat(list)), vector16(codes)])];
}

/** What a client keeps of a connection. */
export interface Session {
  ticket: Buffer;
  psk: Buffer;
  lifetimeS: number;
  ageAdd: number;
}

export function encodeHello(hello: Hello): Buffer {
  const parts = [
    u16(hello.version),
    hello.random,
    vector8(hello.session),
    vector16(u16(...hello.suites)),
    vector8(hello.compression),
  ];
  if (hello.extensions) {
    const all = hello.extensions.map(([type, body]) => Buffer.concat([u16(type), vector16(body)]));
    parts.push(vector16(Buffer.concat(all)));
  }
  return message(MESSAGE.clientHello, Buffer.concat(parts));
}

export const sha256 = (data: Buffer) => createHash("sha256").update(data).digest();
export const hmac = (key: Buffer, data: Buffer) => createHmac("sha256", key).update(data).digest();

export function expandLabel(secret: Buffer, label: string, context: Buffer, length: number): Buffer {
  const info = Buffer.concat([u16(length), vector8(Buffer.from(`tls13 ${label}`)), vector8(context)]);
  return hmac(secret, Buffer.concat([info, u8(1)])).subarray(0, length);
}

/** One direction's record protection. */
export class Protection {
  sequence = 0;
  readonly #key: Buffer;
  readonly #iv: Buffer;
  constructor(
    readonly secret: Buffer,
    readonly suite: number,
  ) {
    this.#key = expandLabel(secret, "key", u8(), suite === AES ? 16 : 32);
    this.#iv = expandLabel(secret, "iv", u8(), 12);
  }
  next(): Protection {
    return new Protection(expandLabel(this.secret, "traffic upd", u8(), 32), this.suite);
  }
  /** @param padding zeros behind the type */
  seal(type: number, content: Buffer, padding = 0): Buffer {
    const inner = Buffer.concat([content, u8(type), Buffer.alloc(padding)]);
    const header = Buffer.concat([u8(RECORD.data), u16(0x0303, inner.length + 16)]);
    const cipher = createCipheriv(this.#algorithm, this.#key, this.#nonce(), { authTagLength: 16 });
    cipher.setAAD(header, { plaintextLength: inner.length });
    return Buffer.concat([header, cipher.update(inner), cipher.final(), cipher.getAuthTag()]);
  }
  open(header: Buffer, body: Buffer): { type: number; content: Buffer } {
    const decipher = createDecipheriv(this.#algorithm, this.#key, this.#nonce(), { authTagLength: 16 });
    decipher.setAAD(header, { plaintextLength: body.length - 16 });
    decipher.setAuthTag(body.subarray(-16));
    const inner = Buffer.concat([decipher.update(body.subarray(0, -16)), decipher.final()]);
    let end = inner.length;
    while (inner[end - 1] === 0) end--;
    return { type: inner[end - 1]!, content: inner.subarray(0, end - 1) };
  }
  get #algorithm(): CipherGCMTypes {
    return (this.suite === AES ? "aes-128-gcm" : "chacha20-poly1305") as CipherGCMTypes;
  }
  #nonce(): Buffer {
    const nonce = Buffer.from(this.#iv);
    nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ this.sequence++) >>> 0, 8);
    return nonce;
  }
}

export interface Received {
  type: number;
  content: Buffer;
  /** Bytes of the record on the wire, header included. */
  bytes: number;
}

export class RawClient {
  readonly tcp: Tcp;
  readonly x25519 = generateKeyPairSync("x25519");
  readonly p256 = createECDH("prime256v1");
  readonly hello: Hello;
  transcript: Buffer = Buffer.alloc(0);
  suite = 0;
  group = 0;
  /** Of the card's signature. */
  scheme = 0;
  write: Protection | null = null;
  read: Protection | null = null;
  /** accept()'s last result. */
  result = EAGAIN;
  #wire: Buffer = Buffer.alloc(0);
  #messages: Buffer = Buffer.alloc(0);
  #handshakeSecret: Buffer = Buffer.alloc(0);
  #clientSecret: Buffer = Buffer.alloc(0);
  #resumptionSecret: Buffer = Buffer.alloc(0);
  /** Offered: the last identity and binder of ClientHello are this one's. */
  session: Session | null = null;
  /** The card has taken the session. */
  isResumed = false;

  constructor(
    readonly card: TlsCard,
    readonly ctx = 0,
  ) {
    this.tcp = card.connect(ctx);
    this.tcp.onSent = (bytes) => (this.#wire = Buffer.concat([this.#wire, bytes]));
    this.p256.generateKeys();
    this.hello = {
      version: 0x0303,
      random: Buffer.alloc(32, 7),
      session: Buffer.alloc(32, 9),
      suites: [AES, CHACHA],
      compression: u8(0),
      extensions: [
        extension.versions(0x0304),
        extension.groups(X25519, P256),
        extension.algorithms(0x0403, 0x0804),
        extension.shares(this.share(X25519)),
      ],
    };
  }

  share(group: number): Buffer {
    if (group === P256) return share(P256, this.p256.getPublicKey());
    return share(X25519, this.x25519.publicKey.export({ type: "spki", format: "der" }).subarray(-32));
  }
  /** Replaces the extension of that type, or adds it; null: leaves it out. */
  extend(type: number, body: Buffer | null): this {
    const others = this.hello.extensions!.filter(([existing]) => existing !== type);
    this.hello.extensions = body ? [...others, [type, body]] : others;
    return this;
  }

  /** Lets the card run until it has nothing more to do. @returns what accept() or recv() ended with */
  run(): number {
    for (let idle = 0; idle < 2;) {
      if (this.result === EAGAIN) this.result = this.card.exports.accept(this.ctx);
      idle = this.tcp.acknowledge(this.card) || this.tcp.waiting > 0 ? 0 : idle + 1;
      if (this.result !== EAGAIN && this.tcp.outstanding === 0) break;
    }
    return this.result;
  }

  send(bytes: Buffer): this {
    this.tcp.arrive(bytes);
    return this;
  }
  /** Sends a message of the handshake in one record, under the keys that there are. */
  sendMessage(bytes: Buffer): this {
    this.transcript = Buffer.concat([this.transcript, bytes]);
    return this.sendRecord(RECORD.handshake, bytes);
  }
  sendRecord(type: number, content: Buffer, padding = 0): this {
    return this.send(this.write ? this.write.seal(type, content, padding) : record(type, content));
  }
  sendHello(): this {
    const hello = encodeHello(this.hello);
    if (this.session) this.bind(hello, this.session.psk).copy(hello, hello.length - 32);
    return this.sendMessage(hello);
  }
  /** The binder of a ClientHello that ends with one binder (RFC 8446 section 4.2.11.2). */
  bind(hello: Buffer, psk: Buffer): Buffer {
    const key = expandLabel(hmac(Buffer.alloc(32), psk), "res binder", sha256(u8()), 32);
    const signed = Buffer.concat([this.transcript, hello.subarray(0, -35)]);
    return hmac(expandLabel(key, "finished", u8(), 32), sha256(signed));
  }
  /** Offers a session, or says only that one would be welcome. @param age what the client thinks its age is, ms */
  offer(session: Session | null, age = 0): this {
    this.extend(EXTENSION.pskModes, u8(1, 1)).extend(EXTENSION.preSharedKey, null);
    this.session = session;
    if (session) this.hello.extensions!.push(pskOf([session.ticket], (age + session.ageAdd) >>> 0));
    return this;
  }
  /** Reads a NewSessionTicket, on a connection. */
  receiveSession(): Session {
    const ticket = this.receiveMessage();
    if (ticket[0] !== MESSAGE.newSessionTicket) throw new Error(`message ${ticket[0]}`);
    const nonce = ticket.subarray(13, 13 + ticket[12]!);
    const at = 15 + nonce.length;
    return {
      lifetimeS: ticket.readUInt32BE(4),
      ageAdd: ticket.readUInt32BE(8),
      ticket: ticket.subarray(at, at + ticket.readUInt16BE(at - 2)),
      psk: expandLabel(this.#resumptionSecret, "resumption", nonce, 32),
    };
  }

  /** The next record of the card's, decrypted. */
  receive(): Received | null {
    if (this.#wire.length < 5) return null;
    const bytes = 5 + this.#wire.readUInt16BE(3);
    if (this.#wire.length < bytes) return null;
    const [header, body] = [this.#wire.subarray(0, 5), this.#wire.subarray(5, bytes)];
    this.#wire = this.#wire.subarray(bytes);
    return { ...this.open(header, body), bytes };
  }
  protected open(header: Buffer, body: Buffer): { type: number; content: Buffer } {
    return header[0] === RECORD.data ? this.read!.open(header, body) : { type: header[0]!, content: body };
  }
  /** The next handshake message of the card's, its header included; ChangeCipherSpec is passed over. */
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
    for (let next = this.receive(); next; next = this.receive()) {
      if (next.type === RECORD.alert) return next.content[1]!;
    }
    return -1;
  }

  /** Reads ServerHello and installs the handshake keys. @returns the message */
  receiveServerHello(): Buffer {
    const hello = this.receiveMessage();
    const session = hello[38]!;
    this.suite = hello.readUInt16BE(39 + session);
    const extensions = new Map<number, Buffer>();
    for (let at = 44 + session; at < hello.length;) {
      const length = hello.readUInt16BE(at + 2);
      extensions.set(hello.readUInt16BE(at), hello.subarray(at + 4, at + 4 + length));
      at += 4 + length;
    }
    const keyShare = extensions.get(EXTENSION.keyShare)!;
    this.group = keyShare.readUInt16BE(0);
    this.isResumed = extensions.has(EXTENSION.preSharedKey);
    if (keyShare.length > 2) this.#installHandshake(keyShare.subarray(4));
    return hello;
  }
  /** After HelloRetryRequest: the first ClientHello is replaced in the transcript. */
  retry(firstHello: Buffer, retry: Buffer): void {
    this.transcript = Buffer.concat([message(254, sha256(firstHello)), retry]);
  }

  #installHandshake(serverKey: Buffer): void {
    const psk = this.isResumed ? this.session!.psk : Buffer.alloc(32);
    const early = hmac(Buffer.alloc(32), psk);
    const derived = expandLabel(early, "derived", sha256(u8()), 32);
    this.#handshakeSecret = hmac(derived, this.agree(serverKey));
    const hash = sha256(this.transcript);
    this.#clientSecret = expandLabel(this.#handshakeSecret, "c hs traffic", hash, 32);
    const serverSecret = expandLabel(this.#handshakeSecret, "s hs traffic", hash, 32);
    this.read = new Protection(serverSecret, this.suite);
    this.write = new Protection(this.#clientSecret, this.suite);
  }
  protected agree(serverKey: Buffer): Buffer {
    if (this.group === P256) return this.p256.computeSecret(serverKey);
    const spki = Buffer.concat([Buffer.from("302a300506032b656e032100", "hex"), serverKey]);
    const publicKey = createPublicKey({ key: spki, format: "der", type: "spki" });
    return diffieHellman({ privateKey: this.x25519.privateKey, publicKey });
  }

  /** Reads the flight up to Finished and checks its signature and its code. @returns EncryptedExtensions */
  receiveFlight(): Buffer {
    const encryptedExtensions = this.receiveMessage();
    if (!this.isResumed) this.#receiveProof();
    const expected = this.#verifyData(this.read!.secret);
    if (!this.receiveMessage().subarray(4).equals(expected)) throw new Error("wrong Finished");
    return encryptedExtensions;
  }
  /** Certificate and CertificateVerify. */
  #receiveProof(): void {
    const certificate = this.receiveMessage();
    const leaf = new X509Certificate(certificate.subarray(11, 11 + certificate.readUIntBE(8, 3)));
    const signed = Buffer.concat([
      Buffer.alloc(64, 0x20),
      Buffer.from("TLS 1.3, server CertificateVerify\0"),
      sha256(this.transcript),
    ]);
    const verifyMessage = this.receiveMessage();
    this.scheme = checkSignature(leaf, signed, verifyMessage.subarray(4));
  }
  #verifyData(secret: Buffer): Buffer {
    return hmac(expandLabel(secret, "finished", u8(), 32), sha256(this.transcript));
  }
  finished(): Buffer {
    return message(MESSAGE.finished, this.#verifyData(this.#clientSecret));
  }
  /** The card's flight has been read: from now on it sends, and after our Finished we send, application data. */
  applicationKeys(): { read: Protection; write: Protection } {
    const master = this.#master();
    const hash = sha256(this.transcript);
    return {
      read: new Protection(expandLabel(master, "s ap traffic", hash, 32), this.suite),
      write: new Protection(expandLabel(master, "c ap traffic", hash, 32), this.suite),
    };
  }

  #master(): Buffer {
    return hmac(expandLabel(this.#handshakeSecret, "derived", sha256(u8()), 32), Buffer.alloc(32));
  }

  /** ClientHello to just before our Finished. */
  startHandshake(): this {
    this.sendHello().run();
    this.receiveServerHello();
    this.receiveFlight();
    return this;
  }
  /** The rest, in one record or as `deliver` wishes. @returns accept()'s result */
  finishHandshake(
    deliver: (finished: Buffer) => void = (f) => void this.sendRecord(RECORD.handshake, f),
  ): number {
    const keys = this.applicationKeys();
    const finished = this.finished();
    const all = sha256(Buffer.concat([this.transcript, finished]));
    this.#resumptionSecret = expandLabel(this.#master(), "res master", all, 32);
    this.read = keys.read;
    deliver(finished);
    this.write = keys.write;
    return this.run();
  }
  connect(): this {
    this.startHandshake();
    const result = this.finishHandshake();
    if (result !== 0) throw new Error(`accept() returns ${result}`);
    return this;
  }

  /** recv() until it has no more. @returns all plaintext, and its last result */
  recvAll(flag = 0): { data: Buffer; result: number } {
    const parts: Buffer[] = [];
    for (;;) {
      const result = this.card.exports.recv(this.ctx, flag);
      if (result <= 0 && !(result === EAGAIN && this.tcp.waiting > 0)) {
        this.tcp.acknowledge(this.card);
        return { data: Buffer.concat(parts), result };
      }
      if (result > 0) parts.push(this.card.read(this.ctx, result));
    }
  }
}
