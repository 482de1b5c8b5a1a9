// Arithmetic of 256-bit prime fields, for both curves and for ECDSA's scalars.
//
// An element is eight 32-bit limbs, the least significant first. A field is named by the address of its modulus, in ROM:
//
//   P    2^256 - 2^224 + 2^192 + 2^96 - 1   P-256's coordinates   Montgomery form a · 2^256, below P
//   N    the order of P-256                 ECDSA's scalars       Montgomery form, below N
//   M    2^256 - 38 = 2 (2^255 - 19)        X25519's coordinates  plain, below M; canonical(M_PRIME) at last
//
// Operands live in a register file in the caller's scratch, 32 bytes a register, and formulas are programs in ROM: three
// bytes a step, as small as calls are large.
//
//   register   0 … 6             7, 8                     9 …
//              ┌────────────────┬────────────────────────┬───────────────┐
//              │ the formula's  │ WIDE: product, 64 bytes│ the caller's  │
//              └────────────────┴────────────────────────┴───────────────┘
//
// A 32 × 32 → 64 product is one instruction (umull) on the chip; everything is made of them. Every loop has a fixed
// count and every choice is a mask. CT: no function here leaks operands; programs and moduli are public.

export const REGISTER_BYTES: u32 = 32;
/** First of the two registers that hold a product. */
export const WIDE: u32 = 7;

// Steps of a program: operation | target, operand, operand. All modulo the field's modulus.
export const ADD: u8 = 0x00;
export const SUB: u8 = 0x10;
export const MUL: u8 = 0x20;
/** Modulo M only: the first operand + 121665 times the second. */
export const A24: u8 = 0x30;

// prettier-ignore
/**
 * A modulus; where invert() starts, 2^30 R² modulo it with R = 2^256 in Montgomery form and R = 1 in plain form;
 * -1 / modulus modulo 2^32.
 */
export const P: usize = memory.data<u32>([
  -1, -1, -1, 0, 0, 0, 1, -1,
  0xc0000001, 0, 0xc0000000, 0xfffffffe, 0xbffffffe, 0xffffffff, 0x7ffffffe, 0x40000000,
  1,
]);
// prettier-ignore
export const N: usize = memory.data<u32>([
  0xfc632551, 0xf3b9cac2, 0xa7179e84, 0xbce6faad, 0xffffffff, 0xffffffff, 0, 0xffffffff,
  0x25bb8c0b, 0x121f46e2, 0xddaa42f3, 0xbdbc2dfd, 0x58641daa, 0x4adafb16, 0xf0592129, 0x56aea0ec,
  0xee00bc4f,
]);
// prettier-ignore
/** M's prime, for canonical() and invert(). */
export const M_PRIME: usize = memory.data<u32>([
  -19, -1, -1, -1, -1, -1, -1, 0x7fffffff,
  0x40000000, 0, 0, 0, 0, 0, 0, 0,
  0x286bca1b,
]);
export const M: usize = memory.data<u32>([-38, -1, -1, -1, -1, -1, -1, -1]);
/** Offsets of what follows a modulus. */
export const START: usize = 32;
export const NEGATIVE_INVERSE: usize = 64;

/** Address of a register. */
export function at(file: usize, register: u32): usize {
  return file + register * REGISTER_BYTES;
}

/** Runs a program of `length` bytes on a register file. CT: nothing leaks. */
export function run(program: usize, length: u32, file: usize, modulus: usize): void {
  const end = program + length;
  for (let step = program; step < end; step += 3) {
    const head = load<u8>(step);
    const out = at(file, head & 15);
    const a = at(file, load<u8>(step, 1));
    const b = at(file, load<u8>(step, 2));
    if (head >= A24) scale(out, a, b, 121665);
    else if (head >= MUL) multiply(out, a, b, at(file, WIDE), modulus);
    else if (head >= SUB) subtract(out, a, b, modulus);
    else add(out, a, b, modulus);
  }
}

/** out = a · b modulo P, divided by 2^256, or modulo M. @param wide 64 bytes CT: nothing leaks. */
export function multiply(out: usize, a: usize, b: usize, wide: usize, modulus: usize): void {
  product(wide, a, b);
  if (modulus == P) reduceP(out, wide);
  else scale(out, wide, wide + REGISTER_BYTES, 38); // 2^256 = 38
}

/** out = a · b modulo N, divided by 2^256. @param wide 64 bytes CT: nothing leaks. */
export function multiplyN(out: usize, a: usize, b: usize, wide: usize): void {
  product(wide, a, b);
  reduceN(out, wide);
}

/** out = a + b in the field. CT: nothing leaks. */
export function add(out: usize, a: usize, b: usize, modulus: usize): void {
  let sum: i64 = 0;
  for (let i: usize = 0; i < REGISTER_BYTES; i += 8) {
    const x = load<u64>(a + i);
    const y = load<u64>(b + i);
    const m = load<u64>(modulus + i);
    sum += low(x) + low(y) - low(m);
    const first = sum;
    sum = (sum >> 32) + high(x) + high(y) - high(m);
    store<u64>(out + i, join(first, sum));
    sum >>= 32;
  }
  addMasked(out, modulus, u32(sum));
}

