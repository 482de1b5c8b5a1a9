// The primitives of TLS 1.0 as they are; each test lays out the memory that they work in.
import * as cbc from "../../firmware/crypto/cbc.ts";
import * as digest from "../../firmware/crypto/digest.ts";
import * as drbg from "../../firmware/crypto/drbg.ts";
import * as hmac from "../../firmware/crypto/hmac-legacy.ts";
import * as mte from "../../firmware/crypto/mac-then-encrypt.ts";
import * as pkcs1 from "../../firmware/crypto/pkcs1.ts";
import * as prf from "../../firmware/crypto/prf-1-0.ts";
import * as rsa from "../../firmware/crypto/rsa.ts";

/** Bytes of: hash state, PRF scratch, CBC scratch, MAC scratch. */
export function sizes(i: u32): u32 {
  if (i == 0) return digest.STATE_BYTES;
  if (i == 1) return prf.SCRATCH_BYTES;
  return i == 2 ? cbc.SCRATCH_BYTES : mte.SCRATCH_BYTES;
}

export function digestInit(state: usize): void {
  digest.init(state);
}
export function digestUpdate(hash: u32, state: usize, data: usize, length: u32): void {
  digest.update(hash, state, data, length);
}
export function digestFinal(hash: u32, state: usize, out: usize): void {
  digest.final(hash, state, out);
}
export function hmacInit(hash: u32, state: usize, key: usize, keyLength: u32): void {
  hmac.init(hash, state, key, keyLength);
}
export function hmacFinal(hash: u32, state: usize, key: usize, keyLength: u32, out: usize): void {
  hmac.final(hash, state, key, keyLength, out);
}
export function prfExpand(
  secret: usize,
  secretLength: u32,
  labelled: usize,
  length: u32,
  out: usize,
  outLength: u32,
  scratch: usize,
): void {
  prf.expand(secret, secretLength, labelled, length, out, outLength, scratch);
}
export function cbcEncrypt(
  cipher: u32,
  key: usize,
  iv: usize,
  data: usize,
  length: u32,
  scratch: usize,
): void {
  cbc.encrypt(cipher, key, iv, data, length, scratch);
}
export function cbcDecrypt(
  cipher: u32,
  key: usize,
  iv: usize,
  data: usize,
  length: u32,
  scratch: usize,
): void {
  cbc.decrypt(cipher, key, iv, data, length, scratch);
}

/**
 * unpad() and verify() of a tail behind `before` bytes of record.
 * @param header 11 bytes: sequence number, type, version; the content's length follows in what is hashed, and is put there
 */
export function verifyTail(
  key: usize,
  header: usize,
  record: usize,
  before: u32,
  length: u32,
  state: usize,
  scratch: usize,
): i32 {
  const unpadded = mte.unpad(record + before, length);
  store<u16>(header + 11, bswap<u16>(u16(before + mte.contentOf(unpadded))));
  hmac.init(digest.SHA1, state, key, mte.MAC_BYTES);
  digest.update(digest.SHA1, state, header, 13);
  digest.update(digest.SHA1, state, record, before);
  return mte.verify(state, key, record + before, length, unpadded, scratch);
}

export function drbgPowerOn(): void {
  drbg.powerOn();
}
export function rsaWorkBytes(): u32 {
  return rsa.WORK_BYTES;
}
/** @param key @param cipher addresses in NVM */
export function rsaDecrypt(key: u32, modulusBytes: u32, cipher: u32, work: usize): bool {
  return rsa.decrypt(key, modulusBytes, cipher, work) == rsa.DONE;
}
export function takePreMaster(message: usize, bytes: u32, version: u32, secret: usize): void {
  pkcs1.takePreMaster(message, bytes, version, secret);
}
