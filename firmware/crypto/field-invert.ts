// Inversion in a prime field: the greatest common divisor by division steps (Bernstein and Yang, "Fast constant-time
// gcd computation and modular inversion", 2019). Begun
// at delta = 1/2, 590 steps are enough for 256 bits. A tenth of what Fermat's power takes.
//
// A step looks only at the lowest bit of g and at the sign of delta, so 30 of them are made on the low words alone and
// noted as a matrix (u v; q r), which then moves the whole numbers:
//
//   (f, g) = (u f + v g, q f + r g) / 2^30         from (modulus, a) to (±1, 0)
//   (d, e) = the same modulo the modulus           from (0, start): f = d · a / start, g = e · a / start throughout
//
// Numbers are nine limbs of 30 bits, the last one signed, in the order below. A multiple of the modulus makes a sum
// divisible by 2^30; for f and g, which are divisible anyway, it is 0 times the modulus. d and e grow by half a modulus
// each time; one more division by 2^30, for which `start` makes up, brings d back below it.
import * as field from "./field.ts";

const LIMBS: u32 = 9;
const LIMB_BITS: u32 = 30;
const LIMB_MASK: u32 = 0x3fffffff;
const ROUNDS: u32 = 20;

const F: usize = 0;
const G: usize = 36;
const D: usize = 72;
const E: usize = 108;
const MODULUS: usize = 144;
const MATRIX: usize = 180;
const ZETA: usize = 196;
/** Bytes that invert() works in. */
export const WORK_BYTES: u32 = 200;

/**
 * out = start / a in the field; 0 for a = 0.
 * @param a below the modulus; may be out @param work WORK_BYTES @param modulus with what follows it, see field.P
 * CT: nothing leaks.
 */
export function invert(out: usize, a: usize, work: usize, modulus: usize): void {
  split(work + F, modulus);
  split(work + G, a);
  memory.fill(work + D, 0, E - D);
  split(work + E, modulus + field.START);
  split(work + MODULUS, modulus);
  store<i32>(work, -1, ZETA);
  const inverse = load<u32>(modulus, field.NEGATIVE_INVERSE);
  for (let round: u32 = 0; round < ROUNDS; round++) {
    steps(work);
    apply(work, work + F, inverse);
    apply(work, work + D, inverse);
  }
  memory.fill(work + MATRIX, 0, 16);
  store<u32>(work, 1, MATRIX);
  apply(work, work + D, inverse);
  const negative = join(out, work + D, load<i32>(work, F + 32) >> 31);
  field.addMasked(out, modulus, negative);
}

/** 30 division steps on the low words of f and g; their matrix. zeta is -(delta + 1/2). */
function steps(work: usize): void {
  let zeta = load<i32>(work, ZETA);
  let f = load<u32>(work, F);
  let g = load<u32>(work, G);
  let u: u32 = 1;
  let v: u32 = 0;
  let q: u32 = 0;
  let r: u32 = 1;
  for (let i: u32 = 0; i < LIMB_BITS; i++) {
    const odd = 0 - (g & 1);
    // delta > 0: g gains -f, and where g is odd it changes places with f. Otherwise g gains f.
    const minus = u32(zeta >> 31);
    g += ((f ^ minus) - minus) & odd;
    q += ((u ^ minus) - minus) & odd;
    r += ((v ^ minus) - minus) & odd;
    const swap = minus & odd;
    zeta = (zeta ^ i32(swap)) - 1;
    f += g & swap;
    u = (u + (q & swap)) << 1;
    v = (v + (r & swap)) << 1;
    g >>= 1;
  }
  store<i32>(work, zeta, ZETA);
  store<u32>(work, u, MATRIX);
  store<u32>(work, v, MATRIX + 4);
  store<u32>(work, q, MATRIX + 8);
  store<u32>(work, r, MATRIX + 12);
}

/** The matrix moves a pair. @param x address of f or d, g or e follow @param inverse -1 / modulus modulo 2^30 */
function apply(work: usize, x: usize, inverse: u32): void {
  const u = load<i32>(work, MATRIX);
  const v = load<i32>(work, MATRIX + 4);
  const q = load<i32>(work, MATRIX + 8);
  const r = load<i32>(work, MATRIX + 12);
  let a = load<i32>(x);
  let b = load<i32>(x, 36);
  const forX = centred(u32(u * a + v * b) * inverse);
  const forY = centred(u32(q * a + r * b) * inverse);
  let m = load<i32>(work, MODULUS);
  let sumX = i64(u) * i64(a) + i64(v) * i64(b) + i64(forX) * i64(m);
  let sumY = i64(q) * i64(a) + i64(r) * i64(b) + i64(forY) * i64(m);
  for (let i: usize = 4; i < 4 * LIMBS; i += 4) {
    a = load<i32>(x + i);
    b = load<i32>(x + i, 36);
    m = load<i32>(work + i, MODULUS);
    sumX = (sumX >> LIMB_BITS) + i64(u) * i64(a) + i64(v) * i64(b) + i64(forX) * i64(m);
    sumY = (sumY >> LIMB_BITS) + i64(q) * i64(a) + i64(r) * i64(b) + i64(forY) * i64(m);
    store<u32>(x + i - 4, u32(sumX) & LIMB_MASK);
    store<u32>(x + i - 4, u32(sumY) & LIMB_MASK, 36);
  }
  store<i32>(x, i32(sumX >> LIMB_BITS), 32);
  store<i32>(x, i32(sumY >> LIMB_BITS), 68);
}

/** The 30 low bits as a signed number. */
function centred(bits: u32): i32 {
  return i32(bits << 2) >> 2;
}

/** Nine limbs of 30 bits out of eight of 32. */
function split(out: usize, a: usize): void {
  store<u32>(out, load<u32>(a) & LIMB_MASK);
  for (let i: u32 = 1; i < 8; i++) {
    const limb = u32(load<u64>(a + 4 * i - 4) >> (32 - 2 * i));
    store<u32>(out + 4 * i, limb & LIMB_MASK);
  }
  store<u32>(out, load<u32>(a, 28) >> 16, 32);
}

/** Eight limbs of 32 bits out of nine of 30, negated where mask is all ones. @returns all ones if below 0, else 0 */
function join(out: usize, a: usize, mask: i32): u32 {
  let sum: i32 = 0;
  for (let i: u32 = 0; i < LIMBS; i++) {
    sum += (load<i32>(a + 4 * i) ^ mask) - mask;
    store<u32>(a + 4 * i, u32(sum) & LIMB_MASK);
    sum >>= LIMB_BITS;
  }
  for (let i: u32 = 0; i < 8; i++) {
    const pair = u64(load<u32>(a + 4 * i)) | (u64(load<u32>(a + 4 * i, 4)) << LIMB_BITS);
    store<u32>(out + 4 * i, u32(pair >> (2 * i)));
  }
  return u32(sum);
}
