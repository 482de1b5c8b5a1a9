// The end of a record that was authenticated first and then padded and encrypted in CBC mode (RFC 2246 section 6.2.3.2),
// looked at once it has been decrypted. How much of it is padding must not show, in time or in the answer, before the MAC
// has been verified: else the padding is an oracle (Vaudenay 2002; AlFardan and Paterson, "Lucky Thirteen", 2013). So
// everything is done for the longest content and the longest padding that the record's length allows.
//
//   tail   0                        content          content + 20                  length
//          ┌────────────────────────┬────────────────┬─────────────────────────────┐
//          │ content                │ HMAC-SHA-1     │ p p p … p, p + 1 bytes      │   only `length` is public
//          └────────────────────────┴────────────────┴─────────────────────────────┘
import { wipe } from "./ct.ts";
import * as declassify from "./declassify.ts";
import * as digest from "./digest.ts";
import * as hmac from "./hmac-legacy.ts";

export const MAC_BYTES: u32 = digest.SHA1_BYTES;
/** Longest padding, its length byte included. */
export const PADDING_MAX: u32 = 256;
/** Bytes at a record's end that may be something else than content. */
export const HIDDEN_MAX: u32 = MAC_BYTES + PADDING_MAX;
/** Bytes of scratch memory, 4-byte aligned; wiped. */
export const SCRATCH_BYTES: u32 = MAC_BYTES;

/** What verify() returns for a record that is not authentic. */
export const FORGED: i32 = -1;

/** Set in what unpad() returns when the padding is wrong. */
const BAD: u32 = 0x8000;
const CONTENT: u32 = 0x7fff;

/**
 * How much of the tail is content. Wrong padding counts as none, so that there is a MAC to look at.
 * @param tail `length` bytes, more than MAC_BYTES, less than 2^15, the last HIDDEN_MAX of the record or all of it
 * @returns a secret for contentOf() and verify()
 * CT: only the length leaks.
 */
export function unpad(tail: usize, length: u32): u32 {
  const padding = u32(load<u8>(tail + length - 1));
  const bad = isNot(paddingError(tail, length, padding));
  return (length - MAC_BYTES - 1 - (padding & ~bad)) | (bad & BAD);
}

/** @returns bytes of content in the tail, which is a secret until verify(); the MAC covers that number. CT: nothing leaks. */
export function contentOf(unpadded: u32): u32 {
  return unpadded & CONTENT;
}

/**
 * Verifies padding and MAC.
 * @param state an HMAC-SHA-1 that has had all that comes before the tail; ended @param key of the MAC, MAC_BYTES
 * @param tail @param length as for unpad() @param unpadded what unpad() returned @param scratch SCRATCH_BYTES
 * @returns bytes of content in the tail, FORGED when padding or MAC is wrong
 * CT: only the length and the result leak; of FORGED not why.
 */
export function verify(
  state: usize,
  key: usize,
  tail: usize,
  length: u32,
  unpadded: u32,
  scratch: usize,
): i32 {
  const most = length - MAC_BYTES - 1;
  const content = contentOf(unpadded);
  finishHash(state, tail, content, most, scratch);
  hmac.initOuter(digest.SHA1, state, key, MAC_BYTES);
  digest.update(digest.SHA1, state, scratch, MAC_BYTES);
  digest.final(digest.SHA1, state, scratch);
  const bad = (unpadded & BAD) | macError(tail, content, most, scratch);
  wipe(state, digest.STATE_BYTES);
  wipe(scratch, SCRATCH_BYTES);
  // The answer tells whether the record is authentic; of one that is, the content's length is the peer's to know.
  const result = declassify.verdict(bad == 0) ? i32(content) : FORGED;
  return declassify.number(result);
}

/** @returns 0 when the last `padding` + 1 bytes are all `padding`, and there is room for them beside the MAC */
function paddingError(tail: usize, length: u32, padding: u32): u32 {
  let bad = isBelow(length, padding + MAC_BYTES + 1) & 1;
  const most = min(PADDING_MAX, length);
  for (let i: u32 = 1; i <= most; i++) {
    const counts = isBelow(i - 1, padding + 1);
    bad |= counts & (load<u8>(tail + length - i) ^ padding);
  }
  return bad;
}

/**
 * The digest of what `state` has and the first `content` bytes of the tail, as if `most` had come: each block is compressed
 * that might be the last, and of the last one that is the chaining value is kept. @param out SHA1_BYTES
 */
function finishHash(state: usize, tail: usize, content: u32, most: u32, out: usize): void {
  const before = digest.length(state);
  const bits = (before + content) << 3;
  const least = before + most - min(most, PADDING_MAX - 1);
  let used = before % digest.BLOCK_BYTES;
  wipe(out, MAC_BYTES);
  // Behind the content come 80 and eight bytes of length, and where they end a block ends.
  const last = (before + content + 8) / digest.BLOCK_BYTES;
  const lastMost = (before + most + 8) / digest.BLOCK_BYTES;
  const lastLeast = (least + 8) / digest.BLOCK_BYTES;
  let block = before / digest.BLOCK_BYTES;
  for (let i: u32 = 0; block <= lastMost; i++) {
    const byte = i < most ? u32(load<u8>(tail + i)) : 0;
    store<u8>(state + used, (byte & isBelow(i, content)) | (0x80 & isEqual(i, content)));
    if (++used != digest.BLOCK_BYTES) continue;
    used = 0;
    const isLast = isEqual(block, last);
    if (block >= lastLeast) putLength(state, bits, isLast);
    digest.compress(digest.SHA1, state, state + digest.H);
    for (let j: u32 = 0; j < MAC_BYTES; j += 4)
      store<u32>(out + j, load<u32>(out + j) | (load<u32>(state + j, digest.H) & isLast));
    block++;
  }
  digest.putDigest(digest.SHA1, out, out);
}

/** Writes the length in bits at the block's end if it is the last: nothing else stands there then. */
function putLength(block: usize, bits: u32, isLast: u32): void {
  const at = block + digest.BLOCK_BYTES - 4;
  store<u32>(at, load<u32>(at) | (bswap<u32>(bits) & isLast));
}

/** @returns 0 when the MAC behind `content` bytes of the tail is that of `mac`: wherever it may be, all is compared */
function macError(tail: usize, content: u32, most: u32, mac: usize): u32 {
  let bad: u32 = 0;
  const least = most - min(most, PADDING_MAX - 1);
  for (let at = least; at <= most; at++) {
    let difference: u32 = 0;
    for (let i: u32 = 0; i < MAC_BYTES; i++) difference |= load<u8>(tail + at + i) ^ load<u8>(mac + i);
    bad |= difference & isEqual(at, content);
  }
  return bad;
}

/** All ones when a < b, both below 2^31, else 0. CT: nothing leaks. */
function isBelow(a: u32, b: u32): u32 {
  return u32(i32(a - b) >> 31);
}

function isEqual(a: u32, b: u32): u32 {
  return ~isNot(a ^ b);
}

/** All ones unless x, below 2^31, is 0. */
function isNot(x: u32): u32 {
  return u32(i32(0 - x) >> 31);
}
