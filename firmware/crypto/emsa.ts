// What RSA signs: a digest of SHA-256, encoded to the length of the modulus (RFC 8017 section 9). Written to NVM, where
// crypto/rsa.ts takes it from, a hash's length at a time.
//
//   EMSA-PSS             DB = 00 .. 00 01 ‖ salt, masked            H                  BC     H = hash(8 zeros ‖ digest ‖ salt)
//                        ├────────────────────────────────────────┼──────────────────┼──┤   mask: MGF1 of H
//   EMSA-PKCS1-v1_5      00 01 FF .. FF 00 │ DigestInfo            │ digest              │
import * as nvm from "../chip/nvm.ts";
import * as drbg from "./drbg.ts";
import * as mgf1 from "./mgf1.ts";
import * as sha256 from "./sha256.ts";

const HASH_BYTES: u32 = sha256.DIGEST_BYTES;
/** Of the salt, as TLS wants it: the hash's length (RFC 8446 section 4.2.3). */
export const SALT_BYTES: u32 = HASH_BYTES;
/** Bytes of scratch that pss() works in, 4-byte aligned. */
export const SCRATCH_BYTES: u32 = sha256.STATE_BYTES + 3 * HASH_BYTES;
/** The last byte of EMSA-PSS. */
export const TRAILER: u32 = 0xbc;

/** DigestInfo of SHA-256 up to the digest (section 9.2, note 1); on a card that needs none it takes no place. */
export function DIGEST_INFO(): usize {
  // prettier-ignore
  return memory.data<u8>([
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20,
  ]);
}
export const DIGEST_INFO_BYTES: u32 = 19;

/**
 * EMSA-PSS with MGF1, SHA-256 and a fresh salt (section 9.1.1), for a modulus of 8 `bytes` bits.
 * @param digest 32 bytes, not in the scratch @param out address in NVM, `bytes` bytes @param scratch SCRATCH_BYTES
 * CT: nothing leaks.
 */
export function pss(digest: usize, out: u32, bytes: u32, scratch: usize): void {
  const mask = scratch + sha256.STATE_BYTES;
  const hash = mask + HASH_BYTES;
  const salt = hash + HASH_BYTES;
  const dbBytes = bytes - HASH_BYTES - 1;
  const one = dbBytes - SALT_BYTES - 1;
  drbg.fill(salt, SALT_BYTES);
  hashPss(digest, salt, hash, scratch);
  for (let at: u32 = 0; at < dbBytes; at += HASH_BYTES) {
    const run = min(HASH_BYTES, dbBytes - at);
    mgf1.block(hash, at / HASH_BYTES, mask, scratch);
    if (at == 0) store<u8>(mask, load<u8>(mask) & 0x7f); // a bit less than the modulus has
    for (let i: u32 = 0; i < run; i++) {
      const db: u32 = at + i < one ? 0 : at + i == one ? 1 : load<u8>(salt + at + i - one - 1);
      store<u8>(mask + i, load<u8>(mask + i) ^ db);
    }
    nvm.overwrite(out + at, mask, run);
  }
  nvm.overwrite(out + dbBytes, hash, HASH_BYTES);
  nvm.write(out + bytes - 1, TRAILER);
}

/** H of EMSA-PSS, to `out`, which the state may not reach. @param state sha256.STATE_BYTES */
export function hashPss(digest: usize, salt: usize, out: usize, state: usize): void {
  memory.fill(out, 0, 8);
  sha256.init(state);
  sha256.update(state, out, 8);
  sha256.update(state, digest, HASH_BYTES);
  sha256.update(state, salt, SALT_BYTES);
  sha256.final(state, out);
}

/**
 * EMSA-PKCS1-v1_5 with SHA-256 (section 9.2). CT: nothing leaks.
 * @param digest 32 bytes
 * @param out address in NVM, `bytes` bytes
 */
export function pkcs1(digest: usize, out: u32, bytes: u32): void {
  const info = out + bytes - HASH_BYTES - DIGEST_INFO_BYTES;
  nvm.write(out, 0);
  nvm.write(out + 1, 1);
  for (let at = out + 2; at < info - 1; at++) nvm.write(at, 0xff);
  nvm.write(info - 1, 0);
  nvm.copyOut(info, DIGEST_INFO(), DIGEST_INFO_BYTES);
  nvm.overwrite(info + DIGEST_INFO_BYTES, digest, HASH_BYTES);
}
