// Points of P-256 in Jacobian coordinates (x = X/Z², y = Y/Z³) and their multiples.
//
// A multiple is a signed comb. An odd k of 256 bits is the sum of d(i) 2^i, i < 256, where every digit is 1 or -1:
// d(255) = 1, and d(i) = 1 where bit i + 1 of k is set (an even k gives way to n - k, and the result to its negative).
// Digit i is therefore bit (i + 1) mod 256 of k. A comb of `teeth` teeth, `spacing` digits apart, adds up one column of
// digits at a time, from a table of the sums that a column can have, up to sign:
//
//   entry j of the table = (2^(spacing (teeth - 1)) + the sum over lower teeth i of ±2^(spacing i)) · point
//                          plus where bit i of j is set
//
//   teeth  spacing  table          for
//   4      64       8 points, ROM  the generator: keys and signatures
//   1      256      the point      any other: ECDH
//
// No digit is 0, so nothing is ever added that is not there, and the sum is never the point at infinity. Nor is a sum
// ever a doubling in disguise, so the short formulas do for every k in [1, n - 1]: 2 · sum = column's entry modulo n
// needs a k whose digits are those of n but for the last column's, which are the opposite. So k = n - 2 e, where e is n's
// last column; but e < 0 as its top digit is (bits 1 and 193 of n are 0), and k > n. In an earlier column the
// numbers are too small to meet n.
import * as field from "./field.ts";
import { ADD, MUL, P, SUB } from "./field.ts";
import { invert } from "./field-invert.ts";

// Registers. 7 and 8 are the field's.
export const X: u8 = 0;
export const Y: u8 = 1;
export const Z: u8 = 2;
/** The affine point to add. */
export const QX: u8 = 3;
export const QY: u8 = 4;
export const A: u8 = 5;
export const C: u8 = 6;
/** First of the registers 3 to 9 that an inversion takes. */
export const INVERT: u8 = 3;
/** The scalar k. */
export const K: u8 = 9;
/** An affine point, the table of its own comb. */
export const BASE_X: u8 = 10;
export const BASE_Y: u8 = 11;
/** Bytes of the register file. */
export const FILE_BYTES: u32 = 12 * field.REGISTER_BYTES;

// prettier-ignore
/** 4M + 4S. */
const DOUBLE: usize = memory.data<u8>([
  MUL | A,  Z,  Z,
  SUB | C,  X,  A,
  ADD | A,  X,  A,
  MUL | A,  A,  C,
  ADD | C,  A,  A,
  ADD | A,  A,  C,  // M = 3 (X - Z²) (X + Z²)
  ADD | QX, Y,  Y,
  MUL | Z,  Z,  QX, // Z3 = 2 Y Z
  MUL | QX, QX, Y,
  MUL | C,  X,  QX,
  ADD | C,  C,  C,  // S = 4 X Y²
  MUL | QX, QX, QX,
  ADD | Y,  QX, QX, // 8 Y⁴
  MUL | X,  A,  A,
  SUB | X,  X,  C,
  SUB | X,  X,  C,  // X3 = M² - 2 S
  SUB | C,  C,  X,
  MUL | C,  C,  A,
  SUB | Y,  C,  Y,  // Y3 = M (S - X3) - 8 Y⁴
]);
const DOUBLE_BYTES: u32 = 19 * 3;

// prettier-ignore
/** 8M + 3S. */
const ADD_MIXED: usize = memory.data<u8>([
  MUL | A,  Z,  Z,
  MUL | C,  A,  Z,
  MUL | A,  A,  QX,
  SUB | A,  A,  X,  // H = QX Z² - X
  MUL | C,  C,  QY,
  SUB | C,  C,  Y,  // R = QY Z³ - Y
  MUL | Z,  Z,  A,  // Z3 = Z H
  MUL | QX, A,  A,
  MUL | A,  A,  QX, // H³
  MUL | QX, QX, X,  // V = X H²
  MUL | X,  C,  C,
  SUB | X,  X,  A,
  SUB | X,  X,  QX,
  SUB | X,  X,  QX, // X3 = R² - H³ - 2 V
  SUB | QX, QX, X,
  MUL | C,  C,  QX,
  MUL | A,  A,  Y,
  SUB | Y,  C,  A,  // Y3 = R (V - X3) - Y H³
]);
const ADD_MIXED_BYTES: u32 = 18 * 3;

// prettier-ignore
/** Given Z = 1/Z and QX = 1. */
const TO_AFFINE: usize = memory.data<u8>([
  MUL | C, Z, Z,
  MUL | X, X, C,
  MUL | C, C, Z,
  MUL | Y, Y, C,
  MUL | X, X, QX,
  MUL | Y, Y, QX,
]);
const TO_AFFINE_BYTES: u32 = 6 * 3;

