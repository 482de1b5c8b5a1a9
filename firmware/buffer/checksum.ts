// The Internet checksum over chains (RFC 1071).
import { Pbuf } from "./pbuf.ts";

/**
 * Adds a packet's bytes to a running sum.
 * @param sum  the sum so far, 0 to begin with; not folded
 * @param head the packet @param from offset of the first byte @returns the sum, not folded
 */
export function add(sum: u32, head: Pbuf, from: u32): u32 {
  let total = sum;
  let skip = from;
  let odd: u32 = 0;
  let p: Pbuf | null = head;
  while (p) {
    const end = p.payload + p.length;
    if (skip >= p.length) skip -= p.length;
    else {
      for (let at = p.payload + skip; at < end; at++) {
        total += u32(load<u8>(at)) << (8 - 8 * odd);
        odd ^= 1;
      }
      skip = 0;
    }
    p = p.nextInPacket;
  }
  return total;
}

/** Folds a sum to the 16-bit one's complement. @returns the checksum in host order; 0 over data that includes a right one */
export function fold(sum: u32): u32 {
  let folded = (sum & 0xffff) + (sum >> 16);
  folded = (folded & 0xffff) + (folded >> 16);
  return ~folded & 0xffff;
}
