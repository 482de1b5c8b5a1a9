// Arithmetic modulo an odd number of any length, for RSA. A number has `bytes` bytes, a multiple of eight, in 32-bit words,
// the least significant first; it is below the modulus unless said otherwise. Montgomery form is a · R with R = 2^(8 bytes).
//
//   modulus   0           4                  8
//             ┌───────────┬──────────────────┬──────────────┐
//             │ bytes     │ -1 / m mod 2^32  │ m            │   its highest bit is set
//             └───────────┴──────────────────┴──────────────┘
//
// Every loop's count follows from `bytes` and every choice is a mask. CT: no function here leaks operands or modulus.

/** Bytes in front of a modulus. */
export const HEAD_BYTES: u32 = 8;
/** Bytes that the workspace of multiply() and the like has beyond those of a number: a word before and one behind. */
export const WORK_EXTRA_BYTES: u32 = 8;
const FRONT_BYTES: usize = 4;

const INVERSE: usize = 4;

/** Completes a modulus: `bytes` bytes of it stand HEAD_BYTES behind `m`. */
export function prepare(m: usize, bytes: u32): void {
  store<u32>(m, bytes);
  store<u32>(m, negativeInverse(load<u32>(m, HEAD_BYTES)), INVERSE);
}

/** @returns -1 / odd modulo 2^32, by Newton: each step doubles the bits that are right, three at first */
export function negativeInverse(odd: u32): u32 {
  let inverse = odd;
  for (let i = 0; i < 4; i++) inverse *= 2 - odd * inverse;
  return 0 - inverse;
}

/** out = a · b / R. @param out may be a or b @param work bytes + WORK_EXTRA_BYTES */
export function multiply(out: usize, a: usize, b: usize, m: usize, work: usize): void {
  const bytes = load<u32>(m);
  const n = m + HEAD_BYTES;
  const t = work + FRONT_BYTES;
  memory.fill(work, 0, bytes + WORK_EXTRA_BYTES);
  for (let i: u32 = 0; i < bytes; i += 4) {
    const factor = load<u32>(b + i);
    const q = (load<u32>(t) + load<u32>(a) * factor) * load<u32>(m, INVERSE);
    const carry = step(t, a, n, factor, q, bytes);
    store<u64>(t + bytes - 4, u64(load<u32>(t + bytes)) + carry);
  }
  const borrow = difference(out, t, n, bytes);
  select(out, t, bytes, borrow & (load<u32>(t + bytes) - 1));
}

/** t = (t + a · factor + n · q) / 2^32, of which the lowest word, in front of t, is zero. @returns what is carried */
function step(t: usize, a: usize, n: usize, factor: u32, q: u32, bytes: u32): u64 {
  let carryA: u32 = 0;
  let carryN: u32 = 0;
  // Two words at a time: on a board each access to memory costs more than a product.
  for (const end = t + bytes; t < end; t += 8) {
    const old = load<u64>(t);
    const x = load<u64>(a);
    let sum = u64(u32(old)) + u64(carryA) + u64(u32(x)) * u64(factor);
    const sum1 = (old >> 32) + (sum >> 32) + (x >> 32) * u64(factor);
    carryA = u32(sum1 >> 32);
    const y = load<u64>(n);
    sum = u64(u32(sum)) + u64(carryN) + u64(u32(y)) * u64(q);
    const low = u32(sum);
    sum = u64(u32(sum1)) + (sum >> 32) + (y >> 32) * u64(q);
    carryN = u32(sum >> 32);
    store<u64>(t - 4, u64(low) | (sum << 32));
    a += 8;
    n += 8;
  }
  return u64(carryA) + u64(carryN);
}

/** x = x / R, in place: out of Montgomery form. */
export function reduce(x: usize, m: usize): void {
  const bytes = load<u32>(m);
  for (let i: u32 = 0; i < bytes; i += 4) store<u32>(x + bytes - 4, cancel(x, m, bytes));
}

/** Adds the multiple of the modulus that makes the lowest word zero, and drops that. @returns the highest word's carry */
function cancel(x: usize, m: usize, bytes: u32): u32 {
  const n = m + HEAD_BYTES;
  const q = load<u32>(x) * load<u32>(m, INVERSE);
  const lowest = u64(load<u32>(x)) + u64(q) * u64(load<u32>(n));
  return addMultiple(x, x + 4, n + 4, q, u32(lowest >> 32), bytes - 4);
}

/** out = a + b · factor + carry, all of `bytes` bytes. @returns what is carried out of them */
export function addMultiple(out: usize, a: usize, b: usize, factor: u32, carry: u32, bytes: u32): u32 {
  for (const end = out + bytes; out < end; out += 4) {
    const sum = u64(load<u32>(a)) + u64(load<u32>(b)) * u64(factor) + u64(carry);
    store<u32>(out, u32(sum));
    carry = u32(sum >> 32);
    a += 4;
    b += 4;
  }
  return carry;
}

/** x = x · 2^count, in place. @param work bytes. CT: leaks count. */
export function double(x: usize, count: u32, m: usize, work: usize): void {
  const bytes = load<u32>(m);
  for (; count > 0; count--) {
    let carry: u32 = 0;
    for (let i: u32 = 0; i < bytes; i += 4) {
      const word = load<u32>(x + i);
      store<u32>(x + i, (word << 1) | carry);
      carry = word >> 31;
    }
    subtractOnce(x, m, work, carry);
  }
}

/** x = x + y, in place. @param work bytes */
export function add(x: usize, y: usize, m: usize, work: usize): void {
  const bytes = load<u32>(m);
  let sum: u64 = 0;
  for (let i: u32 = 0; i < bytes; i += 4) {
    sum = (sum >> 32) + u64(load<u32>(x + i)) + u64(load<u32>(y + i));
    store<u32>(x + i, u32(sum));
  }
  subtractOnce(x, m, work, u32(sum >> 32));
}

/** x = x - y, in place. */
export function subtract(x: usize, y: usize, m: usize): void {
  const bytes = load<u32>(m);
  const borrow = difference(x, x, y, bytes);
  let sum: u64 = 0;
  for (let i: u32 = 0; i < bytes; i += 4) {
    sum = (sum >> 32) + u64(load<u32>(x + i)) + u64(load<u32>(m + i, HEAD_BYTES) & borrow);
    store<u32>(x + i, u32(sum));
  }
}

/** x modulo m, for an x below 2 R that is below 2 m. @param carry what x has beyond its bytes, 0 or 1 @param work bytes */
export function subtractOnce(x: usize, m: usize, work: usize, carry: u32): void {
  const bytes = load<u32>(m);
  const borrow = difference(work, x, m + HEAD_BYTES, bytes);
  select(x, work, bytes, ~(borrow & (carry - 1)));
}

/** out = a - b modulo R. @returns all ones when a < b, else 0 */
export function difference(out: usize, a: usize, b: usize, bytes: u32): u32 {
  let sum: i64 = 0;
  for (let i: u32 = 0; i < bytes; i += 4) {
    sum += i64(u64(load<u32>(a + i))) - i64(u64(load<u32>(b + i)));
    store<u32>(out + i, u32(sum));
    sum >>= 32;
  }
  return u32(sum);
}

/** out = a where mask is all ones, out where it is 0. */
export function select(out: usize, a: usize, bytes: u32, mask: u32): void {
  for (let i: u32 = 0; i < bytes; i += 4) {
    const word = load<u32>(out + i);
    store<u32>(out + i, word ^ ((word ^ load<u32>(a + i)) & mask));
  }
}
