// Control packets of LCP and IPCP in their frames (RFC 1661 section 5). Offsets count from the frame's protocol field,
// since replies are made in the frames that were received.
//
//   0         2     3    4       6
//   ┌─────────┬─────┬────┬───────┬──────────────────────────────┐
//   │protocol │code │ id │length │ data: options │type│len│value│
//   └─────────┴─────┴────┴───────┴──────────────────────────────┘
//                └ length counts from here
import * as pbuf from "../../buffer/pbuf.ts";
import { Pbuf } from "../../buffer/pbuf.ts";

export const CODE_AT: u32 = 2;
export const ID_AT: u32 = 3;
export const LENGTH_AT: u32 = 4;
export const DATA_AT: u32 = 6;
export const PROTOCOL_LEN: u32 = 2;

// Protocol numbers.
export const IP: u32 = 0x0021;
export const IPCP: u32 = 0x8021;
export const LCP: u32 = 0xc021;
export const PAP: u32 = 0xc023;
export const CHAP: u32 = 0xc223;

// Codes, section 5; from PROTOCOL_REJECT on LCP's alone.
export const CONFIGURE_REQUEST: u32 = 1;
export const CONFIGURE_ACK: u32 = 2;
export const CONFIGURE_NAK: u32 = 3;
export const CONFIGURE_REJECT: u32 = 4;
export const TERMINATE_REQUEST: u32 = 5;
export const TERMINATE_ACK: u32 = 6;
export const CODE_REJECT: u32 = 7;
export const PROTOCOL_REJECT: u32 = 8;
export const ECHO_REQUEST: u32 = 9;
export const ECHO_REPLY: u32 = 10;
export const DISCARD_REQUEST: u32 = 11;

/** What becomes of an option that the peer asks for; the worst of a request's decides the answer. */
export const ACK: u32 = 0;
export const NAK: u32 = 1;
export const REJECT: u32 = 2;

export function get8(frame: Pbuf, at: u32): u32 {
  return pbuf.byteAt(frame, at);
}

export function get16(frame: Pbuf, at: u32): u32 {
  return (get8(frame, at) << 8) | get8(frame, at + 1);
}

export function get32(frame: Pbuf, at: u32): u32 {
  return (get16(frame, at) << 16) | get16(frame, at + 2);
}

export function put8(frame: Pbuf, at: u32, value: u32): void {
  store<u8>(pbuf.addressAt(frame, at), value);
}

export function put16(frame: Pbuf, at: u32, value: u32): void {
  put8(frame, at, value >> 8);
  put8(frame, at + 1, value);
}

export function put32(frame: Pbuf, at: u32, value: u32): void {
  put16(frame, at, value >> 16);
  put16(frame, at + 2, value);
}

/** @returns a packet without data, in a pbuf of the pool; null when that is empty */
export function create(protocol: u32, code: u32, id: u32): Pbuf | null {
  const frame = pbuf.take();
  if (!frame) return null;
  grow(frame, DATA_AT);
  put16(frame, 0, protocol);
  put8(frame, CODE_AT, code);
  put8(frame, ID_AT, id);
  put16(frame, LENGTH_AT, DATA_AT - PROTOCOL_LEN);
  return frame;
}

/** Appends an option to a packet of ours (one pbuf, which always has room). @param valueLength 0, 2 or 4 bytes */
export function addOption(frame: Pbuf, type: u32, value: u32, valueLength: u32): void {
  const at = frame.length;
  grow(frame, 2 + valueLength);
  put8(frame, at, type);
  put8(frame, at + 1, 2 + valueLength);
  if (valueLength == 2) put16(frame, at + 2, value);
  if (valueLength == 4) put32(frame, at + 2, value);
  put16(frame, LENGTH_AT, frame.length - PROTOCOL_LEN);
}

/** Appends bytes to a packet of ours (one pbuf, which has room). */
export function addBytes(frame: Pbuf, source: usize, length: u32): void {
  memory.copy(frame.payload + frame.length, source, length);
  grow(frame, length);
}

/** Appends 32 bits. */
export function add32(frame: Pbuf, value: u32): void {
  const at = frame.length;
  grow(frame, 4);
  put32(frame, at, value);
}

/** Appends a byte. */
export function add8(frame: Pbuf, value: u32): void {
  store<u8>(frame.payload + frame.length, value);
  grow(frame, 1);
}

/** @returns false unless the options from DATA_AT on fill the packet exactly */
export function hasGoodOptions(frame: Pbuf): bool {
  const end = frame.totalLength;
  let at = DATA_AT;
  while (at + 2 <= end) {
    const length = get8(frame, at + 1);
    if (length < 2) return false;
    at += length;
  }
  return at == end;
}

function grow(frame: Pbuf, bytes: u32): void {
  frame.length += bytes;
  frame.totalLength += bytes;
}
