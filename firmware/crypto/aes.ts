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

/** Bytes of a key and of a block. */
export const KEY_BYTES: u32 = 16;
export const BLOCK_BYTES: u32 = 16;
/** Bytes that encrypt() works on: two blocks. */
export const PAIR_BYTES: u32 = 32;
/** Bytes of an expanded key: eleven round keys, bitsliced. Both blocks have the same, so that two words share one. */
export const SCHEDULE_BYTES: u32 = 11 * BLOCK_BYTES;
/** Bytes of scratch memory: the pair in front, the next round key of a schedule, and what the S-box works on. */
export const SCRATCH_BYTES: u32 = 2 * PAIR_BYTES + 108;

/** From a pair to what the S-box works on. */
export const SBOX: usize = 2 * PAIR_BYTES;
const NINE: usize = 36;

/**
 * KeyExpansion().
 * @param schedule SCHEDULE_BYTES @param scratch SCRATCH_BYTES, both 4-byte aligned. CT: nothing leaks.
 */
export function expandKey(schedule: usize, key: usize, scratch: usize): void {
  memory.copy(scratch, key, KEY_BYTES);
  memory.copy(scratch + KEY_BYTES, key, KEY_BYTES);
  transpose(scratch);
  let Rcon: u32 = 1;
  for (const end = schedule + SCHEDULE_BYTES - BLOCK_BYTES; schedule < end; schedule += BLOCK_BYTES) {
    pack(schedule, scratch);
    nextRoundKey(scratch, Rcon);
    Rcon = (Rcon << 1) ^ ((Rcon >> 7) * 0x11b);
  }
  pack(schedule, scratch);
}

function nextRoundKey(w: usize, Rcon: u32): void {
  const next = w + PAIR_BYTES;
  memory.copy(next, w, PAIR_BYTES);
  SubBytes(next, w + SBOX);
  for (let i: u32 = 0; i < 8; i++) {
    const at = w + (i << 2);
    // RotWord() of column 3, moved to column 0, and Rcon there in row 0
    const t = (rotr<u32>(load<u32>(at, PAIR_BYTES), 8) >> 3) & 0x11111111;
    let x = load<u32>(at) ^ t ^ (((Rcon >> i) & 1) * 0x11);
    x ^= (x << 1) & 0xeeeeeeee;
    x ^= (x << 2) & 0xcccccccc;
    store<u32>(at, x);
  }
}

/** Words 0 and 4 of a round key become one, 1 and 5, and so on. */
function pack(schedule: usize, w: usize): void {
  for (let i: usize = 0; i < BLOCK_BYTES; i += 4)
    store<u32>(schedule + i, (load<u32>(w + i) & 0x0f0f0f0f) | (load<u32>(w + i, 16) & 0xf0f0f0f0));
}

/** Cipher() on two blocks in place. @param pair SCRATCH_BYTES, 4-byte aligned, they in front. CT: nothing leaks. */
export function encrypt(schedule: usize, pair: usize): void {
  transpose(pair);
  AddRoundKey(pair, schedule);
  for (let round = 1; round < 10; round++) {
    schedule += BLOCK_BYTES;
    SubBytes(pair, pair + SBOX);
    MixColumns(pair);
    AddRoundKey(pair, schedule);
  }
  SubBytes(pair, pair + SBOX);
  for (let at = pair; at < pair + PAIR_BYTES; at += 4) store<u32>(at, ShiftRows(load<u32>(at)));
  AddRoundKey(pair, schedule + BLOCK_BYTES);
  transpose(pair);
}

/** Exclusive-ors what pack() packed. CT: nothing leaks. */
export function AddRoundKey(q: usize, key: usize): void {
  for (let i: usize = 0; i < BLOCK_BYTES; i += 4) {
    const low = load<u32>(key + i) & 0x0f0f0f0f;
    const high = load<u32>(key + i) & 0xf0f0f0f0;
    store<u32>(q + i, load<u32>(q + i) ^ low ^ (low << 4));
    store<u32>(q + i, load<u32>(q + i, 16) ^ high ^ (high >> 4), 16);
  }
}

