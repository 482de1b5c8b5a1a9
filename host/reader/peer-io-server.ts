// The Peer I/O server (seed [120]-[126], fig 9): the card may only answer, so it is asked, and what it says is carried to
// the RAS as if it had spoken by itself.
//
//                    9000                          no data
//   Polling ──────────────────────> Checking RAS ───────────> Polling
//      │ 6Cxx         9000            ^      │ data
//      └──────> Getting from card ────┘      │
//                 ^  │ ^ 6Cxx: again         v
//                 │  └─┘             Putting to card ── 9000 ──> Checking RAS
//                 └───────────── 6Cxx ───────┘
//
// An idle card is polled less and less often; while there is traffic, and whenever the RAS has data, nothing waits.
// It is one stream of bytes each way: frames, and what they mean, are not known here.
import { type Clock, systemClock } from "./clock.ts";
import type { Response } from "./t0-reader.ts";

export type ServerState = "Initial" | "Polling" | "Getting from card" | "Checking RAS" | "Putting to card";

export interface PeerIoServerOptions {
  reader: { transmit(apdu: Uint8Array): Promise<Response>; connect(): Promise<unknown> };
  /** Takes bytes from the card, for the RAS. */
  onFromCard: (bytes: Uint8Array) => void;
  /** Told when less than before waits to be put to the card. */
  onTaken?: () => void;
  /** Told once when the card fails, and with null when it serves again. */
  onTrouble?: (trouble: Error | null) => void;
  /** Told of each transition: for an inspector. */
  onState?: (state: ServerState) => void;
  /** The longest pause between two polls of an idle card, ms; default 100. */
  idlePollMs?: number;
  clock?: Clock;
}

const CLASS = 0x12;
const POLL = Uint8Array.of(CLASS, 0xe8, 0, 0, 1, 0);
const PUT_PACKET = 0xea;
const GET_PACKET = 0xec;
/** T=0 carries at most this many bytes to the card in one command. */
const MAX_PUT = 255;
const READY_WRITE = 0x6c;
const NO_DATA = 0x9000;

/**
 * After so many packets in a row a card that has more gives way to what waits for it: its TCP's acknowledgments are among
 * that, and it would think them lost.
 */
const GETS_IN_A_ROW = 2;
/** Bad statuses in a row before the card is reset. */
const MAX_BAD = 3;
/** Pauses between attempts to reset a card that fails, ms: doubled from one to the other. */
const RETRY_MS = { first: 100, most: 2000 };
/** So long the card may keep the process to itself, ms. */
const SLICE_MS = 4;

export class PeerIoServer {
  readonly #options: PeerIoServerOptions;
  readonly #clock: Clock;
  readonly #idlePollMs: number;
  #state: ServerState = "Initial";
  /** Bytes that the card is ready to send. */
  #ready = 0;
  /** Packets got since something was put. */
  #gets = 0;
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  /** The next pause before a poll, ms; 0: none but for others to run. */
  #pauseMs = 0;
  #wake: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #stopping = false;
  #sliceEndMs = 0;
  /** Commands sent so far. */
  commands = 0;

  constructor(options: PeerIoServerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#idlePollMs = options.idlePollMs ?? 100;
  }

  get state(): ServerState {
    return this.#state;
  }

  /** Bytes that wait to be put to the card. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Begins to poll a card whose reader is connected. */
  start(): void {
    this.#stopping = false;
    this.#running ??= this.#run();
  }

  /** Resolves when no command is going on any more. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#wake?.();
    await this.#running;
    this.#running = undefined;
    this.#enter("Initial");
  }

  /** Data of the RAS for the card, any length; they are kept until the card has taken them. */
  sendToCard(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#queue.push(bytes);
    this.#queuedBytes += bytes.length;
    this.#wake?.();
  }

  /** Polls at once, for a caller that knows better. */
  pollNow(): void {
    this.#pauseMs = 0;
    this.#wake?.();
  }

