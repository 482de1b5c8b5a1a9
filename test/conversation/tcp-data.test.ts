// Data on an open connection: windows, acknowledgments, retransmission, congestion (RFC 9293 section 3.8, RFC 6298,
// RFC 5681).
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { EAGAIN, ECONNRESET, ETIMEDOUT, READABLE, WRITABLE } from "../support/net.ts";
import { Peer, Stack, established, netModule } from "../support/net.ts";

/** Retransmission timeout after a handshake that took no time: SRTT of 1 ms and TCP_RTO_MIN. */
const RTO = 401;

let module: WebAssembly.Module;
let gateway: WebAssembly.Module;
let stack: Stack;
let peer: Peer;
let s: number;
let listener: number;

beforeAll(async () => {
  module = await netModule();
  gateway = await netModule("gateway");
});
beforeEach(() => {
  stack = new Stack(module);
  ({ peer, s, listener } = established(stack));
});
afterEach(() => stack.tearDown());

function bytes(length: number): string {
  return Array.from({ length }, (_, i) => String.fromCharCode(97 + (i % 26))).join("");
}

/** Sends all that the window takes while nobody reads: two full segments, of two pbufs each. */
function fill(): void {
  peer.send({ seq: 1, ack: 1, length: 216 });
  peer.send({ seq: 217, ack: 1, length: 200 });
  peer.send({ seq: 417, ack: 1, length: 16 });
  peer.expect({ flags: "A", ack: 433, window: 0 });
}

