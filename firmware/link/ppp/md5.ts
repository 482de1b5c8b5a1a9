// MD5, RFC 1321, byte by byte, for CHAP. The digest stands at the beginning of its state.
//
//   state   digest, 16 bytes │ bytes so far, 4 │ block, 64
import { compress } from "../../buffer/md5.ts";

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
  if ((count + 1) % BLOCK_LEN == 0) compress(state + BLOCK_AT, state);
}

export function end(state: usize): void {
  const bits = load<u32>(state + COUNT_AT) << 3;
  add(state, 0x80);
  while (load<u32>(state + COUNT_AT) % BLOCK_LEN != LENGTH_AT) add(state, 0);
  store<u32>(state + BLOCK_AT + LENGTH_AT, bits);
  store<u32>(state + BLOCK_AT + LENGTH_AT + 4, 0);
  compress(state + BLOCK_AT, state);
}
