// The reader's side of ISO 7816-3, protocol T=0: reset and ATR, PPS, and commands by their procedure bytes.
//
//   awaiting      what comes                   what follows
//   procedure     60 NULL                      awaiting procedure, for another work waiting time
//                 INS                          all data at once
//                 INS ^ FF                     one byte of data
//                 6x, 9x                       awaiting SW2
//   data          a byte of the response       awaiting procedure after the last
//   sw2           anything                     the end
//
// A push automaton: characters come in by the line's onCharacter, whether the card is in this process, where a command is
// over when flush() returns, or behind a socket. One promise a command, none a character.
import { NetcardError } from "../errors.ts";
import { type Atr, parseAtr } from "./atr.ts";
import type { CharacterLine } from "./character-line.ts";

export interface Response {
  data: Uint8Array;
  /** SW1 and SW2, 0x9000: success. */
  sw: number;
}

/** The card does not behave as ISO 7816-3 demands: reset it. */
export class ReaderError extends NetcardError {
  override name = "ReaderError";
}

export interface T0ReaderOptions {
  line: CharacterLine;
  /** Patience with a silent card, ms; default: the work waiting time at 9,600 bit/s, or the ATR's. */
  workWaitingMs?: number;
  /** Offer the card its best speed after the reset (PPS); default true. */
  pps?: boolean;
}

/** Class of Peer I/O, whose 6Cxx is no error but the READY-WRITE status (seed [111], [112]). */
const PEER_IO_CLASS = 0x12;
const GET_RESPONSE = 0xc0;
const NULL = 0x60;
const PPSS = 0xff;
const HEADER_LEN = 5;
/** WI × 960 etu at 9,600 bit/s, ms (ISO 7816-3 section 10.2). */
const WORK_WAITING_UNIT_MS = 100;
const GRACE_MS = 20;

type Awaiting = "nothing" | "atr" | "pps" | "procedure" | "data" | "sw2";

interface Exchange<T> {
  resolve: (value: T) => void;
  reject: (reason: Error) => void;
}

export class T0Reader {
  readonly #line: CharacterLine;
  readonly #options: T0ReaderOptions;
  #awaiting: Awaiting = "nothing";
  /** Settles the exchange that is going on. */
  #exchange: Exchange<unknown> | undefined;
  #watch: NodeJS.Timeout | undefined;
  #patienceMs: number;
  /** One command after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  #header: Uint8Array = new Uint8Array(HEADER_LEN);
  #outgoing: Uint8Array = new Uint8Array(0);
  #outgoingAt = 0;
  #incoming: Uint8Array = new Uint8Array(0);
  #incomingAt = 0;
  /** Incoming bytes until the next procedure byte. */
  #burst = 0;
  #sw1 = 0;
  #collected: number[] = [];

