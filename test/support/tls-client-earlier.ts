// What clients of TLS 1.0 and 1.2 have in common: the handshake of two flights, sessions, and ChangeCipherSpec (RFC 5246 section 7).
import { expect } from "vitest";
import { EAGAIN, type TlsCard } from "./tls-card.ts";
import { RawClient } from "./tls-client.ts";
import { EXTENSION, message, MESSAGE, parseServerHello, RECORD, u8 } from "./tls-codec.ts";
import type { Prf } from "./tls-keys.ts";

/** One direction's record protection. */
interface Protection {
  open(type: number, body: Buffer): Buffer;
}

/** What a client keeps of a connection. */
export interface EarlierSession {
  /** Or a ticket. */
  id: Buffer;
  master: Buffer;
}

export abstract class EarlierClient<P extends Protection> extends RawClient {
  sealer: P | null = null;
  opener: P | null = null;
  master: Buffer = Buffer.alloc(0);
  sessionId: Buffer = Buffer.alloc(0);
  serverRandom: Buffer = Buffer.alloc(0);
  /** ServerHello, and its extensions. */
  answer: Buffer = Buffer.alloc(0);
  answers = new Map<number, Buffer>();
  kept: EarlierSession | null = null;
  #next: P[] = [];

  constructor(card: TlsCard, suite: number, ctx: number) {
    super(card, ctx);
    this.hello.session = u8();
    this.hello.suites = [suite];
  }

  protected abstract readonly prf: Prf;
  /** What Finished covers. */
  protected abstract transcriptHash(): Buffer;
  /** The client's and the server's protection. */
  protected abstract protections(): P[];
  /** Certificate to ServerHelloDone. */
  abstract override receiveFlight(): Buffer;
  abstract keyExchange(): Buffer;
  abstract sendKeyExchange(): this;

  keep(session: EarlierSession): this {
    this.kept = session;
    this.hello.session = session.id;
    return this;
  }
  get keepsake(): EarlierSession {
    return { id: this.sessionId, master: this.master };
  }
  /** The server's random, then the client's, as the key block has them. */
  protected get randoms(): Buffer[] {
    return [this.serverRandom, this.hello.random];
  }

  protected override open(header: Buffer, body: Buffer): { type: number; content: Buffer } {
    const type = header[0]!;
    if (type === RECORD.changeCipherSpec) this.opener = this.#next[1]!;
    else if (this.opener) return { type, content: this.opener.open(type, body) };
    return { type, content: body };
  }

  /** Reads ServerHello. @returns the message; with a session resumed the keys are known */
  override receiveServerHello(): Buffer {
    const hello = this.receiveMessage();
    const { random, session, suite, extensions } = parseServerHello(hello);
    Object.assign(this, {
      answer: hello,
      answers: extensions,
      serverRandom: random,
      sessionId: session,
      suite,
    });
    this.isResumed = this.kept !== null && session.equals(this.hello.session);
    if (this.isResumed) this.install(this.kept!.master);
    return hello;
  }
  protected install(master: Buffer): void {
    this.master = master;
    this.#next = this.protections();
  }
  sendCipherChange(): this {
    this.sendRecord(RECORD.changeCipherSpec, u8(1));
    this.sealer = this.#next[0]!;
    return this;
  }
  verifyData(who: "client" | "server"): Buffer {
    return this.prf(this.master, `${who} finished`, this.transcriptHash(), 12);
  }
  override finished(): Buffer {
    return message(MESSAGE.finished, this.verifyData("client"));
  }
  receiveFinished(): void {
    const expected = this.verifyData("server");
    if (!this.receiveMessage().subarray(4).equals(expected)) throw new Error("wrong Finished");
  }
  /** @returns the ticket */
  receiveTicket(): Buffer {
    const body = this.receiveMessage();
    if (body[0] !== MESSAGE.newSessionTicket) throw new Error(`message ${body[0]}`);
    return body.subarray(10);
  }

  /** The rest of a handshake, full or not, whose ClientHello may have been sent. */
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
    if (!this.isResumed && this.answers.has(EXTENSION.sessionTicket)) this.sessionId = this.receiveTicket();
    if (!this.isResumed) this.receiveFinished();
    this.tcp.acknowledge(this.card);
    return this;
  }

  /** Ends a connection in order. */
  hangUp(): void {
    const { card, ctx } = this;
    this.sendRecord(RECORD.alert, u8(1, 0));
    expect(this.recvAll().result).toBe(0);
    expect(card.exports.close(ctx)).toBe(EAGAIN);
    expect(this.receive()).toMatchObject({ type: RECORD.alert, content: u8(1, 0) });
    this.tcp.acknowledge(card);
    expect(card.exports.close(ctx)).toBe(0);
    card.guard();
  }
}
