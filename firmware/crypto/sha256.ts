// SHA-256 (FIPS 180-4) in 100 bytes of the caller's memory. The state may be copied or written to NVM at any moment
// between two calls, and the copy goes on from there: that is how a transcript is forked.
//
//   0       64      96       100
//   ┌───────┬───────┬────────┐
//   │ block │ H     │ length │  block: what has not been compressed yet, then the message schedule W, rolling
//   └───────┴───────┴────────┘  through it: W(t) replaces W(t-16), which is not needed again

/** Bytes of a state. */
export const STATE_BYTES: u32 = 100;
/** Bytes of a digest. */
export const DIGEST_BYTES: u32 = 32;
/** Bytes that one compression takes. */
export const BLOCK_BYTES: u32 = 64;

const H: usize = 64;
const LENGTH: usize = 96;

// prettier-ignore
/** FIPS 180-4 section 4.2.2: the first 32 bits of the fractions of the cube roots of the first 64 primes. */
const K: usize = memory.data<u32>([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
]);

// prettier-ignore
/** FIPS 180-4 section 5.3.3: the same of the square roots of the first eight. */
const H0: usize = memory.data<u32>([
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
]);

/** Begins a message. @param state STATE_BYTES, 4-byte aligned */
export function init(state: usize): void {
  memory.copy(state + H, H0, DIGEST_BYTES);
  store<u32>(state, 0, LENGTH);
}

/**
 * Continues a message, of less than 2^32 bytes in all, in pieces of any length.
 * CT: only the lengths leak.
 */
export function update(state: usize, data: usize, length: u32): void {
  let used = load<u32>(state, LENGTH) % BLOCK_BYTES;
  store<u32>(state, load<u32>(state, LENGTH) + length, LENGTH);
  while (length > 0) {
    const run = min(BLOCK_BYTES - used, length);
    memory.copy(state + used, data, run);
    data += run;
    length -= run;
    used += run;
    if (used == BLOCK_BYTES) {
      compress(state);
      used = 0;
    }
  }
}

/**
 * Ends a message, and the state with it: nothing is left in it but the digest. Fork it before if the message goes on.
 * @param out DIGEST_BYTES; may lie in the message or in the state
 * CT: only the length of the message leaks.
 */
export function final(state: usize, out: usize): void {
  const length = load<u32>(state, LENGTH);
  let used = length % BLOCK_BYTES;
  store<u8>(state + used++, 0x80);
  if (used > BLOCK_BYTES - 8) {
    memory.fill(state + used, 0, BLOCK_BYTES - used);
    compress(state);
    used = 0;
  }
  memory.fill(state + used, 0, BLOCK_BYTES - used);
  store<u32>(state, bswap<u32>(length >> 29), BLOCK_BYTES - 8);
  store<u32>(state, bswap<u32>(length << 3), BLOCK_BYTES - 4);
  compress(state);
  memory.fill(state, 0, BLOCK_BYTES);
  for (let i: usize = H; i < H + DIGEST_BYTES; i += 4)
    store<u32>(state + i, bswap<u32>(load<u32>(state + i)));
  memory.copy(out, state + H, DIGEST_BYTES);
}

/** H = H + the compression of the block. FIPS 180-4 section 6.2.2, its letters. CT: nothing leaks. */
function compress(w: usize): void {
  let a = load<u32>(w, H);
  let b = load<u32>(w, H + 4);
  let c = load<u32>(w, H + 8);
  let d = load<u32>(w, H + 12);
  let e = load<u32>(w, H + 16);
  let f = load<u32>(w, H + 20);
  let g = load<u32>(w, H + 24);
  let h = load<u32>(w, H + 28);
  // Eight rounds, so that the letters come round to where they were, instead of moving in each. t counts bytes.
  // prettier-ignore
  for (let t: u32 = 0; t < 256; t += 32) {
    h += Sigma1(e) + Ch(e, f, g) + input(w, t); d += h; h += Sigma0(a) + Maj(a, b, c);
    g += Sigma1(d) + Ch(d, e, f) + input(w, t + 4); c += g; g += Sigma0(h) + Maj(h, a, b);
    f += Sigma1(c) + Ch(c, d, e) + input(w, t + 8); b += f; f += Sigma0(g) + Maj(g, h, a);
    e += Sigma1(b) + Ch(b, c, d) + input(w, t + 12); a += e; e += Sigma0(f) + Maj(f, g, h);
    d += Sigma1(a) + Ch(a, b, c) + input(w, t + 16); h += d; d += Sigma0(e) + Maj(e, f, g);
    c += Sigma1(h) + Ch(h, a, b) + input(w, t + 20); g += c; c += Sigma0(d) + Maj(d, e, f);
    b += Sigma1(g) + Ch(g, h, a) + input(w, t + 24); f += b; b += Sigma0(c) + Maj(c, d, e);
    a += Sigma1(f) + Ch(f, g, h) + input(w, t + 28); e += a; a += Sigma0(b) + Maj(b, c, d);
  }
  add(w + H, a);
  add(w + H + 4, b);
  add(w + H + 8, c);
  add(w + H + 12, d);
  add(w + H + 16, e);
  add(w + H + 20, f);
  add(w + H + 24, g);
  add(w + H + 28, h);
}

/**
 * K(t) + W(t), where W(t) is the message's word at first, then what the recurrence gives, in sixteen words.
 * @param t counts bytes, so that it needs no shifting
 */
function input(w: usize, t: u32): u32 {
  const at = w + (t & 60);
  let W: u32;
  if (t < 64) W = bswap<u32>(load<u32>(at));
  else {
    W = load<u32>(at) + load<u32>(w + ((t + 36) & 60)); // W(t-16) + W(t-7)
    W += sigma1(load<u32>(w + ((t + 56) & 60))) + sigma0(load<u32>(w + ((t + 4) & 60))); // t-2, t-15
  }
  store<u32>(at, W);
  return W + load<u32>(K + t);
}

function add(at: usize, value: u32): void {
  store<u32>(at, load<u32>(at) + value);
}

function Ch(x: u32, y: u32, z: u32): u32 {
  return z ^ (x & (y ^ z));
}

function Maj(x: u32, y: u32, z: u32): u32 {
  return (x & y) | (z & (x | y));
}

function Sigma0(x: u32): u32 {
  return rotr<u32>(x, 2) ^ rotr<u32>(x, 13) ^ rotr<u32>(x, 22);
}

function Sigma1(x: u32): u32 {
  return rotr<u32>(x, 6) ^ rotr<u32>(x, 11) ^ rotr<u32>(x, 25);
}

function sigma0(x: u32): u32 {
  return rotr<u32>(x, 7) ^ rotr<u32>(x, 18) ^ (x >> 3);
}

function sigma1(x: u32): u32 {
  return rotr<u32>(x, 17) ^ rotr<u32>(x, 19) ^ (x >> 10);
}
