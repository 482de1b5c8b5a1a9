// A TLS 1.3 server that does what it is told, right or wrong, to a client card in the same process.
import { constants, KeyObject, sign } from "node:crypto";
import type { Identity } from "./certificates.ts";
import { SAFE, type TlsCard } from "./tls-card.ts";
import { TARGET } from "./tls-client-card.ts";
import {
  CHACHA,
  ECDSA,
  EXTENSION,
  type Extension,
  extensionList,
  MESSAGE,
  message,
  P256,
  parseExtensions,
  RECORD,
  RSA_PSS,
  u16,
  u24,
  u8,
  vector16,
  vector8,
  X25519,
} from "./tls-codec.ts";
import { expandLabel, extract, finishedMessage, proofInput, Protection, sha256 } from "./tls-keys.ts";
import { TlsPeer } from "./tls-peer.ts";

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
  return {
    random: hello.subarray(6, 38),
    session,
    suites: Array.from({ length: suites.length / 2 }, (_, i) => suites.readUInt16BE(2 * i)),
    extensions: parseExtensions(hello, 45 + session.length + suites.length),
  };
}

export class RawServer extends TlsPeer {
  readonly hello: ClientHello;
  answer: ServerHello;
  override group = X25519;
  #handshakeSecret: Buffer = Buffer.alloc(0);
  #applicationSecrets: { client: Buffer; server: Buffer } | null = null;

  /** Lets the card connect, and hears its ClientHello. @param chain the server's certificate first */
  constructor(
    card: TlsCard,
    public chain: Identity[],
  ) {
    super(card, card.connectTo(TARGET));
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
  protected override proceed(): number {
    return this.card.exports.connect(this.ctx);
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
    const theirs = this.hello.extensions.get(EXTENSION.keyShare)!.subarray(6);
    this.#handshakeSecret = extract(extract(null), this.agree(theirs));
    const hash = sha256(this.transcript);
    const { suite } = this.answer;
    this.write = new Protection(expandLabel(this.#handshakeSecret, "s hs traffic", hash, 32), suite);
    this.read = new Protection(expandLabel(this.#handshakeSecret, "c hs traffic", hash, 32), suite);
    return this;
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
    const signature = signWith(identity, scheme, proofInput(this.transcript));
    return message(MESSAGE.certificateVerify, Buffer.concat([u16(scheme), vector16(signature)]));
  }
  finished(secret = this.write!.secret): Buffer {
    return finishedMessage(secret, this.transcript);
  }

  /** EncryptedExtensions to CertificateVerify. */
  sendProof(): this {
    this.sendMessage(this.encryptedExtensions()).sendMessage(this.certificate());
    return this.sendMessage(this.certificateVerify());
  }
  sendFinished(): this {
    this.sendMessage(this.finished());
    const master = extract(this.#handshakeSecret);
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
