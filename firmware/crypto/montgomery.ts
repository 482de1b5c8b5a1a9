// Arithmetic modulo an odd number of any length, for RSA. A number has `bytes` bytes, a multiple of four, in 32-bit words,
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
/** Bytes that the workspace of multiply() and the like has beyond those of a number. */
export const WORK_EXTRA_BYTES: u32 = 4;

const INVERSE: usize = 4;

/** Completes a modulus: `bytes` bytes of it stand HEAD_BYTES behind `m`. */
export function prepare(m: usize, bytes: u32): void {
  const low = load<u32>(m, HEAD_BYTES);
  let inverse = low; // to three bits; each step doubles them
  for (let i = 0; i < 4; i++) inverse *= 2 - low * inverse;
  store<u32>(m, bytes);
  store<u32>(m, 0 - inverse, INVERSE);
}

/** out = a · b / R. @param out may be a or b @param work bytes + WORK_EXTRA_BYTES */
export function multiply(out: usize, a: usize, b: usize, m: usize, work: usize): void {
  const bytes = load<u32>(m);
  const inverse = load<u32>(m, INVERSE);
  const n = m + HEAD_BYTES;
  memory.fill(work, 0, bytes + WORK_EXTRA_BYTES);
  for (let i: u32 = 0; i < bytes; i += 4) {
    const factor = load<u32>(b + i);
    const q = (load<u32>(work) + load<u32>(a) * factor) * inverse;
    let sum = u64(load<u32>(work)) + u64(load<u32>(a)) * u64(factor);
    let reduced = u64(u32(sum)) + u64(q) * u64(load<u32>(n));
    for (let j: u32 = 4; j < bytes; j += 4) {
      sum = (sum >> 32) + u64(load<u32>(work + j)) + u64(load<u32>(a + j)) * u64(factor);
      reduced = (reduced >> 32) + u64(u32(sum)) + u64(q) * u64(load<u32>(n + j));
      store<u32>(work + j - 4, u32(reduced));
    }
    const top = (sum >> 32) + (reduced >> 32) + u64(load<u32>(work + bytes));
    store<u64>(work + bytes - 4, top);
  }
  const borrow = difference(out, work, n, bytes);
  select(out, work, bytes, borrow & (load<u32>(work + bytes) - 1));
}

/** x = x / R, in place: out of Montgomery form. */
export function reduce(x: usize, m: usize): void {
  const bytes = load<u32>(m);
  const inverse = load<u32>(m, INVERSE);
  const n = m + HEAD_BYTES;
  for (let i: u32 = 0; i < bytes; i += 4) {
    const q = load<u32>(x) * inverse;
    let sum = u64(load<u32>(x)) + u64(q) * u64(load<u32>(n));
    for (let j: u32 = 4; j < bytes; j += 4) {
      sum = (sum >> 32) + u64(load<u32>(x + j)) + u64(q) * u64(load<u32>(n + j));
      store<u32>(x + j - 4, u32(sum));
    }
    store<u32>(x + bytes - 4, u32(sum >> 32));
  }
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
