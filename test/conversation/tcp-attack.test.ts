// Segments and ICMP errors from somebody who is not the peer: RFC 5961, RFC 5927, and the checks before any state.
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  CARD,
  EAGAIN,
  ECONNREFUSED,
  EHOSTUNREACH,
  ESTABLISHED,
  ETIMEDOUT,
  PEER,
  SYN_SENT,
} from "../support/net.ts";
import { FAILED, Peer, READABLE, Stack, established, netModule } from "../support/net.ts";
import { icmpMessage, ipPacket, tcpSegment } from "../support/net-packet.ts";

let module: WebAssembly.Module;
let stack: Stack;
let peer: Peer;
let s: number;

beforeAll(async () => {
  module = await netModule("card-6k", { ICMP_ERRORS: 1 });
});
beforeEach(() => {
  stack = new Stack(module);
  ({ peer, s } = established(stack));
});
afterEach(() => stack.tearDown());

describe("RFC 5961", () => {
  test("RST in the window, not at its edge: a challenge ACK", () => {
    peer.send({ flags: "R", seq: 2 });
    peer.expect({ flags: "A", seq: 1, ack: 1 });
    expect(stack.firmware.stateOf(0)).toBe(ESTABLISHED);
  });

  test("RST outside the window: nothing", () => {
    peer.send({ flags: "R", seq: 5000 });
    peer.send({ flags: "R", seq: -3 });
    stack.expectSilence();
    expect(stack.firmware.stateOf(0)).toBe(ESTABLISHED);
  });

  test("SYN in the window: a challenge ACK, no reset", () => {
    peer.send({ flags: "S", seq: 5 });
    peer.expect({ flags: "A", seq: 1, ack: 1 });
    expect(stack.firmware.stateOf(0)).toBe(ESTABLISHED);
  });

  test("SYN of a peer that has restarted: ACK, its RST, and the connection is gone", () => {
    peer.send({ flags: "S", seq: 100_000 });
    peer.expect({ flags: "A", seq: 1, ack: 1 });
    peer.send({ flags: "R", seq: 1 });
    expect(stack.firmware.tcbsInUse()).toBe(0);
  });

  test("an ACK of what was never sent: a challenge ACK, the data dropped", () => {
    peer.send({ flags: "PA", seq: 1, ack: 5000, data: "evil" });
    peer.expect({ flags: "A", seq: 1, ack: 1 });
    expect(stack.read(s)).toBe(EAGAIN);
  });

  test("an ACK too old to be true: the same", () => {
    peer.send({ flags: "PA", seq: 1, ack: -100_000, data: "evil" });
    peer.expect({ flags: "A", seq: 1, ack: 1 });
    expect(stack.read(s)).toBe(EAGAIN);
  });

  test("two challenge ACKs a second at most", () => {
    for (let i = 0; i < 50; i++) peer.send({ flags: "R", seq: 2 });
    peer.expect({ flags: "A" });
    stack.expectSilence();
    stack.advance(600);
    peer.send({ flags: "R", seq: 2 });
    peer.expect({ flags: "A" });
    stack.expectSilence();
  });

  test("two ends that find each other unacceptable don't go on for ever", () => {
    for (let i = 0; i < 50; i++) peer.send({ flags: "A", seq: -9, ack: 1 });
    expect(stack.sent.splice(0)).toHaveLength(1);
  });
});

