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
import * as ct from "./ct.ts";

/** Bytes of a state. */
export const STATE_BYTES: u32 = 32;
/** Bytes of H, of a block and of Y. */
export const BLOCK_BYTES: u32 = 16;
/** Bytes of scratch memory: the double-length product, the middle one, and its factors. */
export const SCRATCH_BYTES: u32 = 104;

const Y: usize = 16;
const FACTORS: usize = 48;

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
      for (let i: usize = 0; i < BLOCK_BYTES; i += 4)
        store<u32>(y + 12 - i, load<u32>(y + 12 - i) ^ bswap<u32>(load<u32>(data + i)));
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
  const y = state + Y;
  // Karatsuba
  memory.copy(z + FACTORS, state, STATE_BYTES);
  store<u64>(z + FACTORS, load<u64>(state) ^ load<u64>(state, 8), 32);
  store<u64>(z + FACTORS, load<u64>(y) ^ load<u64>(y, 8), 48);
  multiply(z, z + FACTORS);
  multiply(z + 16, z + FACTORS + 8);
  multiply(z + 32, z + FACTORS + 32);
  ct.xor(z + 32, z, 16);
  ct.xor(z + 32, z + 16, 16);
  ct.xor(z + 8, z + 32, 16);
  // Times 2, mod the mirrored x^128 + x^7 + x^2 + x + 1
  for (let at = z + 28; at > z; at -= 4) store<u32>(at, (load<u32>(at) << 1) | (load<u32>(at - 4) >> 31));
  store<u32>(z, load<u32>(z) << 1);
  fold(z);
  fold(z + 8);
  memory.copy(y, z + 16, BLOCK_BYTES);
}

/** @param out BLOCK_BYTES: Y, after the last block has been ended. CT: nothing leaks. */
export function final(state: usize, out: usize): void {
  store<u64>(out, bswap<u64>(load<u64>(state, Y + 8)));
  store<u64>(out, bswap<u64>(load<u64>(state, Y)), 8);
}

/** Takes the lowest of three 64-bit words out by adding a multiple of the modulus. */
function fold(z: usize): void {
  const x = load<u64>(z);
  store<u64>(z, load<u64>(z, 8) ^ (x << 63) ^ (x << 62) ^ (x << 57), 8);
  store<u64>(z, load<u64>(z, 16) ^ x ^ (x >> 1) ^ (x >> 2) ^ (x >> 7), 16);
}

/** Product of the 64-bit polynomials at x and x + 16 to 16 bytes at z, by Karatsuba. */
function multiply(z: usize, x: usize): void {
  store<u64>(z, multiply32(load<u32>(x), load<u32>(x, 16)));
  store<u64>(z, multiply32(load<u32>(x, 4), load<u32>(x, 20)), 8);
  const middle = multiply32(load<u32>(x) ^ load<u32>(x, 4), load<u32>(x, 16) ^ load<u32>(x, 20));
  store<u64>(z, load<u64>(z, 4) ^ middle ^ load<u64>(z) ^ load<u64>(z, 8), 4);
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
