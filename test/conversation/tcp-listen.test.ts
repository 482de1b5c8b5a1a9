// A listener in a crowd: SYN cookies (RFC 4987 section 3.6), and clients that speak first.
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { EAGAIN, ESTABLISHED, READABLE, SYN_RECEIVED } from "../support/net.ts";
import { Peer, Stack, netModule } from "../support/net.ts";

let module: WebAssembly.Module;
let stack: Stack;

beforeAll(async () => {
  module = await netModule();
});
beforeEach(() => {
  stack = new Stack(module);
});
afterEach(() => stack.tearDown());

const MSS_OPTION = (mss: number) => [2, 4, mss >> 8, mss & 255];

/** The time that a connection is given to say something. */
const SILENT_MS = 500;

/** A SYN from a port of its own, and the answer. */
function knock(port: number, mss = 1460): Peer {
  const peer = new Peer(stack, port);
  peer.iss += port * 1000;
  peer.send({ flags: "S", seq: 0, options: MSS_OPTION(mss) });
  peer.expect({ flags: "SA", seq: 0, ack: 1, options: MSS_OPTION(216) });
  return peer;
}

/** A listener whose one place is taken by a SYN, and nothing has followed. */
function crowded(): { listener: number; first: Peer } {
  const listener = stack.listen(443, 1);
  const first = knock(40000);
  stack.advance(SILENT_MS);
  return { listener, first };
}

describe("a backlog of half-open connections", () => {
  test("has a moment: SYNs meanwhile are dropped in silence, and noted", () => {
    const listener = stack.listen(443, 1);
    knock(40000);
    stack.advance(SILENT_MS - 1);
    new Peer(stack, 41000).send({ flags: "S", seq: 0 });
    stack.expectSilence();
    expect(stack.firmware.knocked(listener)).toBe(1);
    stack.advance(1);
    knock(41000);
    expect(stack.firmware.knocked(listener)).toBe(0);
  });

  test("further SYNs are answered, and nothing is kept of them", () => {
    crowded();
    for (let i = 0; i < 1000; i++) knock(41000 + i);
    expect(stack.firmware.tcbsInUse()).toBe(1);
    expect(stack.firmware.stateOf(0)).toBe(SYN_RECEIVED);
  });

  test("who answers the answer takes a half-open one's place", () => {
    const { listener, first } = crowded();
    const peer = knock(41000);
    peer.send({ flags: "A", seq: 1, ack: 1 });
    peer.expect({ flags: "A", seq: 1, ack: 1, window: 432 }); // more than the cookie could promise
    expect(stack.firmware.stateOf(0)).toBe(ESTABLISHED);
    const s = stack.firmware.accept(listener);
    expect(stack.firmware.peerPort(s)).toBe(41000);
    peer.send({ flags: "PA", seq: 1, ack: 1, data: "hello" });
    expect(stack.read(s)).toBe("hello");
    stack.send(s, "welcome");
    peer.expect({ flags: "PA", seq: 1, ack: 6, data: "welcome" });
    first.send({ flags: "A", seq: 1, ack: 1 });
    first.expect({ flags: "R", seq: 1 }); // this one had to go
  });

  test("the ACK was lost, data come", () => {
    const { listener } = crowded();
    const peer = knock(41000);
    peer.send({ flags: "PA", seq: 1, ack: 1, data: "hello" });
    expect(stack.read(stack.firmware.accept(listener))).toBe("hello");
  });

  test("the first data were lost, later ones are not taken for them", () => {
    const { listener } = crowded();
    const peer = knock(41000);
    peer.send({ flags: "PA", seq: 6, ack: 1, data: "world" });
    stack.expectSilence();
    expect(stack.firmware.accept(listener)).toBe(EAGAIN);
    peer.send({ flags: "PA", seq: 1, ack: 1, data: "helloworld" });
    expect(stack.read(stack.firmware.accept(listener))).toBe("helloworld");
  });

  test.each([
    [1460, 536],
    [536, 536],
    [500, 216],
    [216, 216],
    [100, 32],
  ])("an MSS of %i is remembered as %i", (mss, remembered) => {
    const { listener } = crowded();
    const peer = knock(41000, mss);
    peer.send({ flags: "A", seq: 1, ack: 1 });
    peer.expect({ flags: "A" });
    stack.send(stack.firmware.accept(listener), "x".repeat(700));
    peer.expect({ flags: "A", seq: 1, length: remembered });
  });

  test("a guess is reset, however near", () => {
    crowded();
    const peer = knock(41000);
    for (const ack of [65_537, -65_535, 1_000_001, 0x7fffffff]) {
      peer.send({ flags: "PA", seq: 1, ack, data: "evil" });
      peer.expect({ flags: "R", seq: ack });
    }
    for (const ack of [5, 4097, 30_001]) peer.send({ flags: "PA", seq: 1, ack: ack & 0xffff, data: "evil" });
    const resets = stack.sent.splice(0).length; // where half of the number was right, not even that
    expect(resets).toBeLessThan(3);
    expect(stack.firmware.stateOf(0)).toBe(SYN_RECEIVED);
  });

  test("another connection's cookie is none", () => {
    crowded();
    const peer = knock(41000);
    const thief = new Peer(stack, 41001);
    thief.iss = peer.iss;
    thief.stackIss = peer.stackIss;
    thief.send({ flags: "A", seq: 1, ack: 1 });
    thief.expect({ flags: "R", seq: 1 });
  });

  test("lasts a minute, and two not", () => {
    stack.now = 65_536 * 20;
    const { listener } = crowded();
    const [soon, late] = [knock(41000), knock(41001)];
    stack.advance(65_000);
    stack.sent.length = 0;
    knock(40001); // the place is taken again
    stack.advance(SILENT_MS);
    soon.send({ flags: "A", seq: 1, ack: 1 });
    expect(stack.firmware.accept(listener)).toBeGreaterThanOrEqual(0);
    stack.advance(70_000);
    stack.sent.length = 0;
    late.send({ flags: "A", seq: 1, ack: 1 });
    late.expect({ flags: "R", seq: 1 });
  });

  test("with no backlog left it is dropped and noted, and taken when it is repeated", () => {
    const { listener } = crowded();
    const peer = knock(41000);
    stack.firmware.listen(listener, 0);
    peer.send({ flags: "PA", seq: 1, ack: 1, data: "hello" });
    stack.expectSilence();
    expect(stack.firmware.knocked(listener)).toBe(1);
    stack.firmware.listen(listener, 1);
    peer.send({ flags: "PA", seq: 1, ack: 1, data: "hello" });
    expect(stack.read(stack.firmware.accept(listener))).toBe("hello");
  });
});