describe("receiving", () => {
  test("the ACK of a small segment waits 40 ms", () => {
    peer.send({ flags: "PA", seq: 1, ack: 1, data: "hello" });
    stack.advance(39);
    stack.expectSilence();
    stack.advance(1);
    peer.expect({ flags: "A", seq: 1, ack: 6 });
    expect(stack.read(s)).toBe("hello");
  });

  test("the ACK rides on an answer", () => {
    peer.send({ flags: "PA", seq: 1, ack: 1, data: "hello" });
    expect(stack.read(s)).toBe("hello");
    stack.send(s, "world");
    peer.expect({ flags: "PA", seq: 1, ack: 6, data: "world" });
    stack.advance(RTO - 1);
    stack.expectSilence();
  });

  test("a full segment that has been read is acknowledged by the window update", () => {
    peer.send({ seq: 1, ack: 1, length: 216 });
    stack.expectSilence();
    expect(stack.read(s)).toHaveLength(216);
    peer.expect({ flags: "A", ack: 217, window: 432 });
  });

  test("a window that is full is acknowledged at once, and opens when it is read", () => {
    fill();
    expect(stack.read(s)).toHaveLength(432);
    peer.expect({ flags: "A", ack: 433, window: 432 });
  });

  test("data beyond the window is cut off", () => {
    peer.send({ seq: 1, ack: 1, length: 216 });
    peer.send({ seq: 217, ack: 1, length: 220 });
    peer.expect({ flags: "A", ack: 433, window: 0 });
    expect(stack.read(s)).toBe(bytes(216) + bytes(216));
    peer.expect({ ack: 433, window: 432 });
  });

  test("data into a closed window is refused, its ACK believed", () => {
    fill();
    stack.send(s, "x");
    peer.expect({ seq: 1, ack: 433, window: 0, data: "x" });
    peer.send({ seq: 433, ack: 2, data: "y" });
    peer.expect({ flags: "A", seq: 2, ack: 433, window: 0 });
    expect(stack.firmware.outstanding(s)).toBe(0);
  });

  test("a segment that came before is acknowledged again", () => {
    peer.send({ flags: "PA", seq: 1, ack: 1, data: "hello" });
    peer.send({ flags: "PA", seq: 1, ack: 1, data: "hello" });
    peer.expect({ flags: "A", seq: 1, ack: 6 });
    expect(stack.read(s)).toBe("hello");
  });

  test("the new part of an overlapping segment is taken", () => {
    peer.send({ flags: "PA", seq: 1, ack: 1, data: "hello" });
    peer.send({ flags: "PA", seq: 3, ack: 1, data: "llo world" });
    expect(stack.read(s)).toBe("hello world");
  });

  test("a segment out of order is dropped, and answered with a duplicate ACK at once", () => {
    peer.send({ flags: "PA", seq: 4, ack: 1, data: "lo" });
    peer.expect({ flags: "A", seq: 1, ack: 1 });
    peer.send({ flags: "PA", seq: 6, ack: 1, data: "!" });
    peer.expect({ flags: "A", seq: 1, ack: 1 });
    expect(stack.read(s)).toBe(EAGAIN);
  });

  test("a hundred one-byte segments take one pbuf", () => {
    const free = stack.firmware.freePbufs();
    for (let i = 0; i < 80; i++) peer.send({ flags: "PA", seq: 1 + i, ack: 1, data: "z" });
    expect(free - stack.firmware.freePbufs()).toBe(1);
    expect(stack.read(s)).toBe("z".repeat(80));
  });

  test("recv() hands the pbufs over; giving them back opens the window", () => {
    peer.send({ seq: 1, ack: 1, length: 216 });
    const packet = stack.firmware.recv(s);
    expect(stack.firmware.lengthOf(packet)).toBe(216);
    expect(stack.firmware.recv(s)).toBe(0);
    expect(stack.firmware.recvStatus(s)).toBe(EAGAIN);
    stack.expectSilence();
    stack.firmware.give(packet);
    peer.expect({ flags: "A", ack: 217, window: 432 });
  });

  test("a reader that is stuck doesn't stop another connection", () => {
    fill();
    const other = new Peer(stack, 40001);
    other.open();
    const s2 = stack.firmware.accept(listener);
    stack.sent.length = 0;
    let got = "";
    for (let seq = 0; seq < 600; seq = got.length) {
      other.send({ flags: "PA", seq: 1 + seq, ack: 1, length: Math.min(100, 600 - seq) });
      got += String(stack.read(s2));
      stack.advance(40);
    }
    expect(got).toHaveLength(600);
  });

  test("a pool that is too full for what was promised: the front of a segment is taken", () => {
    const peers = [1, 2, 3].map((i) => new Peer(stack, 40000 + i));
    const sockets = peers.map((p) => {
      p.open();
      return stack.firmware.accept(listener);
    });
    peer.send({ seq: 1, ack: 1, length: 216 });
    for (const p of peers) p.send({ seq: 1, ack: 1, length: 216 });
    expect(stack.firmware.freePbufs()).toBeGreaterThanOrEqual(3);
    expect(sockets.map((socket) => String(stack.read(socket)).length > 0)).toEqual([true, true, true]);
    stack.sent.length = 0;
  });
});

