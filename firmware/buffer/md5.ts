// The compression of MD5, RFC 1321 section 3.4, for whoever is still bound to it: CHAP below, TLS 1.0 above. Blocks and
// states are theirs.

/** T[i] = 2^32 |sin i|, i from 1 on. */
function T(): usize {
  // prettier-ignore
  return memory.data<u32>([
  0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
  0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
  0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
  0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
  0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
  0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
  0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
  0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
]);
}

/** How far each of a round's four kinds of step rotates. */
function S(): usize {
  // prettier-ignore
  return memory.data<u8>([7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21]);
}
/** Which word of the block a round's steps take: that number times the step, and what it begins with. */
function STRIDE(): usize {
  return memory.data<u8>([1, 5, 3, 7]);
}
function FIRST(): usize {
  return memory.data<u8>([0, 1, 5, 0]);
}

/** H = H + the compression of the block. @param h address of H. CT: nothing leaks. */
export function compress(block: usize, h: usize): void {
  let a = load<u32>(h);
  let b = load<u32>(h, 4);
  let c = load<u32>(h, 8);
  let d = load<u32>(h, 12);
  for (let i: u32 = 0; i < 64; i++) {
    const round = i >> 4;
    const k = (i * load<u8>(STRIDE() + round) + load<u8>(FIRST() + round)) & 15;
    const sum = a + mix(round, b, c, d) + load<u32>(block + 4 * k) + load<u32>(T() + 4 * i);
    a = d;
    d = c;
    c = b;
    b += rotl<u32>(sum, load<u8>(S() + ((round << 2) | (i & 3))));
  }
  store<u32>(h, load<u32>(h) + a);
  store<u32>(h, load<u32>(h, 4) + b, 4);
  store<u32>(h, load<u32>(h, 8) + c, 8);
  store<u32>(h, load<u32>(h, 12) + d, 12);
}

/** F, G, H and I. @param round public */
function mix(round: u32, x: u32, y: u32, z: u32): u32 {
  if (round == 0) return z ^ (x & (y ^ z));
  if (round == 1) return y ^ (z & (x ^ y));
  return round == 2 ? x ^ y ^ z : y ^ (x | ~z);
}
