// What all connections share: the secret of RFC 6528, whose turn it is, and counters by cause.
import { TCP, TCP_BYTES } from "../chip/ram-map.ts";
import { TCP_HEADER_LEN, TcpHeader, count } from "./wire.ts";

@final
@unmanaged
export class TcpState {
  secretLow: u64;
  secretHigh: u64;
  /** The connection that sent last: the others come first. */
  turn: u8;
  /** Endpoint whose region the link may be reading. */
  linkReads: u8;
  lastPort: u16;

  badLength: u16;
  badChecksum: u16;
  /** Segments of no connection, answered with RST. */
  refused: u16;
  synsDropped: u16;
  outOfOrder: u16;
  /** Outside the window. */
  unacceptable: u16;
  /** Data in the window, but the pool was too full. */
  noRoom: u16;
  /** RFC 5961: segments that only an attacker, or a peer that crashed, sends. */
  challenged: u16;
  retransmitted: u16;
  timedOut: u16;
  resetByPeer: u16;
  /** ICMP errors that quoted no segment in flight. */
  badErrors: u16;

  static get here(): TcpState {
    return changetype<TcpState>(TCP);
  }
}

/** @throws at compile time when the state does not fit its region */
export function powerOn(): void {
  if (offsetof<TcpState>() > TCP_BYTES) ERROR("TcpState does not fit TCP_BYTES");
  if (offsetof<TcpHeader>() != TCP_HEADER_LEN) ERROR("a TCP header is 20 bytes");
}

/** @param offset offsetof<TcpState>("…") of a counter */
export function tally(offset: usize): void {
  count(TCP + offset);
}
