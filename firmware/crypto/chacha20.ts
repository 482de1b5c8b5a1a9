// The ChaCha20 block function (RFC 8439 section 2.3), in place: the sixteen words of the caller's matrix become the
// sixteen words of key stream.
//
//   0           16                      48        52
//   ┌───────────┬───────────────────────┬─────────┬───────────┐
//   │ constants │ key                   │ counter │ nonce     │
//   └───────────┴───────────────────────┴─────────┴───────────┘

/** Bytes of a matrix, and of a block of key stream. */
export const BLOCK_BYTES: u32 = 64;
/** Bytes of a key. */
export const KEY_BYTES: u32 = 32;
/** Where key, counter and nonce stand in a matrix. */
export const KEY: usize = 16;
export const COUNTER: usize = 48;
export const NONCE: usize = 52;

const NONCE_BYTES: u32 = 12;

/** "expand 32-byte k" */
const CONSTANTS: usize = memory.data<u32>([0x61707865, 0x3320646e, 0x79622d32, 0x6b206574]);

/**
 * Block `counter` of the key stream.
 * @param out   BLOCK_BYTES, 4-byte aligned
 * @param key   KEY_BYTES; may be at `out + KEY`
 * @param nonce 12 bytes; may be at `out + NONCE`
 * CT: nothing leaks.
 */
export function block(out: usize, key: usize, counter: u32, nonce: usize): void {
  memory.copy(out + KEY, key, KEY_BYTES);
  memory.copy(out, CONSTANTS, KEY);
  store<u32>(out, counter, COUNTER);
  memory.copy(out + NONCE, nonce, NONCE_BYTES);
  permute(out);
}

/**
 * m = m + the rounds of m. The first row is worked on in m, since the constants can be had again for the sum; the other
 * three in locals, most of which find a register. CT: nothing leaks.
 */
function permute(m: usize): void {
  let x4 = load<u32>(m, 16);
  let x5 = load<u32>(m, 20);
  let x6 = load<u32>(m, 24);
  let x7 = load<u32>(m, 28);
  let x8 = load<u32>(m, 32);
  let x9 = load<u32>(m, 36);
  let x10 = load<u32>(m, 40);
  let x11 = load<u32>(m, 44);
  let x12 = load<u32>(m, 48);
  let x13 = load<u32>(m, 52);
  let x14 = load<u32>(m, 56);
  let x15 = load<u32>(m, 60);
  let a: u32;
  // prettier-ignore
  for (let i = 0; i < 10; i++) {
    // Four quarter rounds on the columns, side by side ...
    a = load<u32>(m) + x4; x12 = rotl<u32>(x12 ^ a, 16); x8 += x12; x4 = rotl<u32>(x4 ^ x8, 12);
    a += x4; x12 = rotl<u32>(x12 ^ a, 8); x8 += x12; x4 = rotl<u32>(x4 ^ x8, 7); store<u32>(m, a);
    a = load<u32>(m, 4) + x5; x13 = rotl<u32>(x13 ^ a, 16); x9 += x13; x5 = rotl<u32>(x5 ^ x9, 12);
    a += x5; x13 = rotl<u32>(x13 ^ a, 8); x9 += x13; x5 = rotl<u32>(x5 ^ x9, 7); store<u32>(m, a, 4);
    a = load<u32>(m, 8) + x6; x14 = rotl<u32>(x14 ^ a, 16); x10 += x14; x6 = rotl<u32>(x6 ^ x10, 12);
    a += x6; x14 = rotl<u32>(x14 ^ a, 8); x10 += x14; x6 = rotl<u32>(x6 ^ x10, 7); store<u32>(m, a, 8);
    a = load<u32>(m, 12) + x7; x15 = rotl<u32>(x15 ^ a, 16); x11 += x15; x7 = rotl<u32>(x7 ^ x11, 12);
    a += x7; x15 = rotl<u32>(x15 ^ a, 8); x11 += x15; x7 = rotl<u32>(x7 ^ x11, 7); store<u32>(m, a, 12);
    // ... and four on the diagonals, from the word of the first row that was at hand last.
    a = load<u32>(m, 12) + x4; x14 = rotl<u32>(x14 ^ a, 16); x9 += x14; x4 = rotl<u32>(x4 ^ x9, 12);
    a += x4; x14 = rotl<u32>(x14 ^ a, 8); x9 += x14; x4 = rotl<u32>(x4 ^ x9, 7); store<u32>(m, a, 12);
    a = load<u32>(m) + x5; x15 = rotl<u32>(x15 ^ a, 16); x10 += x15; x5 = rotl<u32>(x5 ^ x10, 12);
    a += x5; x15 = rotl<u32>(x15 ^ a, 8); x10 += x15; x5 = rotl<u32>(x5 ^ x10, 7); store<u32>(m, a);
    a = load<u32>(m, 4) + x6; x12 = rotl<u32>(x12 ^ a, 16); x11 += x12; x6 = rotl<u32>(x6 ^ x11, 12);
    a += x6; x12 = rotl<u32>(x12 ^ a, 8); x11 += x12; x6 = rotl<u32>(x6 ^ x11, 7); store<u32>(m, a, 4);
    a = load<u32>(m, 8) + x7; x13 = rotl<u32>(x13 ^ a, 16); x8 += x13; x7 = rotl<u32>(x7 ^ x8, 12);
    a += x7; x13 = rotl<u32>(x13 ^ a, 8); x8 += x13; x7 = rotl<u32>(x7 ^ x8, 7); store<u32>(m, a, 8);
  }
  for (let i: u32 = 0; i < 16; i += 4) add(m, i, load<u32>(CONSTANTS + i));
  add(m, 16, x4);
  add(m, 20, x5);
  add(m, 24, x6);
  add(m, 28, x7);
  add(m, 32, x8);
  add(m, 36, x9);
  add(m, 40, x10);
  add(m, 44, x11);
  add(m, 48, x12);
  add(m, 52, x13);
  add(m, 56, x14);
  add(m, 60, x15);
}

function add(m: usize, offset: u32, value: u32): void {
  store<u32>(m + offset, load<u32>(m + offset) + value);
}
