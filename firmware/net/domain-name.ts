// Domain names, as text and as messages carry them (RFC 1035 sections 3.1 and 4.1.4): labels, each behind its length, to
// the empty one of the root; or, from some point on, a pointer to where the rest stands.
//
//   ┌───┬─────┬───┬─────────┬───┬─────┬───┐        ┌───┬─────┬────────────┐
//   │ 3 │ www │ 7 │ example │ 3 │ com │ 0 │        │ 4 │ mail│ C0 │ offset│
//   └───┴─────┴───┴─────────┴───┴─────┴───┘        └───┴─────┴────────────┘
//
// A pointer must lead back, and no name is longer than LONGEST: so that no message leads in circles. Case doesn't count.
import { peek } from "../buffer/packet-reader.ts";
import * as pbuf from "../buffer/pbuf.ts";
import { Pbuf } from "../buffer/pbuf.ts";

/** Bytes of a name in a message, lengths included. */
const LONGEST: u32 = 255;
const LONGEST_LABEL: u32 = 63;
/** Bits of a length that make a pointer of it, and the two bytes. */
const POINTER: u32 = 0xc0;

const DOT: u32 = 0x2e;

/** @returns the length of a name in text without the dot that may stand for the root */
export function withoutRoot(name: usize, length: u32): u32 {
  return length > 1 && load<u8>(name + length - 1) == DOT ? length - 1 : length;
}

/** @returns whether text is a name: printable labels of 1 to 63 bytes, and not too many of them */
export function isValid(name: usize, length: u32): bool {
  if (length == 0 || length + 2 > LONGEST) return false;
  let label: u32 = 0;
  for (let i: u32 = 0; i < length; i++) {
    const byte = u32(load<u8>(name + i));
    if (byte <= 0x20 || byte >= 0x7f) return false;
    if (byte != DOT) label++;
    else if (label == 0) return false;
    else label = 0;
    if (label > LONGEST_LABEL) return false;
  }
  return label > 0;
}

/** @returns whether text has digits and dots only, so that it is an address or nothing (RFC 1123 section 2.1) */
export function isNumeric(name: usize, length: u32): bool {
  for (let i: u32 = 0; i < length; i++) {
    const byte = u32(load<u8>(name + i));
    if (byte != DOT && byte - 0x30 > 9) return false;
  }
  return length > 0;
}

/** @param text digits and dots @returns the address in dotted decimal, host order; 0 when it is none */
export function parseAddress(text: usize, length: u32): u32 {
  let address: u32 = 0;
  let part: u32 = 0;
  let digits: u32 = 0;
  let dots: u32 = 0;
  for (let i: u32 = 0; i <= length; i++) {
    const byte = i < length ? u32(load<u8>(text + i)) : DOT;
    if (byte != DOT) {
      part = part * 10 + byte - 0x30;
      if (++digits > 3 || part > 255) return 0;
    } else {
      if (digits == 0) return 0;
      address = (address << 8) | part;
      dots++;
      part = 0;
      digits = 0;
    }
  }
  return dots == 4 ? address : 0;
}

/** Appends a valid name to a message. @returns false when the pool is empty */
export function append(message: Pbuf, name: usize, length: u32): bool {
  let start: u32 = 0;
  for (let i: u32 = 0; i <= length; i++) {
    if (i < length && load<u8>(name + i) != DOT) continue;
    if (!pbuf.append8(message, i - start)) return false;
    for (; start < i; start++) if (!pbuf.append8(message, load<u8>(name + start))) return false;
    start = i + 1;
  }
  return pbuf.append8(message, 0);
}

/** @returns offset behind the name at `from`, which must be the valid one given, whole; 0 when it is not */
export function matchQuestion(message: Pbuf, from: u32, name: usize, length: u32): u32 {
  let at = from;
  let start: u32 = 0;
  for (let i: u32 = 0; i <= length; i++) {
    if (i < length && load<u8>(name + i) != DOT) continue;
    if (peek(message, at++) != i - start) return 0;
    for (; start < i; start++) if (lower(peek(message, at++)) != lower(load<u8>(name + start))) return 0;
    start = i + 1;
  }
  return peek(message, at) == 0 ? at + 1 : 0;
}

/** @returns offset behind the name at `from`, 0 when it is broken */
export function skip(message: Pbuf, from: u32): u32 {
  let at = from;
  while (at - from < LONGEST) {
    const length = peek(message, at);
    if (length == 0) return at + 1;
    if (isPointer(length)) return at + 2;
    if (length > LONGEST_LABEL) return 0;
    at += 1 + length;
  }
  return 0;
}

/** @returns whether two names of a message, at these offsets, are the same; broken ones never are */
export function isSame(message: Pbuf, a: u32, b: u32): bool {
  let left = a;
  let right = b;
  let total: u32 = 0;
  while (total < LONGEST) {
    left = dereference(message, left);
    right = dereference(message, right);
    if (!left || !right) return false;
    const length = peek(message, left);
    if (length != peek(message, right)) return false;
    if (length == 0) return true;
    for (let i: u32 = 1; i <= length; i++)
      if (lower(peek(message, left + i)) != lower(peek(message, right + i))) return false;
    left += 1 + length;
    right += 1 + length;
    total += 1 + length;
  }
  return false;
}

/** @returns a letter of ASCII in lower case, anything else as it is */
export function lower(byte: u32): u32 {
  return byte - 0x41 < 26 ? byte + 32 : byte;
}

/** Follows pointers. @returns offset of the label that they lead to, 0 when there is none */
function dereference(message: Pbuf, from: u32): u32 {
  let at = from;
  let length = peek(message, at);
  while (isPointer(length)) {
    const target = ((length & 0x3f) << 8) | peek(message, at + 1);
    if (target >= at) return 0;
    at = target;
    length = peek(message, at);
  }
  return length <= LONGEST_LABEL ? at : 0;
}

function isPointer(length: u32): bool {
  return (length & ~0x3f) == POINTER;
}
