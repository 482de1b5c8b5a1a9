// RSA signatures verified, for the client's role: RFC 8017 with keys of 2,048 bits, the exponent 65537 and SHA-256,
// RSASSA-PKCS1-v1_5 and RSASSA-PSS (MGF1 with SHA-256, a salt of 32 bytes). All of it is public, so it may branch. Key and
// signature stay in NVM, where they have been put as they arrived; the signature is read limb by limb, twice.
//
//   scratch   0         256       512       768
//             ┌─────────┬─────────┬─────────┐
//             │ n       │ a       │ b       │   numbers of 64 limbs, the least significant first; a product goes into b,
//             └─────────┴─────────┴─────────┘   then the two change places
import * as nvm from "../chip/nvm.ts";
import { equal, wipe } from "./ct.ts";
import { DIGEST_INFO, DIGEST_INFO_BYTES, hashPss, TRAILER } from "./emsa.ts";
import * as mgf1 from "./mgf1.ts";
import { negativeInverse } from "./montgomery.ts";
import * as sha256 from "./sha256.ts";

/** Bytes of a modulus, of a signature, of an encoded message. */
export const NUMBER_BYTES: u32 = 256;
/** Bytes of scratch that verify() uses and wipes; 4-byte aligned. */
export const SCRATCH_BYTES: u32 = 3 * NUMBER_BYTES;

/** RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2). */
export const PKCS1: u32 = 0;
/** RSASSA-PSS (section 8.1). */
export const PSS: u32 = 1;

const DIGEST_BYTES: u32 = sha256.DIGEST_BYTES;
/** 2 to the power of 2 to the power of this is 2^2048, Montgomery's R. */
const SQUARINGS_TO_R: u32 = 11;
/** 65537 = 2^16 + 1. */
const SQUARINGS_TO_E: u32 = 16;

/**
 * Does the signature fit digest and public key?
 * @param scheme PKCS1 or PSS @param modulus, @param signature addresses in NVM of NUMBER_BYTES each, big-endian
 * @param digest 32 bytes @param scratch SCRATCH_BYTES, without the digest
 */
export function verify(scheme: u32, modulus: u32, signature: u32, digest: usize, scratch: usize): bool {
  const good = recover(modulus, signature, scratch) && isEncoded(scheme, digest, scratch);
  wipe(scratch, SCRATCH_BYTES);
  return good;
}

/**
 * The encoded message to `n` + NUMBER_BYTES, big-endian: signature^65537 mod modulus.
 * @returns false for numbers that are none
 */
function recover(modulus: u32, signature: u32, n: usize): bool {
  let a = n + NUMBER_BYTES;
  let b = a + NUMBER_BYTES;
  for (let i: u32 = 0; i < NUMBER_BYTES; i += 4) {
    store<u32>(n + i, limb(modulus, i));
    store<u32>(b + i, limb(signature, i));
  }
  if ((load<u8>(n) & 1) == 0 || load<u8>(n, NUMBER_BYTES - 1) < 0x80 || !isBelow(b, n)) return false;
  const inverse = negativeInverse(load<u32>(n));
  makeTwo(a, n);
  for (let i: u32 = 0; i < SQUARINGS_TO_R + SQUARINGS_TO_E + 2; i++) {
    const isBySignature = i == SQUARINGS_TO_R || i == SQUARINGS_TO_R + SQUARINGS_TO_E + 1;
    multiply(b, a, n, inverse, isBySignature ? signature : 0);
    const product = b;
    b = a;
    a = product;
  }
  // An odd number of products: the last one is in what b was at first.
  for (let i: u32 = 0; i < NUMBER_BYTES; i += 4)
    store<u32>(n + NUMBER_BYTES + i, bswap(load<u32>(a + NUMBER_BYTES - 4 - i)));
  return true;
}

/** @returns the limb at byte `i` of a big-endian number in NVM */
function limb(number: u32, i: u32): u32 {
  return nvm.read32(number + NUMBER_BYTES - 4 - i);
}

function isBelow(a: usize, b: usize): bool {
  let i = NUMBER_BYTES - 4;
  while (i > 0 && load<u32>(a + i) == load<u32>(b + i)) i -= 4;
  return load<u32>(a + i) < load<u32>(b + i);
}

/** a = 2 in Montgomery form, 2 · 2^2048 mod n. */
function makeTwo(a: usize, n: usize): void {
  memory.fill(a, 0, NUMBER_BYTES);
  subtract(a, n);
  let carry: u32 = 0;
  for (let i: u32 = 0; i < NUMBER_BYTES; i += 4) {
    const x = load<u32>(a + i);
    store<u32>(a + i, (x << 1) | carry);
    carry = x >> 31;
  }
  if (carry || !isBelow(a, n)) subtract(a, n);
}