/** out = a - b in the field. CT: nothing leaks. */
export function subtract(out: usize, a: usize, b: usize, modulus: usize): void {
  addMasked(out, modulus, difference(out, a, b));
}

/** out = a - b modulo 2^256. @returns all ones when a < b, else 0 CT: nothing leaks. */
export function difference(out: usize, a: usize, b: usize): u32 {
  let sum: i64 = 0;
  for (let i: usize = 0; i < REGISTER_BYTES; i += 8) {
    const x = load<u64>(a + i);
    const y = load<u64>(b + i);
    sum += low(x) - low(y);
    const first = sum;
    sum = (sum >> 32) + high(x) - high(y);
    store<u64>(out + i, join(first, sum));
    sum >>= 32;
  }
  return u32(sum);
}

/** a += b where mask is all ones, a += 0 where it is 0; modulo 2^256. CT: nothing leaks. */
export function addMasked(a: usize, b: usize, mask: u32): void {
  let sum: i64 = 0;
  for (let i: usize = 0; i < REGISTER_BYTES; i += 8) {
    const x = load<u64>(a + i);
    const y = load<u64>(b + i);
    sum += low(x) + i64(u32(y) & mask);
    const first = sum;
    sum = (sum >> 32) + high(x) + i64(u32(y >> 32) & mask);
    store<u64>(a + i, join(first, sum));
    sum >>= 32;
  }
}

/** Limbs travel in pairs, since each access to memory costs the chip's address translation as well. */
function low(pair: u64): i64 {
  return i64(u32(pair));
}

function high(pair: u64): i64 {
  return i64(pair >> 32);
}

function join(first: i64, second: i64): u64 {
  return u64(u32(first)) | (u64(second) << 32);
}

/** a = b where mask is all ones, a stays where it is 0; `length` bytes, a multiple of 8. CT: nothing leaks. */
export function copyMasked(a: usize, b: usize, mask: u32, length: u32): void {
  const both = u64(i64(i32(mask)));
  for (let i: usize = 0; i < length; i += 8) {
    const old = load<u64>(a + i);
    store<u64>(a + i, old ^ ((old ^ load<u64>(b + i)) & both));
  }
}

/** @returns all ones when a is 0, else 0 CT: nothing leaks. */
export function isZero(a: usize): u32 {
  let bits: u32 = 0;
  for (let i: usize = 0; i < REGISTER_BYTES; i += 4) bits |= load<u32>(a + i);
  return u32((i64(bits) - 1) >> 32);
}

/** a = a mod m, for a < 2m. @param spare 32 bytes CT: nothing leaks. */
export function canonical(a: usize, m: usize, spare: usize): void {
  copyMasked(a, spare, ~difference(spare, a, m), REGISTER_BYTES);
}

/** Turns 32 big-endian bytes to limbs or back; in place allowed. CT: nothing leaks. */
export function swapEnds(out: usize, from: usize): void {
  for (let i: usize = 0; i < 16; i += 4) {
    const high = bswap(load<u32>(from + i));
    store<u32>(out + i, bswap(load<u32>(from + 28 - i)));
    store<u32>(out + 28 - i, high);
  }
}

/** wide = a · b, 512 bits. Row by row; b and the running row stay in locals. */
function product(wide: usize, a: usize, b: usize): void {
  const b01 = load<u64>(b);
  const b23 = load<u64>(b, 8);
  const b45 = load<u64>(b, 16);
  const b67 = load<u64>(b, 24);
  let t0: u32 = 0;
  let t1: u32 = 0;
  let t2: u32 = 0;
  let t3: u32 = 0;
  let t4: u32 = 0;
  let t5: u32 = 0;
  let t6: u32 = 0;
  let t7: u32 = 0;
  for (let i: usize = 0; i < REGISTER_BYTES; i += 4) {
    const ai = u64(load<u32>(a + i));
    let sum = ai * u64(u32(b01)) + u64(t0);
    store<u32>(wide + i, u32(sum));
    sum = ai * (b01 >> 32) + u64(t1) + (sum >> 32);
    t0 = u32(sum);
    sum = ai * u64(u32(b23)) + u64(t2) + (sum >> 32);
    t1 = u32(sum);
    sum = ai * (b23 >> 32) + u64(t3) + (sum >> 32);
    t2 = u32(sum);
    sum = ai * u64(u32(b45)) + u64(t4) + (sum >> 32);
    t3 = u32(sum);
    sum = ai * (b45 >> 32) + u64(t5) + (sum >> 32);
    t4 = u32(sum);
    sum = ai * u64(u32(b67)) + u64(t6) + (sum >> 32);
    t5 = u32(sum);
    sum = ai * (b67 >> 32) + u64(t7) + (sum >> 32);
    t6 = u32(sum);
    t7 = u32(sum >> 32);
  }
  store<u64>(wide, u64(t0) | (u64(t1) << 32), 32);
  store<u64>(wide, u64(t2) | (u64(t3) << 32), 40);
  store<u64>(wide, u64(t4) | (u64(t5) << 32), 48);
  store<u64>(wide, u64(t6) | (u64(t7) << 32), 56);
}

