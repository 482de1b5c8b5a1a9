// RSA's private operation by the Chinese remainder theorem (RFC 8017 section 5.1.2, its letters), for moduli of 1,024 to
// 2,048 bits whose primes are half as long. Key and ciphertext lie in NVM, most significant byte first, and are read a
// number at a time; what is computed lies in the caller's memory, which may be that of a context that has been swapped out.
//
//   key    0       h       2 h      3 h      4 h
//          ┌───────┬───────┬────────┬────────┬────────┐
//          │ p     │ q     │ dP     │ dQ     │ qInv   │   h bytes each: half of the modulus
//          └───────┴───────┴────────┴────────┴────────┘
//
//   work, in units of h      0        1        2    3    4    5        6        7        8
//   and some bytes           ┌────────┬────────┬──────────────┬────────┬────────┬────────┐
//     modulo a prime         │ prime  │ x      │ x   x²   x³  │ factor │ product│exponent│
//                            ├────────┴────────┼──────────────┴──┬─────┴────────┼────────┴──┐  then the step's number
//     modulo n               │ m               │ n               │ power        │ product   │
//                            └─────────────────┴─────────────────┴──────────────┴───────────┘
//
// What is computed modulo q waits in NVM, behind the ciphertext, until it has been computed modulo p; and is erased.
//
// It is done in steps, between which there is time for others; none takes two and a half million instructions of a Cortex-M3:
//
//   step     0                   h/4 + 3             h/2 + 6       + 1              + 5
//            ┌───────────────────┬───────────────────┬─────────────┬────────────────┬──────────┐
//            │ c^dQ modulo q     │ c^dP modulo p     │ m, and n    │ m R modulo n   │ is m^e c?│
//            └───────────────────┴───────────────────┴─────────────┴────────────────┴──────────┘
//              two for the table, then a word of the exponent each
//
// Against timing: constant time throughout. Against traces of power: exponents are blinded, d + r (p - 1) with a new r of
// 32 bits each time. Against faults (Boneh, DeMillo and Lipton 1997): the result is raised to e, and nothing leaves unless
// that gives the ciphertext again.
import * as nvm from "../chip/nvm.ts";
import { wipe } from "./ct.ts";
import * as declassify from "./declassify.ts";
import * as drbg from "./drbg.ts";
import * as montgomery from "./montgomery.ts";
import { HEAD_BYTES, WORK_EXTRA_BYTES } from "./montgomery.ts";

/** Lengths of moduli, bytes; a multiple of sixteen. */
export const MODULUS_MIN: u32 = 128;
export const MODULUS_MAX: u32 = 256;
/** Numbers of half the modulus that a key has. */
export const KEY_NUMBERS: u32 = 5;
/** The public exponent e, the only one: 2^16 + 1. */
export const PUBLIC_EXPONENT: u32 = 65537;

/** Bytes of the exponents beyond those of a prime: the blinding's. */
const BLIND_BYTES: u32 = 4;
const NUMBER_BYTES: u32 = 4;
const EXTRA_BYTES: u32 = HEAD_BYTES + WORK_EXTRA_BYTES + BLIND_BYTES + NUMBER_BYTES;
/** Bytes of memory for a modulus of MODULUS_MAX bytes, 4-byte aligned; wiped but for the result. */
export const WORK_BYTES: u32 = 8 * (MODULUS_MAX / 2) + EXTRA_BYTES;
const SQUARINGS: u32 = 16;

// Which number of a key.
const P: u32 = 0;
const Q: u32 = 1;
const DP: u32 = 2;
const DQ: u32 = 3;
const Q_INVERSE: u32 = 4;

// What a step comes to.
export const UNDER_WAY: u32 = 0;
export const DONE: u32 = 1;
/** c is not below n, or the key is no key, or a fault has struck: nothing is left in work. */
export const REFUSED: u32 = 2;

const DOUBLING_STEPS: u32 = 4;

/** Begins m = c^d modulo n. @param modulusBytes of the modulus, MODULUS_MIN to MODULUS_MAX @param work WORK_BYTES */
export function begin(modulusBytes: u32, work: usize): void {
  store<u32>(numberAt(work, modulusBytes / 2), 0);
}

/**
 * Goes on with it.
 * @param key address in NVM @param modulusBytes of the modulus
 * @param cipher address in NVM of c, modulusBytes; half as many behind it are workspace
 * @param work WORK_BYTES, those of begin(). When DONE: m in front, modulusBytes, most significant first
 * @returns UNDER_WAY, DONE or REFUSED
 * CT: leaks only the length and the result.
 */
export function step(key: u32, modulusBytes: u32, cipher: u32, work: usize): u32 {
  const half = modulusBytes / 2;
  const m2 = cipher + modulusBytes;
  const steps = half / 4 + 3; // of a power
  let number = load<u32>(numberAt(work, half));
  store<u32>(numberAt(work, half), number + 1);
  if (number < steps) {
    power(key, half, cipher, work, Q, DQ, number);
    return UNDER_WAY;
  }
  number -= steps;
  if (number == 0) nvm.overwrite(m2, at(work, half, X), half);
  if (number < steps) {
    power(key, half, cipher, work, P, DP, number);
    return UNDER_WAY;
  }
  number -= steps;
  if (number > DOUBLING_STEPS) return finish(half, cipher, work);
  if (number == 0) {
    recombine(key, half, m2, work);
    makeModulus(key, half, work);
  } else montgomery.double(work, (16 / DOUBLING_STEPS) * half, modulusAt(work, half), productAt(work, half));
  return UNDER_WAY;
}

