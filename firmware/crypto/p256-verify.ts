// ECDSA verification on P-256, for the client's role: SEC 1 section 4.1.4. All of it is public, so it may branch.
import * as field from "./field.ts";
import { N, P } from "./field.ts";
import { invert } from "./field-invert.ts";
import * as point from "./p256-point.ts";
import * as scalar from "./p256-scalar.ts";
import { wipe } from "./ct.ts";

/** Affine coordinates of u1 · G, and u2, while u2 · Q is being made. */
const U1_G: u32 = 12;
const U2: u32 = 14;

/** Bytes of scratch that verify() uses and wipes; 4-byte aligned. */
export const SCRATCH_BYTES: u32 = 15 * field.REGISTER_BYTES;

/**
 * Does the signature fit digest and public key?
 * @param signature 64 bytes, r ‖ s, big-endian @param digest 32 bytes
 * @param publicKey 65 bytes, an uncompressed point, validated here @param scratch SCRATCH_BYTES
 */
export function verify(signature: usize, digest: usize, publicKey: usize, scratch: usize): bool {
  const good =
    scalar.take(scratch, signature) &&
    scalar.take(scratch, signature + 32) &&
    point.decode(scratch, publicKey) &&
    multiples(signature, digest, scratch) &&
    isXOfSum(scratch, signature);
  wipe(scratch, SCRATCH_BYTES);
  return good;
}

/** Registers X, Y = u1 · G + u2 · Q, affine. @returns false for the point at infinity */
function multiples(signature: usize, digest: usize, file: usize): bool {
  const k = field.at(file, point.K);
  const u2 = field.at(file, U2);
  const wide = field.at(file, field.WIDE);
  const inverse = field.at(file, point.Z);
  scalar.toMontgomery(inverse, signature + 32, wide);
  invert(inverse, inverse, field.at(file, point.INVERT), N);
  field.swapEnds(u2, signature);
  field.multiplyN(u2, u2, inverse, wide);
  scalar.takeDigest(k, digest, wide);
  field.multiplyN(k, k, inverse, wide);
  const u1IsZero = field.isZero(k) != 0;
  if (!u1IsZero) {
    point.multiply(file, point.GENERATOR, point.GENERATOR_TEETH, point.GENERATOR_SPACING);
    memory.copy(field.at(file, U1_G), field.at(file, point.X), 2 * field.REGISTER_BYTES);
  }
  memory.copy(k, u2, field.REGISTER_BYTES);
  point.multiply(file, field.at(file, point.BASE_X), 1, 256);
  return u1IsZero || addAffine(file);
}

/** (X, Y) += U1_G, whatever the two are. @returns false for the point at infinity */
function addAffine(file: usize): bool {
  memory.copy(field.at(file, point.QX), field.at(file, point.X), 2 * field.REGISTER_BYTES);
  point.toMontgomery(file, point.QX);
  point.begin(file);
  memory.copy(field.at(file, point.QX), field.at(file, U1_G), 2 * field.REGISTER_BYTES);
  point.toMontgomery(file, point.QX);
  const spare = field.at(file, point.A);
  field.subtract(spare, field.at(file, point.X), field.at(file, point.QX), P);
  if (field.isZero(spare) == 0) point.add(file);
  else {
    field.subtract(spare, field.at(file, point.Y), field.at(file, point.QY), P);
    if (field.isZero(spare) == 0) return false;
    point.double(file);
  }
  point.toAffine(file);
  return true;
}

/** Is X modulo n the signature's r? */
function isXOfSum(file: usize, r: usize): bool {
  const x = field.at(file, point.X);
  const other = field.at(file, point.Y);
  field.canonical(x, N, other);
  field.swapEnds(other, r);
  field.difference(other, other, x);
  return field.isZero(other) != 0;
}
