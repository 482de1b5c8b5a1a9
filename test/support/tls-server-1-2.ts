// A TLS 1.2 server that does what it is told, right or wrong, to a client card in the same process: RFC 5246, RFC 8422.
import type { Identity } from "./certificates.ts";
import type { TlsCard } from "./tls-card.ts";
import {
  CHACHA_1_2,
  ECDSA,
  EXTENSION,
  MESSAGE,
  message,
  RECORD,
  record,
  u16,
  u24,
  u8,
  vector16,
  vector8,
} from "./tls-codec.ts";
import { prf12, Protection12, sha256 } from "./tls-keys.ts";
import { CERTIFICATE, encodeServerHello, RawServer, signWith } from "./tls-server.ts";

export class RawServer12 extends RawServer {
  sealer: Protection12 | null = null;
  opener: Protection12 | null = null;
  #master: Buffer = Buffer.alloc(0);
  #next: Protection12[] = [];

  constructor(card: TlsCard, chain: Identity[]) {
    super(card, chain);
    this.answer.suite = CHACHA_1_2;
    this.answer.extensions = [
      [EXTENSION.renegotiation, u8(0)],
      [EXTENSION.extendedMaster, u8()],
      [EXTENSION.pointFormats, u8(1, 0)],
    ];
  }

  override sendRecord(type: number, content: Buffer): this {
    return this.send(this.sealer ? this.sealer.seal(type, content) : record(type, content));
  }
  protected override open(header: Buffer, body: Buffer): { type: number; content: Buffer } {
    const type = header[0]!;
    if (type === RECORD.changeCipherSpec) this.opener = this.#next[0]!;
    else if (this.opener) return { type, content: this.opener.open(type, body) };
    return { type, content: body };
  }

  override sendServerHello(): this {
    return this.sendMessage(encodeServerHello(this.answer));
  }
  override certificate(chain = this.chain.map(({ der }) => der)): Buffer {
    const list = Buffer.concat(chain.flatMap((der) => [u24(der.length), der]));
    return message(CERTIFICATE, Buffer.concat([u24(list.length), list]));
  }
  parameters(group = this.group, key = this.publicKey(group)): Buffer {
    return Buffer.concat([u8(3), u16(group), vector8(key)]);
  }
  keyExchange(parameters = this.parameters(), scheme = ECDSA, identity = this.chain[0]!): Buffer {
    const signed = Buffer.concat([this.hello.random, this.answer.random, parameters]);
    const signature = vector16(signWith(identity, scheme, signed));
    return message(MESSAGE.serverKeyExchange, Buffer.concat([parameters, u16(scheme), signature]));
  }
  helloDone = (): Buffer => message(MESSAGE.serverHelloDone, u8());

  /** Certificate to ServerHelloDone. */
  override sendProof(): this {
    return this.sendMessage(this.certificate()).sendMessage(this.keyExchange()).sendMessage(this.helloDone());
  }

  /** ClientKeyExchange, which gives the keys. */
  receiveKeyExchange(): this {
    const theirs = this.receiveMessage();
    if (theirs[0] !== MESSAGE.clientKeyExchange) throw new Error(`message ${theirs[0]}`);
    const premaster = this.agree(theirs.subarray(5));
    this.#master = prf12(premaster, "extended master secret", sha256(this.transcript), 48);
    this.#next = Protection12.pair(this.#master, [this.answer.random, this.hello.random], this.answer.suite);
    return this;
  }
  verifyData(who: "client" | "server"): Buffer {
    return prf12(this.#master, `${who} finished`, sha256(this.transcript), 12);
  }
  override receiveFinished(): this {
    const expected = this.verifyData("client");
    if (!this.receiveMessage().subarray(4).equals(expected)) throw new Error("wrong Finished");
    return this;
  }
  sendCipherChange(): this {
    this.sendRecord(RECORD.changeCipherSpec, u8(1));
    this.sealer = this.#next[1]!;
    return this;
  }
  override finished(): Buffer {
    return message(MESSAGE.finished, this.verifyData("server"));
  }

  /** ServerHello to the card's Finished. */
  startHandshake(): this {
    this.sendServerHello().sendProof().run();
    return this.receiveKeyExchange().receiveFinished();
  }
  override connect(): this {
    this.startHandshake().sendCipherChange().sendMessage(this.finished());
    if (this.run() !== 0) throw new Error(`connect() returns ${this.result}`);
    return this;
  }
}
