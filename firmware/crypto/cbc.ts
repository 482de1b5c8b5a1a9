// Cipher block chaining (NIST SP 800-38A section 6.2) with DES or AES-128, in place. A message may come in pieces of whole
// blocks: `iv` is where the chain goes on.
//
//   scratch   AES    schedule 176 │ pair, and what the S-box works on 172
//             DES    schedule 128 │ masks 32
import * as aes from "./aes.ts";
import * as aesInverse from "./aes-inverse.ts";
import { wipe, xor } from "./ct.ts";
import * as des from "./des.ts";

export const DES: u32 = 0;
export const AES_128: u32 = 1;

/** Bytes of scratch memory, 4-byte aligned; wiped. */
export const SCRATCH_BYTES: u32 = aes.SCHEDULE_BYTES + aes.SCRATCH_BYTES;
/** Longest block and key, bytes. */
export const BLOCK_MAX: u32 = aes.BLOCK_BYTES;
export const KEY_MAX: u32 = aes.KEY_BYTES;

const WORK: u32 = aes.SCHEDULE_BYTES;

/** Bytes of a block of DES or AES_128. */
export function blockBytes(cipher: u32): u32 {
  return cipher == DES ? des.BLOCK_BYTES : aes.BLOCK_BYTES;
}

/** Bytes of a key of DES or AES_128. */
export function keyBytes(cipher: u32): u32 {
  return cipher == DES ? des.KEY_BYTES : aes.KEY_BYTES;
}

/**
 * Encrypts whole blocks.
 * @param cipher DES or AES_128 @param key keyBytes(cipher) @param iv blockBytes(cipher), then the last block's ciphertext
 * @param data `length` bytes, a multiple of the block
 * CT: only the length leaks.
 */
export function encrypt(cipher: u32, key: usize, iv: usize, data: usize, length: u32, scratch: usize): void {
  const block = blockBytes(cipher);
  expandKey(cipher, key, scratch);
  for (let at = data; at < data + length; at += block) {
    xor(at, iv, block);
    if (cipher == DES) des.crypt(scratch, true, at, scratch + WORK);
    else {
      memory.copy(scratch + WORK, at, block);
      aes.encrypt(scratch, scratch + WORK);
      memory.copy(at, scratch + WORK, block);
    }
    memory.copy(iv, at, block);
  }
  wipe(scratch, SCRATCH_BYTES);
}

/** Decrypts whole blocks: parameters as for encrypt(). CT: only the length leaks. */
export function decrypt(cipher: u32, key: usize, iv: usize, data: usize, length: u32, scratch: usize): void {
  const step = cipher == DES ? des.BLOCK_BYTES : aes.PAIR_BYTES;
  expandKey(cipher, key, scratch);
  while (length > 0) {
    const run = min(step, length);
    if (cipher == DES) decryptDes(scratch, iv, data);
    else decryptAes(scratch, iv, data, run);
    data += run;
    length -= run;
  }
  wipe(scratch, SCRATCH_BYTES);
}

function expandKey(cipher: u32, key: usize, scratch: usize): void {
  if (cipher == DES) des.expandKey(scratch, key);
  else aes.expandKey(scratch, key, scratch + WORK);
}

function decryptDes(schedule: usize, iv: usize, block: usize): void {
  const cipherText = load<u64>(block);
  des.crypt(schedule, false, block, schedule + WORK);
  store<u64>(block, load<u64>(block) ^ load<u64>(iv));
  store<u64>(iv, cipherText);
}

/** One block or two at once. */
function decryptAes(schedule: usize, iv: usize, blocks: usize, length: u32): void {
  const pair = schedule + WORK;
  memory.copy(pair, blocks, length);
  aesInverse.decrypt(schedule, pair);
  xor(pair, iv, aes.BLOCK_BYTES);
  if (length > aes.BLOCK_BYTES) xor(pair + aes.BLOCK_BYTES, blocks, aes.BLOCK_BYTES);
  memory.copy(iv, blocks + length - aes.BLOCK_BYTES, aes.BLOCK_BYTES);
  memory.copy(blocks, pair, length);
}
