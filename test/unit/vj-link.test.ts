// Header compression over lines that lose, damage and invent: what comes out is what went in, or nothing.
import { beforeAll, describe, expect, test } from "vitest";
import { cases } from "../support/long.ts";
import { generator } from "../support/random.ts";
import { COMPRESSED, type Frame, IP, UNCOMPRESSED, type VjEnd, buildVj } from "../support/vj.ts";
import { tcpChecksum, traffic } from "../support/vj.ts";

const SEEDS = [1, 2, 3, 4];

let make: Awaited<ReturnType<typeof buildVj>>;
beforeAll(async () => {
  make = await buildVj();
});

/** The FCS of RFC 1662, bit by bit. */
function fcs16(bytes: Uint8Array): number {
  let fcs = 0xffff;
  for (const byte of bytes) {
    fcs ^= byte;
    for (let bit = 0; bit < 8; bit++) fcs = (fcs >> 1) ^ (fcs & 1 ? 0x8408 : 0);
  }
  return fcs;
}

/** A line with a FCS, which is always right about a burst of 16 bits: one frame in twenty is damaged, one vanishes. */
function damaged(random: () => number, frame: Frame): Frame | null {
  const fate = random() * 20;
  if (fate >= 2) return frame;
  if (fate >= 1) return null;
  const bytes = Uint8Array.of(frame.protocol, ...frame.bytes);
  const right = fcs16(bytes);
  const at = Math.floor(random() * bytes.length);
  bytes[at]! ^= 1 + Math.floor(random() * 255);
  return fcs16(bytes) === right ? { protocol: bytes[0]!, bytes: bytes.slice(1) } : null;
}

interface Tally {
  sent: number;
  delivered: number;
  wrong: number;
  compressed: number;
}

/** Where in a packet TCP's checksum begins to cover what masks can change: not the identification. */
const COVERED = 12;

/** Sends 5,000 packets. @returns what became of them, counting those that arrive with a right TCP checksum */
function send(seed: number, tells: boolean, steady: boolean): Tally {
  const random = generator(seed);
  const next = traffic(random, 3, steady);
  const [sender, receiver] = [make(2, seed % 2 === 0), make()];
  const tally = { sent: 5_000, delivered: 0, wrong: 0, compressed: 0 };
  for (let i = 0; i < tally.sent; i++) {
    const packet = next();
    const sent = sender.compress(packet);
    tally.compressed += Number(sent.protocol === COMPRESSED);
    const frame = damaged(random, sent);
    const arrived = frame ? receiver.uncompress(frame) : null;
    if (!frame && tells) receiver.exports.lost();
    if (!arrived || tcpChecksum(arrived) !== 0) continue;
    const covered = tells ? 0 : COVERED;
    if (Buffer.compare(arrived.subarray(covered), packet.subarray(covered)) === 0) tally.delivered++;
    else tally.wrong++;
  }
  expect(sender.exports.pbufsMissing() + receiver.exports.pbufsMissing()).toBe(0);
  return tally;
}

describe.each(SEEDS)("seed %i: a packet with a right TCP checksum is the one that was sent", (seed) => {
  test("when the line tells of each loss, whatever TCP does", () => {
    const tally = send(seed, true, false);
    expect(tally.wrong).toBe(0);
    expect(tally.compressed).toBeGreaterThan(tally.sent / 3);
    expect(tally.delivered).toBeGreaterThan(tally.sent / 3);
  });
  test("when it does not, as long as no changes cancel out", () => {
    const tally = send(seed, false, true);
    expect(tally.wrong).toBe(0);
    expect(tally.delivered).toBeGreaterThan(tally.sent / 3);
  });
});

/** What nothing but the pool and VJ's region may have changed. */
class Guard {
  private readonly before: Uint8Array;
  private readonly pool: Uint8Array;
  constructor(private readonly end: VjEnd) {
    // The last pbufs of the pool are the first to be taken: none of these cases needs more than four.
    const from = end.exports.payloads();
    end.memory.fill(0xa5, from, from + 512);
    this.before = end.memory.slice();
    this.pool = this.before.slice(from, from + 512);
  }
  /** After each case: a write before the received pbufs. */
  expectPoolWhole(): void {
    const from = this.end.exports.payloads();
    if (Buffer.compare(this.end.memory.subarray(from, from + 512), this.pool))
      throw new Error("pool overwritten");
    if (this.end.exports.pbufsMissing()) throw new Error("pbuf lost");
  }
  expectMemoryWhole(): void {
    const { exports, memory } = this.end;
    const vjEnd = exports.region() + exports.regionBytes();
    expect(memory.subarray(exports.poolEnd(), exports.region()).every((byte) => byte === 0)).toBe(true);
    expect(memory.subarray(vjEnd, exports.romBase()).every((byte) => byte === 0)).toBe(true);
    const rom = [exports.romBase(), 61440] as const;
    expect(Buffer.compare(memory.subarray(...rom), this.before.subarray(...rom))).toBe(0);
  }
}

describe.each([1, 2])("seed %i: hostile input harms nothing", (seed) => {
  const CASES = cases(30_000, 120_000);

  test(`${CASES} received frames`, () => {
    const random = generator(seed);
    const below = (limit: number) => Math.floor(random() * limit);
    const next = traffic(random, 3);
    const [sender, receiver] = [make(2, true), make()];
    const guard = new Guard(receiver);
    let accepted = 0;
    for (let i = 0; i < CASES; i++) {
      let frame: Frame;
      if (below(3) === 0) {
        frame = sender.compress(next());
        if (frame.protocol !== IP)
          frame.bytes[below(Math.min(frame.bytes.length, 44))]! ^= below(4) ? 0 : 1 << below(8);
      } else {
        const bytes = Uint8Array.from({ length: below(below(4) ? 24 : 300) }, () => below(256));
        if (below(2) && bytes.length > 1) bytes[1] = below(3);
        frame = { protocol: below(4) ? COMPRESSED : UNCOMPRESSED, bytes };
      }
      if (below(50) === 0) receiver.exports.lost();
      const headroom = below(4) ? receiver.exports.headroomNeeded() : below(60);
      const first = below(4) ? 0xffff : below(40);
      accepted += Number(receiver.uncompress(frame, headroom, first) !== null);
      guard.expectPoolWhole();
      if (i % 10_000 === 0) guard.expectMemoryWhole();
    }
    guard.expectMemoryWhole();
    expect(accepted).toBeGreaterThan(CASES / 20);
  });

  test("10,000 packets that are sent", () => {
    const random = generator(seed);
    const below = (limit: number) => Math.floor(random() * limit);
    const next = traffic(random, 3);
    const sender = make(2, true);
    const guard = new Guard(sender);
    for (let i = 0; i < 10_000; i++) {
      const packet = next();
      for (let flips = below(4); flips > 0; flips--) packet[below(40)]! ^= 1 << below(8);
      sender.compress(below(10) ? packet : packet.subarray(0, below(packet.length)));
      guard.expectPoolWhole();
    }
    guard.expectMemoryWhole();
  });
});
