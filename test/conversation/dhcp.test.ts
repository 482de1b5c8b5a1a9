// The DHCP client: RFC 2131 section 4.4, RFC 2132.
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  ACK,
  BOUND,
  DECLINE,
  DISCOVER,
  HARDWARE,
  IDLE,
  INFORM,
  INFORMED,
  INFORMING,
  INIT,
  LEASED,
  NAK,
  OFFER,
  OFFERED,
  REBINDING,
  RELEASE,
  RENEWING,
  REQUEST,
  REQUESTING,
  SELECTING,
  SERVER,
  type Sent,
  dhcpMessage,
  optionBytes,
  reply,
  takeDhcp,
  u32,
} from "../support/dhcp.ts";
import { CARD, Stack } from "../support/net.ts";
import { bytes, receive, udpModule } from "../support/udp.ts";

const ALL = 0xffffffff;
const HOUR = 3_600_000;

let module: WebAssembly.Module;
let stack: Stack;

beforeAll(async () => {
  module = await udpModule();
});
beforeEach(() => {
  stack = new Stack(module, 0);
});
afterEach(() => {
  if (stack.firmware.dhcpState() >= BOUND) stack.firmware.dhcpRelease();
  stack.poll();
  stack.firmware.dhcpRelease();
  stack.tearDown();
});

const state = () => stack.firmware.dhcpState();
const address = () => stack.firmware.localAddress() >>> 0;
const bad = () => stack.counters(stack.firmware.dhcpRegion(), 42, 1)[0]!;

function discover(): Sent {
  stack.startDhcp(HARDWARE);
  return takeDhcp(stack, DISCOVER);
}

/** To a lease of an hour. @returns the REQUEST */
function bind(options = {}): Sent {
  reply(stack, discover(), OFFER);
  const request = takeDhcp(stack, REQUEST);
  reply(stack, request, ACK, { options });
  expect([state(), address()]).toEqual([BOUND, LEASED]);
  return request;
}

describe("a lease", () => {
  test("DISCOVER, OFFER, REQUEST, ACK", () => {
    const found = discover();
    expect(found).toMatchObject({ source: 0, dest: ALL, ciaddr: 0, yiaddr: 0, secs: 0, flags: 0x8000 });
    expect(found.options).toEqual({ 53: [1], 55: [1, 3, 6, 51, 58, 59], 57: [2, 64], 61: [1, ...HARDWARE] });
    expect(found.length).toBe(300);
    expect(state()).toBe(SELECTING);
    reply(stack, found, OFFER);
    const request = takeDhcp(stack, REQUEST);
    expect(request).toMatchObject({ source: 0, dest: ALL, ciaddr: 0, xid: found.xid, flags: 0x8000 });
    expect(request.options).toEqual({ ...found.options, 53: [3], 50: u32(LEASED), 54: u32(SERVER) });
    expect([state(), address()]).toEqual([REQUESTING, 0]);
    reply(stack, request, ACK);
    expect([state(), address()]).toEqual([BOUND, LEASED]);
    expect(stack.firmware.subnetMask() >>> 0).toBe(0xffffff00);
    expect([stack.firmware.router(), stack.firmware.dnsServer()]).toEqual([SERVER, 0x0a000035]);
    stack.expectSilence();
    expect(bad()).toBe(0);
  });

  test("the address is the card's: sockets use it, others' packets are dropped", () => {
    bind();
    const s = stack.firmware.datagramSocket();
    stack.firmware.bind(s, 5000);
    const datagram = { sourcePort: 1, destPort: 5000, data: bytes("x") };
    receive(stack, datagram, { dest: CARD });
    receive(stack, datagram, { dest: LEASED });
    expect([stack.read(s), stack.read(s)]).toEqual(["x", -1]);
    stack.sendto(s, "y", SERVER, 9);
    expect(stack.take().source).toBe(LEASED);
  });

  test("options in `file` and `sname`, padded (option 52)", () => {
    const found = discover();
    reply(stack, found, OFFER);
    const request = takeDhcp(stack, REQUEST);
    const message = { ...request, op: 2, yiaddr: LEASED, options: { 0: [] as number[] } };
    const data = dhcpMessage({ ...message, options: { 52: [3], 53: [ACK] } }, [0, 0, 255]);
    data.set([0, ...optionBytes({ 51: u32(60), 54: u32(SERVER) }), 255], 108);
    data.set(optionBytes({ 1: [255, 255, 0, 0], 3: u32(0x0a000099) }), 44);
    receive(stack, { sourcePort: 67, destPort: 68, data }, { source: SERVER, dest: ALL });
    expect([state(), stack.firmware.subnetMask() >>> 0, stack.firmware.router()]).toEqual([
      BOUND,
      0xffff0000,
      0x0a000099,
    ]);
  });

  test("transaction numbers can't be foreseen", () => {
    const numbers = Array.from({ length: 20 }, () => discover().xid);
    expect(new Set(numbers).size).toBe(20);
  });
});