  async #run(): Promise<void> {
    this.#enter("Polling");
    let bad = 0;
    while (!this.#stopping) {
      try {
        const sw = await this.#act();
        if (sw !== undefined) this.#follow(sw);
        bad = 0;
      } catch (error) {
        if (this.#stopping) return;
        const isBadStatus = error instanceof BadStatus;
        if (isBadStatus && ++bad < MAX_BAD) this.#enter("Polling");
        else await this.#recover(error as Error);
      }
      await this.#letOthersRun();
    }
  }

  /** What a state does. @returns the card's status, undefined in Checking RAS */
  async #act(): Promise<number | undefined> {
    switch (this.#state) {
      case "Getting from card":
        return this.#get();
      case "Putting to card":
        this.#pauseMs = 0;
        this.#gets = 0;
        return (await this.#command(this.#nextPut())).sw;
      case "Checking RAS":
        return this.#checkRas();
      default:
        return (await this.#command(POLL)).sw;
    }
  }

  /** What a status leads to. */
  #follow(sw: number): void {
    if (sw >> 8 === READY_WRITE) {
      this.#ready = sw & 0xff;
      this.#pauseMs = 0;
      const mustWait = this.#queuedBytes > 0 && this.#gets >= GETS_IN_A_ROW;
      this.#enter(mustWait ? "Putting to card" : "Getting from card");
    } else if (sw === NO_DATA) this.#enter("Checking RAS");
    else throw new BadStatus(`The card answers Peer I/O with status ${sw.toString(16)}.`);
  }

  async #get(): Promise<number> {
    const { data, sw } = await this.#command(Uint8Array.of(CLASS, GET_PACKET, 0, 0, this.#ready));
    this.#gets++;
    if (data.length > 0) this.#options.onFromCard(data);
    return sw;
  }

  async #checkRas(): Promise<undefined> {
    if (this.#queuedBytes === 0) await this.#pause();
    this.#enter(this.#queuedBytes > 0 ? "Putting to card" : "Polling");
  }

  /** Nothing to do: first everybody else gets a turn, then the pauses grow. */
  async #pause(): Promise<void> {
    const ms = this.#pauseMs;
    this.#pauseMs = Math.min(ms * 2 || 1, this.#idlePollMs);
    if (ms === 0) await immediate();
    else await this.#sleep(ms);
  }

  #sleep(ms: number): Promise<void> {
    if (this.#stopping) return Promise.resolve();
    return this.#clock.sleep(ms, (wake) => (this.#wake = wake)).then(() => (this.#wake = undefined));
  }

  /** Takes as much from the queue as one command carries. */
  #nextPut(): Uint8Array {
    const length = Math.min(this.#queuedBytes, MAX_PUT);
    const apdu = new Uint8Array(5 + length);
    apdu.set([CLASS, PUT_PACKET, 0, 0, length]);
    for (let at = 0; at < length;) {
      const first = this.#queue[0]!;
      const part = first.subarray(0, length - at);
      apdu.set(part, 5 + at);
      at += part.length;
      if (part.length === first.length) this.#queue.shift();
      else this.#queue[0] = first.subarray(part.length);
    }
    this.#queuedBytes -= length;
    this.#options.onTaken?.();
    return apdu;
  }

  #command(apdu: Uint8Array): Promise<Response> {
    this.commands++;
    return this.#options.reader.transmit(apdu);
  }

  /** The card is reset until it answers; what waited for it is lost, as on any line. */
  async #recover(trouble: Error): Promise<void> {
    this.#enter("Initial");
    this.#options.onTrouble?.(trouble);
    for (let ms = RETRY_MS.first; !this.#stopping; ms = Math.min(2 * ms, RETRY_MS.most)) {
      this.#queue = [];
      this.#queuedBytes = 0;
      this.#options.onTaken?.();
      try {
        await this.#options.reader.connect();
        this.#options.onTrouble?.(null);
        this.#enter("Polling");
        return;
      } catch {
        await this.#sleep(ms);
      }
    }
  }

  /** Promises alone would keep timers and sockets of this process waiting. */
  async #letOthersRun(): Promise<void> {
    if (performance.now() < this.#sliceEndMs) return;
    await immediate();
    this.#sliceEndMs = performance.now() + SLICE_MS;
  }

  #enter(state: ServerState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#options.onState?.(state);
  }
}

class BadStatus extends Error {}

function immediate(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
