// One streaming interface over the two AEADs of TLS 1.3: AES-128-GCM (SP 800-38D) and ChaCha20-Poly1305 (RFC 8439).
//
//   state    0            4             8       12       24               60
//            ┌────────────┬─────────────┬───────┬────────┬────────────────┐
//            │ aad length │ data length │ suite │ nonce  │ GHASH, Poly1305│  no key: it is given again at each call
//            └────────────┴─────────────┴───────┴────────┴────────────────┘
//   scratch  0            64            172                348                384
//            ┌────────────┬─────────────┬──────────────────┬──────────────────┐
//            │ key stream │ S-box; mac  │ AES key schedule │ GHASH, Poly1305  │  wiped when a call ends
//            └────────────┴─────────────┴──────────────────┴──────────────────┘
//
// Both suites have the same shape. The key stream comes in units: two AES blocks, or one of ChaCha20. Its first bytes
// serve the tag (the block of counter 1 masks GHASH, the block of counter 0 is the key of Poly1305); the data begins
// behind them. The ciphertext is authenticated in blocks of 16 bytes, the last padded with zeros. No unit is kept from
// one call to the next: after a split in the midst of one, it is made again. The authenticator is moved into the scratch
// memory for a call: translated to C, where its address is known, it needs neither checks nor, for them, stack.
import * as aes from "./aes.ts";
import * as chacha20 from "./chacha20.ts";
import * as ct from "./ct.ts";
import * as ghash from "./ghash.ts";
import * as poly1305 from "./poly1305.ts";

/** TLS_AES_128_GCM_SHA256 and TLS_CHACHA20_POLY1305_SHA256 (RFC 8446 appendix B.4). */
export const AES_128_GCM: u32 = 0x1301;
export const CHACHA20_POLY1305: u32 = 0x1303;

/** Bytes of a state, 4-byte aligned: it may be copied or stored at any moment between two calls. */
export const AEAD_STATE_BYTES: u32 = 60;
/** Bytes of scratch memory that every call needs, 4-byte aligned. */
export const AEAD_SCRATCH_BYTES: u32 = 384;
export const NONCE_BYTES: u32 = 12;
export const TAG_BYTES: u32 = 16;

const AAD_LENGTH: usize = 0;
const DATA_LENGTH: usize = 4;
const SUITE: usize = 8;
const NONCE: usize = 12;
const MAC: usize = 24;
const MAC_BYTES: u32 = AEAD_STATE_BYTES - u32(MAC);

const MAC_SCRATCH: usize = 64;
const SCHEDULE: usize = 172;
const MAC_AT_WORK: usize = 348;

/** @returns bytes of the suite's key: 16 or 32 */
export function keyBytes(suite: u32): u32 {
  return suite == AES_128_GCM ? aes.KEY_BYTES : chacha20.KEY_BYTES;
}

/**
 * Begins a message.
 * @param state AEAD_STATE_BYTES
 * @param key   keyBytes(suite)
 * @param nonce NONCE_BYTES, never twice with the same key
 * @param aad   additional data, the whole of it
 * CT: only suite and lengths leak.
 */
export function begin(
  state: usize,
  suite: u32,
  key: usize,
  nonce: usize,
  aad: usize,
  aadLength: u32,
  scratch: usize,
): void {
  store<u32>(state, aadLength, AAD_LENGTH);
  store<u32>(state, 0, DATA_LENGTH);
  store<u32>(state, suite, SUITE);
  memory.copy(state + NONCE, nonce, NONCE_BYTES);
  if (suite == AES_128_GCM) {
    aes.expandKey(scratch + SCHEDULE, key, scratch);
    memory.fill(scratch, 0, aes.PAIR_BYTES);
    aes.encrypt(scratch + SCHEDULE, scratch);
    ghash.init(scratch + MAC_AT_WORK, scratch);
  } else {
    chacha20.block(scratch, key, 0, nonce);
    poly1305.init(scratch + MAC_AT_WORK, scratch);
  }
  authenticate(state, 0, aad, aadLength, scratch);
  pad(state, aadLength, scratch);
  finish(state, scratch);
}

/** Encrypts the next `length` bytes, any number, in place. CT: only suite and lengths leak. */
export function encrypt(state: usize, key: usize, data: usize, length: u32, scratch: usize): void {
  crypt(state, key, data, length, scratch, false);
}

/**
 * Decrypts the next `length` bytes, any number, in place. Nothing of them may be believed before the tag.
 * CT: only suite and lengths leak.
 */
export function decrypt(state: usize, key: usize, data: usize, length: u32, scratch: usize): void {
  crypt(state, key, data, length, scratch, true);
}