describe("ICMP errors (RFC 5927)", () => {
  function unreachable(code: number, seq: number, from = stack.address, type = 3): void {
    const segment = { sourcePort: peer.stackPort, destPort: peer.port, seq, ack: 0, flags: 16, window: 0 };
    const quoted = tcpSegment({ ...segment, options: [], data: new Uint8Array() }, from, PEER).subarray(0, 8);
    const inner = ipPacket({ source: from, dest: PEER, payload: quoted });
    const message = icmpMessage(type, code, [0, 0, 0, 0, ...inner]);
    stack.receive(ipPacket({ source: 0x0a000009, dest: CARD, protocol: 1, payload: message }));
  }

  test("port unreachable ends a connection that is being opened", () => {
    const c = stack.firmware.socket();
    stack.firmware.connect(c, PEER, 81);
    peer = new Peer(stack, 81);
    const { seq } = peer.expect({ flags: "S" });
    unreachable(3, (seq + 1) >>> 0);
    expect(stack.firmware.stateOf(1)).toBe(SYN_SENT);
    unreachable(1, seq);
    expect(stack.firmware.stateOf(1)).toBe(SYN_SENT);
    unreachable(3, seq);
    expect(stack.firmware.recvStatus(c)).toBe(ECONNREFUSED);
  });

  /** @returns a socket that connects, and the number of its SYN */
  function connecting(): { c: number; seq: number } {
    const c = stack.firmware.socket();
    stack.firmware.connect(c, PEER, 81);
    peer = new Peer(stack, 81);
    return { c, seq: peer.expect({ flags: "S" }).seq };
  }

  test.each([2, 3])("code %i is hard", (code) => {
    const { c, seq } = connecting();
    unreachable(code, seq, stack.address ^ 1); // about a packet of somebody else's
    expect(stack.firmware.recvStatus(c)).toBe(EAGAIN);
    unreachable(code, seq);
    expect(stack.firmware.recvStatus(c)).toBe(ECONNREFUSED);
  });

  test.each([
    [3, 0],
    [3, 1],
    [3, 5],
    [3, 13],
    [11, 0],
    [12, 0],
  ])("%i/%i is soft: it counts when three SYNs more were in vain (RFC 5461)", (type, code) => {
    const { c, seq } = connecting();
    for (const wait of [1000, 2000, 4000]) {
      unreachable(code, seq, stack.address, type);
      expect(stack.firmware.recvStatus(c)).toBe(EAGAIN);
      stack.advance(wait);
      peer.expect({ flags: "S", seq: 0 });
    }
    unreachable(code, seq, stack.address, type);
    expect([stack.firmware.ready(c), stack.firmware.recvStatus(c)]).toEqual([
      READABLE | FAILED,
      EHOSTUNREACH,
    ]);
  });

  test.each([
    [1, EHOSTUNREACH],
    [4, ETIMEDOUT],
    [undefined, ETIMEDOUT],
  ])("a connection given up tells what was known: code %s", (code, error) => {
    const { c, seq } = connecting();
    if (code !== undefined) unreachable(code, seq);
    stack.advance(400_000);
    expect(stack.firmware.recvStatus(c)).toBe(error);
    stack.sent.length = 0;
  });

  test("an answer shows that the peer can be reached after all", () => {
    const { c, seq } = connecting();
    unreachable(1, seq);
    peer.send({ flags: "SA", seq: 0, ack: 1 });
    peer.expect({ flags: "A" });
    stack.send(c, "x");
    stack.advance(2_000_000);
    expect(stack.firmware.recvStatus(c)).toBe(ETIMEDOUT);
    stack.sent.length = 0;
  });

  test("nothing ends an established one", () => {
    stack.send(s, "data");
    peer.expect({ data: "data" });
    for (const code of [0, 1, 2, 3, 4, 13]) unreachable(code, (peer.stackIss + 1) >>> 0);
    expect(stack.firmware.stateOf(0)).toBe(ESTABLISHED);
    stack.expectSilence();
  });

  test("a quotation that is cut short is dropped", () => {
    const message = icmpMessage(3, 3, [0, 0, 0, 0, 0x4f, ...new Array<number>(27).fill(0)]);
    stack.receive(ipPacket({ source: PEER, dest: CARD, protocol: 1, payload: message }));
    stack.expectSilence();
  });
});

describe("malformed segments are dropped and counted", () => {
  function count(name: "badLength" | "badChecksum"): number {
    return stack.counters(stack.firmware.tcpRegion(), 20, 2)[name === "badLength" ? 0 : 1] ?? -1;
  }

  test("a bad checksum", () => {
    const segment = { sourcePort: 40000, destPort: 443, seq: peer.iss + 1, ack: 0, flags: 4, window: 0 };
    const bytes = tcpSegment({ ...segment, options: [], data: new Uint8Array() }, PEER, CARD);
    bytes[16]! ^= 1;
    stack.receive(peer.wrap(bytes));
    expect(count("badChecksum")).toBe(1);
    expect(stack.firmware.stateOf(0)).toBe(ESTABLISHED);
  });

  test("header lengths that can't be", () => {
    for (const offset of [0, 4, 15]) {
      const bytes = new Uint8Array(20);
      bytes[12] = offset << 4;
      stack.receive(peer.wrap(bytes));
    }
    stack.receive(peer.wrap(new Uint8Array(19)));
    stack.receive(peer.wrap(new Uint8Array(0)));
    expect(count("badLength")).toBe(5);
    stack.expectSilence();
  });

  test("options of no length, too long, or cut: the SYN counts, the option doesn't", () => {
    for (const options of [
      [2, 0, 0, 0],
      [2, 4, 1, 2, 3, 9, 0, 0],
      [1, 1, 1, 2],
      [2, 5, 1, 1],
    ]) {
      const other = new Peer(stack, 42000 + options.length + (options[1] ?? 0));
      other.send({ flags: "S", seq: 0, options });
      other.expect({ flags: "SA" });
      other.send({ flags: "R", seq: 1 });
    }
  });
});
