// AES-128 encryption (FIPS 197), bitsliced: no table, so nothing secret is ever an address. Two blocks at a time, in
// eight words: word i holds bit i of all 32 bytes.
//
//   a word:   31      24 23      16 15       8 7        0
//             ┌─────────┬─────────┬─────────┬─────────┐   a row is a byte of the word,
//             │ row 3   │ row 2   │ row 1   │ row 0   │   a column a bit of each of its nibbles:
//             └─────────┴─────────┴─────────┴─────────┘   bits 0..3 block 0, bits 4..7 block 1
//
// So ShiftRows rotates nibbles, MixColumns rotates words, and the key schedule's chain along the columns is a prefix
// sum within each nibble.
import * as ct from "./ct.ts";

/** Bytes of a key and of a block. */
export const KEY_BYTES: u32 = 16;
export const BLOCK_BYTES: u32 = 16;
/** Bytes that encrypt() works on: two blocks. */
export const PAIR_BYTES: u32 = 32;
/** Bytes of an expanded key: eleven round keys, bitsliced, for two blocks. */
export const SCHEDULE_BYTES: u32 = 11 * PAIR_BYTES;

/** KeyExpansion(). @param schedule SCHEDULE_BYTES, 4-byte aligned. CT: nothing leaks. */
export function expandKey(schedule: usize, key: usize): void {
  memory.copy(schedule, key, KEY_BYTES);
  memory.copy(schedule + KEY_BYTES, key, KEY_BYTES);
  transpose(schedule);
  let w = schedule;
  let Rcon: u32 = 1;
  for (let round = 0; round < 10; round++) {
    const next = w + PAIR_BYTES;
    memory.copy(next, w, PAIR_BYTES);
    SubBytes(next);
    for (let i: u32 = 0; i < 8; i++) {
      const at = next + (i << 2);
      // RotWord() of column 3, moved to column 0, and Rcon there in row 0
      const t = (rotr<u32>(load<u32>(at), 8) >> 3) & 0x11111111;
      let x = load<u32>(w + (i << 2)) ^ t ^ (((Rcon >> i) & 1) * 0x11);
      x ^= (x << 1) & 0xeeeeeeee;
      x ^= (x << 2) & 0xcccccccc;
      store<u32>(at, x);
    }
    w = next;
    Rcon = (Rcon << 1) ^ ((Rcon >> 7) * 0x11b);
  }
}

/** Cipher() on two blocks in place. @param pair PAIR_BYTES, 4-byte aligned. CT: nothing leaks. */
export function encrypt(schedule: usize, pair: usize): void {
  transpose(pair);
  ct.xor(pair, schedule, PAIR_BYTES);
  for (let round = 1; round < 10; round++) {
    schedule += PAIR_BYTES;
    SubBytes(pair);
    MixColumns(pair, schedule);
  }
  SubBytes(pair);
  for (let at = pair; at < pair + PAIR_BYTES; at += 4) store<u32>(at, ShiftRows(load<u32>(at)));
  ct.xor(pair, schedule + PAIR_BYTES, PAIR_BYTES);
  transpose(pair);
}

/** Bytes to bit planes and back: transposes the 8 x 8 bits of each row. CT: nothing leaks. */
function transpose(q: usize): void {
  for (let i: usize = 0; i < 32; i += 8) exchange(q + i, 4, 1, 0x55555555);
  for (let i: usize = 0; i < 32; i += 16) {
    exchange(q + i, 8, 2, 0x33333333);
    exchange(q + i + 4, 8, 2, 0x33333333);
  }
  for (let i: usize = 0; i < 16; i += 4) exchange(q + i, 16, 4, 0x0f0f0f0f);
}

/** Exchanges the bits of `mask` in the second word with those `shift` higher in the first. */
function exchange(at: usize, distance: usize, shift: u32, mask: u32): void {
  const a = load<u32>(at);
  const b = load<u32>(at + distance);
  const t = ((a >> shift) ^ b) & mask;
  store<u32>(at, a ^ (t << shift));
  store<u32>(at + distance, b ^ t);
}

/** Row r to the left by r columns: rows 2 and 3 by two, then 1 and 3 by one. */
function ShiftRows(q: u32): u32 {
  const t = ((q >> 2) ^ q) & 0x33330000;
  q ^= t ^ (t << 2);
  return (q & 0x00ff00ff) | ((q >> 1) & 0x77007700) | ((q << 3) & 0x88008800);
}

/**
 * ShiftRows(), MixColumns() and AddRoundKey() in one pass. Doubling moves the bit planes up by one, and the eighth to
 * planes 0, 1, 3 and 4. CT: nothing leaks.
 */
function MixColumns(q: usize, key: usize): void {
  const a7 = ShiftRows(load<u32>(q, 28));
  const d7 = a7 ^ rotr<u32>(a7, 8);
  const d0 = mixPlane(q, key, d7);
  const d1 = mixPlane(q + 4, key + 4, d0 ^ d7);
  const d2 = mixPlane(q + 8, key + 8, d1);
  const d3 = mixPlane(q + 12, key + 12, d2 ^ d7);
  const d4 = mixPlane(q + 16, key + 16, d3 ^ d7);
  const d5 = mixPlane(q + 20, key + 20, d4);
  const d6 = mixPlane(q + 24, key + 24, d5);
  mixPlane(q + 28, key + 28, d6);
}

