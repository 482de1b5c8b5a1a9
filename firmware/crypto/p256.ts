// P-256 (secp256r1): keys, ECDH and ECDSA signatures. SEC 1, FIPS 186-5, RFC 6979.
import * as declassify from "./declassify.ts";
import * as field from "./field.ts";
import { N } from "./field.ts";
import { invert } from "./field-invert.ts";
import * as nonce from "./p256-nonce.ts";
import * as point from "./p256-point.ts";
import * as scalar from "./p256-scalar.ts";
import { wipe } from "./ct.ts";

/** Bytes of scratch that each function here uses and wipes; 4-byte aligned. */
export const SCRATCH_BYTES: u32 = point.FILE_BYTES;
/** An uncompressed point: 04 ‖ X ‖ Y, SEC 1 section 2.3.3. */
export const POINT_BYTES: u32 = 65;

/**
 * The public key of a private one. Key generation by rejection (FIPS 186-5 A.2.2): offer 32 random bytes until true.
 * @param out POINT_BYTES @param privateKey 32 bytes, big-endian @param scratch SCRATCH_BYTES
 * @returns false when the private key is not in [1, n - 1]: out is not written
 * CT: nothing leaks but the result.
 */
export function publicKey(out: usize, privateKey: usize, scratch: usize): bool {
  const good = scalar.take(scratch, privateKey);
  if (good) {
    point.multiply(scratch, point.GENERATOR, point.GENERATOR_TEETH, point.GENERATOR_SPACING);
    store<u8>(out, 4);
    field.swapEnds(out + 1, field.at(scratch, point.X));
    field.swapEnds(out + 33, field.at(scratch, point.Y));
    declassify.bytes(out, POINT_BYTES); // the public key
  }
  wipe(scratch, SCRATCH_BYTES);
  return good;
}

/**
 * The x coordinate of privateKey · peer (SEC 1 section 3.3.1), after full validation of the peer's point.
 * @param out 32 bytes @param privateKey 32 bytes, big-endian @param peer POINT_BYTES @param scratch SCRATCH_BYTES
 * @returns false when peer is not an uncompressed point of the curve, or the key not in [1, n - 1]: out is not written
 * CT: nothing leaks but the result.
 */
export function ecdh(out: usize, privateKey: usize, peer: usize, scratch: usize): bool {
  const good = point.decode(scratch, peer) && scalar.take(scratch, privateKey);
  if (good) {
    point.multiply(scratch, field.at(scratch, point.BASE_X), 1, 256);
    field.swapEnds(out, field.at(scratch, point.X));
  }
  wipe(scratch, SCRATCH_BYTES);
  return good;
}

/**
 * ECDSA signature of a digest with the deterministic k of RFC 6979 (HMAC-SHA-256), or its hedged variant.
 * @param out 64 bytes, r ‖ s, big-endian
 * @param digest 32 bytes @param privateKey 32 bytes, big-endian
 * @param hedge 32 random bytes, the k' of RFC 6979 section 3.6; 0 for none
 * @param scratch SCRATCH_BYTES
 * @returns false when the private key is not in [1, n - 1]: out is not written
 * CT: nothing leaks but the result, whether there is a hedge, and how many candidates for k were refused.
 */
export function sign(out: usize, digest: usize, privateKey: usize, hedge: usize, scratch: usize): bool {
  const good = scalar.take(scratch, privateKey);
  if (good) {
    let refused: u32 = 0;
    do {
      nonce.first(scratch, digest, privateKey, hedge);
      for (let i: u32 = 0; i < refused; i++) nonce.another(scratch);
      refused++;
    } while (!signWith(out, digest, privateKey, scratch));
  }
  wipe(scratch, SCRATCH_BYTES);
  return good;
}

/** One attempt with the candidate for k. @returns false when k, r or s will not do (once in 2^32 times) */
function signWith(out: usize, digest: usize, privateKey: usize, file: usize): bool {
  const k = field.at(file, nonce.V);
  if (!scalar.take(file, k)) return false;
  point.multiply(file, point.GENERATOR, point.GENERATOR_TEETH, point.GENERATOR_SPACING);
  const r = field.at(file, point.X);
  const s = field.at(file, point.Y);
  const inverse = field.at(file, point.Z);
  const wide = field.at(file, field.WIDE);
  field.canonical(r, N, s);
  scalar.toMontgomery(inverse, k, wide);
  invert(inverse, inverse, field.at(file, point.INVERT), N);
  scalar.toMontgomery(s, privateKey, wide);
  field.multiplyN(s, s, r, wide);
  // s = (digest + r · privateKey) / k
  const z = field.at(file, point.A);
  scalar.takeDigest(z, digest, wide);
  field.add(s, s, z, N);
  field.multiplyN(s, s, inverse, wide);
  // r and s are the signature; a zero among them is never seen, and k with it thrown away
  if (declassify.verdict((field.isZero(r) | field.isZero(s)) != 0)) return false;
  field.swapEnds(out, r);
  field.swapEnds(out + 32, s);
  declassify.bytes(out, 64);
  return true;
}
