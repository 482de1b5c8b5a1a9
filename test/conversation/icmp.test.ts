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
