// GHASH (SP 800-38D section 6.4) without tables. Y is exclusive-ored with a block's bytes as they come, so a partial
// block needs no buffer.
//
// The standard numbers bits from the left; read as big-endian numbers, operands and product are mirrored. The mirror
// of a product of polynomials is the product of the mirrors, one bit to the right: hence the shift by one.
//
//   0     16        32
//   ┌─────┬─────────┐
//   │ H   │ Y       │  both as two 64-bit words, the least significant first
//   └─────┴─────────┘

/** Bytes of a state. */
export const STATE_BYTES: u32 = 32;
/** Bytes of H, of a block and of Y. */
export const BLOCK_BYTES: u32 = 16;
/** Bytes of scratch memory: the double-length product. */
export const SCRATCH_BYTES: u32 = 48;

const Y: usize = 16;

/** Begins. @param state STATE_BYTES, 8-byte aligned @param H the hash subkey. CT: nothing leaks. */
export function init(state: usize, H: usize): void {
  store<u64>(state, bswap<u64>(load<u64>(H, 8)));
  store<u64>(state, bswap<u64>(load<u64>(H)), 8);
  memory.fill(state + Y, 0, BLOCK_BYTES);
}

/**
 * Continues.
 * @param position of the first byte in its block, 0..15 @param length any
 * @param scratch SCRATCH_BYTES, 4-byte aligned
 * CT: only position and length leak.
 */
export function update(state: usize, position: u32, data: usize, length: u32, scratch: usize): void {
  const y = state + Y;
  while (length > 0) {
    const run = min(BLOCK_BYTES - position, length);
    if (run == BLOCK_BYTES) {
      store<u64>(y, load<u64>(y) ^ bswap<u64>(load<u64>(data, 8)));
      store<u64>(y, load<u64>(y, 8) ^ bswap<u64>(load<u64>(data)), 8);
    } else {
      for (let i: u32 = 0; i < run; i++) {
        const at = y + (BLOCK_BYTES - 1 - position - i);
        store<u8>(at, load<u8>(at) ^ load<u8>(data + i));
      }
    }
    position += run;
    if (position == BLOCK_BYTES) {
      endBlock(state, scratch);
      position = 0;
    }
    data += run;
    length -= run;
  }
}

/**
 * Ends a block, zeros understood where there were no bytes: Y = Y * H.
 * @param z SCRATCH_BYTES. CT: nothing leaks, where the multiplier's time does not depend on its operands.
 */
export function endBlock(state: usize, z: usize): void {
  const h0 = load<u64>(state);
  const h1 = load<u64>(state, 8);
  const y0 = load<u64>(state, Y);
  const y1 = load<u64>(state, Y + 8);
  // Karatsuba
  multiply(z, h0, y0);
  multiply(z + 16, h1, y1);
  multiply(z + 32, h0 ^ h1, y0 ^ y1);
  const m0 = load<u64>(z, 32) ^ load<u64>(z) ^ load<u64>(z, 16);
  const m1 = load<u64>(z, 40) ^ load<u64>(z, 8) ^ load<u64>(z, 24);
  reduce(state, load<u64>(z), load<u64>(z, 8) ^ m0, load<u64>(z, 16) ^ m1, load<u64>(z, 24));
}

/** @param out BLOCK_BYTES: Y, after the last block has been ended. CT: nothing leaks. */
export function final(state: usize, out: usize): void {
  store<u64>(out, bswap<u64>(load<u64>(state, Y + 8)));
  store<u64>(out, bswap<u64>(load<u64>(state, Y)), 8);
}

/** Y = z * 2 mod the mirrored x^128 + x^7 + x^2 + x + 1. */
function reduce(state: usize, z0: u64, z1: u64, z2: u64, z3: u64): void {
  z3 = (z3 << 1) | (z2 >> 63);
  z2 = (z2 << 1) | (z1 >> 63);
  z1 = (z1 << 1) | (z0 >> 63);
  z0 <<= 1;
  z1 ^= (z0 << 63) ^ (z0 << 62) ^ (z0 << 57);
  z2 ^= z0 ^ (z0 >> 1) ^ (z0 >> 2) ^ (z0 >> 7);
  z2 ^= (z1 << 63) ^ (z1 << 62) ^ (z1 << 57);
  z3 ^= z1 ^ (z1 >> 1) ^ (z1 >> 2) ^ (z1 >> 7);
  store<u64>(state, z2, Y);
  store<u64>(state, z3, Y + 8);
}

/** Product of two 64-bit polynomials to 16 bytes at z, by Karatsuba. */
function multiply(z: usize, x: u64, y: u64): void {
  const low = multiply32(u32(x), u32(y));
  const high = multiply32(u32(x >> 32), u32(y >> 32));
  const middle = multiply32(u32(x) ^ u32(x >> 32), u32(y) ^ u32(y >> 32)) ^ low ^ high;
  store<u64>(z, low ^ (middle << 32));
  store<u64>(z, high ^ (middle >> 32), 8);
}

/**
 * Product of two 32-bit polynomials. Integer multiplication with holes: of every four bits one is used, so at most
 * eight ones meet in a column and no carry gets as far as the next bit that counts.
 */
function multiply32(x: u32, y: u32): u64 {
  const x0 = x & 0x11111111;
  const x1 = x & 0x22222222;
  const x2 = x & 0x44444444;
  const x3 = x & 0x88888888;
  const y0 = y & 0x11111111;
  const y1 = y & 0x22222222;
  const y2 = y & 0x44444444;
  const y3 = y & 0x88888888;
  return (
    ((mul(x0, y0) ^ mul(x1, y3) ^ mul(x2, y2) ^ mul(x3, y1)) & 0x1111111111111111) |
    ((mul(x0, y1) ^ mul(x1, y0) ^ mul(x2, y3) ^ mul(x3, y2)) & 0x2222222222222222) |
    ((mul(x0, y2) ^ mul(x1, y1) ^ mul(x2, y0) ^ mul(x3, y3)) & 0x4444444444444444) |
    ((mul(x0, y3) ^ mul(x1, y2) ^ mul(x2, y1) ^ mul(x3, y0)) & 0x8888888888888888)
  );
}

function mul(x: u32, y: u32): u64 {
  return u64(x) * y;
}
