// The client's TCP, as a desktop's works: a window of 64 KB, data out of order is kept, every second full segment is
// acknowledged, or after 40 ms, a gap at once; what it sends is little, and repeated from the first missing byte on.
import type { EventClock } from "./clock.ts";
import { ACK, FIN, PSH, RST, SYN, type Segment, decode, encode } from "./packet.ts";

const WINDOW = 65_535;
const MSS = 1460;
const ACK_DELAY_MS = 40;
const FIRST_RTO_MS = 1_000;
const LEAST_RTO_MS = 200;
const SOURCE = 0x0a000001;
const PORT = 40_000;
const ISS = 1_000_000;

export interface TcpClientOptions {
  clock: EventClock;
  /** IPv4 of the card, host order. */
  address: number;
  port: number;
  send: (packet: Uint8Array) => void;
  onConnected: () => void;
  onData: (data: Uint8Array) => void;
  /** The server's FIN, and all before it; or its RST. */
  onEnd: (isReset: boolean) => void;
}

export class TcpClient {
  readonly #options: TcpClientOptions;
  #ident = 0;
  #output: Uint8Array = new Uint8Array(0);
  /** Bytes of the output that are acknowledged; that have been sent. */
  #acked = 0;
  #sent = 0;
  #peerMss = MSS;
  #peerWindow = 0;
  /** What the server's next byte is numbered; 0: not known yet. */
  #next = 0;
  #isOpen = false;
  #isOver = false;
  /** Segments beyond a gap, by their number. */
  readonly #early = new Map<number, Segment>();
  /** Bytes that have come since the last ACK, and the largest segment so far. */
  #unacked = 0;
  #largest = 0;
  #cancelAck: (() => void) | undefined;
  #cancelRto: () => void = () => undefined;
  #rtoMs = FIRST_RTO_MS;
  #timedEnd = 0;
  #timedAt = 0;
  #srttMs = 0;

  constructor(options: TcpClientOptions) {
    this.#options = options;
  }

  connect(): void {
    this.#segment(SYN, ISS, new Uint8Array(0), MSS);
    this.#armRto(() => this.connect());
  }

  write(data: Uint8Array): void {
    this.#output = Uint8Array.from([...this.#output, ...data]);
    this.#push();
  }

  receive(packet: Uint8Array): void {
    const segment = decode(packet);
    if (!segment || segment.destPort !== PORT || this.#isOver) return;
    if (segment.flags & RST) return this.#end(true);
    if (segment.flags & SYN) return this.#opened(segment, packet);
    if (!this.#isOpen) return;
    this.#acknowledged(segment);
    if (segment.data.length > 0 || segment.flags & FIN) this.#text(segment);
  }

  #opened(segment: Segment, packet: Uint8Array): void {
    if (this.#isOpen) return this.#acknowledge(); // once more
    this.#next = (segment.seq + 1) >>> 0;
    this.#isOpen = true;
    this.#peerMss = mssOf(packet);
    this.#peerWindow = segment.window;
    this.#cancelRto();
    this.#acknowledge();
    this.#options.onConnected();
  }

  #acknowledged({ ack, window }: Segment): void {
    this.#peerWindow = window;
    const acked = (ack - ISS - 1) >>> 0;
    if (acked > this.#acked && acked <= this.#output.length) {
      this.#acked = acked;
      this.#sent = Math.max(this.#sent, acked);
      if (this.#timedEnd && acked >= this.#timedEnd) this.#measure();
      this.#cancelRto();
      if (this.#acked < this.#sent) this.#armRto(() => this.#goBack());
    }
    this.#push();
  }

  #measure(): void {
    const rtt = this.#options.clock.now() - this.#timedAt;
    this.#srttMs = this.#srttMs ? this.#srttMs + (rtt - this.#srttMs) / 8 : rtt;
    this.#rtoMs = Math.max(LEAST_RTO_MS, 2 * this.#srttMs);
    this.#timedEnd = 0;
  }

  #goBack(): void {
    this.#sent = this.#acked;
    this.#timedEnd = 0;
    this.#rtoMs *= 2;
    this.#push();
  }

  #push(): void {
    if (!this.#isOpen) return;
    while (this.#sent < this.#output.length) {
      const room = this.#peerWindow - (this.#sent - this.#acked);
      const left = this.#output.length - this.#sent;
      const length = Math.min(left, this.#peerMss, room);
      if (length <= 0 || (length < left && length < this.#peerMss)) break;
      const data = this.#output.subarray(this.#sent, this.#sent + length);
      this.#segment(ACK | PSH, ISS + 1 + this.#sent, data);
      this.#sent += length;
      if (!this.#timedEnd) {
        this.#timedEnd = this.#sent;
        this.#timedAt = this.#options.clock.now();
      }
      this.#armRto(() => this.#goBack());
    }
  }

  #text(segment: Segment): void {
    const gap = (segment.seq - this.#next) | 0;
    if (gap > 0) {
      this.#early.set(segment.seq, segment);
      return this.#acknowledge();
    }
    this.#take(segment);
    let filled = false;
    for (let early = this.#nextEarly(); early; early = this.#nextEarly()) {
      this.#take(early);
      filled = true;
    }
    if (this.#isOver) return;
    if (gap < 0 || filled || this.#early.size > 0 || this.#unacked >= 2 * this.#largest) this.#acknowledge();
    else this.#cancelAck ??= this.#options.clock.after(ACK_DELAY_MS, () => this.#acknowledge());
  }

  #nextEarly(): Segment | undefined {
    for (const [seq, segment] of this.#early) {
      if (((seq - this.#next) | 0) > 0) continue;
      this.#early.delete(seq);
      return segment;
    }
    return undefined;
  }

  /** Takes what is new in a segment that leaves no gap. */
  #take({ seq, data, flags }: Segment): void {
    const old = (this.#next - seq) >>> 0;
    this.#largest = Math.max(this.#largest, data.length);
    if (old < data.length) {
      const fresh = data.subarray(old);
      this.#next = (this.#next + fresh.length) >>> 0;
      this.#unacked += fresh.length;
      this.#options.onData(fresh);
    }
    if (!(flags & FIN) || (seq + data.length) >>> 0 !== this.#next) return;
    this.#next = (this.#next + 1) >>> 0;
    this.#end(false);
  }

  #end(isReset: boolean): void {
    this.#cancelRto();
    if (!isReset) this.#acknowledge();
    this.#isOver = true;
    this.#options.onEnd(isReset);
  }

  #acknowledge(): void {
    this.#segment(ACK, ISS + 1 + this.#sent, new Uint8Array(0));
  }

  #segment(flags: number, seq: number, data: Uint8Array, mss = 0): void {
    this.#cancelAck?.();
    this.#cancelAck = undefined;
    this.#unacked = 0;
    const { address, port, send } = this.#options;
    const ends = { source: SOURCE, dest: address, sourcePort: PORT, destPort: port };
    const numbers = { seq, ack: flags & ACK ? this.#next : 0, flags, window: WINDOW, mss };
    send(encode({ ...ends, ...numbers, data }, this.#ident++ & 0xffff));
  }

  #armRto(call: () => void): void {
    this.#cancelRto();
    this.#cancelRto = this.#options.clock.after(this.#rtoMs, call);
  }
}

function mssOf(packet: Uint8Array): number {
  return packet[40] === 2 ? (packet[42]! << 8) | packet[43]! : 536;
}
