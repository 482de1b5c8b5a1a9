// ICMP: echo both ways, and the errors that are sent (RFC 792, RFC 1122 section 3.2.2).
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { CARD, PEER, Stack, netModule } from "../support/net.ts";
import { checksum, icmpMessage, ipPacket } from "../support/net-packet.ts";

let module: WebAssembly.Module;
let stack: Stack;

beforeAll(async () => {
  module = await netModule();
});
beforeEach(() => {
  stack = new Stack(module);
});
afterEach(() => stack.tearDown());

function receive(protocol: number, payload: Uint8Array): void {
  stack.receive(ipPacket({ source: PEER, dest: CARD, protocol, payload }));
}

function echo(length: number): Uint8Array {
  return icmpMessage(8, 0, [0x12, 0x34, 0, 7, ...Array.from({ length }, (_, i) => i & 0xff)]);
}

describe("echo", () => {
  test.each([0, 1, 56, 84, 85, 200, 500, 600])("%i bytes come back", (length) => {
    receive(1, echo(length));
    const { payload, dest } = stack.take();
    expect(dest).toBe(PEER);
    expect([payload[0], payload[1], checksum(payload)]).toEqual([0, 0, 0]);
    expect([...payload.subarray(4)]).toEqual([...echo(length).subarray(4)]);
  });

  test("a reply that would leave no room for a frame is dropped", () => {
    receive(1, echo(900));
    stack.expectSilence();
  });

  test("a ping larger than the pool is lost, and the next one is answered", () => {
    receive(1, echo(1100));
    stack.expectSilence();
    receive(1, echo(8));
    stack.take();
  });

  /** What a peer with an MTU of 256 sends. */
  function fragmentsOf(message: Uint8Array, ident = 0x1234): Uint8Array[] {
    const parts: Uint8Array[] = [];
    for (let at = 0; at < message.length; at += 232) {
      const payload = message.subarray(at, at + 232);
      const more = at + 232 < message.length ? 0x2000 : 0;
      parts.push(
        ipPacket({ source: PEER, dest: CARD, protocol: 1, fragment: more | (at / 8), ident, payload }),
      );
    }
    return parts;
  }

  test.each([225, 600, 900, 1400, 8000])(
    "%i bytes in fragments come back in the same fragments",
    (length) => {
      const parts = fragmentsOf(echo(length));
      parts.forEach((part) => stack.receive(part));
      const replies = stack.sent.splice(0);
      expect(replies.map(({ fragment, ident, dest }) => [fragment, ident, dest])).toEqual(
        parts.map((_, i) => [(i + 1 < parts.length ? 0x2000 : 0) | (i * 29), 0x1234, PEER]),
      );
      const whole = Uint8Array.from(replies.flatMap(({ payload }) => [...payload]));
      expect([whole[0], whole[1], checksum(whole)]).toEqual([0, 0, 0]);
      expect(whole.subarray(4)).toEqual(echo(length).subarray(4));
    },
  );

  test.each([0, 0xffff, 0x0800, 0xf7ff, 0x07ff, 0xf800])("a fragment with the checksum %i", (sum) => {
    const message = echo(500);
    new DataView(message.buffer).setUint16(8, 0);
    new DataView(message.buffer).setUint16(2, 0);
    const rest = ~checksum(message) & 0xffff;
    new DataView(message.buffer).setUint16(2, sum);
    new DataView(message.buffer).setUint16(
      8,
      (~sum & 0xffff) >= rest ? (~sum & 0xffff) - rest : (~sum & 0xffff) + 0xffff - rest,
    );
    expect(checksum(message)).toBe(0);
    fragmentsOf(message).forEach((part) => stack.receive(part));
    expect(checksum(Uint8Array.from(stack.sent.splice(0).flatMap(({ payload }) => [...payload])))).toBe(0);
  });

  test("fragments of nothing that we answer are dropped", () => {
    const [first, second] = fragmentsOf(echo(400)) as [Uint8Array, Uint8Array];
    stack.receive(second); // nothing has begun
    fragmentsOf(icmpMessage(13, 0, new Array<number>(400).fill(0))).forEach((part) => stack.receive(part));
    stack.receive(fragmentsOf(echo(400))[0]!.slice(0, 24)); // shorter than it says
    stack.expectSilence();
    stack.receive(first);
    stack.take();
    stack.receive(fragmentsOf(echo(400), 0x1235)[1]!); // of another whole
    stack.receive(
      ipPacket({ source: PEER + 1, dest: CARD, protocol: 1, fragment: 29, payload: new Uint8Array(8) }),
    );
    stack.expectSilence();
    stack.receive(second);
    stack.take();
  });

  test("a flood while the link is busy leaves room for a frame", () => {
    stack.isLineHeld = true;
    for (let i = 0; i < 20; i++) receive(1, echo(8));
    expect(stack.firmware.freePbufs()).toBeGreaterThanOrEqual(2);
    stack.isLineHeld = false;
    stack.poll();
    const replies = stack.sent.splice(0);
    expect(replies.length).toBeGreaterThanOrEqual(4);
    receive(1, echo(200));
    stack.take();
  });

  test("a bad checksum, or less than a header: no answer", () => {
    const spoiled = echo(20);
    spoiled[10]! ^= 1;
    receive(1, spoiled);
    receive(1, new Uint8Array(7));
    stack.expectSilence();
  });

  test("other types and codes: no answer", () => {
    for (const type of [0, 3, 4, 5, 11, 12, 13, 15, 17, 42])
      receive(1, icmpMessage(type, 0, new Uint8Array(40)));
    receive(1, icmpMessage(8, 1, new Uint8Array(8)));
    stack.expectSilence();
  });

  test("outwards: a request, its reply told once", () => {
    expect(stack.firmware.ping(PEER, 0x77, 3, 100)).toBe(1);
    stack.poll();
    const request = stack.take();
    expect([request.dest, request.payload.length, checksum(request.payload)]).toEqual([PEER, 108, 0]);
    expect([...request.payload.subarray(0, 2), ...request.payload.subarray(4, 8)]).toEqual([
      8, 0, 0, 0x77, 0, 3,
    ]);
    expect(stack.firmware.pong()).toBe(0);
    receive(1, icmpMessage(0, 0, request.payload.subarray(4)));
    expect(stack.firmware.pong()).toBe(0x770003);
    expect(stack.firmware.pong()).toBe(0);
  });

  test("outwards, larger than the pool: refused", () => {
    expect(stack.firmware.ping(PEER, 1, 1, 1100)).toBe(0);
    stack.expectSilence();
  });
});