/** Bytes to bit planes and back: transposes the 8 x 8 bits of each row. CT: nothing leaks. */
export function transpose(q: usize): void {
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

/** Row r to the left by r columns: rows 2 and 3 by two, then 1 and 3 by one. CT: nothing leaks. */
export function ShiftRows(q: u32): u32 {
  const t = ((q >> 2) ^ q) & 0x33330000;
  q ^= t ^ (t << 2);
  return (q & 0x00ff00ff) | ((q >> 1) & 0x77007700) | ((q << 3) & 0x88008800);
}

/**
 * ShiftRows() and MixColumns() in one pass. Doubling moves the bit planes up by one, and the eighth to planes 0, 1, 3
 * and 4. CT: nothing leaks.
 */
export function MixColumns(q: usize): void {
  const a7 = ShiftRows(load<u32>(q, 28));
  const d7 = a7 ^ rotr<u32>(a7, 8);
  const d0 = mixPlane(q, d7);
  const d1 = mixPlane(q + 4, d0 ^ d7);
  const d2 = mixPlane(q + 8, d1);
  const d3 = mixPlane(q + 12, d2 ^ d7);
  const d4 = mixPlane(q + 16, d3 ^ d7);
  const d5 = mixPlane(q + 20, d4);
  const d6 = mixPlane(q + 24, d5);
  mixPlane(q + 28, d6);
}

/** With d(r) = a(r) + a(r+1), a column becomes 2 d(r) + a(r+1) + d(r+2). @returns d */
function mixPlane(plane: usize, doubled: u32): u32 {
  const a = ShiftRows(load<u32>(plane));
  const below = rotr<u32>(a, 8);
  const d = a ^ below;
  store<u32>(plane, doubled ^ below ^ rotr<u32>(d, 16));
  return d;
}

/**
 * The S-box on 32 bytes: the circuit and its letters are those of J. Boyar and R. Peralta, "A depth-16 circuit for the
 * AES S-box" (2011), whose x0 and s0 are the most significant bits. Its ANDs come in nines, between words that lie side
 * by side in memory, so that few of them need be at hand at a time. CT: nothing leaks.
 *
 *   work  0     36    72    108
 *         ┌─────┬─────┬─────┐   u, v: what the top layer makes of the input, then z0..z8, z9..z17
 *         │ u   │ v   │ t   │   t: u AND v, then its inverse in GF(2^4)
 *         └─────┴─────┴─────┘
 */
export function SubBytes(q: usize, work: usize): void {
  topLayer(q, work);
  for (let at = work; at < work + NINE; at += 4)
    store<u32>(at, load<u32>(at) & load<u32>(at, NINE), 2 * NINE);
  invert(work);
  for (let at = work; at < work + NINE; at += 4) {
    store<u32>(at, load<u32>(at) & load<u32>(at, 2 * NINE));
    store<u32>(at, load<u32>(at, NINE) & load<u32>(at, 2 * NINE), NINE);
  }
  bottomLayer(q, work);
}

function topLayer(q: usize, u: usize): void {
  // prettier-ignore
  const x0 = load<u32>(q, 28), x3 = load<u32>(q, 16), x5 = load<u32>(q, 8), x6 = load<u32>(q, 4),
    y14 = x3 ^ x5, y13 = x0 ^ x6, y9 = x0 ^ x3, y8 = x0 ^ x5, y12 = y13 ^ y14;
  store<u32>(u, y12, 36);
  store<u32>(u, y13, 48);
  store<u32>(u, y9, 60);
  store<u32>(u, y14, 64);
  store<u32>(u, y8, 68);
  // prettier-ignore
  const x1 = load<u32>(q, 24), x7 = load<u32>(q), t0 = x1 ^ load<u32>(q, 20), y1 = t0 ^ x7, y5 = y1 ^ x6;
  store<u32>(u, x7, 8);
  store<u32>(u, y1, 16);
  store<u32>(u, y5 ^ y8, 40); // y3
  store<u32>(u, y1 ^ x3, 44); // y4
  store<u32>(u, y5, 52);
  store<u32>(u, y1 ^ x0, 56); // y2
  // prettier-ignore
  const t1 = load<u32>(q, 12) ^ y12, y15 = t1 ^ x5, y10 = y15 ^ t0, y11 = t1 ^ x1 ^ y9;
  store<u32>(u, y15);
  store<u32>(u, y15 ^ x7, 4); // y6
  store<u32>(u, t0 ^ y11, 12); // y16
  store<u32>(u, x7 ^ y11, 20); // y7
  store<u32>(u, y11, 24);
  store<u32>(u, y10 ^ y11, 28); // y17
  store<u32>(u, y10, 32);
}

/** The inversion: t2, t3, t5, t7, t8, t10, t12, t13, t15 become t44, t37, t33, t43, t40, t29, t42, t45, t41. */
function invert(u: usize): void {
  // prettier-ignore
  const t2 = load<u32>(u, 72), t7 = load<u32>(u, 84), t12 = load<u32>(u, 96),
    t14 = load<u32>(u, 100) ^ t12, t16 = load<u32>(u, 104) ^ t12, y16 = load<u32>(u, 12),
    t21 = load<u32>(u, 76) ^ t2 ^ t14 ^ load<u32>(u, 24) ^ load<u32>(u, 60), // y20 = y11 ^ y9
    t22 = load<u32>(u, 80) ^ t2 ^ t16 ^ load<u32>(u, 32) ^ load<u32>(u, 68), // y19 = y10 ^ y8
    t23 = load<u32>(u, 88) ^ t7 ^ t14 ^ load<u32>(u, 48) ^ y16, // y21 = y13 ^ y16
    t24 = load<u32>(u, 92) ^ t7 ^ t16 ^ load<u32>(u, 16) ^ load<u32>(u, 56) ^ y16, // y18 = y1 ^ y2 ^ y16
    t25 = t21 ^ t22, t26 = t21 & t23, t27 = t24 ^ t26, t29 = (t25 & t27) ^ t22, t31 = t22 ^ t26,
    t33 = (t31 & (t23 ^ t24)) ^ t24, t36 = t24 & (t27 ^ t33), t37 = t36 ^ t23 ^ t33, t38 = t27 ^ t36,
    t40 = t25 ^ (t29 & t38), t41 = t40 ^ t37, t42 = t29 ^ t33;
  store<u32>(u, t33 ^ t37, 72); // t44
  store<u32>(u, t37, 76);
  store<u32>(u, t33, 80);
  store<u32>(u, t29 ^ t40, 84); // t43
  store<u32>(u, t40, 88);
  store<u32>(u, t29, 92);
  store<u32>(u, t42, 96);
  store<u32>(u, t42 ^ t41, 100); // t45
  store<u32>(u, t41, 104);
}

/** The affine map's constant is in the complements. */
function bottomLayer(q: usize, z: usize): void {
  // prettier-ignore
  const z2 = load<u32>(z, 8), z3 = load<u32>(z, 12), z4 = load<u32>(z, 16), z5 = load<u32>(z, 20),
    z7 = load<u32>(z, 28), z10 = load<u32>(z, 40), z12 = load<u32>(z, 48), z16 = load<u32>(z, 64),
    t46 = load<u32>(z, 60) ^ z16, t48 = z5 ^ load<u32>(z, 52), t53 = load<u32>(z) ^ z3,
    t57 = z2 ^ z12 ^ t53, t58 = z4 ^ t46, t59 = z3 ^ load<u32>(z, 24) ^ z7, t62 = z7 ^ load<u32>(z, 32) ^ t58,
    t63 = load<u32>(z, 36) ^ z10 ^ t58, t64 = z4 ^ t59, t65 = load<u32>(z, 56) ^ t57 ^ t62,
    t66 = load<u32>(z, 4) ^ t63, s3 = t53 ^ t66;
  store<u32>(q, t59 ^ t63, 28); // s0
  store<u32>(q, t64 ^ ~s3, 24);
  store<u32>(q, z16 ^ load<u32>(z, 68) ^ ~(t64 ^ t65), 20);
  store<u32>(q, s3, 16);
  store<u32>(q, z2 ^ z5 ^ t66, 12);
  store<u32>(q, z10 ^ load<u32>(z, 44) ^ t65, 8);
  store<u32>(q, z12 ^ t48 ^ ~t62, 4);
  store<u32>(q, t48 ^ ~(t46 ^ t57)); // s7
}
