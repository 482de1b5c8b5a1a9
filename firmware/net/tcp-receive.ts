// What TCP keeps for its readers, and the window that it offers for more.
//
// The pool is shared by all connections and by whatever the link receives next, so:
//   - FRAME_PBUFS always stay free of queued data: handshakes, ACKs and the segments of others get through;
//   - one pbuf is left for every other connection that holds nothing (at least for one that may yet come), so that a
//     reader that is stuck slows the others down but doesn't stop them;
//   - no connection holds more than HOLD_MAX;
//   - a window once offered is never taken back. When the pool is too full for what was promised to several, a segment
//     is accepted in part, as if its rest had been lost.
// Small segments are copied together: every pbuf but the last is full, so that what was promised fits however the peer cuts
// it, and 128 one-byte segments hold one pbuf, not 128.
import * as pbuf from "../buffer/pbuf.ts";
import { Pbuf } from "../buffer/pbuf.ts";
import { FRAME_PBUFS } from "./ip.ts";
import { FIN_WAIT_2, SYN_SENT, Tcb, seqBefore } from "./tcb.ts";

/** Most pbufs that one connection may hold: two full frames, and what the others must find is never among them. */
const OTHERS_LEAVE: u32 = u32(PBUF_COUNT) - FRAME_PBUFS - 1;
const HOLD_MAX: u32 = OTHERS_LEAVE < 2 * FRAME_PBUFS ? OTHERS_LEAVE : 2 * FRAME_PBUFS;
/** Data bytes that one pbuf stands for, a full segment being spread over FRAME_PBUFS. */
const BYTES_PER_PBUF: u32 = u32(TCP_MSS) / FRAME_PBUFS;
/** The window opens by at least this (receiver's silly window avoidance, RFC 9293 section 3.8.6.2.2). */
const HALF_OPEN: u32 = (HOLD_MAX * BYTES_PER_PBUF) / 2;
const GAIN_MIN: u32 = HALF_OPEN < u32(TCP_MSS) ? HALF_OPEN : u32(TCP_MSS);

/**
 * Appends data to what the connection has received. An orphan's go to nobody, and are acknowledged all the same: the RST
 * that RFC 9293 section 3.6.1 has for them would make the peer lose what it has not read yet (RFC 9112 section 9.6).
 * @param data the bytes at rcvNxt, and nothing else; owned by the callee
 * @returns bytes accepted, from the front
 */
export function accept(tcb: Tcb, data: Pbuf): u32 {
  if (!tcb.owner) {
    const bytes = data.totalLength;
    pbuf.give(data);
    return bytes;
  }
  const before = totalOf(tcb.received);
  let budget = budgetOf(tcb) + pbufsOf(data);
  let rest: Pbuf | null = data;
  while (rest) {
    const next: Pbuf | null = rest.nextInPacket;
    rest.totalLength = rest.length; // a packet of its own
    rest.next = null;
    if (tcb.received) fill(tcb.received!, rest);
    if (rest.length == 0) pbuf.give(rest);
    else if (budget > 0) {
      append(tcb, rest);
      budget--;
    } else {
      pbuf.give(rest);
      pbuf.give(next);
      break;
    }
    rest = next;
  }
  return totalOf(tcb.received) - before;
}

/** @returns the right edge of the window to offer now: rcvAdv, or further when that is worth telling */
export function windowEdge(tcb: Tcb): u32 {
  const budget = min(budgetOf(tcb), i32(HOLD_MAX - pbufsOf(tcb.received)));
  if (budget <= 0) return tcb.rcvAdv;
  const edge = tcb.rcvNxt + u32(budget) * BYTES_PER_PBUF;
  const gain = i32(edge - tcb.rcvAdv);
  return gain >= i32(GAIN_MIN) || (gain > 0 && tcb.rcvAdv == tcb.rcvNxt) ? edge : tcb.rcvAdv;
}

/** @returns whether a window update is worth a segment of its own */
export function owesUpdate(tcb: Tcb): bool {
  const open = tcb.rcvAdv - tcb.rcvNxt;
  if (!tcb.canReceive || open + GAIN_MIN > HOLD_MAX * BYTES_PER_PBUF) return false;
  return seqBefore(tcb.rcvAdv, windowEdge(tcb));
}

/** @returns pbufs that this connection may add to what it holds; not positive: none */
function budgetOf(tcb: Tcb): i32 {
  let others: u32 = 0;
  for (let i: u32 = 0; i < u32(TCB_COUNT); i++) {
    const other = Tcb.at(i);
    if (changetype<usize>(other) == changetype<usize>(tcb)) continue;
    if (other.state >= SYN_SENT && other.state <= FIN_WAIT_2 && !other.received) others++;
  }
  return i32(pbuf.freeCount()) - i32(FRAME_PBUFS) - i32(max(others, 1));
}

function append(tcb: Tcb, packet: Pbuf): void {
  if (tcb.received) pbuf.concat(tcb.received!, packet);
  else tcb.received = packet;
}

/** Moves bytes from the front of a piece behind those of a packet's last pbuf, as many as there is room for. */
function fill(head: Pbuf, piece: Pbuf): void {
  const last = lastOf(head);
  const gap = pbuf.headroom(last); // where headers were
  memory.copy(last.payload - gap, last.payload, last.length);
  last.payload -= gap;
  const bytes = min(pbuf.room(last), piece.length);
  memory.copy(last.payload + last.length, piece.payload, bytes);
  pbuf.trimHead(piece, bytes);
  let p: Pbuf | null = head;
  while (p) {
    const next: Pbuf | null = p.nextInPacket; // before the lengths change
    p.totalLength += bytes;
    p = next;
  }
  last.length += bytes;
}

function lastOf(packet: Pbuf): Pbuf {
  let p = packet;
  while (!p.isLast) p = p.next!;
  return p;
}

function totalOf(packet: Pbuf | null): u32 {
  return packet ? packet.totalLength : 0;
}

function pbufsOf(packet: Pbuf | null): u32 {
  let count: u32 = 0;
  let p = packet;
  while (p) {
    count++;
    p = p.nextInPacket;
  }
  return count;
}