/** Breaks it off, and leaves nothing of it. @param modulusBytes @param cipher @param work those of step() */
export function cancel(modulusBytes: u32, cipher: u32, work: usize): void {
  wipe(work, WORK_BYTES);
  nvm.erase(cipher + modulusBytes, modulusBytes / 2);
}

/** All steps of it. @returns DONE or REFUSED; parameters and the rest as step() has them */
export function decrypt(key: u32, modulusBytes: u32, cipher: u32, work: usize): u32 {
  begin(modulusBytes, work);
  let result: u32;
  do result = step(key, modulusBytes, cipher, work);
  while (result == UNDER_WAY);
  return result;
}

function finish(half: u32, cipher: u32, work: usize): u32 {
  const bytes = 2 * half;
  const isGood = verify(half, cipher, work);
  wipe(work + bytes, 6 * half + EXTRA_BYTES);
  if (!isGood) wipe(work, bytes);
  swapEnds(work, bytes);
  return isGood ? DONE : REFUSED;
}

/** n. @param work WORK_BYTES: n in front, modulusBytes, most significant first. CT: as decrypt(). */
export function modulus(key: u32, modulusBytes: u32, work: usize): void {
  const half = modulusBytes / 2;
  makeModulus(key, half, work);
  memory.copy(work, modulusAt(work, half) + HEAD_BYTES, modulusBytes);
  wipe(work + modulusBytes, 6 * half + EXTRA_BYTES);
  swapEnds(work, modulusBytes);
}

// Where things are, modulo a prime: in halves, behind them the bytes that the prime's head takes.
const PRIME: u32 = 0;
const X: u32 = 1;
const TABLE: u32 = 2;
const FACTOR: u32 = 5;
const PRODUCT: u32 = 6;
const EXPONENT: u32 = 7;

function at(work: usize, half: u32, place: u32): usize {
  return work + place * half + u32(place > PRIME) * HEAD_BYTES + u32(place > PRODUCT) * WORK_EXTRA_BYTES;
}

/** Of the step that is due. */
function numberAt(work: usize, half: u32): usize {
  return at(work, half, EXPONENT) + half + BLIND_BYTES;
}

/** A step to X = c^d modulo a prime, in Montgomery form. @param prime @param exponent which numbers of the key */
function power(key: u32, half: u32, cipher: u32, work: usize, prime: u32, exponent: u32, number: u32): void {
  if (number == 0) readBase(key + prime * half, half, cipher, work);
  else if (number == 1) makeTable(key + exponent * half, half, work);
  else raise(half, work, half / 4 + 2 - number);
}

/** The prime, and modulo it both halves of c, of which the first gets its weight. @param prime address in NVM */
function readBase(prime: u32, half: u32, cipher: u32, work: usize): void {
  const p = at(work, half, PRIME);
  const base = at(work, half, TABLE);
  const product = at(work, half, PRODUCT);
  read(p + HEAD_BYTES, prime, half);
  montgomery.prepare(p, half);
  // Both halves of c are below 2 p, p's highest bit being set.
  const low = at(work, half, X);
  read(base, cipher, half);
  read(low, cipher + half, half);
  montgomery.subtractOnce(base, p, product, 0);
  montgomery.subtractOnce(low, p, product, 0);
  montgomery.double(base, 8 * half, p, product);
}

/** c in Montgomery form and its powers, the exponent, and 1. @param exponent address in NVM */
function makeTable(exponent: u32, half: u32, work: usize): void {
  const p = at(work, half, PRIME);
  const x = at(work, half, X);
  const base = at(work, half, TABLE);
  const product = at(work, half, PRODUCT);
  montgomery.add(base, x, p, product);
  montgomery.double(base, 8 * half, p, product);
  blindExponent(at(work, half, EXPONENT), exponent, half, p);
  montgomery.multiply(base + half, base, base, p, product);
  montgomery.multiply(base + 2 * half, base + half, base, p, product);
  // 1 in Montgomery form is R - p.
  wipe(x, half);
  montgomery.difference(x, x, p + HEAD_BYTES, half);
}

/** exponent = d + r (p - 1), half + BLIND_BYTES */
function blindExponent(exponent: usize, d: u32, half: u32, p: usize): void {
  const end = exponent + half;
  drbg.fill(end, BLIND_BYTES);
  const r = u64(load<u32>(end));
  read(exponent, d, half);
  let sum: u64 = 0;
  for (let i: u32 = 0; i < half; i += 4) {
    const word: u32 = load<u32>(p + i, HEAD_BYTES) & (i == 0 ? ~1 : ~0);
    sum = (sum >> 32) + u64(load<u32>(exponent + i)) + r * u64(word);
    store<u32>(exponent + i, u32(sum));
  }
  store<u32>(end, u32(sum >> 32));
}

