// What a TLS client and a TLS server that do what they are told have in common, against a card in the same process: records and
// messages on the card's TCP, the transcript, a key of each group.
import { createECDH, createPublicKey, diffieHellman, generateKeyPairSync } from "node:crypto";
import { EAGAIN, type Tcp, type TlsCard } from "./tls-card.ts";
import { P256, RECORD, record } from "./tls-codec.ts";
import type { Protection } from "./tls-keys.ts";

const X25519_SPKI = Buffer.from("302a300506032b656e032100", "hex");

export interface Received {
  type: number;
  content: Buffer;
  /** Bytes of the record on the wire, header included. */
  bytes: number;
}

export abstract class TlsPeer {
  readonly x25519 = generateKeyPairSync("x25519");
  readonly p256 = createECDH("prime256v1");
  group = 0;
  transcript: Buffer = Buffer.alloc(0);
  write: Protection | null = null;
  read: Protection | null = null;
  /** The last result of the card's accept() or connect(). */
  result = EAGAIN;
  #wire: Buffer = Buffer.alloc(0);
  #messages: Buffer = Buffer.alloc(0);

  constructor(
    readonly card: TlsCard,
    readonly tcp: Tcp,
    readonly ctx = 0,
  ) {
    tcp.onSent = (bytes) => (this.#wire = Buffer.concat([this.#wire, bytes]));
    this.p256.generateKeys();
  }

  /** The card's accept() or connect(). */
  protected abstract proceed(): number;

  publicKey(group = this.group): Buffer {
    if (group === P256) return this.p256.getPublicKey();
    return this.x25519.publicKey.export({ type: "spki", format: "der" }).subarray(-32);
  }
  protected agree(theirs: Buffer): Buffer {
    if (this.group === P256) return this.p256.computeSecret(theirs);
    const spki = Buffer.concat([X25519_SPKI, theirs]);
    const publicKey = createPublicKey({ key: spki, format: "der", type: "spki" });
    return diffieHellman({ privateKey: this.x25519.privateKey, publicKey });
  }

  /** Lets the card run until it has nothing more to do. @returns `result` */
  run(): number {
    for (let idle = 0; idle < 2;) {
      if (this.result === EAGAIN) this.result = this.proceed();
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
    for (let next = this.receive(); next; next = this.receive())
      if (next.type === RECORD.alert) return next.content[1]!;
    return -1;
  }
}