describe("what isn't an answer is dropped and counted", () => {
  const wrong: [string, Parameters<typeof reply>[3]][] = [
    ["another transaction", { xid: 1 }],
    ["another client", { hardware: [...HARDWARE.slice(0, 5), 0] }],
    ["a request", { op: 1 }],
    ["no type", { options: { 53: [] } }],
    ["a type of two bytes", { options: { 53: [2, 2] } }],
    ["a type of another state", { options: { 53: [ACK] } }],
    ["no server", { options: { 54: [] } }],
    ["no address", { yiaddr: 0 }],
    ["an address that no host has", { yiaddr: 0xe0000001 }],
  ];

  test.each(wrong)("instead of an OFFER: %s", (_, change) => {
    reply(stack, discover(), OFFER, change);
    expect([state(), bad()]).toEqual([SELECTING, 1]);
    stack.expectSilence();
  });

  const wrongAcks: [string, Parameters<typeof reply>[3]][] = [
    ["another server", { options: { 54: u32(SERVER + 1) } }],
    ["another address", { yiaddr: LEASED + 1 }],
    ["no lease", { options: { 51: [] } }],
    ["a lease of 0 s", { options: { 51: u32(0) } }],
    ["an OFFER", { options: { 53: [OFFER] } }],
    ["another's NAK", { options: { 53: [NAK], 54: u32(SERVER + 1) } }],
  ];

  test.each(wrongAcks)("instead of an ACK: %s", (_, change) => {
    reply(stack, discover(), OFFER);
    reply(stack, takeDhcp(stack, REQUEST), ACK, change);
    expect([state(), bad(), address()]).toEqual([REQUESTING, 1, 0]);
  });

  test("shorter than a message, or without its cookie", () => {
    const found = discover();
    const data = dhcpMessage({ ...found, op: 2, yiaddr: LEASED, options: { 53: [OFFER], ...OFFERED } });
    const put = (part: Uint8Array) =>
      receive(stack, { sourcePort: 67, destPort: 68, data: part }, { source: SERVER, dest: ALL });
    for (let cut = 0; cut < data.length - 1; cut++) put(data.subarray(0, cut));
    const spoiled = data.slice();
    spoiled[239]! ^= 1;
    put(spoiled);
    // What stands before a cut is good: the offer counts once its address and server are there.
    expect([REQUESTING, SELECTING]).toContain(state());
    expect(bad()).toBeGreaterThan(250);
    stack.sent.length = 0;
  });

  test("nothing is asked: the port is closed", () => {
    stack = new Stack(module);
    receive(stack, { sourcePort: 67, destPort: 68, data: new Uint8Array(300) });
    expect(stack.take().payload[1]).toBe(3);
  });
});

