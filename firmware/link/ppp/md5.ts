// MD5, RFC 1321, for CHAP alone: nothing else here relies on it. The digest stands at the beginning of its state.
//
//   state   digest, 16 bytes │ bytes so far, 4 │ block, 64
export const DIGEST_LEN: u32 = 16;
const COUNT_AT: usize = 16;
const BLOCK_AT: usize = 20;
export const MD5_BYTES: u32 = 84;

const BLOCK_LEN: u32 = 64;
/** Where the length stands in the last block. */
const LENGTH_AT: u32 = 56;

export function begin(state: usize): void {
  store<u32>(state, 0x67452301);
  store<u32>(state + 4, 0xefcdab89);
  store<u32>(state + 8, 0x98badcfe);
  store<u32>(state + 12, 0x10325476);
  store<u32>(state + COUNT_AT, 0);
}

export function add(state: usize, byte: u32): void {
  const count = load<u32>(state + COUNT_AT);
  store<u8>(state + BLOCK_AT + (count % BLOCK_LEN), byte);
  store<u32>(state + COUNT_AT, count + 1);
  if ((count + 1) % BLOCK_LEN == 0) transform(state);
}

export function end(state: usize): void {
  const bits = load<u32>(state + COUNT_AT) << 3;
  add(state, 0x80);
  while (load<u32>(state + COUNT_AT) % BLOCK_LEN != LENGTH_AT) add(state, 0);
  store<u32>(state + BLOCK_AT + LENGTH_AT, bits);
  store<u32>(state + BLOCK_AT + LENGTH_AT + 4, 0);
  transform(state);
}

function transform(state: usize): void {
  let a = load<u32>(state);
  let b = load<u32>(state + 4);
  let c = load<u32>(state + 8);
  let d = load<u32>(state + 12);
  for (let i: u32 = 0; i < 64; i++) {
    const x = load<u32>(state + BLOCK_AT + (wordOf(i) << 2));
    const sum = a + mix(i >> 4, b, c, d) + x + load<u32>(sines() + (i << 2));
    a = d;
    d = c;
    c = b;
    b += rotl<u32>(sum, load<u8>(rotations() + ((i >> 4) << 2) + (i & 3)));
  }
  store<u32>(state, load<u32>(state) + a);
  store<u32>(state + 4, load<u32>(state + 4) + b);
  store<u32>(state + 8, load<u32>(state + 8) + c);
  store<u32>(state + 12, load<u32>(state + 12) + d);
}

/** F, G, H, I of section 3.4. */
function mix(round: u32, b: u32, c: u32, d: u32): u32 {
  switch (round) {
    case 0:
      return (b & c) | (~b & d);
    case 1:
      return (b & d) | (c & ~d);
    case 2:
      return b ^ c ^ d;
    default:
      return c ^ (b | ~d);
  }
}

/** @returns which word of the block a step takes */
function wordOf(step: u32): u32 {
  switch (step >> 4) {
    case 0:
      return step & 15;
    case 1:
      return (5 * step + 1) & 15;
    case 2:
      return (3 * step + 5) & 15;
    default:
      return (7 * step) & 15;
  }
}

/** @returns the address of floor(2^32 · |sin(i + 1)|), section 3.4; within a function, so that what is unused takes no room */
// prettier-ignore
function sines(): usize {
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

/** @returns the address of the rotations, a row a round */
// prettier-ignore
function rotations(): usize {
  return memory.data<u8>([
    7, 12, 17, 22,
    5, 9, 14, 20,
    4, 11, 16, 23,
    6, 10, 15, 21,
  ]);
}