/** a -= n, modulo 2^2048. */
function subtract(a: usize, n: usize): void {
  let sum: i64 = 0;
  for (let i: u32 = 0; i < NUMBER_BYTES; i += 4) {
    sum += i64(load<u32>(a + i)) - i64(load<u32>(n + i));
    store<u32>(a + i, u32(sum));
    sum >>= 32;
  }
}

/** out = a · other / 2^2048 mod n, Montgomery's. @param other address in NVM of a big-endian number, 0: a itself */
function multiply(out: usize, a: usize, n: usize, inverse: u32, other: u32): void {
  memory.fill(out, 0, NUMBER_BYTES);
  let top: u32 = 0;
  for (let i: u32 = 0; i < NUMBER_BYTES; i += 4) {
    top = addRow(out, a, n, inverse, other ? limb(other, i) : load<u32>(a + i), top);
  }
  if (top || !isBelow(out, n)) subtract(out, n);
}

/** out = (out + a · factor + what makes the lowest limb 0 · n) / 2^32. @param top limb above out @returns the new one */
function addRow(out: usize, a: usize, n: usize, inverse: u32, factor: u32, top: u32): u32 {
  // In steps: within u64(…) a load<u32> is 64 bits wide, and so would be the product.
  const clearing = (load<u32>(out) + load<u32>(a) * factor) * inverse;
  const x = u64(factor);
  const y = u64(clearing);
  let product: u64 = 0;
  let reduction: u64 = 0;
  for (let i: u32 = 0; i < NUMBER_BYTES; i += 4) {
    product = (product >> 32) + x * u64(load<u32>(a + i)) + u64(load<u32>(out + i));
    reduction = (reduction >> 32) + y * u64(load<u32>(n + i)) + u64(u32(product));
    if (i) store<u32>(out + i - 4, u32(reduction));
  }
  const sum = (product >> 32) + (reduction >> 32) + u64(top);
  store<u32>(out, u32(sum), NUMBER_BYTES - 4);
  return u32(sum >> 32);
}

/** Is the encoded message that of the digest? What follows and precedes it in the scratch is lost. */
function isEncoded(scheme: u32, digest: usize, scratch: usize): bool {
  const message = scratch + NUMBER_BYTES;
  if (scheme == PSS) return isPss(message, digest, scratch);
  return isPkcs1(message, digest, message + NUMBER_BYTES);
}

/** EMSA-PKCS1-v1_5 (section 9.2): made anew and compared as a whole, so there is nothing to parse. */
function isPkcs1(message: usize, digest: usize, expected: usize): bool {
  const info = expected + NUMBER_BYTES - DIGEST_BYTES - DIGEST_INFO_BYTES;
  memory.fill(expected, 0xff, NUMBER_BYTES);
  store<u16>(expected, 0x0100); // 00 01
  store<u8>(info - 1, 0);
  memory.copy(info, DIGEST_INFO(), DIGEST_INFO_BYTES);
  memory.copy(info + DIGEST_INFO_BYTES, digest, DIGEST_BYTES);
  return equal(message, expected, NUMBER_BYTES);
}

/** maskedDB ‖ H ‖ bc; DB = zeros ‖ 01 ‖ salt (section 9.1.2). */
const DB_BYTES: u32 = NUMBER_BYTES - DIGEST_BYTES - 1;
const SALT: u32 = DB_BYTES - DIGEST_BYTES;

function isPss(message: usize, digest: usize, state: usize): bool {
  const hash = message + DB_BYTES;
  if (load<u8>(message) >= 0x80 || load<u8>(message, NUMBER_BYTES - 1) != TRAILER) return false;
  unmask(message, hash, state);
  store<u8>(message, load<u8>(message) & 0x7f); // 2,047 bits are coded
  for (let i: u32 = 0; i < SALT; i++) if (load<u8>(message + i) != u32(i == SALT - 1)) return false;
  const mine = state + sha256.STATE_BYTES;
  hashPss(digest, message + SALT, mine, state);
  return equal(mine, hash, DIGEST_BYTES);
}

/** DB ^= MGF1(H) (appendix B.2.1). */
function unmask(message: usize, hash: usize, state: usize): void {
  const mask = state + sha256.STATE_BYTES;
  for (let counter: u32 = 0; counter * DIGEST_BYTES < DB_BYTES; counter++) {
    mgf1.block(hash, counter, mask, state);
    const at = counter * DIGEST_BYTES;
    for (let i: u32 = 0; i < DIGEST_BYTES && at + i < DB_BYTES; i++)
      store<u8>(message + at + i, load<u8>(message + at + i) ^ load<u8>(mask + i));
  }
}
