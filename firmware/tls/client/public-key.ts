// SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7) of the two kinds of key that the client verifies with. DER has one way to
// write each, so the key is found by what stands around it, byte for byte: P-256 uncompressed (RFC 5480), RSA of 2,048
// bits with the exponent 65537 (RFC 3279 section 2.3.1).
import { CRYPTO } from "../../chip/ram-map.ts";
import * as nvm from "../../chip/nvm.ts";
import * as p256 from "../../crypto/p256.ts";
import * as rsa from "../../crypto/rsa-verify.ts";
import * as sha256 from "../../crypto/sha256.ts";
import * as slots from "./slots.ts";

/** A key of another kind, or none. */
export const OTHER: u32 = 0;
export const P256: u32 = 1;
export const RSA_2048: u32 = 2;

// prettier-ignore
const P256_FRONT: usize = memory.data<u8>([
  0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
  0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
]);
const P256_FRONT_BYTES: u32 = 26;
/** Of both fronts, bytes of SubjectPublicKeyInfo's own header, which a slot does not have. */
const P256_HEADER_BYTES: u32 = 2;
const RSA_HEADER_BYTES: u32 = 4;
// prettier-ignore
const RSA_FRONT: usize = memory.data<u8>([
  0x30, 0x82, 0x01, 0x22, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
  0x03, 0x82, 0x01, 0x0f, 0x00, 0x30, 0x82, 0x01, 0x0a, 0x02, 0x82, 0x01, 0x01, 0x00,
]);
const RSA_FRONT_BYTES: u32 = 33;
const RSA_EXPONENT: usize = memory.data<u8>([0x02, 0x03, 0x01, 0x00, 0x01]);
const RSA_EXPONENT_BYTES: u32 = 5;

const P256_BYTES: u32 = P256_FRONT_BYTES - P256_HEADER_BYTES + p256.POINT_BYTES;
const RSA_BYTES: u32 = RSA_FRONT_BYTES - RSA_HEADER_BYTES + rsa.NUMBER_BYTES + RSA_EXPONENT_BYTES;

/** @returns the kind of the key of `length` bytes in a slot */
export function identify(slot: u32, length: u32): u32 {
  if (RSA_BYTES > slots.KEY_MAX) ERROR("an RSA key does not fit a slot");
  const at = slots.key(slot);
  if (
    length == P256_BYTES &&
    hasFront(at, P256_FRONT + P256_HEADER_BYTES, P256_FRONT_BYTES - P256_HEADER_BYTES)
  )
    return P256;
  if (length != RSA_BYTES) return OTHER;
  const good =
    hasFront(at, RSA_FRONT + RSA_HEADER_BYTES, RSA_FRONT_BYTES - RSA_HEADER_BYTES) &&
    nvm.equals(at + RSA_BYTES - RSA_EXPONENT_BYTES, RSA_EXPONENT, RSA_EXPONENT_BYTES);
  return good ? RSA_2048 : OTHER;
}

function hasFront(at: u32, front: usize, length: u32): bool {
  return nvm.equals(at, front, length);
}

/** @returns where the number itself is in NVM: P-256's point of 65 bytes, RSA's modulus of 256 */
export function number(slot: u32): u32 {
  const isRsa = slots.keyType(slot) == RSA_2048;
  return (
    slots.key(slot) + (isRsa ? RSA_FRONT_BYTES - RSA_HEADER_BYTES : P256_FRONT_BYTES - P256_HEADER_BYTES)
  );
}

/** SHA-256 of a slot's SubjectPublicKeyInfo, header included. @returns its address, in scratch; 0 for a key of another kind */
export function hash(slot: u32): usize {
  const type = slots.keyType(slot);
  if (type == OTHER) return 0;
  const isRsa = type == RSA_2048;
  const bytes: u32 = isRsa ? RSA_BYTES : P256_BYTES;
  sha256.init(CRYPTO);
  sha256.update(CRYPTO, isRsa ? RSA_FRONT : P256_FRONT, isRsa ? RSA_HEADER_BYTES : P256_HEADER_BYTES);
  const byte = CRYPTO + sha256.STATE_BYTES;
  for (let i: u32 = 0; i < bytes; i++) {
    store<u8>(byte, nvm.read(slots.key(slot) + i));
    sha256.update(CRYPTO, byte, 1);
  }
  sha256.final(CRYPTO, byte);
  return byte;
}
