// DES (FIPS 46-3), for TLS 1.0 alone: 56 bits of key keep nobody out today. No table is read at a secret place: the eight
// S-boxes are looked up together, by going through all 64 entries.
//
//   a word:  nibble 7 … 0 for box 1 … 8, as R has them     an input bit of all eight boxes: bit 0 of each nibble, times 15
//
// An entry of T is what the eight boxes answer when each is asked the same number, in hexadecimal: S1 to S8. A box takes
// the entries of its number through masks made of its six input bits, three for the row of eight, three within it.
//
//   schedule  16 × ┌──────────────────────┬──────────────────────────────┐
//                  │ bits 2 … 5 of a box  │ bits 6 and 1 (0, 0, k6, k1)  │   a round's key, spread over nibbles
//                  └──────────────────────┴──────────────────────────────┘

const ROUND_BYTES: u32 = 8;
export const KEY_BYTES: u32 = 8;
export const BLOCK_BYTES: u32 = 8;
/** Bytes of an expanded key. */
export const SCHEDULE_BYTES: u32 = 16 * ROUND_BYTES;
/** Bytes of scratch memory of crypt(): the masks within a row. */
export const SCRATCH_BYTES: u32 = 32;

const HALF_KEY: u64 = 0xfffffff;

/** The S-boxes, by their six input bits in order. */
function T(): usize {
  // prettier-ignore
  return memory.data<u32>([
  0xefa72c4d, 0x03ddead1, 0x410dc1b2, 0xfd78bf0f, 0xd89e4a28, 0x740b24bd, 0x1ee31fe4, 0x4795c278,
  0x266079f6, 0xef36474a, 0xfb36a20f, 0x224f7c93, 0xb3f9b68b, 0xd860d917, 0x845a68d1, 0x1ea315a4,
  0x3911803a, 0xac2456ec, 0xa7d25dc9, 0x60870135, 0x62c83393, 0xc152fd56, 0xcd75f47e, 0xbaecaecb,
  0x5cbbde55, 0x96c13020, 0x904c07a0, 0x59ba9bfe, 0x0524e56c, 0x3bfe8389, 0x7a8f9b17, 0x85196862,
  0x40da4917, 0xfd13b462, 0x1e662e4b, 0xc8af83b1, 0xe7491fb4, 0x8ad0c2de, 0x8b90b5d1, 0x21067c87,
  0xda8ca2c9, 0x436a1914, 0x64fbd83c, 0x9f91e54a, 0x2d377c7e, 0x148d2fa8, 0xb10d83e2, 0x7278da7d,
  0xf5bff7a0, 0x5b496b9f, 0xc81190f6, 0xb6f4fe5c, 0x9c23c46a, 0x37e50109, 0x76ce5a8d, 0xec3b97f0,
  0x3955610f, 0xa0bca6e3, 0xa3a23d53, 0x05574025, 0x52e80b95, 0x6e225836, 0x0f74e628, 0xd9ce3dcb,
]);
}
/** Permuted choice 1, as shifts of the key. */
function PC1(): usize {
  // prettier-ignore
  return memory.data<u8>([
  7, 15, 23, 31, 39, 47, 55, 63, 6, 14, 22, 30, 38, 46, 54, 62, 5, 13, 21, 29, 37, 45, 53, 61, 4, 12, 20, 28,
  1, 9, 17, 25, 33, 41, 49, 57, 2, 10, 18, 26, 34, 42, 50, 58, 3, 11, 19, 27, 35, 43, 51, 59, 36, 44, 52, 60,
]);
}
/** Permuted choice 2, as shifts of C and D, in the order of a round's key; 63: a zero. */
function PC2(): usize {
  // prettier-ignore
  return memory.data<u8>([
  39, 45, 32, 55, 28, 41, 50, 35, 37, 44, 52, 30, 49, 29, 36, 43,
  4, 25, 19, 9, 16, 5, 11, 23, 7, 17, 0, 22, 14, 6, 20, 27,
  63, 63, 51, 42, 63, 63, 46, 53, 63, 63, 48, 33, 63, 63, 54, 40,
  63, 63, 1, 15, 63, 63, 8, 26, 63, 63, 3, 12, 63, 63, 24, 10,
]);
}
/** The permutation P, as shifts. */
function P(): usize {
  // prettier-ignore
  return memory.data<u8>([
  16, 25, 12, 11, 3, 20, 4, 15, 31, 17, 9, 6, 27, 14, 1, 22,
  30, 24, 8, 18, 0, 5, 29, 23, 13, 19, 2, 26, 10, 21, 28, 7,
]);
}
/** Rounds, as bits, whose key is rotated by one place; the others' by two. */
const ROTATED_BY_ONE: u32 = 0x8103;