describe("a listener whose clients speak first", () => {
  let listener: number;
  beforeEach(() => {
    listener = stack.listen(443, 1);
    expect(stack.firmware.deferAccept(listener)).toBe(0);
  });

  test("gives a connection with its first data", () => {
    const peer = knock(40000);
    peer.send({ flags: "A", seq: 1, ack: 1 });
    expect(stack.firmware.stateOf(0)).toBe(ESTABLISHED);
    expect(stack.firmware.accept(listener)).toBe(EAGAIN);
    expect(stack.firmware.ready(listener)).toBe(0);
    peer.send({ flags: "PA", seq: 1, ack: 1, data: "hello" });
    expect(stack.firmware.ready(listener)).toBe(READABLE);
    expect(stack.read(stack.firmware.accept(listener))).toBe("hello");
  });

  test("gives one that ends without a word", () => {
    const peer = knock(40000);
    peer.send({ flags: "FA", seq: 1, ack: 1 });
    expect(stack.read(stack.firmware.accept(listener))).toBe(0);
  });

  test("a thousand that say nothing hold one block, and one that speaks gets it", () => {
    knock(40999).send({ flags: "A", seq: 1, ack: 1 });
    stack.advance(SILENT_MS);
    for (let i = 0; i < 1000; i++) knock(41000 + i).send({ flags: "A", seq: 1, ack: 1 });
    expect(stack.firmware.tcbsInUse()).toBe(1);
    const peer = knock(40000);
    peer.send({ flags: "A", seq: 1, ack: 1 });
    peer.send({ flags: "PA", seq: 1, ack: 1, data: "hello" });
    expect(stack.read(stack.firmware.accept(listener))).toBe("hello");
    expect(stack.firmware.tcbsInUse()).toBe(1);
  });

  test("one that had to make way comes back when it speaks", () => {
    const silent = knock(40000);
    silent.send({ flags: "A", seq: 1, ack: 1 });
    stack.advance(SILENT_MS);
    const other = knock(40001);
    other.send({ flags: "PA", seq: 1, ack: 1, data: "me" });
    expect(stack.read(stack.firmware.accept(listener))).toBe("me");
    silent.send({ flags: "PA", seq: 1, ack: 1, data: "and me" });
    expect(stack.read(stack.firmware.accept(listener))).toBe("and me");
  });

  test("a challenge ACK about our RST is answered: the peer learns that the connection is gone", () => {
    const peer = knock(40000);
    peer.send({ flags: "PA", seq: 1, ack: 1, data: "hello" });
    const s = stack.firmware.accept(listener);
    expect(stack.read(s)).toBe("hello");
    stack.send(s, "welcome");
    peer.expect({ flags: "PA", seq: 1, data: "welcome" }); // lost on the way
    stack.firmware.abort(s);
    peer.expect({ flags: "RA", seq: 8 });
    peer.send({ flags: "A", seq: 6, ack: 1 });
    peer.expect({ flags: "R", seq: 1 });
  });

  test("the handshake's ACK of one that had to make way is not answered", () => {
    const silent = knock(40000);
    stack.advance(SILENT_MS);
    knock(40001).send({ flags: "PA", seq: 1, ack: 1, data: "me" });
    stack.sent.length = 0;
    silent.send({ flags: "A", seq: 1, ack: 1 });
    stack.expectSilence();
  });

  test("one that had to make way and closes is reset", () => {
    const silent = knock(40000);
    silent.send({ flags: "A", seq: 1, ack: 1 });
    stack.advance(SILENT_MS);
    knock(40001).send({ flags: "PA", seq: 1, ack: 1, data: "me" });
    stack.sent.length = 0;
    silent.send({ flags: "FA", seq: 1, ack: 1 });
    silent.expect({ flags: "R", seq: 1 });
  });
});
