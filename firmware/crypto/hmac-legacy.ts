// HMAC (RFC 2104) with MD5 or SHA-1, for TLS 1.0, in the memory of one hash state: the key is given again at the end.
import * as digest from "./digest.ts";

/** Bytes of a state. */
export const STATE_BYTES: u32 = digest.STATE_BYTES;

const IPAD: u32 = 0x36;
const OPAD: u32 = 0x5c;

/**
 * Begins a message, which digest.update() continues.
 * @param hash MD5 or SHA1 @param state STATE_BYTES @param key of any length. CT: only the lengths leak.
 */
export function init(hash: u32, state: usize, key: usize, keyLength: u32): void {
  start(hash, state, key, keyLength, IPAD);
}

/**
 * Ends a message, and the state with it: nothing is left in it but the code.
 * @param key as for init() @param out digestBytes(hash); may lie in the message, not in the key
 * CT: only the lengths leak.
 */
export function final(hash: u32, state: usize, key: usize, keyLength: u32, out: usize): void {
  digest.final(hash, state, out);
  start(hash, state, key, keyLength, OPAD);
  digest.update(hash, state, out, digest.digestBytes(hash));
  digest.final(hash, state, out);
}

/** For who has ended the message otherwise: begins what the code is the digest of, the inner digest. CT: as init(). */
export function initOuter(hash: u32, state: usize, key: usize, keyLength: u32): void {
  start(hash, state, key, keyLength, OPAD);
}

/** Hashes K xor pad; the block is made where it will be compressed, at the front of the state. */
function start(hash: u32, state: usize, key: usize, keyLength: u32, pad: u32): void {
  digest.init(state);
  if (keyLength > digest.BLOCK_BYTES) {
    digest.update(hash, state, key, keyLength);
    digest.final(hash, state, state);
    digest.init(state);
    keyLength = digest.digestBytes(hash);
  } else memory.copy(state, key, keyLength);
  memory.fill(state + keyLength, 0, digest.BLOCK_BYTES - keyLength);
  for (let i: u32 = 0; i < digest.BLOCK_BYTES; i++) store<u8>(state + i, load<u8>(state + i) ^ pad);
  digest.update(hash, state, state, digest.BLOCK_BYTES);
}