/**
 * Goes on with X = x^exponent, from its highest word on, by two bits at a time.
 * @param word which one of the exponent
 * CT: which entry of the table is taken does not leak, nor whether one is.
 */
function raise(half: u32, work: usize, word: u32): void {
  const p = at(work, half, PRIME);
  const x = at(work, half, X);
  const base = at(work, half, TABLE);
  const factor = at(work, half, FACTOR);
  const product = at(work, half, PRODUCT);
  const bits = load<u32>(at(work, half, EXPONENT) + 4 * word);
  for (let shift: i32 = 30; shift >= 0; shift -= 2) {
    const digit = (bits >> shift) & 3;
    montgomery.multiply(x, x, x, p, product);
    montgomery.multiply(x, x, x, p, product);
    for (let entry: u32 = 0; entry < 3; entry++)
      montgomery.select(factor, base + entry * half, half, isEqual(digit, entry + 1));
    montgomery.multiply(factor, factor, x, p, product);
    montgomery.select(x, factor, half, ~isEqual(digit, 0));
  }
}

/** m = m2 + q · ((m1 - m2) · qInv modulo p), from m1 in X and m2 in NVM, both in Montgomery form. */
function recombine(key: u32, half: u32, m2: u32, work: usize): void {
  const p = at(work, half, PRIME);
  const h = at(work, half, X);
  const q = at(work, half, TABLE);
  const plain = q + HEAD_BYTES + half;
  const other = at(work, half, FACTOR);
  const product = at(work, half, PRODUCT);
  // m2 leaves the Montgomery form modulo q, and enters it modulo p: q is below 2 p.
  read(q + HEAD_BYTES, key + Q * half, half);
  montgomery.prepare(q, half);
  nvm.copyIn(plain, m2, half);
  nvm.erase(m2, half);
  montgomery.reduce(plain, q);
  memory.copy(other, plain, half);
  montgomery.subtractOnce(other, p, product, 0);
  montgomery.double(other, 8 * half, p, product);
  montgomery.subtract(h, other, p);
  read(other, key + Q_INVERSE * half, half);
  montgomery.multiply(h, h, other, p, product);
  // What is multiplied makes room for the product.
  memory.copy(other, h, half);
  multiplyAdd(work, other, q + HEAD_BYTES, plain, half);
}

/** out = a · b + c, 2 half bytes. */
function multiplyAdd(out: usize, a: usize, b: usize, c: usize, half: u32): void {
  memory.copy(out, c, half);
  memory.fill(out + half, 0, half);
  for (let i: u32 = 0; i < half; i += 4) {
    const carry = montgomery.addMultiple(out + i, out + i, b, load<u32>(a + i), 0, half);
    store<u32>(out + i + half, carry);
  }
}

// Where things are, modulo n.

function modulusAt(work: usize, half: u32): usize {
  return work + 2 * half;
}

function productAt(work: usize, half: u32): usize {
  return modulusAt(work, half) + HEAD_BYTES + 4 * half;
}

/** n = p · q, prepared. */
function makeModulus(key: u32, half: u32, work: usize): void {
  const n = modulusAt(work, half) + HEAD_BYTES;
  const p = n + 2 * half;
  const q = p + half;
  const zero = q + half;
  read(p, key + P * half, half);
  read(q, key + Q * half, half);
  wipe(zero, half);
  multiplyAdd(n, p, q, zero, half);
  montgomery.prepare(n - HEAD_BYTES, 2 * half);
}

/** @returns whether m^e is c, m being in Montgomery form, which it leaves */
function verify(half: u32, cipher: u32, work: usize): bool {
  const bytes: u32 = 2 * half;
  const n = modulusAt(work, half);
  const x = n + HEAD_BYTES + bytes;
  const product = productAt(work, half);
  memory.copy(x, work, bytes);
  for (let i: u32 = 0; i < SQUARINGS; i++) montgomery.multiply(x, x, x, n, product);
  montgomery.multiply(x, x, work, n, product);
  montgomery.reduce(x, n);
  let difference: u32 = 0;
  for (let i: u32 = 0; i < bytes; i++) difference |= load<u8>(x + i) ^ nvm.read(cipher + bytes - 1 - i);
  montgomery.reduce(work, n);
  return declassify.verdict(difference == 0); // as whoever sent the ciphertext sees: it is below n, and no fault has struck
}

/** A number out of NVM. */
function read(target: usize, address: u32, bytes: u32): void {
  nvm.copyIn(target, address, bytes);
  swapEnds(target, bytes);
}

/** Reverses the order of bytes in place. */
function swapEnds(at: usize, bytes: u32): void {
  for (let end = at + bytes - 1; at < end; at++) {
    const byte = load<u8>(at);
    store<u8>(at, load<u8>(end));
    store<u8>(end--, byte);
  }
}

/** All ones when a and b, both small, are equal, else 0. CT: nothing leaks. */
function isEqual(a: u32, b: u32): u32 {
  return u32(i32((a ^ b) - 1) >> 31);
}