describe("sending", () => {
  test("a region leaves in segments of the peer's MSS, PUSH at its end", () => {
    const small = new Peer(stack, 40001);
    small.open([2, 4, 0, 100]);
    const s2 = stack.firmware.accept(listener);
    stack.send(s2, bytes(250));
    small.expect({ flags: "A", seq: 1, length: 100 });
    small.expect({ flags: "A", seq: 101, length: 100 });
    small.expect({ flags: "PA", seq: 201, length: 50 });
    expect(stack.firmware.outstanding(s2)).toBe(250);
    small.send({ seq: 1, ack: 201 });
    expect(stack.firmware.outstanding(s2)).toBe(50);
    small.send({ seq: 1, ack: 251 });
    expect(stack.firmware.outstanding(s2)).toBe(0);
  });

  test("without an MSS option: 536", () => {
    const plain = new Peer(stack, 40001);
    plain.open([]);
    stack.send(stack.firmware.accept(listener), bytes(600));
    plain.expect({ length: 536 });
    plain.expect({ length: 64 });
  });

  test("one region at a time", () => {
    expect(stack.send(s, "one")).toBe(3);
    expect(stack.firmware.ready(s) & WRITABLE).toBe(0);
    expect(stack.send(s, "two", 0, 100)).toBe(EAGAIN);
    peer.expect({ data: "one" });
    peer.send({ seq: 1, ack: 4 });
    expect(stack.firmware.ready(s) & WRITABLE).toBe(WRITABLE);
    expect(stack.send(s, "two", 0, 100)).toBe(3);
    peer.expect({ data: "two", seq: 4 });
  });

  test("MSG_MORE: no PUSH", () => {
    stack.send(s, "part", 1);
    peer.expect({ flags: "A", data: "part" });
  });

  test("the peer's window is respected, and what fits half of it is sent", () => {
    peer.send({ seq: 1, ack: 1, window: 100 });
    stack.send(s, bytes(250));
    stack.expectSilence(); // the largest window was 4,096: 100 bytes would be silly
    peer.send({ seq: 1, ack: 1, window: 250 });
    peer.expect({ length: 250 });
  });

  test("an ACK of part of the window lets the rest follow", () => {
    peer.send({ seq: 1, ack: 1, window: 1024 });
    stack.firmware.send(s, stack.region(new Uint8Array(1100)), 1100, 0);
    peer.expect({ seq: 1, length: 256 });
    peer.expect({ seq: 257, length: 256 });
    peer.expect({ seq: 513, length: 256 });
    peer.expect({ seq: 769, length: 256 });
    stack.expectSilence();
    peer.send({ seq: 1, ack: 257 });
    peer.expect({ flags: "PA", seq: 1025, length: 76 });
  });

  test("an old segment doesn't shrink the window", () => {
    peer.send({ flags: "PA", seq: 1, ack: 1, data: "ab" });
    peer.send({ seq: 3, ack: 1, window: 4000 });
    peer.send({ seq: 1, ack: 1, window: 0, data: "ab" });
    stack.sent.length = 0;
    stack.send(s, "go");
    peer.expect({ data: "go" });
  });

  test("link down: nothing is sent; up again: it is", () => {
    stack.isDown = true;
    stack.send(s, "later");
    stack.advance(5000);
    expect(stack.sent).toHaveLength(0);
    stack.isDown = false;
    peer.expect({ seq: 1, data: "later" });
  });
});

