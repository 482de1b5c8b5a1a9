// X25519 (RFC 7748): the Montgomery ladder in a register file of 320 bytes, nothing else.
import * as declassify from "./declassify.ts";
import * as field from "./field.ts";
import { A24, ADD, MUL, SUB } from "./field.ts";
import { invert } from "./field-invert.ts";
import { wipe } from "./ct.ts";

/** Bytes of scratch that each function here uses and wipes; 4-byte aligned. */
export const SCRATCH_BYTES: u32 = 10 * field.REGISTER_BYTES;

// Registers, the RFC's letters. 7 and 8 are the field's.
const X2: u8 = 0;
const Z2: u8 = 1;
const X3: u8 = 2;
const Z3: u8 = 3;
const X1: u8 = 4;
const A: u8 = 5;
const K: u8 = 9;
/** First of the seven that the inversion takes at the end. */
const INVERT: u8 = 2;

// prettier-ignore
/** One step of the ladder, RFC 7748 section 5, with the RFC's values beside it. */
const STEP: usize = memory.data<u8>([
  ADD | A,  X2, Z2, // A
  SUB | X2, X2, Z2, // B
  ADD | Z2, X3, Z3, // C
  SUB | X3, X3, Z3, // D
  MUL | X3, X3, A,  // DA
  MUL | Z2, Z2, X2, // CB
  SUB | Z3, X3, Z2,
  MUL | Z3, Z3, Z3,
  MUL | Z3, Z3, X1, // z_3 = x_1 * (DA - CB)^2
  ADD | X3, X3, Z2,
  MUL | X3, X3, X3, // x_3 = (DA + CB)^2
  MUL | A,  A,  A,  // AA
  MUL | X2, X2, X2, // BB
  SUB | Z2, A,  X2, // E = AA - BB
  MUL | X2, A,  X2, // x_2 = AA * BB
  A24 | A,  A,  Z2,
  MUL | Z2, Z2, A,  // z_2 = E * (AA + a24 * E)
]);
const STEP_BYTES: u32 = 17 * 3;

// prettier-ignore
const BASE_POINT: usize = memory.data<u32>([9, 0, 0, 0, 0, 0, 0, 0]);

/**
 * The public key of a private one: X25519(scalar, 9).
 * @param out 32 bytes @param scalar 32 random bytes, clamped here @param scratch SCRATCH_BYTES
 * CT: nothing of the scalar leaks.
 */
export function publicKey(out: usize, scalar: usize, scratch: usize): void {
  shared(out, scalar, BASE_POINT, scratch);
  declassify.bytes(out, field.REGISTER_BYTES); // the public key
}

/**
 * The shared secret: X25519(scalar, point), RFC 7748 section 6.1.
 * @param out 32 bytes @param scalar 32 bytes, clamped here @param point 32 bytes, the peer's public key
 * @param scratch SCRATCH_BYTES
 * @returns false for the all-zero secret, which a point of small order gives: abort the handshake
 * CT: nothing leaks but the result.
 */
export function shared(out: usize, scalar: usize, point: usize, scratch: usize): bool {
  start(scalar, point, scratch);
  let swapped: u32 = 0;
  for (let bit: i32 = 254; bit >= 0; bit--) swapped = step(bit, swapped, scratch);
  const zero = finish(scratch);
  memory.copy(out, scratch, field.REGISTER_BYTES);
  wipe(scratch, SCRATCH_BYTES);
  return declassify.verdict(zero == 0); // tells only of the peer's point: the scalar is a multiple of 8, not of the order
}

/** The registers before the first step, from the clamped scalar and the point, whose top bit is masked. */
function start(scalar: usize, point: usize, s: usize): void {
  memory.fill(s, 0, SCRATCH_BYTES);
  store<u32>(field.at(s, X2), 1);
  memory.copy(field.at(s, X3), point, field.REGISTER_BYTES);
  store<u8>(field.at(s, X3) + 31, load<u8>(point, 31) & 0x7f);
  store<u32>(field.at(s, Z3), 1);
  memory.copy(field.at(s, X1), field.at(s, X3), field.REGISTER_BYTES);
  const k = field.at(s, K);
  memory.copy(k, scalar, field.REGISTER_BYTES);
  store<u8>(k, load<u8>(k) & 0xf8);
  store<u8>(k + 31, (load<u8>(k, 31) & 0x7f) | 0x40);
}

/** One bit of the scalar. The last one is 0, as the scalar is clamped, so that nothing is swapped in the end. */
function step(bit: i32, swapped: u32, s: usize): u32 {
  const wanted = 0 - u32((load<u8>(field.at(s, K) + (bit >> 3)) >> (bit & 7)) & 1);
  swap(s, wanted ^ swapped);
  field.run(STEP, STEP_BYTES, s, field.M);
  return wanted;
}

/** (x_2, z_2) <-> (x_3, z_3) where mask is all ones. */
function swap(s: usize, mask: u32): void {
  const both = u64(i64(i32(mask)));
  for (let i: usize = 0; i < 2 * field.REGISTER_BYTES; i += 8) {
    const a = load<u64>(s + i);
    const b = load<u64>(s + i, 64);
    const change = (a ^ b) & both;
    store<u64>(s + i, a ^ change);
    store<u64>(s + i, b ^ change, 64);
  }
}

/** Register 0 = x_2 / z_2, reduced. @returns all ones when it is 0, else 0 */
function finish(s: usize): u32 {
  const x2 = field.at(s, X2);
  const inverse = field.at(s, Z2);
  const wide = field.at(s, field.WIDE);
  field.canonical(inverse, field.M_PRIME, wide);
  invert(inverse, inverse, field.at(s, INVERT), field.M_PRIME);
  field.multiply(x2, x2, inverse, wide, field.M);
  field.canonical(x2, field.M_PRIME, wide);
  return field.isZero(x2);
}