// prettier-ignore
/** A = x³ - 3 x + b - y² of the base, given QX = b. */
const ON_CURVE: usize = memory.data<u8>([
  MUL | A, BASE_X, BASE_X,
  MUL | A, A, BASE_X,
  ADD | A, A, QX,
  MUL | C, BASE_Y, BASE_Y,
  SUB | A, A, C,
  ADD | C, BASE_X, BASE_X,
  ADD | C, C, BASE_X,
  SUB | A, A, C,
]);
const ON_CURVE_BYTES: u32 = 8 * 3;

// prettier-ignore
/** 1 in Montgomery form: 2^256 - P. */
const ONE: usize = memory.data<u32>([
  0x00000001, 0x00000000, 0x00000000, 0xffffffff, 0xffffffff, 0xffffffff, 0xfffffffe, 0x00000000,
]);
// prettier-ignore
/** b of the curve's equation, in Montgomery form. */
const B: usize = memory.data<u32>([
  0x29c4bddf, 0xd89cdf62, 0x78843090, 0xacf005cd, 0xf7212ed6, 0xe5a220ab, 0x04874834, 0xdc30061d,
]);
// prettier-ignore
/** 2^512 modulo P. */
const R2: usize = memory.data<u32>([
  0x00000003, 0x00000000, 0xffffffff, 0xfffffffb, 0xfffffffe, 0xffffffff, 0xfffffffd, 0x00000004,
]);

export const GENERATOR_TEETH: u32 = 4;
export const GENERATOR_SPACING: i32 = 64;
// prettier-ignore
/** The generator's comb, x and y of each entry in Montgomery form. */
export const GENERATOR: usize = memory.data<u32>([
  0x670844e0, 0x52d8a7c9, 0xef68a29d, 0x00e33bdc, 0x4bdb7361, 0x0f3d2848, 0x91c5304d, 0x5222c821,
  0xdf73fc25, 0xea6d2944, 0x0255c81b, 0xa04c0f55, 0xefe488a8, 0x29acdc97, 0x80a560de, 0xbe2e158f,
  0x2b13e673, 0xfc8511ee, 0xd103ed24, 0xffc58dee, 0xea7e99b8, 0x1022523a, 0x4afc8a17, 0x8f43ea39,
  0xc5f33d0b, 0x8f4e2dbc, 0xd0aa1681, 0x3bc099fa, 0x79ff9df1, 0xffbb7b41, 0xd58b57c4, 0x180de09d,
  0x8bd1cda5, 0x56430752, 0x8e05eda5, 0x1807577f, 0x956896e9, 0x099c699b, 0xf1f0efb5, 0x83d6093d,
  0xed97061c, 0xef5af17e, 0x030d4c3c, 0x35b977b8, 0x49229439, 0x81fa75a2, 0xa0b6d35d, 0xf5a22070,
  0x74f81cf1, 0x814c5365, 0x0120065b, 0xe30baff7, 0x15132621, 0x80ae1256, 0x36a80788, 0x16d2b8cb,
  0xecc50bca, 0x33d14697, 0x17aedd21, 0x19a9dfb0, 0xedc3f766, 0x523fbcc7, 0xb2cf5afd, 0x9c4de6dd,
  0xcf0d9f6d, 0x5305a9e6, 0x81a9b021, 0x5839172f, 0x75c687cf, 0xcca7a4dd, 0x844be22f, 0x36d59b3e,
  0x111a53e9, 0xcace7e62, 0xf063f3a1, 0x91c843d4, 0x0da812da, 0xbf77e5f0, 0x437f3176, 0x0e64af9c,
  0xcf07517d, 0xdbd568bb, 0xba6830b9, 0x2f1afba2, 0xe6c4c2a6, 0x15b6807c, 0xe4966aef, 0x91c7eabc,
  0xd6b2b6e6, 0x716dea1b, 0x19f85b4b, 0x248c43d1, 0x4a315e2a, 0x16dcfd60, 0xc72b3d0b, 0x15fdd303,
  0x42b7dfd5, 0xe40bf9f4, 0x2d934f2a, 0x673689f3, 0x30a6f50b, 0x8314beb4, 0x976ec64e, 0xd17af2bc,
  0x1ee7ddf1, 0x39f66c4f, 0x68ea373c, 0x7f68e18b, 0x53d0b186, 0x5166c1f2, 0x7be58f14, 0x95dda601,
  0x42913074, 0x0d5ae356, 0x48a542b1, 0x55491b27, 0xb310732a, 0x469ca665, 0x5f1a4cc1, 0x29591d52,
  0xb84f983f, 0xe76f5b6b, 0x9f5f84e1, 0xbe7eef41, 0x80baa189, 0x1200d496, 0x18ef332c, 0x6376551f,
]);