describe("retransmission", () => {
  test("after the timeout, twice that, four times that …; the ACK ends it", () => {
    stack.send(s, "again");
    peer.expect({ seq: 1, data: "again" });
    for (const wait of [RTO, 2 * RTO, 4 * RTO]) {
      stack.advance(wait - 1);
      stack.expectSilence();
      stack.advance(1);
      peer.expect({ flags: "PA", seq: 1, data: "again" });
    }
    peer.send({ seq: 1, ack: 6 });
    stack.advance(20000);
    stack.expectSilence();
  });

  test("nobody answers: the connection times out, the region is free", () => {
    stack.send(s, "hello?");
    stack.advance(600_000);
    expect(stack.sent.splice(0)).toHaveLength(9);
    expect(stack.firmware.outstanding(s)).toBe(0);
    expect(stack.read(s)).toBe(ETIMEDOUT);
  });

  test("the timeout follows the round-trip time", () => {
    let seq = 1;
    for (let i = 0; i < 12; i++) {
      stack.send(s, "x");
      peer.expect({ seq });
      stack.advance(250);
      peer.send({ seq: 1, ack: ++seq });
    }
    // SRTT and RTTVAR settle from the handshake's 1 ms towards 250 and 0.
    expect(stack.firmware.rtoOf(0)).toBeGreaterThan(RTO + 190);
    expect(stack.firmware.rtoOf(0)).toBeLessThan(RTO + 250);
  });

  test("Karn: what was sent twice is not timed, and the backoff stays", () => {
    stack.send(s, "x");
    peer.expect({ seq: 1 });
    stack.advance(RTO);
    peer.expect({ seq: 1 });
    peer.send({ seq: 1, ack: 2 });
    expect(stack.firmware.rtoOf(0)).toBe(2 * RTO);
    stack.send(s, "y");
    peer.expect({ seq: 2 });
    peer.send({ seq: 1, ack: 3 });
    expect(stack.firmware.rtoOf(0)).toBe(RTO);
  });

  test("an ACK of something new starts the timer anew", () => {
    stack.send(s, bytes(512));
    peer.expect({ seq: 1 });
    peer.expect({ seq: 257 });
    stack.advance(RTO - 100);
    peer.send({ seq: 1, ack: 257 });
    stack.advance(RTO - 1);
    stack.expectSilence();
    stack.advance(RTO);
    peer.expect({ seq: 257, length: 256 });
  });

  test("three duplicate ACKs: sent again at once, once", () => {
    stack.send(s, bytes(700));
    for (const seq of [1, 257, 513]) peer.expect({ seq });
    peer.send({ seq: 1, ack: 1 });
    peer.send({ seq: 1, ack: 1 });
    stack.expectSilence();
    peer.send({ seq: 1, ack: 1 });
    peer.expect({ seq: 1 });
    for (let i = 0; i < 5; i++) peer.send({ seq: 1, ack: 1 });
    stack.expectSilence(); // what else is missing, its acknowledgment will tell
    peer.send({ seq: 1, ack: 701 });
    expect(stack.firmware.outstanding(s)).toBe(0);
  });

  test("the retransmission is acknowledged alone: the rest follows, with half the window", () => {
    stack.send(s, bytes(1024));
    for (const seq of [1, 257, 513, 769]) peer.expect({ seq });
    for (let i = 0; i < 3; i++) peer.send({ seq: 1, ack: 1 });
    peer.expect({ seq: 1, length: 256 });
    peer.send({ seq: 1, ack: 257 });
    for (const seq of [257, 513]) peer.expect({ seq });
    stack.expectSilence();
    peer.send({ seq: 1, ack: 1025 });
    stack.expectSilence();
    expect(stack.firmware.outstanding(s)).toBe(0);
  });

  test("a window update is no duplicate ACK", () => {
    stack.send(s, bytes(700));
    for (const seq of [1, 257, 513]) peer.expect({ seq });
    for (let i = 0; i < 5; i++) peer.send({ seq: 1, ack: 1, window: 5000 + i });
    stack.expectSilence();
    peer.send({ seq: 1, ack: 701 });
  });

  test("a lost segment in the middle: everything behind it again", () => {
    stack.send(s, bytes(700));
    for (const seq of [1, 257, 513]) peer.expect({ seq });
    peer.send({ seq: 1, ack: 257 });
    stack.advance(RTO);
    peer.expect({ seq: 257, length: 256 });
    stack.expectSilence(); // one segment: the congestion window starts again
    peer.send({ seq: 1, ack: 513 });
    peer.expect({ seq: 513, length: 188 });
    peer.send({ seq: 1, ack: 701 });
  });

  test("the link holds a segment: its memory is not free, though all is acknowledged or reset", () => {
    stack.send(s, "held");
    peer.expect({ data: "held" });
    stack.isLineHeld = true;
    stack.advance(RTO);
    peer.send({ seq: 1, ack: 5 });
    expect(stack.firmware.outstanding(s)).toBe(1);
    peer.send({ flags: "R", seq: 1 });
    expect(stack.firmware.recvStatus(s)).toBe(ECONNRESET);
    expect(stack.firmware.outstanding(s)).toBe(1);
    stack.firmware.close(s);
    expect(stack.firmware.socket()).not.toBe(s);
    stack.transmit();
    expect(stack.firmware.outstanding(s)).toBe(0);
    expect(stack.firmware.socket()).toBe(s);
    stack.sent.length = 0;
  });
});

