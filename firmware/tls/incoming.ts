// Where TLS takes its bytes from: the pbufs of a connection's socket, in which they stay (seed [176]). Contexts of either
// version begin with this.
import * as pbuf from "../buffer/pbuf.ts";
import { Pbuf } from "../buffer/pbuf.ts";
import * as rsaKey from "../files/rsa-key.ts";
import * as socket from "../socket/socket.ts";

/** headerFill while the rest of the context is lent. */
const LENT: u32 = 0xff;

/** fetch(): the peer has ended TCP's stream. Below every errno and every alert's result. */
export const TRUNCATED: i32 = -0x300;

@unmanaged
export class Incoming {
  private packetAt: u16;
  /** Bytes at the packet's front that have been taken. */
  consumed: u16;
  /** Plaintext for the caller, good until the next call. */
  data: u16;
  socket: u8;
  /** Bytes of the current record's header that have come. */
  headerFill: u8;

  /** The received chain whose bytes are next. */
  get packet(): Pbuf | null {
    return changetype<Pbuf | null>(usize(this.packetAt));
  }
  set packet(p: Pbuf | null) {
    this.packetAt = u16(changetype<usize>(p));
  }

  /** Is what follows these fields out of RAM, and its memory RSA's (swap.ts)? Never on a card without an RSA key. */
  get isLent(): bool {
    return rsaKey.IN_USE && this.headerFill == LENT;
  }
  lend(): void {
    this.headerFill = u8(LENT);
  }
}

/** @returns bytes in one piece at the packet's front, from the next packet if need be; EAGAIN, TRUNCATED or an errno: none */
export function fetch(from: Incoming): i32 {
  while (true) {
    let p = from.packet;
    if (!p) {
      p = socket.recv(from.socket);
      if (!p) return ended(from);
      from.packet = p;
    }
    if (p.length != 0) return p.length;
    if (!p.isLast) from.packet = pbuf.trimHead(p, 0);
    else {
      pbuf.give(p);
      from.packet = null;
    }
  }
}

/** Why nothing comes. @returns EAGAIN; TRUNCATED or an errno: nothing will */
export function ended(from: Incoming): i32 {
  const status = socket.recvStatus(from.socket);
  return status == 0 ? TRUNCATED : status;
}

/** Removes what has been taken. */
export function drop(from: Incoming): void {
  if (from.consumed == 0) return;
  from.packet = pbuf.trimHead(from.packet!, from.consumed);
  from.consumed = 0;
}
