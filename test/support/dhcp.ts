// DHCP messages of tests, RFC 2131 section 2, and the server's side of a conversation.
import { expect } from "vitest";
import type { Stack } from "./net.ts";
import { type Ends, receive, takeDatagram } from "./udp.ts";

export const DISCOVER = 1;
export const OFFER = 2;
export const REQUEST = 3;
export const DECLINE = 4;
export const ACK = 5;
export const NAK = 6;
export const RELEASE = 7;
export const INFORM = 8;

/** States of dhcp.ts. */
export const IDLE = 0;
export const INIT = 1;
export const SELECTING = 2;
export const REQUESTING = 3;
export const BOUND = 4;
export const RENEWING = 5;
export const REBINDING = 6;
export const INFORMING = 7;
export const INFORMED = 8;

export const HARDWARE = [0x02, 0x00, 0x5e, 0x10, 0x20, 0x30];
export const SERVER = 0x0a000001;
export const LEASED = 0x0a000064;
const COOKIE = 0x63825363;

export type Options = Record<number, number[]>;

export interface Message {
  op: number;
  xid: number;
  secs: number;
  flags: number;
  ciaddr: number;
  yiaddr: number;
  hardware: number[];
  options: Options;
}

/** @returns four bytes */
export const u32 = (value: number): number[] => [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff);

/** @returns the options as bytes, without an end */
export const optionBytes = (options: Options): number[] =>
  Object.entries(options).flatMap(([code, value]) => [Number(code), value.length, ...value]);

export function dhcpMessage(message: Message, trailing: number[] = [255]): Uint8Array {
  const options = [...optionBytes(message.options), ...trailing];
  const bytes = new Uint8Array(240 + options.length);
  const view = new DataView(bytes.buffer);
  bytes.set([message.op, 1, 6, 0]);
  view.setUint32(4, message.xid);
  view.setUint16(8, message.secs);
  view.setUint16(10, message.flags);
  view.setUint32(12, message.ciaddr);
  view.setUint32(16, message.yiaddr);
  bytes.set(message.hardware, 28);
  view.setUint32(236, COOKIE);
  bytes.set(options, 240);
  return bytes;
}

export function parseDhcp(data: Uint8Array): Message {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  expect([...data.subarray(1, 4), view.getUint32(236)]).toEqual([1, 6, 0, COOKIE]);
  const options: Options = {};
  let at = 240;
  while (data[at] !== 255) {
    const length = data[at + 1]!;
    options[data[at]!] = [...data.subarray(at + 2, at + 2 + length)];
    at += 2 + length;
  }
  expect(
    data.subarray(at + 1).every((byte) => byte === 0),
    "nothing stands behind the end",
  ).toBe(true);
  return {
    op: data[0]!,
    xid: view.getUint32(4),
    secs: view.getUint16(8),
    flags: view.getUint16(10),
    ciaddr: view.getUint32(12),
    yiaddr: view.getUint32(16),
    hardware: [...data.subarray(28, 34)],
    options,
  };
}

export interface Sent extends Message {
  type: number;
  source: number;
  dest: number;
  length: number;
}

/** @returns the DHCP message that has left, of this type */
export function takeDhcp(stack: Stack, type: number): Sent {
  const { packet, data, sourcePort, destPort } = takeDatagram(stack);
  expect([sourcePort, destPort]).toEqual([68, 67]);
  const message = parseDhcp(data);
  const sent = { ...message, type: message.options[53]![0]!, source: packet.source, dest: packet.dest };
  expect([sent.type, sent.op, sent.hardware]).toEqual([type, 1, HARDWARE]);
  return { ...sent, length: data.length };
}

/** What a server says that gives a lease of an hour. */
export const OFFERED: Options = {
  1: [255, 255, 255, 0],
  3: u32(SERVER),
  6: [...u32(0x0a000035), ...u32(0x0a000036)],
  51: u32(3600),
  54: u32(SERVER),
};

/** The server answers. Without flags it broadcasts. */
export function reply(
  stack: Stack,
  to: Message,
  type: number,
  change: Partial<Message> = {},
  ends: Ends = {},
): void {
  const options: Options = type === NAK ? { 54: u32(SERVER) } : OFFERED;
  const message = { ...to, op: 2, yiaddr: LEASED, ...change };
  message.options = { 53: [type], ...options, ...change.options };
  const data = dhcpMessage(message);
  receive(stack, { sourcePort: 67, destPort: 68, data }, { source: SERVER, dest: 0xffffffff, ...ends });
}
