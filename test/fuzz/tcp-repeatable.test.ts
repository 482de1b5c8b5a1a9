// Bytes that nobody holds, on a network that loses, repeats, delays and reorders: they arrive whole and in order, or the
// connection ends with an error; and all buffers are back. FUZZ_SEED replays one schedule, FUZZ_CASES sets their number.
import { beforeAll, expect, test } from "vitest";
import { FAILED, type Peer, Stack, WRITABLE, established, netModule } from "../support/net.ts";
import { parseTcp } from "../support/net-packet.ts";
import { generator } from "../../bench/network.ts";
import { LONG } from "../support/long.ts";

const CASES = Number(process.env["FUZZ_CASES"] ?? (LONG ? 1000 : 60));
const FIRST = Number(process.env["FUZZ_SEED"] ?? 1);
const TOTAL = 8_000;
/** A peer that keeps nothing, a line that loses every fourth packet, pieces of 16 bytes: that takes a while. */
const LIMIT_MS = 7 * 86_400_000;
const DATA = Uint8Array.from({ length: TOTAL }, (_, i) => (i * 31 + (i >> 8) * 7) & 0xff);

let module: WebAssembly.Module;
beforeAll(async () => {
  module = await netModule();
});

interface Event {
  at: number;
  act: () => void;
}

/** One schedule: a card that makes its bytes when they are wanted, and a peer of either kind. */
class Run {
  readonly stack = new Stack(module);
  readonly peer: Peer;
  readonly s: number;
  readonly start: number;
  readonly random: () => number;
  readonly rate: number;
  readonly keeps: boolean;
  readonly size: number;
  readonly delayMs: number;
  received = 0;
  #window = 4096;
  readonly #early = new Map<number, Uint8Array>();
  #events: Event[] = [];

  constructor(seed: number) {
    this.random = generator(seed);
    this.rate = this.random() * 0.25;
    this.keeps = this.random() < 0.5;
    this.size = 16 + Math.floor(this.random() * 241);
    this.delayMs = this.random() * 400;
    ({ peer: this.peer, s: this.s } = established(this.stack));
    this.start = this.stack.firmware.position(this.s);
  }

  /** @returns how it ended */
  toEnd(): "whole" | "failed" {
    const { stack, s } = this;
    const end = stack.now + LIMIT_MS;
    while (stack.now < end) {
      const wait = this.#serve();
      if (stack.firmware.ready(s) & FAILED) return "failed";
      if (this.received === TOTAL && stack.firmware.outstanding(s) === 0) return "whole";
      const next = this.#events.reduce((least, { at }) => Math.min(least, at), stack.now + wait);
      stack.now = Math.max(stack.now, Math.min(next, end));
      const due = this.#events.filter(({ at }) => at <= stack.now);
      this.#events = this.#events.filter(({ at }) => at > stack.now);
      for (const { act } of due) act();
    }
    throw new Error(`${this.received} of ${TOTAL} bytes after a week`);
  }

  /** The card's turn. @returns ms until its next */
  #serve(): number {
    const { stack, s } = this;
    let wait = stack.poll();
    for (;;) {
      for (const packet of stack.sent.splice(0)) {
        const segment = parseTcp(packet);
        const { seq } = this.peer.relative(segment);
        if (segment.data.length > 0) this.#network(() => this.#receive(seq - 1, segment.data));
        else if (segment.flags & 16) this.#network(() => this.#acknowledge()); // a probe
      }
      const wanted = (stack.firmware.position(s) - this.start) | 0;
      if (!(stack.firmware.ready(s) & WRITABLE) || wanted >= TOTAL) return wait;
      const from = wanted - (wanted % this.size);
      const piece = DATA.subarray(from, from + this.size);
      expect(stack.firmware.sendAt(s, this.start + from, stack.region(piece), piece.length, 0)).toBe(
        piece.length,
      );
      wait = stack.poll();
      if (stack.firmware.ready(s) & WRITABLE) stack.region(new Uint8Array(this.size)); // nobody keeps it
    }
  }

  #network(deliver: () => void): void {
    const fate = this.random() / this.rate;
    if (fate < 0.5) return;
    const times = fate < 0.7 ? 2 : 1;
    for (let i = 0; i < times; i++) {
      const extra = fate < 1 ? this.random() * 1000 : 0;
      this.#events.push({ at: this.stack.now + 1 + this.delayMs / 2 + extra, act: deliver });
    }
  }

  #receive(offset: number, data: Uint8Array): void {
    expect(Buffer.compare(data, DATA.subarray(offset, offset + data.length)), `bytes at ${offset}`).toBe(0);
    if (offset > this.received && this.keeps) this.#early.set(offset, data);
    if (offset <= this.received) this.received = Math.max(this.received, offset + data.length);
    for (const [from, { length }] of this.#early)
      if (from <= this.received) this.received = Math.max(this.received, from + length);
    if (this.random() < 0.02) this.#window = this.random() < 0.5 ? 0 : Math.floor(this.random() * 4096);
    else if (this.#window < 1024) this.#window = 4096;
    this.#acknowledge();
  }

  #acknowledge(): void {
    const ack = 1 + this.received;
    const window = this.#window;
    if (window === 0) this.#window = 4096; // opens with the next ACK, if that arrives
    this.#network(() => this.peer.send({ seq: 1, ack, window }));
  }
}

test(`${CASES} schedules from seed ${FIRST} on`, { timeout: 3_600_000 }, () => {
  const ends = { whole: 0, failed: 0 };
  for (let seed = FIRST; seed < FIRST + CASES; seed++) {
    const run = new Run(seed);
    try {
      ends[run.toEnd()]++;
      run.stack.tearDown();
    } catch (error) {
      throw new Error(`FUZZ_SEED=${seed} FUZZ_CASES=1: ${String(error)}`, { cause: error });
    }
  }
  console.log(ends);
  expect(ends.whole).toBeGreaterThan(0.9 * CASES);
});
