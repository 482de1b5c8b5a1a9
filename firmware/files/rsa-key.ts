// The RSA key of a card that has one in place of a P-256 key: the TLS 1.0 card, and the one with an RSA certificate. It
// would take the card very long to make one, so the issuer makes it and puts it in during personalisation, number by
// number; it has one reader, TLS, and no way off the card.
//
//   RSA_KEY   0       1      2         4    4 + 5 h              648
//             ┌───────┬──────┬─────────┬────┬───────────────┬──────┐
//             │ state │ h    │ present │    │ p q dP dQ qInv│ CRC  │   h: bytes of a number, half of the modulus
//             └───────┴──────┴─────────┴────┴───────────────┴──────┘
//
// `state` becomes ACTIVATED after everything else, and from then on there is a key. Putting in its first number again, which
// a personalisation does that starts over, takes it away first. `present` has a bit for each number.
import * as nvm from "../chip/nvm.ts";
import { RSA_KEY, RSA_KEY_BYTES, TLS_SWAP } from "../chip/nvm-map.ts";
import * as rsa from "../crypto/rsa.ts";
import * as crc32 from "./crc32.ts";
import * as superblock from "./superblock.ts";

/** Is the card's key an RSA key? */
export const IN_USE: bool = (TLS10 | TLS_RSA) != 0;
/** Address of the numbers in NVM, as crypto/rsa.ts wants them. */
export const NUMBERS: u32 = RSA_KEY + 4;

const STATE: u32 = RSA_KEY;
const HALF: u32 = RSA_KEY + 1;
const PRESENT: u32 = RSA_KEY + 2;
const CRC: u32 = NUMBERS + (rsa.KEY_NUMBERS * rsa.MODULUS_MAX) / 2;
const ALL: u32 = (1 << rsa.KEY_NUMBERS) - 1;
/** Short moduli are the past's. */
const MODULUS_MIN: u32 = TLS10 ? rsa.MODULUS_MIN : rsa.MODULUS_MAX;

/** Is there a whole key? */
export function isThere(): bool {
  return nvm.read(STATE) == superblock.ACTIVATED;
}

/** Bytes of the modulus. */
export function modulusBytes(): u32 {
  return 2 * nvm.read(HALF);
}

/**
 * Puts a number of the key in. p comes first; with the last of the five there is a key, if they belong together.
 * @param number 0 p, 1 q, 2 dP, 3 dQ, 4 qInv @param data `length` bytes, big-endian, half of the modulus
 * @param work rsa.WORK_BYTES
 * @returns false when the number is of the wrong length, or of no key
 * CT: nothing of the numbers leaks but whether they belong together.
 */
export function put(number: u32, data: usize, length: u32, work: usize): bool {
  if (CRC + 4 > RSA_KEY + RSA_KEY_BYTES) ERROR("the RSA key does not fit RSA_KEY_BYTES");
  if (number == 0) begin(length);
  if (length != nvm.read(HALF) || length % 8 != 0) return false;
  if (length < MODULUS_MIN / 2 || length > rsa.MODULUS_MAX / 2) return false;
  nvm.overwrite(NUMBERS + number * length, data, length);
  const present = nvm.read(PRESENT) | (1 << number);
  nvm.write(PRESENT, present);
  if (present != ALL) return true;
  if (!belongTogether(work)) return false;
  store<u32>(work, bswap<u32>(checksum()));
  nvm.overwrite(CRC, work, 4);
  nvm.write(STATE, superblock.ACTIVATED);
  return true;
}

/** The modulus. @param work rsa.WORK_BYTES; modulusBytes() in front, most significant first */
export function readModulus(work: usize): void {
  rsa.modulus(NUMBERS, modulusBytes(), work);
}

/** @returns false when NVM no longer holds the key that was stored, or no longer tells whether there is one */
export function isIntact(): bool {
  if (isThere()) return nvm.read32(CRC) == checksum();
  return nvm.read(STATE) == nvm.ERASED && !superblock.isOperational();
}

function begin(length: u32): void {
  nvm.write(STATE, nvm.ERASED);
  nvm.write(PRESENT, 0);
  nvm.write(HALF, length);
}

/** Does a number decrypt to what encrypts to it? The number, of which nothing matters, is below every modulus. */
function belongTogether(work: usize): bool {
  const bytes = modulusBytes();
  for (let i: u32 = 0; i < bytes; i++) nvm.write(TLS_SWAP + i, i);
  const isKey = rsa.decrypt(NUMBERS, bytes, TLS_SWAP, work) == rsa.DONE;
  memory.fill(work, 0, bytes);
  return isKey;
}

function checksum(): u32 {
  return crc32.done(crc32.addNvm(crc32.START, HALF, 3 + rsa.KEY_NUMBERS * nvm.read(HALF)));
}