describe("errors", () => {
  test.each([
    [17, 3],
    [89, 2],
    [0, 2],
  ])("protocol %i: code %i, quoting header and 8 bytes", (protocol, code) => {
    const payload = Uint8Array.from({ length: 60 }, (_, i) => i);
    const packet = ipPacket({ source: PEER, dest: CARD, protocol, payload });
    stack.receive(packet);
    const error = stack.take();
    expect([error.dest, error.protocol, checksum(error.payload)]).toEqual([PEER, 1, 0]);
    expect([...error.payload.subarray(0, 2)]).toEqual([3, code]);
    expect([...error.payload.subarray(8)]).toEqual([...packet.subarray(0, 28)]);
  });

  test("about a packet of less than 8 bytes", () => {
    receive(17, new Uint8Array(3));
    expect(stack.take().payload).toHaveLength(8 + 23);
  });

  test("five at once, then one a second", () => {
    for (let i = 0; i < 20; i++) receive(17, new Uint8Array(8));
    expect(stack.sent.splice(0)).toHaveLength(5);
    stack.advance(1000);
    for (let i = 0; i < 20; i++) receive(17, new Uint8Array(8));
    expect(stack.sent.splice(0)).toHaveLength(1);
  });

  test("never about a fragment or a broadcast", () => {
    const payload = new Uint8Array(20);
    stack.receive(ipPacket({ source: PEER, dest: CARD, protocol: 17, fragment: 0x2000, payload }));
    stack.receive(ipPacket({ source: PEER, dest: 0xffffffff, protocol: 17, payload }));
    stack.receive(ipPacket({ source: 0xe0000001, dest: CARD, protocol: 17, payload }));
    stack.expectSilence();
  });
});