/**
 * Registers X, Y = K · point, affine, out of Montgomery form. K is in [1, N - 1] and is lost.
 * CT: nothing of K leaks, nor of the table.
 */
export function multiply(file: usize, table: usize, teeth: u32, spacing: i32): void {
  const flip = makeOdd(file);
  column(file, table, teeth, spacing, spacing - 1);
  begin(file);
  for (let i = spacing - 2; i >= 0; i--) {
    double(file);
    column(file, table, teeth, spacing, i);
    add(file);
  }
  negateMasked(file, Y, flip);
  toAffine(file);
}

/**
 * Takes an uncompressed point into registers BASE_X, BASE_Y, in Montgomery form. SEC 1 section 3.2.2.1; the cofactor is 1.
 * @param point 65 bytes @returns false when it is no point of the curve. A public value: the result leaks.
 */
export function decode(file: usize, point: usize): bool {
  const x = field.at(file, BASE_X);
  const y = field.at(file, BASE_Y);
  const spare = field.at(file, A);
  field.swapEnds(x, point + 1);
  field.swapEnds(y, point + 33);
  const inField = field.difference(spare, x, P) & field.difference(spare, y, P);
  toMontgomery(file, BASE_X);
  memory.copy(field.at(file, QX), B, field.REGISTER_BYTES);
  field.run(ON_CURVE, ON_CURVE_BYTES, file, P);
  return load<u8>(point) == 4 && (inField & field.isZero(spare)) != 0;
}

/** K = N - K when K is even. @returns all ones if so, else 0 */
function makeOdd(file: usize): u32 {
  const k = field.at(file, K);
  const opposite = field.at(file, A);
  const even = (load<u32>(k) & 1) - 1;
  field.difference(opposite, field.N, k);
  field.copyMasked(k, opposite, even, field.REGISTER_BYTES);
  return even;
}

/** (QX, QY) = the table's point for one column of K, found by reading every entry. */
function column(file: usize, table: usize, teeth: u32, spacing: i32, at: i32): void {
  const k = field.at(file, K);
  let digits: u32 = 0;
  for (let tooth = teeth; tooth > 0; tooth--) {
    const bit = (at + 1 + i32(tooth - 1) * spacing) & 255;
    digits = (digits << 1) | ((load<u8>(k + (bit >> 3)) >> (bit & 7)) & 1);
  }
  const entries: u32 = 1 << (teeth - 1);
  const negative = (digits >> (teeth - 1)) - 1;
  const wanted = (digits ^ negative) & (entries - 1);
  for (let entry: u32 = 0; entry < entries; entry++) {
    const mask = u32((i64(entry ^ wanted) - 1) >> 32);
    field.copyMasked(field.at(file, QX), table + entry * 64, mask, 2 * field.REGISTER_BYTES);
  }
  negateMasked(file, QY, negative);
}

/** A register = its negative where mask is all ones. No point of the curve has y = 0, so P - y is below P. */
function negateMasked(file: usize, register: u32, mask: u32): void {
  const y = field.at(file, register);
  const opposite = field.at(file, A);
  field.difference(opposite, P, y);
  field.copyMasked(y, opposite, mask, field.REGISTER_BYTES);
}

/** The affine point in register `x` and the next one goes into Montgomery form. CT: nothing leaks. */
export function toMontgomery(file: usize, x: u32): void {
  const wide = field.at(file, field.WIDE);
  field.multiply(field.at(file, x), field.at(file, x), R2, wide, P);
  field.multiply(field.at(file, x + 1), field.at(file, x + 1), R2, wide, P);
}

/** (X, Y, Z) = (QX, QY, 1). CT: nothing leaks. */
export function begin(file: usize): void {
  memory.copy(field.at(file, X), field.at(file, QX), 2 * field.REGISTER_BYTES);
  memory.copy(field.at(file, Z), ONE, field.REGISTER_BYTES);
}

/** (X, Y, Z) = 2 (X, Y, Z), not at infinity. QX is lost. CT: nothing leaks. */
export function double(file: usize): void {
  field.run(DOUBLE, DOUBLE_BYTES, file, P);
}

/** (X, Y, Z) += (QX, QY), which are neither equal nor opposite, nor at infinity. QX is lost. CT: nothing leaks. */
export function add(file: usize): void {
  field.run(ADD_MIXED, ADD_MIXED_BYTES, file, P);
}

/** (X, Y) = (X/Z², Y/Z³), out of Montgomery form. CT: nothing leaks. */
export function toAffine(file: usize): void {
  const z = field.at(file, Z);
  invert(z, z, field.at(file, INVERT), P);
  const one = field.at(file, QX);
  memory.fill(one, 0, field.REGISTER_BYTES);
  store<u32>(one, 1);
  field.run(TO_AFFINE, TO_AFFINE_BYTES, file, P);
}
