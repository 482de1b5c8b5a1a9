// MD5 (RFC 1321) and SHA-1 (FIPS 180-4 section 6.1), for TLS 1.0 alone: neither resists collisions any more. A state is
// the caller's memory; it may be copied or written to NVM at any moment between two calls, and the copy goes on from there.
//
//   0       64     84       88
//   ┌───────┬──────┬────────┐
//   │ block │ H    │ length │   block: what has not been compressed yet; H: of MD5 the first four words
//   └───────┴──────┴────────┘
import * as md5 from "../buffer/md5.ts";
import { wipe } from "./ct.ts";
import * as sha1 from "./sha1.ts";

export const MD5: u32 = 0;
export const SHA1: u32 = 1;

/** Bytes of a state, of whichever hash. */
export const STATE_BYTES: u32 = 88;
/** Bytes that one compression takes. */
export const BLOCK_BYTES: u32 = 64;
export const MD5_BYTES: u32 = 16;
export const SHA1_BYTES: u32 = 20;
/** Where the chaining value stands. */
export const H: usize = 64;

/** Where the length of the message is. */
export const LENGTH: usize = 84;
const H_BYTES: u32 = 20;

/** FIPS 180-4 section 5.3.1; MD5 begins with the first four (RFC 1321 section 3.3). */
function H0(): usize {
  return memory.data<u32>([0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0]);
}

/** Bytes of the digest of MD5 or SHA1. */
export function digestBytes(hash: u32): u32 {
  return hash == MD5 ? MD5_BYTES : SHA1_BYTES;
}

/** Begins a message, for either hash. @param state STATE_BYTES, 4-byte aligned */
export function init(state: usize): void {
  memory.copy(state + H, H0(), H_BYTES);
  store<u32>(state, 0, LENGTH);
}

/** Bytes of the message so far. */
export function length(state: usize): u32 {
  return load<u32>(state, LENGTH);
}

/**
 * Continues a message, of less than 2^29 bytes in all, in pieces of any length.
 * @param hash MD5 or SHA1. CT: only the lengths leak.
 */
export function update(hash: u32, state: usize, data: usize, length: u32): void {
  let used = load<u32>(state, LENGTH) % BLOCK_BYTES;
  store<u32>(state, load<u32>(state, LENGTH) + length, LENGTH);
  while (length > 0) {
    const run = min(BLOCK_BYTES - used, length);
    memory.copy(state + used, data, run);
    data += run;
    length -= run;
    used += run;
    if (used == BLOCK_BYTES) {
      compress(hash, state, state + H);
      used = 0;
    }
  }
}

/**
 * Ends a message, and the state with it: nothing is left in it but the digest. Fork it before if the message goes on.
 * @param out digestBytes(hash); may lie in the message or in the state. CT: only the length of the message leaks.
 */
export function final(hash: u32, state: usize, out: usize): void {
  const bits = load<u32>(state, LENGTH) << 3;
  let used = load<u32>(state, LENGTH) % BLOCK_BYTES;
  store<u8>(state + used++, 0x80);
  if (used > BLOCK_BYTES - 8) {
    memory.fill(state + used, 0, BLOCK_BYTES - used);
    compress(hash, state, state + H);
    used = 0;
  }
  memory.fill(state + used, 0, BLOCK_BYTES - used);
  if (hash == MD5) store<u32>(state, bits, BLOCK_BYTES - 8);
  else store<u32>(state, bswap<u32>(bits), BLOCK_BYTES - 4);
  compress(hash, state, state + H);
  wipe(state, BLOCK_BYTES);
  putDigest(hash, state + H, state + H);
  memory.copy(out, state + H, digestBytes(hash));
}

/** H = H + the compression of a block, which is used up. @param h address of H. CT: nothing leaks. */
export function compress(hash: u32, block: usize, h: usize): void {
  if (hash == MD5) md5.compress(block, h);
  else sha1.compress(block, h);
}

/** Writes a chaining value as a digest: MD5's words are little-endian, SHA-1's big-endian. */
export function putDigest(hash: u32, h: usize, out: usize): void {
  for (let i: u32 = 0; i < digestBytes(hash); i += 4) {
    const word = load<u32>(h + i);
    store<u32>(out + i, hash == MD5 ? word : bswap<u32>(word));
  }
}
