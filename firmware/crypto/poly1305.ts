// Poly1305 (RFC 8439 section 2.5) in 36 bytes. A partial block needs no buffer: its bytes are added to the accumulator
// at their places as they come, and the multiplication follows when the sixteenth has been added.
//
//   0     16                   36
//   ┌─────┬────────────────────┐  h < 2^131 between blocks: its fifth word stays below 8
//   │ r   │ h, the accumulator │  s, the key's second half, is wanted at the end only: the caller gives it there
//   └─────┴────────────────────┘
import * as ct from "./ct.ts";

/** Bytes of a state. */
export const STATE_BYTES: u32 = 36;
/** Bytes of r, of s, of a block and of a tag. */
export const BLOCK_BYTES: u32 = 16;

const H: u32 = 16;

/**
 * Begins a message.
 * @param state STATE_BYTES, 4-byte aligned @param r first half of the one-time key. CT: nothing leaks.
 */
export function init(state: usize, r: usize): void {
  memory.fill(state + H, 0, STATE_BYTES - H);
  store<u32>(state, load<u32>(r) & 0x0fffffff);
  for (let i: usize = 4; i < BLOCK_BYTES; i += 4) store<u32>(state + i, load<u32>(r + i) & 0x0ffffffc);
}

/**
 * Continues a message.
 * @param position of the first byte in its block, 0..15 @param length any
 * @param scratch BLOCK_BYTES, 4-byte aligned
 * CT: only position and length leak.
 */
export function update(state: usize, position: u32, data: usize, length: u32, scratch: usize): void {
  while (length > 0) {
    const run = min(BLOCK_BYTES - position, length);
    if (run == BLOCK_BYTES) add(state, data);
    else {
      memory.fill(scratch, 0, BLOCK_BYTES);
      memory.copy(scratch + position, data, run);
      add(state, scratch);
    }
    position += run;
    if (position == BLOCK_BYTES) {
      endBlock(state, 1);
      position = 0;
    }
    data += run;
    length -= run;
  }
}

/**
 * Multiplies by r: h = (h + bit * 2^128) * r mod 2^130 - 5, partly reduced. The products are 32 x 32 bits: one UMULL or
 * UMLAL each. The four low words of r are below 2^28, so four products and their carry fit 64 bits.
 * @param bit 1 after sixteen bytes (or fewer, padded with zeros as an AEAD does); 0 after a last block ended by a byte 1
 * CT: nothing leaks, where the multiplier's time does not depend on its operands (on a Cortex-M3 it does).
 */
export function endBlock(state: usize, bit: u32): void {
  const r0 = load<u32>(state);
  const r1 = load<u32>(state, 4);
  const r2 = load<u32>(state, 8);
  const r3 = load<u32>(state, 12);
  const h0 = load<u32>(state, H);
  const h1 = load<u32>(state, H + 4);
  const h2 = load<u32>(state, H + 8);
  const h3 = load<u32>(state, H + 12);
  const h4 = load<u32>(state, H + 16) + bit;
  // 2^130 = 5, so 2^128 * r(i) = 5 * r(i) / 4: exact, but for the two low bits of r0
  const s0 = (r0 >> 2) + (r0 & ~3);
  const s1 = r1 + (r1 >> 2);
  const s2 = r2 + (r2 >> 2);
  const s3 = r3 + (r3 >> 2);
  let x = mul(h0, r0) + mul(h1, s3) + mul(h2, s2) + mul(h3, s1) + mul(h4, s0);
  store<u32>(state, u32(x), H);
  x = (x >> 32) + mul(h0, r1) + mul(h1, r0) + mul(h2, s3) + mul(h3, s2) + mul(h4, s1);
  store<u32>(state, u32(x), H + 4);
  x = (x >> 32) + mul(h0, r2) + mul(h1, r1) + mul(h2, r0) + mul(h3, s3) + mul(h4, s2);
  store<u32>(state, u32(x), H + 8);
  x = (x >> 32) + mul(h0, r3) + mul(h1, r2) + mul(h2, r1) + mul(h3, r0) + mul(h4, s3);
  store<u32>(state, u32(x), H + 12);
  const top = u32(x >> 32) + h4 * (r0 & 3);
  store<u32>(state, top & 3, H + 16);
  carry(state, (top >> 2) * 5);
}

/**
 * Ends a message whose last block has been ended.
 * @param s second half of the one-time key @param out BLOCK_BYTES. CT: nothing leaks.
 */
export function final(state: usize, s: usize, out: usize): void {
  let x: u64 = 5;
  for (let i: usize = 0; i < BLOCK_BYTES; i += 4) x = (x + load<u32>(state + i, H)) >> 32;
  const reaches = (u32(x) + load<u32>(state, H + 16)) >> 2; // 1 when h + 5 reaches 2^130, so h reaches p
  carry(state, reaches * 5); // h - p = h + 5 - 2^130
  add(state, s);
  memory.copy(out, state + H, BLOCK_BYTES);
  ct.wipe(state, STATE_BYTES);
}

/** h += the sixteen bytes at `block`. */
function add(state: usize, block: usize): void {
  let x = u64(load<u32>(state, H)) + load<u32>(block);
  store<u32>(state, u32(x), H);
  x = (x >> 32) + load<u32>(state, H + 4) + load<u32>(block, 4);
  store<u32>(state, u32(x), H + 4);
  x = (x >> 32) + load<u32>(state, H + 8) + load<u32>(block, 8);
  store<u32>(state, u32(x), H + 8);
  x = (x >> 32) + load<u32>(state, H + 12) + load<u32>(block, 12);
  store<u32>(state, u32(x), H + 12);
  store<u32>(state, load<u32>(state, H + 16) + u32(x >> 32), H + 16);
}

/** h += value. */
function carry(state: usize, value: u32): void {
  let x = u64(load<u32>(state, H)) + value;
  store<u32>(state, u32(x), H);
  x = (x >> 32) + load<u32>(state, H + 4);
  store<u32>(state, u32(x), H + 4);
  x = (x >> 32) + load<u32>(state, H + 8);
  store<u32>(state, u32(x), H + 8);
  x = (x >> 32) + load<u32>(state, H + 12);
  store<u32>(state, u32(x), H + 12);
  store<u32>(state, load<u32>(state, H + 16) + u32(x >> 32), H + 16);
}

function mul(a: u32, b: u32): u64 {
  return u64(a) * b;
}