describe("nobody answers", () => {
  test("DISCOVER is repeated for ever, after 4, 8, 16, 32, 64 s, a second more or less", () => {
    const { xid } = discover();
    let secs = 0;
    for (const wait of [4, 8, 16, 32, 64, 64, 64]) {
      const due = stack.poll();
      expect(Math.abs(due - wait * 1000)).toBeLessThanOrEqual(1000);
      stack.advance(due);
      const again = takeDhcp(stack, DISCOVER);
      expect(again.xid).toBe(xid);
      expect(again.secs).toBeGreaterThan(secs);
      secs = again.secs;
    }
    expect(state()).toBe(SELECTING);
  });

  test("REQUEST is repeated three times, with the secs of its DISCOVER, then it begins anew", () => {
    const { xid } = discover();
    stack.advance(6000);
    const found = takeDhcp(stack, DISCOVER);
    stack.advance(2000);
    reply(stack, found, OFFER);
    for (let i = 0; i < 4; i++) {
      const { secs } = takeDhcp(stack, REQUEST);
      expect(secs).toBe(found.secs);
      stack.advance(stack.poll());
    }
    expect(takeDhcp(stack, DISCOVER).xid).not.toBe(xid);
  });

  test("a link that is down, a pool that is empty: asked again later", () => {
    stack.isDown = true;
    stack.startDhcp(HARDWARE);
    stack.advance(5100);
    expect(stack.firmware.freePbufs()).toBe(8);
    stack.isDown = false;
    stack.advance(9000);
    reply(stack, takeDhcp(stack, DISCOVER), OFFER);
    takeDhcp(stack, REQUEST);
  });
});

describe("NAK and DECLINE", () => {
  test("a NAK: from the beginning, after a second", () => {
    reply(stack, discover(), OFFER);
    reply(stack, takeDhcp(stack, REQUEST), NAK);
    expect(state()).toBe(INIT);
    stack.expectSilence();
    stack.advance(1000);
    takeDhcp(stack, DISCOVER);
  });

  test("a NAK to a renewal takes the address away", () => {
    bind();
    stack.advance(HOUR / 2);
    reply(stack, takeDhcp(stack, REQUEST), NAK, {}, { dest: LEASED });
    expect([state(), address()]).toEqual([INIT, 0]);
  });

  test("somebody else has the address: DECLINE, and 10 s later anew", () => {
    bind();
    stack.firmware.dhcpDecline();
    const refused = takeDhcp(stack, DECLINE);
    expect(refused).toMatchObject({ source: 0, dest: ALL, ciaddr: 0 });
    expect(refused.options).toEqual({
      53: [4],
      50: u32(LEASED),
      54: u32(SERVER),
      61: [1, ...HARDWARE],
    });
    expect(address()).toBe(0);
    stack.advance(9999);
    stack.expectSilence();
    stack.advance(1);
    takeDhcp(stack, DISCOVER);
  });

  test("RELEASE, to the server alone", () => {
    bind();
    stack.firmware.dhcpRelease();
    const released = takeDhcp(stack, RELEASE);
    expect(released).toMatchObject({ source: LEASED, dest: SERVER, ciaddr: LEASED });
    expect(released.options).toEqual({ 53: [7], 54: u32(SERVER), 61: [1, ...HARDWARE] });
    expect([state(), address()]).toEqual([IDLE, 0]);
    stack.advance(2 * HOUR);
    stack.expectSilence();
  });
});

