// What IPv4 drops and what it lets through (RFC 791, RFC 1122 section 3.2.1).
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { CARD, PEER, Stack, netModule } from "../support/net.ts";
import { type IpTemplate, icmpMessage, ipPacket } from "../support/net-packet.ts";

const COUNTERS = [
  "badLength",
  "badVersion",
  "badChecksum",
  "fragments",
  "wrongDestination",
  "badSource",
] as const;

let module: WebAssembly.Module;
let stack: Stack;

beforeAll(async () => {
  module = await netModule();
});
beforeEach(() => {
  stack = new Stack(module);
});
afterEach(() => stack.tearDown());

function ping(template: Partial<IpTemplate> = {}): Uint8Array {
  const payload = icmpMessage(8, 0, [0, 1, 0, 2, 65, 66, 67]);
  return ipPacket({ source: PEER, dest: CARD, protocol: 1, payload, ...template });
}

function counted(): Record<string, number> {
  const values = stack.counters(stack.firmware.ipRegion(), 14, COUNTERS.length);
  const entries = COUNTERS.map((name, i): [string, number] => [name, values[i] ?? 0]);
  return Object.fromEntries<number>(entries.filter(([, value]) => value !== 0));
}

test("a good packet is answered, with a TTL of 64 and addresses exchanged", () => {
  stack.receive(ping());
  expect(stack.take()).toMatchObject({ source: CARD, dest: PEER, protocol: 1, ttl: 64 });
  expect(counted()).toEqual({});
});

test("a TTL of 1, or 0, is good enough for the last hop", () => {
  stack.receive(ping({ ttl: 1 }));
  stack.receive(ping({ ttl: 0 }));
  expect(stack.sent.splice(0)).toHaveLength(2);
});

test("options are taken out", () => {
  stack.receive(ping({ options: [0x44, 8, 5, 0, 0, 0, 0, 0, 1, 1, 1, 0] }));
  expect([...stack.take().payload.subarray(8)]).toEqual([65, 66, 67]);
});

test("forty bytes of options", () => {
  stack.receive(ping({ options: new Array<number>(40).fill(1) }));
  expect([...stack.take().payload.subarray(8)]).toEqual([65, 66, 67]);
});

test("what the link has padded is cut off", () => {
  stack.receive(new Uint8Array([...ping(), 9, 9, 9, 9]));
  expect(stack.take().totalLength).toBe(31);
});

test.each<[string, Partial<IpTemplate>]>([
  ["badVersion", { version: 6 }],
  ["badChecksum", { checksum: 0x1234 }],
  ["badLength", { totalLength: 32 }],
  ["badLength", { totalLength: 19 }],
  ["fragments", { fragment: 0x2000, protocol: 6 }],
  ["fragments", { fragment: 1 }],
  ["wrongDestination", { dest: 0x0a000003 }],
  ["wrongDestination", { dest: 0xffffffff }],
  ["wrongDestination", { dest: 0x0a0000ff }],
  ["wrongDestination", { dest: 0xe0000001 }],
  ["wrongDestination", { dest: 0x7f000001 }],
  ["badSource", { source: 0x7f000001 }],
  ["badSource", { source: 0xffffffff }],
  ["badSource", { source: 0xe0000001 }],
  ["badSource", { source: 0 }],
  ["badSource", { source: CARD }],
])("%s: %j", (name, template) => {
  stack.receive(ping(template));
  stack.expectSilence();
  expect(counted()).toEqual({ [name]: 1 });
});

test("don't-fragment is no fragment", () => {
  stack.receive(ping({ fragment: 0x4000 }));
  stack.take();
});

test("packets too short for a header", () => {
  for (const length of [0, 1, 19]) stack.receive(ping().slice(0, length));
  const shortHeader = ping();
  shortHeader[0] = 0x44;
  stack.receive(shortHeader);
  stack.expectSilence();
  expect(counted()).toEqual({ badLength: 4 });
});

test("a header that is longer than the packet", () => {
  const bytes = ping().slice(0, 24);
  bytes[0] = 0x4f;
  stack.receive(bytes);
  expect(counted()).toEqual({ badLength: 1 });
});

test("counters stop at their greatest value", () => {
  const region = stack.firmware.ipRegion();
  new DataView(stack.firmware.memory.buffer).setUint16(region + 16, 0xffff, true);
  stack.receive(ping({ version: 5 }));
  expect(counted()).toEqual({ badVersion: 0xffff });
});

test("no address yet: nothing is ours", () => {
  const nobody = new Stack(module, 0);
  nobody.receive(ping({ dest: 0 }));
  nobody.expectSilence();
  nobody.tearDown();
});