describe("a closed window", () => {
  test("is probed with backoff for as long as the peer answers", () => {
    peer.send({ seq: 1, ack: 1, window: 0 });
    stack.send(s, "data");
    for (let probe = 0; probe < 12; probe++) {
      const wait = Math.min(RTO * 2 ** probe, 60_000);
      stack.advance(wait - 1);
      stack.expectSilence();
      stack.advance(1);
      peer.expect({ flags: "A", seq: 0, length: 0 });
      peer.send({ seq: 1, ack: 1, window: 0 });
    }
    peer.send({ seq: 1, ack: 1, window: 100 });
    peer.expect({ flags: "PA", seq: 1, data: "data" });
  });

  test("however long it was closed, what is lost when it opens is sent again", () => {
    peer.send({ seq: 1, ack: 1, window: 0 });
    stack.send(s, "data");
    for (let i = 0; i < 12; i++) {
      stack.advance(60_000);
      stack.sent.length = 0;
      peer.send({ seq: 1, ack: 1, window: 0 });
    }
    peer.send({ seq: 1, ack: 1, window: 100 });
    peer.expect({ flags: "PA", seq: 1, data: "data" });
    for (let i = 0; i < 8; i++) {
      stack.advance(Math.min(RTO * 2 ** i, 60_000)); // the probes' backoff was theirs (RFC 9293 section 3.8.6.1)
      peer.expect({ flags: "PA", seq: 1, data: "data" });
    }
    stack.expectSilence();
    peer.send({ seq: 1, ack: 5 });
    expect(stack.firmware.outstanding(s)).toBe(0);
  });

  test("no answer to probes: timed out", () => {
    peer.send({ seq: 1, ack: 1, window: 0 });
    stack.send(s, "data");
    stack.advance(600_000);
    expect(stack.sent.splice(0)).toHaveLength(8);
    expect(stack.read(s)).toBe(ETIMEDOUT);
  });

  test("a window too small to be worth it is used after a while", () => {
    peer.send({ seq: 1, ack: 1, window: 10 });
    stack.send(s, "0123456789abcdef");
    stack.expectSilence();
    stack.advance(RTO);
    peer.expect({ flags: "A", seq: 1, data: "0123456789" });
    peer.send({ seq: 1, ack: 11, window: 10 });
    peer.expect({ flags: "PA", seq: 11, data: "abcdef" });
  });

  test("closes with data in flight: nothing is sent into it", () => {
    stack.send(s, bytes(512));
    peer.expect({ seq: 1 });
    peer.expect({ seq: 257 });
    peer.send({ seq: 1, ack: 257, window: 0 });
    stack.advance(RTO);
    peer.expect({ flags: "A", seq: 256, length: 0 });
    peer.send({ seq: 1, ack: 257, window: 300 });
    peer.expect({ seq: 257, length: 256 });
  });
});

describe("keep-alive", () => {
  test("after two minutes of silence; an answer satisfies it", () => {
    stack.advance(119_999);
    stack.expectSilence();
    stack.advance(1);
    peer.expect({ flags: "A", seq: 0, ack: 1, length: 0 });
    peer.send({ seq: 1, ack: 1 });
    stack.advance(119_999);
    stack.expectSilence();
  });

  test("five probes in vain: timed out", () => {
    stack.advance(180_000);
    expect(stack.sent.splice(0)).toHaveLength(5);
    expect(stack.firmware.ready(s) & READABLE).toBe(READABLE);
    expect(stack.read(s)).toBe(ETIMEDOUT);
  });

  test("a peer's probe is answered", () => {
    peer.send({ seq: 0, ack: 1 });
    peer.expect({ flags: "A", seq: 1, ack: 1 });
  });
});

test("the gateway sends four kilobytes in full segments and two roles share one source", () => {
  stack.tearDown();
  stack = new Stack(gateway);
  ({ peer, s } = established(stack));
  const big = new Peer(stack, 40002);
  big.open([2, 4, 5, 0xb4]);
  const s2 = stack.firmware.accept(0);
  stack.send(s2, new Uint8Array(4000));
  big.expect({ flags: "A", length: 1460, seq: 1 });
  big.expect({ flags: "A", length: 1460, seq: 1461 });
  big.expect({ flags: "PA", length: 1080, seq: 2921 });
  big.send({ seq: 1, ack: 4001 });
  expect(stack.firmware.outstanding(s2)).toBe(0);
});
