// A TLS 1.2 server that does what it is told, right or wrong, to a client card in the same process: RFC 5246, RFC 8422.
import type { Identity } from "./certificates.ts";
import type { TlsCard } from "./tls-card.ts";
import {
  EXTENSION,
  message,
  MESSAGE,
  RECORD,
  record,
  sha256,
  u16,
  u24,
  u8,
  vector16,
  vector8,
} from "./tls-client.ts";
import { CHACHA_1_2, Protection12, AES_1_2, prf } from "./tls-client-1-2.ts";
import { CERTIFICATE, ECDSA, encodeServerHello, RawServer, signWith } from "./tls-server.ts";

export const RSA_AES_1_2 = 0xc02f;
export const RSA_CHACHA_1_2 = 0xcca8;

export class RawServer12 extends RawServer {
  sealer: Protection12 | null = null;
  opener: Protection12 | null = null;
  #master: Buffer = Buffer.alloc(0);
  #next: { sealer: Protection12; opener: Protection12 } | null = null;

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
    if (type === RECORD.changeCipherSpec) this.opener = this.#next!.opener;
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
    this.#master = prf(premaster, "extended master secret", sha256(this.transcript), 48);
    const isAes = this.answer.suite === AES_1_2 || this.answer.suite === RSA_AES_1_2;
    const [key, iv] = isAes ? [16, 4] : [32, 12];
    const seed = Buffer.concat([this.answer.random, this.hello.random]);
    const block = prf(this.#master, "key expansion", seed, 2 * (key + iv));
    const protection = (side: number) =>
      new Protection12(
        block.subarray(side * key, (side + 1) * key),
        block.subarray(2 * key + side * iv, 2 * key + (side + 1) * iv),
        isAes ? AES_1_2 : CHACHA_1_2,
      );
    this.#next = { opener: protection(0), sealer: protection(1) };
    return this;
  }
  verifyData(who: "client" | "server"): Buffer {
    return prf(this.#master, `${who} finished`, sha256(this.transcript), 12);
  }
  override receiveFinished(): this {
    const expected = this.verifyData("client");
    if (!this.receiveMessage().subarray(4).equals(expected)) throw new Error("wrong Finished");
    return this;
  }
  sendCipherChange(): this {
    this.sendRecord(RECORD.changeCipherSpec, u8(1));
    this.sealer = this.#next!.sealer;
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