/** @returns how many bytes of the message have been encrypted or decrypted; 0 when it has ended */
export function done(state: usize): u32 {
  return load<u32>(state, DATA_LENGTH);
}

/**
 * Ends a message, and the state with it, which is wiped.
 * @param out TAG_BYTES, anywhere, the state included; a receiver compares by ct.equal()
 * CT: only suite and lengths leak.
 */
export function tag(state: usize, key: usize, out: usize, scratch: usize): void {
  const aadLength = load<u32>(state, AAD_LENGTH);
  const dataLength = load<u32>(state, DATA_LENGTH);
  prepare(state, key, scratch);
  pad(state, dataLength, scratch);
  if (isGcm(state)) {
    store<u64>(scratch, bswap<u64>(u64(aadLength) << 3));
    store<u64>(scratch, bswap<u64>(u64(dataLength) << 3), 8);
  } else {
    store<u64>(scratch, aadLength);
    store<u64>(scratch, dataLength, 8);
  }
  authenticate(state, 0, scratch, 16, scratch);
  keyStream(state, key, 0, scratch);
  const isAes = isGcm(state);
  ct.wipe(state, AEAD_STATE_BYTES);
  if (isAes) {
    ghash.final(scratch + MAC_AT_WORK, out);
    ct.xor(out, scratch, TAG_BYTES);
  } else poly1305.final(scratch + MAC_AT_WORK, scratch + poly1305.BLOCK_BYTES, out);
  ct.wipe(scratch, AEAD_SCRATCH_BYTES);
}

function crypt(state: usize, key: usize, data: usize, length: u32, scratch: usize, isDecrypting: bool): void {
  prepare(state, key, scratch);
  while (length > 0) {
    const done = load<u32>(state, DATA_LENGTH);
    const at = done + (isGcm(state) ? aes.BLOCK_BYTES : chacha20.BLOCK_BYTES);
    const unit: u32 = isGcm(state) ? aes.PAIR_BYTES : chacha20.BLOCK_BYTES;
    const offset = at & (unit - 1);
    const run = min(unit - offset, length);
    keyStream(state, key, at / unit, scratch);
    if (isDecrypting) authenticate(state, done, data, run, scratch);
    ct.xor(data, scratch + offset, run);
    if (!isDecrypting) authenticate(state, done, data, run, scratch);
    store<u32>(state, done + run, DATA_LENGTH);
    data += run;
    length -= run;
  }
  finish(state, scratch);
}

function isGcm(state: usize): bool {
  return load<u32>(state, SUITE) == AES_128_GCM;
}

/** Takes up a message in the scratch memory. */
function prepare(state: usize, key: usize, scratch: usize): void {
  memory.copy(scratch + MAC_AT_WORK, state + MAC, MAC_BYTES);
  if (isGcm(state)) aes.expandKey(scratch + SCHEDULE, key, scratch);
}

/** Lets go of it until the next call. */
function finish(state: usize, scratch: usize): void {
  memory.copy(state + MAC, scratch + MAC_AT_WORK, MAC_BYTES);
  ct.wipe(scratch, AEAD_SCRATCH_BYTES);
}

/** Makes a unit of the key stream at the beginning of the scratch memory. */
function keyStream(state: usize, key: usize, unit: u32, scratch: usize): void {
  if (isGcm(state)) {
    counterBlock(scratch, state, 2 * unit + 1);
    counterBlock(scratch + aes.BLOCK_BYTES, state, 2 * unit + 2);
    aes.encrypt(scratch + SCHEDULE, scratch);
  } else chacha20.block(scratch, key, unit, state + NONCE);
}

/** SP 800-38D section 7.1: J(0) = IV || 1, incremented. */
function counterBlock(at: usize, state: usize, counter: u32): void {
  memory.copy(at, state + NONCE, NONCE_BYTES);
  store<u32>(at, bswap<u32>(counter), NONCE_BYTES);
}

/** @param done bytes authenticated since the last padding */
function authenticate(state: usize, done: u32, data: usize, length: u32, scratch: usize): void {
  const mac = scratch + MAC_AT_WORK;
  const position = done % 16;
  if (isGcm(state)) ghash.update(mac, position, data, length, scratch + MAC_SCRATCH);
  else poly1305.update(mac, position, data, length, scratch + MAC_SCRATCH);
}

function pad(state: usize, done: u32, scratch: usize): void {
  if (done % 16 == 0) return;
  if (isGcm(state)) ghash.endBlock(scratch + MAC_AT_WORK, scratch + MAC_SCRATCH);
  else poly1305.endBlock(scratch + MAC_AT_WORK, 1);
}
