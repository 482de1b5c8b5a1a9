// The compression of SHA-1, FIPS 180-4 section 6.1.2, its letters; block and state are digest.ts's. The message schedule rolls
// through the block: W(t) replaces W(t-16), which is not needed again.

/** FIPS 180-4 section 4.2.1: one constant for twenty steps. */
function K(): usize {
  return memory.data<u32>([0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6]);
}

/** H = H + the compression of the block. @param h address of H. CT: nothing leaks. */
export function compress(block: usize, h: usize): void {
  let a = load<u32>(h);
  let b = load<u32>(h, 4);
  let c = load<u32>(h, 8);
  let d = load<u32>(h, 12);
  let e = load<u32>(h, 16);
  for (let t: u32 = 0; t < 80; t++) {
    const twenty = t / 20;
    const T = rotl<u32>(a, 5) + mix(twenty, b, c, d) + e + load<u32>(K() + 4 * twenty) + W(block, t);
    e = d;
    d = c;
    c = rotl<u32>(b, 30);
    b = a;
    a = T;
  }
  store<u32>(h, load<u32>(h) + a);
  store<u32>(h, load<u32>(h, 4) + b, 4);
  store<u32>(h, load<u32>(h, 8) + c, 8);
  store<u32>(h, load<u32>(h, 12) + d, 12);
  store<u32>(h, load<u32>(h, 16) + e, 16);
}

function W(block: usize, t: u32): u32 {
  const at = word(block, t);
  let w = bswap<u32>(load<u32>(at));
  if (t >= 16) {
    w = load<u32>(word(block, t - 3)) ^ load<u32>(word(block, t - 8)) ^ load<u32>(word(block, t - 14));
    w = rotl<u32>(w ^ load<u32>(at), 1);
  }
  store<u32>(at, w);
  return w;
}

function word(block: usize, t: u32): usize {
  return block + 4 * (t & 15);
}

/** Ch, Parity, Maj, Parity. @param twenty public */
function mix(twenty: u32, x: u32, y: u32, z: u32): u32 {
  if (twenty == 0) return z ^ (x & (y ^ z));
  return twenty == 2 ? (x & y) | (z & (x | y)) : x ^ y ^ z;
}
