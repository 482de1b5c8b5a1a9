// AES-128 decryption (FIPS 197 section 5.3), of what aes.ts has: the inverse of each step is made of the step itself. The
// S-box is an inversion, which undoes itself, behind an affine map A: so its inverse is A⁻¹, the S-box, A⁻¹. Rows that
// shift by one come round when they have shifted three times more. CT: nothing leaks.
import * as aes from "./aes.ts";

const ROUNDS: usize = 10;

/** InvCipher() on two blocks in place. @param pair aes.SCRATCH_BYTES, 4-byte aligned, they in front. CT: nothing leaks. */
export function decrypt(schedule: usize, pair: usize): void {
  let key = schedule + ROUNDS * aes.BLOCK_BYTES;
  aes.transpose(pair);
  aes.AddRoundKey(pair, key);
  while (true) {
    InvShiftRows(pair);
    InvSubBytes(pair);
    key -= aes.BLOCK_BYTES;
    aes.AddRoundKey(pair, key);
    if (key == schedule) break;
    InvMixColumns(pair);
  }
  aes.transpose(pair);
}

function InvShiftRows(q: usize): void {
  for (let at = q; at < q + aes.PAIR_BYTES; at += 4)
    store<u32>(at, aes.ShiftRows(aes.ShiftRows(aes.ShiftRows(load<u32>(at)))));
}

function InvSubBytes(q: usize): void {
  InvAffine(q);
  aes.SubBytes(q, q + aes.SBOX);
  InvAffine(q);
}

/** Bit i of A⁻¹(b) is b(i+2) + b(i+5) + b(i+7), bit i of 05 added (FIPS 197 section 5.3.2). */
function InvAffine(q: usize): void {
  // prettier-ignore
  const b0 = load<u32>(q), b1 = load<u32>(q, 4), b2 = load<u32>(q, 8), b3 = load<u32>(q, 12),
    b4 = load<u32>(q, 16), b5 = load<u32>(q, 20), b6 = load<u32>(q, 24), b7 = load<u32>(q, 28);
  store<u32>(q, ~(b2 ^ b5 ^ b7));
  store<u32>(q, b3 ^ b6 ^ b0, 4);
  store<u32>(q, ~(b4 ^ b7 ^ b1), 8);
  store<u32>(q, b5 ^ b0 ^ b2, 12);
  store<u32>(q, b6 ^ b1 ^ b3, 16);
  store<u32>(q, b7 ^ b2 ^ b4, 20);
  store<u32>(q, b0 ^ b3 ^ b5, 24);
  store<u32>(q, b1 ^ b4 ^ b6, 28);
}

/** A column is first multiplied by 4 x² + 5, then by MixColumns()' polynomial, which shifts rows before it. */
function InvMixColumns(q: usize): void {
  quadruple(q);
  InvShiftRows(q);
  aes.MixColumns(q);
}

/** a(r) = a(r) + 4 (a(r) + a(r+2)). Doubling moves the bit planes up by one, and the eighth to planes 0, 1, 3 and 4. */
function quadruple(q: usize): void {
  const d6 = withOpposite(q, 24);
  const d7 = withOpposite(q, 28);
  add(q, 28, withOpposite(q, 20));
  add(q, 24, withOpposite(q, 16));
  add(q, 20, withOpposite(q, 12) ^ d7);
  add(q, 16, withOpposite(q, 8) ^ d6 ^ d7);
  add(q, 12, withOpposite(q, 4) ^ d6);
  add(q, 8, withOpposite(q, 0) ^ d7);
  add(q, 4, d6 ^ d7);
  add(q, 0, d6);
}

function withOpposite(q: usize, plane: usize): u32 {
  const a = load<u32>(q + plane);
  return a ^ rotr<u32>(a, 16);
}

function add(q: usize, plane: usize, value: u32): void {
  store<u32>(q + plane, load<u32>(q + plane) ^ value);
}