  constructor(options: T0ReaderOptions) {
    this.#options = options;
    this.#line = options.line;
    this.#patienceMs = options.workWaitingMs ?? 10 * WORK_WAITING_UNIT_MS;
    this.#line.onCharacter = (byte) => this.#onCharacter(byte);
    this.#line.onGone = (reason) =>
      this.#fail(
        reason instanceof NetcardError ? reason : new ReaderError(`The card is gone: ${reason.message}`),
      );
  }

  /**
   * Resets the card, reads its ATR and, unless told otherwise, agrees on its best speed.
   * @throws ReaderError when the card is mute or speaks no T=0
   */
  connect(): Promise<Atr> {
    return this.#inTurn(async () => {
      const atr = await this.#start<Atr>("atr", () => this.#line.reset());
      if (!atr.protocols.includes(0)) throw new ReaderError("The card does not speak T=0.");
      this.#patienceMs = this.#options.workWaitingMs ?? atr.workWaiting * WORK_WAITING_UNIT_MS;
      if (this.#options.pps !== false && atr.ta1 !== 0x11) await this.#negotiate(atr.ta1);
      await this.#line.pace();
      return atr;
    });
  }

  /**
   * Sends a short command APDU (ISO 7816-4, cases 1 to 4) and resolves to its response, fetching what 61xx announces
   * and repeating what 6Cxx corrects; not for Peer I/O, whose 6Cxx is passed up.
   * @throws ReaderError when the card is mute or breaks the protocol
   */
  transmit(apdu: Uint8Array): Promise<Response> {
    return this.#inTurn(async () => {
      let response = await this.#tpdu(apdu);
      if (apdu[0] === PEER_IO_CLASS) return response;
      if (response.sw >> 8 === 0x6c) response = await this.#tpdu(headerOf(apdu, response.sw & 0xff));
      let data = response.data;
      while (response.sw >> 8 === 0x61) {
        response = await this.#tpdu(Uint8Array.of(apdu[0] ?? 0, GET_RESPONSE, 0, 0, response.sw & 0xff));
        data = concat(data, response.data);
      }
      return { data, sw: response.sw };
    });
  }

  /** @returns what `work` gives, once all earlier work is done */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  /** FF PPS0 PPS1 PCK; the card repeats what it accepts. */
  async #negotiate(ta1: number): Promise<void> {
    await this.#start("pps", () => {
      for (const byte of [PPSS, 0x10, ta1, PPSS ^ 0x10 ^ ta1]) this.#line.write(byte);
    });
  }

  /** One command as T=0 carries it: a header, and data one way. */
  async #tpdu(apdu: Uint8Array): Promise<Response> {
    const incoming = apdu.length === HEADER_LEN;
    this.#header = headerOf(apdu, apdu[4] ?? 0);
    this.#outgoing = incoming ? new Uint8Array(0) : apdu.subarray(HEADER_LEN, HEADER_LEN + (apdu[4] ?? 0));
    this.#outgoingAt = 0;
    this.#incoming = new Uint8Array(incoming ? apdu[4] || 256 : 0);
    this.#incomingAt = 0;
    const sw = await this.#start<number>("procedure", () => {
      for (let i = 0; i < HEADER_LEN; i++) this.#line.write(this.#header[i]!);
    });
    const pace = this.#line.pace();
    if (pace) await pace;
    return { data: this.#incoming.subarray(0, this.#incomingAt), sw };
  }

  #start<T>(awaiting: Awaiting, speak: () => void): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#exchange = { resolve: resolve as (value: unknown) => void, reject };
      this.#awaiting = awaiting;
      this.#collected = [];
      speak();
      this.#line.flush();
      if (this.#exchange) this.#watchOut();
    });
  }

  #onCharacter(byte: number): void {
    if (this.#watch) this.#watchOut();
    switch (this.#awaiting) {
      case "atr":
        return this.#onAtr(byte);
      case "pps":
        return this.#onPps(byte);
      case "procedure":
        return this.#onProcedure(byte);
      case "data":
        this.#incoming[this.#incomingAt++] = byte;
        if (--this.#burst === 0) this.#awaiting = "procedure";
        return;
      case "sw2":
        return this.#succeed((this.#sw1 << 8) | byte);
      case "nothing": // nobody asked: noise
    }
  }

  #onAtr(byte: number): void {
    this.#collected.push(byte);
    try {
      const atr = parseAtr(this.#collected);
      if (atr) this.#succeed(atr);
    } catch (error) {
      this.#fail(new ReaderError(`The card's ATR is wrong: ${(error as Error).message}.`));
    }
  }

  #onPps(byte: number): void {
    const pps = this.#collected;
    pps.push(byte);
    if (pps[0] !== PPSS) return this.#fail(new ReaderError("The card does not answer the PPS."));
    if (pps.length < 3 || pps.length < 3 + bits((pps[1]! >> 4) & 7)) return;
    if (pps.reduce((a, b) => a ^ b) !== 0) return this.#fail(new ReaderError("The card's PPS is damaged."));
    this.#succeed(undefined);
  }

  #onProcedure(byte: number): void {
    const ins = this.#header[1]!;
    if (byte === NULL) return;
    if (byte === ins) return this.#exchangeData(Infinity);
    if (byte === (ins ^ 0xff)) return this.#exchangeData(1);
    const high = byte >> 4;
    if (high !== 6 && high !== 9) {
      const what = byte.toString(16).padStart(2, "0");
      return this.#fail(new ReaderError(`The card sent ${what} where a procedure byte was due.`));
    }
    this.#sw1 = byte;
    this.#awaiting = "sw2";
  }

  /** The card lets data flow: up to `most` bytes before its next procedure byte. */
  #exchangeData(most: number): void {
    this.#burst = Math.min(most, this.#incoming.length - this.#incomingAt);
    if (this.#burst > 0) {
      this.#awaiting = "data";
      return;
    }
    const end = Math.min(this.#outgoing.length, this.#outgoingAt + most);
    while (this.#outgoingAt < end) this.#line.write(this.#outgoing[this.#outgoingAt++]!);
    this.#line.flush();
  }

  /** A process that was busy itself gives the card one more chance before it is called mute. */
  #watchOut(ms = this.#patienceMs, last = false): void {
    clearTimeout(this.#watch);
    this.#watch = setTimeout(() => {
      if (!last) return this.#watchOut(GRACE_MS, true);
      this.#fail(new ReaderError(`The card is mute: nothing came for ${this.#patienceMs} ms.`));
    }, ms);
  }

  #succeed(value: unknown): void {
    this.#end()?.resolve(value);
  }

  #fail(reason: Error): void {
    this.#end()?.reject(reason);
  }

  #end(): Exchange<unknown> | undefined {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.#awaiting = "nothing";
    clearTimeout(this.#watch);
    this.#watch = undefined;
    return exchange;
  }
}

function headerOf(apdu: Uint8Array, p3: number): Uint8Array {
  const header = new Uint8Array(HEADER_LEN);
  header.set(apdu.subarray(0, 4));
  header[4] = p3;
  return header;
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

function bits(mask: number): number {
  return (mask & 1) + ((mask >> 1) & 1) + ((mask >> 2) & 1);
}
