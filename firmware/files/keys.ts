// The card's one key pair (P-256) and its life cycle. A TLS 1.0 card has an RSA key instead: rsa-key.ts.
//
//   KEY_RECORD   0           4             36           101     105
//                ┌───────┬───┬─────────────┬────────────┬───────┐
//                │ state │   │ private key │ public key │ CRC-32│  over both keys
//                └───────┴───┴─────────────┴────────────┴───────┘
//
// The pair is made here and written once: `state` becomes ACTIVATED after everything else, and from then on there is a
// key; power that fails earlier leaves none. The private key has one reader, TLS, and no way off the card.
import { CRYPTO, CRYPTO_BYTES } from "../chip/ram-map.ts";
import * as nvm from "../chip/nvm.ts";
import { KEY_RECORD, KEY_RECORD_BYTES } from "../chip/nvm-map.ts";
import { wipe } from "../crypto/ct.ts";
import * as declassify from "../crypto/declassify.ts";
import * as drbg from "../crypto/drbg.ts";
import * as p256 from "../crypto/p256.ts";
import * as crc32 from "./crc32.ts";
import * as rsaKey from "./rsa-key.ts";
import * as superblock from "./superblock.ts";

/** Life cycle status bytes of ISO 7816-4 table 14: creation, initialisation, operational (activated). */
export const MANUFACTURED: u32 = 0x01;
export const PERSONALISING: u32 = 0x03;
export const OPERATIONAL: u32 = superblock.ACTIVATED;

export const PRIVATE_KEY_BYTES: u32 = 32;
/** 04 ‖ X ‖ Y, SEC 1 section 2.3.3. */
export const PUBLIC_KEY_BYTES: u32 = p256.POINT_BYTES;
/** Memory that generate() works in. */
export const PAIR_BYTES: u32 = PRIVATE_KEY_BYTES + PUBLIC_KEY_BYTES;

const STATE: u32 = KEY_RECORD;
const PRIVATE_KEY: u32 = KEY_RECORD + 4;
const PUBLIC_KEY: u32 = PRIVATE_KEY + PRIVATE_KEY_BYTES;
const CRC: u32 = PUBLIC_KEY + PUBLIC_KEY_BYTES;

/** @returns MANUFACTURED until there is a key, then PERSONALISING, in the end OPERATIONAL */
export function lifeCycle(): u32 {
  if (superblock.isOperational()) return OPERATIONAL;
  return hasPrivateKey() ? PERSONALISING : MANUFACTURED;
}

export function hasPrivateKey(): bool {
  if (rsaKey.IN_USE) return rsaKey.isThere();
  return nvm.read(STATE) == superblock.ACTIVATED;
}

/**
 * Makes the card's key pair and stores it. To be called once, while there is none.
 * CT: leaks how many candidates were refused, which tells nothing of the one taken.
 * @param target PAIR_BYTES: the public key; what follows it is wiped
 */
export function generate(target: usize): void {
  if (CRC + 4 > KEY_RECORD + KEY_RECORD_BYTES) ERROR("the key record does not fit KEY_RECORD_BYTES");
  if (p256.SCRATCH_BYTES > CRYPTO_BYTES) ERROR("P-256 does not fit CRYPTO_BYTES");
  const secret = target + PUBLIC_KEY_BYTES;
  do drbg.fill(secret, PRIVATE_KEY_BYTES);
  while (!p256.publicKey(target, secret, CRYPTO));
  nvm.overwrite(PRIVATE_KEY, secret, PRIVATE_KEY_BYTES);
  nvm.copyOut(PUBLIC_KEY, target, PUBLIC_KEY_BYTES);
  store<u32>(secret, bswap<u32>(checksum()));
  nvm.overwrite(CRC, secret, 4);
  wipe(secret, PRIVATE_KEY_BYTES);
  nvm.write(STATE, superblock.ACTIVATED);
}

/** Copies PRIVATE_KEY_BYTES, big-endian, to `target`, for TLS alone, which wipes them. */
export function readPrivateKey(target: usize): void {
  nvm.copyIn(target, PRIVATE_KEY, PRIVATE_KEY_BYTES);
}

/** Copies PUBLIC_KEY_BYTES to `target`. */
export function readPublicKey(target: usize): void {
  nvm.copyIn(target, PUBLIC_KEY, PUBLIC_KEY_BYTES);
}

/** @returns false when NVM no longer holds the key pair that was stored, or no longer tells whether there is one */
export function isIntact(): bool {
  if (rsaKey.IN_USE) return rsaKey.isIntact();
  if (hasPrivateKey()) return declassify.verdict(nvm.read32(CRC) == checksum()); // as told to whoever asks
  return nvm.read(STATE) == nvm.ERASED && !superblock.isOperational();
}

function checksum(): u32 {
  return crc32.done(crc32.addNvm(crc32.START, PRIVATE_KEY, PAIR_BYTES));
}