/** With d(r) = a(r) + a(r+1), a column becomes 2 d(r) + a(r+1) + d(r+2). @returns d */
function mixPlane(plane: usize, key: usize, doubled: u32): u32 {
  const a = ShiftRows(load<u32>(plane));
  const below = rotr<u32>(a, 8);
  const d = a ^ below;
  store<u32>(plane, doubled ^ below ^ rotr<u32>(d, 16) ^ load<u32>(key));
  return d;
}

/**
 * The S-box on 32 bytes: the circuit and its letters are those of J. Boyar and R. Peralta, "A depth-16 circuit for the
 * AES S-box" (2011), whose x0 and s0 are the most significant bits. CT: nothing leaks.
 */
function SubBytes(q: usize): void {
  // prettier-ignore
  const x0 = load<u32>(q, 28), x1 = load<u32>(q, 24), x2 = load<u32>(q, 20), x3 = load<u32>(q, 16),
    x4 = load<u32>(q, 12), x5 = load<u32>(q, 8), x6 = load<u32>(q, 4), x7 = load<u32>(q);
  // The top linear layer.
  // prettier-ignore
  const y14 = x3 ^ x5, y13 = x0 ^ x6, y9 = x0 ^ x3, y8 = x0 ^ x5, t0 = x1 ^ x2, y1 = t0 ^ x7, y4 = y1 ^ x3,
    y12 = y13 ^ y14, y2 = y1 ^ x0, y5 = y1 ^ x6, y3 = y5 ^ y8, t1 = x4 ^ y12, y15 = t1 ^ x5, y20 = t1 ^ x1,
    y6 = y15 ^ x7, y10 = y15 ^ t0, y11 = y20 ^ y9, y7 = x7 ^ y11, y17 = y10 ^ y11, y19 = y10 ^ y8,
    y16 = t0 ^ y11, y21 = y13 ^ y16, y18 = x0 ^ y16;
  // The inversion in GF(2^8).
  // prettier-ignore
  const t2 = y12 & y15, t3 = y3 & y6, t4 = t3 ^ t2, t5 = y4 & x7, t6 = t5 ^ t2, t7 = y13 & y16, t8 = y5 & y1,
    t9 = t8 ^ t7, t10 = y2 & y7, t11 = t10 ^ t7, t12 = y9 & y11, t13 = y14 & y17, t14 = t13 ^ t12,
    t15 = y8 & y10, t16 = t15 ^ t12, t17 = t4 ^ t14, t18 = t6 ^ t16, t19 = t9 ^ t14, t20 = t11 ^ t16,
    t21 = t17 ^ y20, t22 = t18 ^ y19, t23 = t19 ^ y21, t24 = t20 ^ y18, t25 = t21 ^ t22, t26 = t21 & t23,
    t27 = t24 ^ t26, t28 = t25 & t27, t29 = t28 ^ t22, t30 = t23 ^ t24, t31 = t22 ^ t26, t32 = t31 & t30,
    t33 = t32 ^ t24, t34 = t23 ^ t33, t35 = t27 ^ t33, t36 = t24 & t35, t37 = t36 ^ t34, t38 = t27 ^ t36,
    t39 = t29 & t38, t40 = t25 ^ t39, t41 = t40 ^ t37, t42 = t29 ^ t33, t43 = t29 ^ t40, t44 = t33 ^ t37,
    t45 = t42 ^ t41, z0 = t44 & y15, z1 = t37 & y6, z2 = t33 & x7, z3 = t43 & y16, z4 = t40 & y1, z5 = t29 & y7,
    z6 = t42 & y11, z7 = t45 & y17, z8 = t41 & y10, z9 = t44 & y12, z10 = t37 & y3, z11 = t33 & y4,
    z12 = t43 & y13, z13 = t40 & y5, z14 = t29 & y2, z15 = t42 & y9, z16 = t45 & y14, z17 = t41 & y8;
  // The bottom linear layer; the affine map's constant is in the complements.
  // prettier-ignore
  const t46 = z15 ^ z16, t47 = z10 ^ z11, t48 = z5 ^ z13, t49 = z9 ^ z10, t50 = z2 ^ z12, t51 = z2 ^ z5,
    t52 = z7 ^ z8, t53 = z0 ^ z3, t54 = z6 ^ z7, t55 = z16 ^ z17, t56 = z12 ^ t48, t57 = t50 ^ t53,
    t58 = z4 ^ t46, t59 = z3 ^ t54, t60 = t46 ^ t57, t61 = z14 ^ t57, t62 = t52 ^ t58, t63 = t49 ^ t58,
    t64 = z4 ^ t59, t65 = t61 ^ t62, t66 = z1 ^ t63, t67 = t64 ^ t65, s3 = t53 ^ t66;
  store<u32>(q, t59 ^ t63, 28); // s0
  store<u32>(q, t64 ^ ~s3, 24);
  store<u32>(q, t55 ^ ~t67, 20);
  store<u32>(q, s3, 16);
  store<u32>(q, t51 ^ t66, 12);
  store<u32>(q, t47 ^ t65, 8);
  store<u32>(q, t56 ^ ~t62, 4);
  store<u32>(q, t48 ^ ~t60); // s7
}