/**
 * out = wide / 2^256 modulo P, Montgomery's reduction. P = -1 modulo 2^32, so the factor that clears limb i is limb i
 * itself, and m · P is a few shifted copies of m: column i gains m[i-3] + m[i-6] - m[i-7] + m[i-8]. P is taken off on
 * the way (the ones in columns 8, 11, 14, 15, 16), so that the last carry tells whether it has to be added back.
 */
function reduceP(out: usize, wide: usize): void {
  const m0 = i64(load<u32>(wide));
  const m1 = i64(load<u32>(wide, 4));
  const m2 = i64(load<u32>(wide, 8));
  let sum = i64(load<u32>(wide, 12)) + m0;
  const m3 = sum & 0xffffffff;
  sum = (sum >> 32) + i64(load<u32>(wide, 16)) + m1;
  const m4 = sum & 0xffffffff;
  sum = (sum >> 32) + i64(load<u32>(wide, 20)) + m2;
  const m5 = sum & 0xffffffff;
  sum = (sum >> 32) + i64(load<u32>(wide, 24)) + m3 + m0;
  const m6 = sum & 0xffffffff;
  sum = (sum >> 32) + i64(load<u32>(wide, 28)) + m4 + m1 - m0;
  const m7 = sum & 0xffffffff;
  sum = (sum >> 32) + i64(load<u32>(wide, 32)) + m5 + m2 - m1 + m0 + 1;
  store<u32>(out, u32(sum));
  sum = (sum >> 32) + i64(load<u32>(wide, 36)) + m6 + m3 - m2 + m1;
  store<u32>(out, u32(sum), 4);
  sum = (sum >> 32) + i64(load<u32>(wide, 40)) + m7 + m4 - m3 + m2;
  store<u32>(out, u32(sum), 8);
  sum = (sum >> 32) + i64(load<u32>(wide, 44)) + m5 - m4 + m3 - 1;
  store<u32>(out, u32(sum), 12);
  sum = (sum >> 32) + i64(load<u32>(wide, 48)) + m6 - m5 + m4;
  store<u32>(out, u32(sum), 16);
  sum = (sum >> 32) + i64(load<u32>(wide, 52)) + m7 - m6 + m5;
  store<u32>(out, u32(sum), 20);
  sum = (sum >> 32) + i64(load<u32>(wide, 56)) - m7 + m6 - 1;
  store<u32>(out, u32(sum), 24);
  sum = (sum >> 32) + i64(load<u32>(wide, 60)) + m7 + 1;
  store<u32>(out, u32(sum), 28);
  addMasked(out, P, u32((sum >> 32) - 1));
}

/** out = a + b · factor modulo M, factor below 2^18: what exceeds 2^255 comes back times 19. CT: nothing leaks. */
function scale(out: usize, a: usize, b: usize, factor: i64): void {
  let sum: i64 = 0;
  for (let i: usize = 0; i < REGISTER_BYTES; i += 8) {
    const x = load<u64>(a + i);
    const y = load<u64>(b + i);
    sum += low(y) * factor + low(x);
    const first = sum;
    sum = (sum >> 32) + high(y) * factor + high(x);
    store<u64>(out + i, join(first, sum));
    sum >>= 32;
  }
  const top = load<u32>(out, 28);
  store<u32>(out, top & 0x7fffffff, 28);
  sum = ((sum << 1) | i64(top >> 31)) * 19;
  for (let i: usize = 0; i < REGISTER_BYTES; i += 8) {
    const x = load<u64>(out + i);
    sum += low(x);
    const first = sum;
    sum = (sum >> 32) + high(x);
    store<u64>(out + i, join(first, sum));
    sum >>= 32;
  }
}

/** out = wide / 2^256 modulo N, Montgomery's reduction limb by limb. wide is lost. */
function reduceN(out: usize, wide: usize): void {
  let top: u64 = 0;
  for (let end = wide + REGISTER_BYTES; wide < end; wide += 4) {
    // In two steps: within u64(…) a load<u32> is 64 bits wide, and so would be the product.
    const bits = load<u32>(wide) * load<u32>(N, NEGATIVE_INVERSE);
    const factor = u64(bits);
    let sum: u64 = 0;
    for (let i: usize = 0; i < REGISTER_BYTES; i += 4) {
      sum += factor * u64(load<u32>(N + i)) + u64(load<u32>(wide + i));
      store<u32>(wide + i, u32(sum));
      sum >>= 32;
    }
    top += sum + u64(load<u32>(wide, 32));
    store<u32>(wide, u32(top), 32);
    top >>= 32;
  }
  const borrow = difference(out, wide, N);
  addMasked(out, N, u32(top) + borrow);
}
