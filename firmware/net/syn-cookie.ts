// SYN cookies, RFC 4987 section 3.6: what a listener would have to remember of a SYN, in the sequence number that it
// answers with. The peer's first data bring it back, and only then a control block is needed.
//
//   31            16 15             2 1   0
//   ┌───────────────┬────────────────┬─────┐   connection: SipHash of addresses, ports and the time in units of 65.5 s
//   │  connection   │ first sequence │ MSS │   first sequence: SipHash of that and the SYN's sequence number
//   └───────────────┴────────────────┴─────┘   MSS: index of a size that the peer takes
//
// The halves tell the first segment from later ones of the same connection, which must not be taken for it. A cookie
// lasts 65 to 131 s. Whoever can't see our segments hits one with 2^-30 a try. No RAM.
import { Millis } from "../chip/clock.ts";
import * as isn from "./isn.ts";
import { TcpState } from "./tcp-state.ts";

const SLOT_BITS: u32 = 16;
const CONNECTION_BITS: u32 = 0xffff0000;
const FIRST_BITS: u32 = 0xfffc;
const MSS_BITS: u32 = 3;

/** What check() finds. */
export const NO_COOKIE: u32 = 0;
/** The connection's, but not with the segment that follows its SYN. */
export const NOT_FIRST: u32 = 1;
export const FIRST: u32 = 2;

/** @param irs sequence number of the SYN @param ports local port << 16 | remote port @param mss data bytes the peer takes */
export function make(remote: u32, ports: u32, irs: u32, mss: u32, now: Millis): u32 {
  const connection = connectionOf(remote, ports, now >> SLOT_BITS);
  let size: u32 = MSS_BITS;
  while (size > 0 && mssOf(size) > mss) size--;
  return (u32(connection) & CONNECTION_BITS) | (firstOf(connection, irs) & FIRST_BITS) | size;
}

/** @param seq of a segment @param cookie the number before its ACK @returns FIRST, NOT_FIRST or NO_COOKIE */
export function check(remote: u32, ports: u32, seq: u32, cookie: u32, now: Millis): u32 {
  const slot = now >> SLOT_BITS;
  for (let age: u32 = 0; age < 2; age++) {
    const connection = connectionOf(remote, ports, slot - age);
    if ((u32(connection) ^ cookie) & CONNECTION_BITS) continue;
    return (firstOf(connection, seq - 1) ^ cookie) & FIRST_BITS ? NOT_FIRST : FIRST;
  }
  return NO_COOKIE;
}

/** @returns data bytes that the peer takes, by a cookie or an index: the SYN's MSS, rounded down */
export function mssOf(cookie: u32): u32 {
  switch (cookie & MSS_BITS) {
    case 0:
      return 32;
    case 1:
      return 216;
    case 2:
      return 536;
    default:
      return 1460;
  }
}

/** The time stands where isn.generate() has our address, which is never that small. */
function connectionOf(remote: u32, ports: u32, slot: u32): u64 {
  const time = u64(slot & 0xffff) << 32;
  return isn.hash(changetype<usize>(TcpState.here), time | remote, ports);
}

function firstOf(connection: u64, irs: u32): u32 {
  return u32(isn.hash(changetype<usize>(TcpState.here), connection, irs));
}
