// A TLS 1.2 client that does what it is told, right or wrong (RFC 5246).
import { X509Certificate } from "node:crypto";
import type { TlsCard } from "./tls-card.ts";
import { checkSignature } from "./tls-client.ts";
import {
  AES_1_2,
  EXTENSION,
  extension,
  firstCertificate,
  MESSAGE,
  message,
  P256,
  record,
  u8,
  vector8,
  X25519,
} from "./tls-codec.ts";
import { prf12, Protection12, sha256 } from "./tls-keys.ts";
import { EarlierClient, type EarlierSession } from "./tls-client-earlier.ts";

export class RawClient12 extends EarlierClient<Protection12> {
  protected override readonly prf = prf12;
  #serverKey: Buffer = Buffer.alloc(0);

  constructor(card: TlsCard, ctx = 0) {
    super(card, AES_1_2, ctx);
    this.hello.extensions = [
      extension.groups(X25519, P256),
      extension.algorithms(0x0403),
      [EXTENSION.extendedMaster, u8()],
      [EXTENSION.pointFormats, u8(1, 0)],
      [EXTENSION.renegotiation, u8(0)],
    ];
  }

  /** Offers a session by ticket (RFC 5077), under a session ID that it makes up; without one it asks for a ticket. */
  keepTicket(session: EarlierSession | null = null): this {
    this.kept = session;
    this.extend(EXTENSION.sessionTicket, session?.id ?? u8());
    if (session) this.hello.session = Buffer.alloc(32, 0x5a);
    return this;
  }
  override sendRecord(type: number, content: Buffer): this {
    return this.send(this.sealer ? this.sealer.seal(type, content) : record(type, content));
  }
  /** Certificate to ServerHelloDone; checks the signature. */
  override receiveFlight(): Buffer {
    const leaf = new X509Certificate(firstCertificate(this.receiveMessage(), 7));
    const exchange = this.receiveMessage();
    this.group = exchange.readUInt16BE(5);
    this.#serverKey = exchange.subarray(8, 8 + exchange[7]!);
    const params = exchange.subarray(4, 8 + exchange[7]!);
    const signed = Buffer.concat([this.hello.random, this.serverRandom, params]);
    this.scheme = checkSignature(leaf, signed, exchange.subarray(8 + exchange[7]!));
    return this.receiveMessage();
  }

  keyExchange(): Buffer {
    const point = this.share(this.group).subarray(4);
    return message(MESSAGE.clientKeyExchange, vector8(point));
  }
  sendKeyExchange(): this {
    this.sendMessage(this.keyExchange());
    const premaster = this.agree(this.#serverKey);
    const isExtended = this.answers.has(EXTENSION.extendedMaster);
    const seed = isExtended ? sha256(this.transcript) : Buffer.concat([this.hello.random, this.serverRandom]);
    this.install(prf12(premaster, isExtended ? "extended master secret" : "master secret", seed, 48));
    return this;
  }
  protected override protections(): Protection12[] {
    return Protection12.pair(this.master, this.randoms, this.suite);
  }
  protected override transcriptHash(): Buffer {
    return sha256(this.transcript);
  }
}