/** The key schedule. @param schedule SCHEDULE_BYTES, 4-byte aligned @param key KEY_BYTES. CT: nothing leaks. */
export function expandKey(schedule: usize, key: usize): void {
  let halves = gather(bswap<u64>(load<u64>(key)), PC1(), 56);
  for (let round: u32 = 0; round < 16; round++) {
    const by: u64 = (ROTATED_BY_ONE >> round) & 1 ? 1 : 2;
    halves = (rotateHalf(halves >> 28, by) << 28) | rotateHalf(halves & HALF_KEY, by);
    const roundKey = gather(halves, PC2(), 64);
    store<u32>(schedule + round * ROUND_BYTES, u32(roundKey >> 32));
    store<u32>(schedule + round * ROUND_BYTES, u32(roundKey), 4);
  }
}

/** 28 bits to the left. */
function rotateHalf(half: u64, by: u64): u64 {
  return ((half << by) | (half >> (28 - by))) & HALF_KEY;
}

/** The bits of `value` that `shifts` names, the most significant first. */
function gather(value: u64, shifts: usize, count: u32): u64 {
  let bits: u64 = 0;
  for (let i: u32 = 0; i < count; i++) bits = (bits << 1) | ((value >> u64(load<u8>(shifts + i))) & 1);
  return bits;
}

/**
 * One block in place.
 * @param encrypts else it is decrypted @param block BLOCK_BYTES
 * @param scratch SCRATCH_BYTES, 4-byte aligned
 * CT: nothing leaks.
 */
export function crypt(schedule: usize, encrypts: bool, block: usize, scratch: usize): void {
  const left = block;
  const right = block + 4;
  store<u32>(left, bswap<u32>(load<u32>(left)));
  store<u32>(right, bswap<u32>(load<u32>(right)));
  // The initial permutation, in exchanges of bits between the halves.
  exchange(left, right, 4, 0x0f0f0f0f);
  exchange(left, right, 16, 0x0000ffff);
  exchange(right, left, 2, 0x33333333);
  exchange(right, left, 8, 0x00ff00ff);
  exchange(left, right, 1, 0x55555555);
  let l = load<u32>(left);
  let r = load<u32>(right);
  for (let round: u32 = 0; round < 16; round++) {
    const key = schedule + ROUND_BYTES * (encrypts ? round : 15 - round);
    const next = l ^ f(r, load<u32>(key), load<u32>(key, 4), scratch);
    l = r;
    r = next;
  }
  // The halves change places, and the permutation is undone.
  store<u32>(left, r);
  store<u32>(right, l);
  exchange(left, right, 1, 0x55555555);
  exchange(right, left, 8, 0x00ff00ff);
  exchange(right, left, 2, 0x33333333);
  exchange(left, right, 16, 0x0000ffff);
  exchange(left, right, 4, 0x0f0f0f0f);
  store<u32>(left, bswap<u32>(load<u32>(left)));
  store<u32>(right, bswap<u32>(load<u32>(right)));
}

/** Exchanges the bits of `mask` in the second word with those `shift` higher in the first. */
function exchange(first: usize, second: usize, shift: u32, mask: u32): void {
  const a = load<u32>(first);
  const b = load<u32>(second);
  const t = ((a >> shift) ^ b) & mask;
  store<u32>(first, a ^ (t << shift));
  store<u32>(second, b ^ t);
}

/** The cipher function. @param inner bits 2 to 5 of the boxes' keys @param outer bits 6 and 1. CT: nothing leaks. */
function f(r: u32, inner: u32, outer: u32, masks: usize): u32 {
  const x = r ^ inner;
  const e4 = spread(rotr<u32>(x, 1));
  const e5 = spread(x);
  const e6 = spread(rotl<u32>(r, 1) ^ (outer >> 1));
  for (let i: u32 = 0; i < 8; i++) store<u32>(masks + 4 * i, select(e4, e5, e6, i));
  const e1 = spread(rotr<u32>(r, 4) ^ outer);
  const e2 = spread(rotr<u32>(x, 3));
  const e3 = spread(rotr<u32>(x, 2));
  let answer: u32 = 0;
  for (let row: u32 = 0; row < 8; row++) {
    let inRow: u32 = 0;
    for (let i: u32 = 0; i < 32; i += 4) inRow |= load<u32>(T() + 32 * row + i) & load<u32>(masks + i);
    answer |= inRow & select(e1, e2, e3, row);
  }
  let permuted: u32 = 0;
  for (let i: u32 = 0; i < 32; i++) permuted = (permuted << 1) | ((answer >> load<u8>(P() + i)) & 1);
  return permuted;
}

/** Bit 0 of each nibble, in all its bits. */
function spread(x: u32): u32 {
  const bits = x & 0x11111111;
  return (bits << 4) - bits;
}

/** Ones where the three bits are `number`, which is public. */
function select(high: u32, middle: u32, low: u32, number: u32): u32 {
  return (high ^ ((number >> 2) - 1)) & (middle ^ (((number >> 1) & 1) - 1)) & (low ^ ((number & 1) - 1));
}