describe("time", () => {
  test("half the lease: the server is asked for more, and gives it", () => {
    const first = bind();
    stack.advance(HOUR / 2 - 1);
    stack.expectSilence();
    stack.advance(1);
    const request = takeDhcp(stack, REQUEST);
    expect(request).toMatchObject({ source: LEASED, dest: SERVER, ciaddr: LEASED, flags: 0 });
    expect(Object.keys(request.options)).toEqual(["53", "55", "57", "61"]);
    expect([state(), request.xid === first.xid]).toEqual([RENEWING, false]);
    reply(stack, request, ACK, {}, { dest: LEASED });
    expect(state()).toBe(BOUND);
    stack.advance(HOUR / 2 - 1);
    stack.expectSilence();
    stack.advance(1);
    takeDhcp(stack, REQUEST);
  });

  test("T1 and T2 as the server says", () => {
    bind({ 58: u32(100), 59: u32(200) });
    stack.advance(99_999);
    stack.expectSilence();
    stack.advance(1);
    expect(takeDhcp(stack, REQUEST).dest).toBe(SERVER);
    stack.advance(100_000);
    expect(stack.sent.splice(0).map(({ dest }) => dest)).toEqual([SERVER, ALL]);
    expect(state()).toBe(REBINDING);
  });

  test.each([
    [200, 100],
    [100, 3600],
    [0, 100],
    [100, 100],
  ])("T1 %i and T2 %i make no sense: a half and seven eighths", (renew, rebind) => {
    bind({ 58: u32(renew), 59: u32(rebind) });
    stack.advance(HOUR / 2 - 1);
    stack.expectSilence();
    stack.advance(1);
    takeDhcp(stack, REQUEST);
  });

  test("no answer: rebinding by broadcast, then the address is lost", () => {
    bind();
    stack.advance(HOUR / 2);
    takeDhcp(stack, REQUEST);
    stack.advance((HOUR * 3) / 8 - 1);
    const renewals = stack.sent.splice(0);
    expect(renewals.every(({ dest }) => dest === SERVER)).toBe(true);
    expect(renewals.length).toBeGreaterThan(2);
    expect([state(), address()]).toEqual([RENEWING, LEASED]);
    stack.advance(1);
    const request = takeDhcp(stack, REQUEST);
    expect(request).toMatchObject({ source: LEASED, dest: ALL, ciaddr: LEASED });
    stack.advance(HOUR / 8 - 1);
    expect([state(), address()]).toEqual([REBINDING, LEASED]);
    stack.sent.length = 0;
    stack.advance(1);
    expect(address()).toBe(0);
    expect(takeDhcp(stack, DISCOVER).ciaddr).toBe(0);
  });

  test("rebinding: any server may give it", () => {
    bind();
    stack.advance((HOUR * 7) / 8);
    const requests = stack.sent.length;
    expect(requests).toBeGreaterThan(3);
    stack.sent.splice(0, requests - 1);
    reply(stack, takeDhcp(stack, REQUEST), ACK, { options: { 54: u32(SERVER + 5) } }, { source: SERVER + 5 });
    expect([state(), address()]).toEqual([BOUND, LEASED]);
    stack.advance(HOUR / 2);
    expect(takeDhcp(stack, REQUEST).dest).toBe(SERVER + 5);
  });

  test("a lease counts from its request, over the clock's wrap", () => {
    stack.now = 2 ** 32 - 10_000;
    reply(stack, discover(), OFFER);
    const request = takeDhcp(stack, REQUEST);
    stack.advance(2500);
    reply(stack, request, ACK);
    stack.advance(HOUR / 2 - 2501);
    stack.expectSilence();
    stack.advance(1);
    takeDhcp(stack, REQUEST);
  });

  test("a lease without end is never renewed; one of years is, in time", () => {
    bind({ 51: u32(0xffffffff) });
    expect(stack.poll()).toBe(0xffffffff);
    bind({ 51: u32(0xfffffffe) });
    const due = stack.poll();
    expect(due).toBeGreaterThan(24 * HOUR);
    expect(due).toBeLessThan(2 ** 31);
  });
});

describe("INFORM", () => {
  test("a host that has an address learns the rest, and keeps its address", () => {
    stack = new Stack(module);
    stack.startDhcp(HARDWARE, "inform");
    const inform = takeDhcp(stack, INFORM);
    expect(inform).toMatchObject({ source: CARD, dest: ALL, ciaddr: CARD, flags: 0 });
    expect(inform.options).toEqual({ 53: [8], 55: [1, 3, 6, 51, 58, 59], 57: [2, 64], 61: [1, ...HARDWARE] });
    expect(state()).toBe(INFORMING);
    reply(stack, inform, ACK, { yiaddr: 0, options: { 51: [] } }, { dest: CARD });
    expect([state(), address()]).toEqual([INFORMED, CARD]);
    expect(stack.firmware.dnsServer()).toBe(0x0a000035);
    stack.expectSilence();
  });

  test("nobody answers: four times, then it gives up", () => {
    stack = new Stack(module);
    stack.startDhcp(HARDWARE, "inform");
    for (let i = 0; i < 4; i++) {
      takeDhcp(stack, INFORM);
      stack.advance(stack.poll());
    }
    stack.expectSilence();
    expect(state()).toBe(IDLE);
  });
});
