// A TLS 1.3 client that does what it is told, right or wrong, against a card in the same process.
import { constants, verify, X509Certificate } from "node:crypto";
import { EAGAIN, type TlsCard } from "./tls-card.ts";
import {
  AES,
  CHACHA,
  ECDSA,
  encodeHello,
  EXTENSION,
  extension,
  firstCertificate,
  type Hello,
  MESSAGE,
  message,
  P256,
  parseServerHello,
  pskOf,
  RECORD,
  RSA_PKCS1,
  RSA_PSS,
  share,
  u8,
  X25519,
} from "./tls-codec.ts";
import { expandLabel, extract, finishedMessage, hmac, proofInput, Protection, sha256 } from "./tls-keys.ts";
import { TlsPeer } from "./tls-peer.ts";

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

/** What a client keeps of a connection. */
export interface Session {
  ticket: Buffer;
  psk: Buffer;
  lifetimeS: number;
  ageAdd: number;
}

export class RawClient extends TlsPeer {
  readonly hello: Hello;
  suite = 0;
  /** Of the card's signature. */
  scheme = 0;
  #handshakeSecret: Buffer = Buffer.alloc(0);
  #clientSecret: Buffer = Buffer.alloc(0);
  #resumptionSecret: Buffer = Buffer.alloc(0);
  /** Offered: the last identity and binder of ClientHello are this one's. */
  session: Session | null = null;
  /** The card has taken the session. */
  isResumed = false;

  constructor(card: TlsCard, ctx = 0) {
    super(card, card.connect(ctx), ctx);
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

  protected override proceed(): number {
    return this.card.exports.accept(this.ctx);
  }

  share(group: number): Buffer {
    return share(group, this.publicKey(group));
  }
  /** Replaces the extension of that type, or adds it; null: leaves it out. */
  extend(type: number, body: Buffer | null): this {
    const others = this.hello.extensions!.filter(([existing]) => existing !== type);
    this.hello.extensions = body ? [...others, [type, body]] : others;
    return this;
  }

  sendHello(): this {
    const hello = encodeHello(this.hello);
    if (this.session) this.bind(hello, this.session.psk).copy(hello, hello.length - 32);
    return this.sendMessage(hello);
  }
  /** The binder of a ClientHello that ends with one binder (RFC 8446 section 4.2.11.2). */
  bind(hello: Buffer, psk: Buffer): Buffer {
    const key = expandLabel(extract(null, psk), "res binder", sha256(u8()), 32);
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

  /** Reads ServerHello and installs the handshake keys. @returns the message */
  receiveServerHello(): Buffer {
    const hello = this.receiveMessage();
    const { suite, extensions } = parseServerHello(hello);
    this.suite = suite;
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
    const early = extract(null, this.isResumed ? this.session!.psk : undefined);
    this.#handshakeSecret = extract(early, this.agree(serverKey));
    const hash = sha256(this.transcript);
    this.#clientSecret = expandLabel(this.#handshakeSecret, "c hs traffic", hash, 32);
    const serverSecret = expandLabel(this.#handshakeSecret, "s hs traffic", hash, 32);
    this.read = new Protection(serverSecret, this.suite);
    this.write = new Protection(this.#clientSecret, this.suite);
  }
  /** Reads the flight up to Finished and checks its signature and its code. @returns EncryptedExtensions */
  receiveFlight(): Buffer {
    const encryptedExtensions = this.receiveMessage();
    if (!this.isResumed) this.#receiveProof();
    const expected = finishedMessage(this.read!.secret, this.transcript);
    if (!this.receiveMessage().equals(expected)) throw new Error("wrong Finished");
    return encryptedExtensions;
  }
  /** Certificate and CertificateVerify. */
  #receiveProof(): void {
    const leaf = new X509Certificate(firstCertificate(this.receiveMessage(), 8));
    const signed = proofInput(this.transcript);
    const verifyMessage = this.receiveMessage();
    this.scheme = checkSignature(leaf, signed, verifyMessage.subarray(4));
  }
  finished(): Buffer {
    return finishedMessage(this.#clientSecret, this.transcript);
  }
  /** The card's flight has been read: from now on it sends, and after our Finished we send, application data. */
  applicationKeys(): { read: Protection; write: Protection } {
    const master = extract(this.#handshakeSecret);
    const hash = sha256(this.transcript);
    return {
      read: new Protection(expandLabel(master, "s ap traffic", hash, 32), this.suite),
      write: new Protection(expandLabel(master, "c ap traffic", hash, 32), this.suite),
    };
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
    this.#resumptionSecret = expandLabel(extract(this.#handshakeSecret), "res master", all, 32);
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
