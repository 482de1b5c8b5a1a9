// HMAC-SHA-256 (RFC 2104) in the memory of one SHA-256 state: the key is given again at the end, so that no second,
// outer state need be kept.
import * as sha256 from "./sha256.ts";

/** Bytes of a state. */
export const STATE_BYTES: u32 = sha256.STATE_BYTES;
/** Bytes of a code. */
export const MAC_BYTES: u32 = sha256.DIGEST_BYTES;

const IPAD: u32 = 0x36;
const OPAD: u32 = 0x5c;

/** Begins a message. @param state STATE_BYTES @param key of any length. CT: only the lengths leak. */
export function init(state: usize, key: usize, keyLength: u32): void {
  start(state, key, keyLength, IPAD);
}

/** Continues a message, in pieces of any length. CT: only the lengths leak. */
export function update(state: usize, data: usize, length: u32): void {
  sha256.update(state, data, length);
}

/**
 * Ends a message, and the state with it: nothing is left in it but the code.
 * @param key as for init() @param out MAC_BYTES; may lie in the message, not in the key
 * CT: only the lengths leak.
 */
export function final(state: usize, key: usize, keyLength: u32, out: usize): void {
  sha256.final(state, out);
  start(state, key, keyLength, OPAD);
  sha256.update(state, out, sha256.DIGEST_BYTES);
  sha256.final(state, out);
}

/** The code of one message: init(), update() and final(). CT: only the lengths leak. */
export function mac(key: usize, keyLength: u32, data: usize, length: u32, out: usize, state: usize): void {
  init(state, key, keyLength);
  update(state, data, length);
  final(state, key, keyLength, out);
}

/** Hashes K xor pad; the block is made where it will be compressed, at the front of the state. */
function start(state: usize, key: usize, keyLength: u32, pad: u32): void {
  sha256.init(state);
  if (keyLength > sha256.BLOCK_BYTES) {
    sha256.update(state, key, keyLength);
    sha256.final(state, state);
    sha256.init(state);
    keyLength = sha256.DIGEST_BYTES;
  } else memory.copy(state, key, keyLength);
  memory.fill(state + keyLength, 0, sha256.BLOCK_BYTES - keyLength);
  for (let i: u32 = 0; i < sha256.BLOCK_BYTES; i++) store<u8>(state + i, load<u8>(state + i) ^ pad);
  sha256.update(state, state, sha256.BLOCK_BYTES);
}
