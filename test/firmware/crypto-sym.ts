// The symmetric primitives as they are; each test lays out the memory that they work in.
import * as aead from "../../firmware/crypto/aead.ts";
import * as aes from "../../firmware/crypto/aes.ts";
import * as chacha20 from "../../firmware/crypto/chacha20.ts";
import * as ct from "../../firmware/crypto/ct.ts";
import * as drbg from "../../firmware/crypto/drbg.ts";
import * as hkdf from "../../firmware/crypto/hkdf.ts";
import * as hmac from "../../firmware/crypto/hmac.ts";
import * as poly1305 from "../../firmware/crypto/poly1305.ts";
import * as sha256 from "../../firmware/crypto/sha256.ts";

/** Bytes of: SHA-256 state, HKDF scratch, AEAD state, AEAD scratch. */
export function sizes(i: u32): u32 {
  if (i == 0) return sha256.STATE_BYTES;
  if (i == 1) return hkdf.SCRATCH_BYTES;
  return i == 2 ? aead.AEAD_STATE_BYTES : aead.AEAD_SCRATCH_BYTES;
}

export function sha256Init(state: usize): void {
  sha256.init(state);
}
export function sha256Update(state: usize, data: usize, length: u32): void {
  sha256.update(state, data, length);
}
export function sha256Final(state: usize, out: usize): void {
  sha256.final(state, out);
}

export function hmacInit(state: usize, key: usize, keyLength: u32): void {
  hmac.init(state, key, keyLength);
}
export function hmacUpdate(state: usize, data: usize, length: u32): void {
  hmac.update(state, data, length);
}
export function hmacFinal(state: usize, key: usize, keyLength: u32, out: usize): void {
  hmac.final(state, key, keyLength, out);
}

export function hkdfExtract(
  salt: usize,
  saltLength: u32,
  ikm: usize,
  ikmLength: u32,
  out: usize,
  scratch: usize,
): void {
  hkdf.extract(salt, saltLength, ikm, ikmLength, out, scratch);
}
export function hkdfExpand(
  prk: usize,
  info: usize,
  infoLength: u32,
  out: usize,
  outLength: u32,
  scratch: usize,
): void {
  hkdf.expand(prk, info, infoLength, out, outLength, scratch);
}
export function hkdfExpandLabel(
  secret: usize,
  label: usize,
  labelLength: u32,
  context: usize,
  contextLength: u32,
  out: usize,
  outLength: u32,
  scratch: usize,
): void {
  hkdf.expandLabel(secret, label, labelLength, context, contextLength, out, outLength, scratch);
}

/** Two blocks in place; scratch: 348 bytes. */
export function aesEncrypt(key: usize, pair: usize, scratch: usize): void {
  const schedule = scratch + aes.SCRATCH_BYTES;
  aes.expandKey(schedule, key, scratch);
  memory.copy(scratch, pair, aes.PAIR_BYTES);
  aes.encrypt(schedule, scratch);
  memory.copy(pair, scratch, aes.PAIR_BYTES);
}

export function chacha20Block(out: usize, key: usize, counter: u32, nonce: usize): void {
  chacha20.block(out, key, counter, nonce);
}

/** Poly1305 of a whole message as RFC 8439 section 2.5 pads it. @param one address of a byte 1 */
export function poly1305Mac(
  state: usize,
  key: usize,
  data: usize,
  length: u32,
  one: usize,
  out: usize,
): void {
  const scratch = state + poly1305.STATE_BYTES;
  poly1305.init(state, key);
  poly1305.update(state, 0, data, length, scratch);
  if (length % 16) {
    poly1305.update(state, length % 16, one, 1, scratch);
    if (length % 16 < 15) poly1305.endBlock(state, 0);
  }
  poly1305.final(state, key + 16, out);
}

export function aeadBegin(
  state: usize,
  suite: u32,
  key: usize,
  nonce: usize,
  aad: usize,
  aadLength: u32,
  scratch: usize,
): void {
  aead.begin(state, suite, key, nonce, aad, aadLength, scratch);
}
export function aeadEncrypt(state: usize, key: usize, data: usize, length: u32, scratch: usize): void {
  aead.encrypt(state, key, data, length, scratch);
}
export function aeadDecrypt(state: usize, key: usize, data: usize, length: u32, scratch: usize): void {
  aead.decrypt(state, key, data, length, scratch);
}
export function aeadTag(state: usize, key: usize, out: usize, scratch: usize): void {
  aead.tag(state, key, out, scratch);
}

export function equal(a: usize, b: usize, length: u32): bool {
  return ct.equal(a, b, length);
}

export function drbgPowerOn(): void {
  drbg.powerOn();
}
export function drbgFill(target: usize, length: u32): void {
  drbg.fill(target, length);
}
