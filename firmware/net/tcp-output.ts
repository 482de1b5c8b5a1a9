// What TCP sends, RFC 9293 section 3.8: one segment a call, when the link is free. The segment is a header pbuf chained
// to the application's region (seed [164]); nothing is queued and nothing copied, so what is lost is built again.
//
// After a timeout sending begins anew at sndUna (go back N), and skips what the peer turns out to have kept; after three
// duplicate ACKs one segment fills the hole, and then new ones follow.
import * as checksum from "../buffer/checksum.ts";
import * as pbuf from "../buffer/pbuf.ts";
import { Millis } from "../chip/clock.ts";
import * as ppp from "../link/ppp/ppp.ts";
import * as ip from "./ip.ts";
import * as tcb from "./tcb.ts";
import { CLOSED, RESETTING, SYN_RECEIVED, SYN_SENT, TIMER_RETRANSMIT, Tcb } from "./tcb.ts";
import { TIMER_PERSIST, seqBefore } from "./tcb.ts";
import * as receive from "./tcp-receive.ts";
import { TcpState, tally } from "./tcp-state.ts";
import { ACK, FIN, PROTOCOL_TCP, PSH, RST, SYN, TCP_HEADER_LEN, TcpHeader } from "./wire.ts";

const MSS_OPTION_LEN: u32 = 4;
/** Kind 2, length 4 (RFC 9293 section 3.7.1). */
const MSS_OPTION: u32 = 0x02040000;

/** Sends one segment of the connection whose turn it is. @returns whether one was sent */
export function dispatch(now: Millis): bool {
  if (!ppp.canSend()) return false;
  const state = TcpState.here;
  for (let i: u32 = 1; i <= u32(TCB_COUNT); i++) {
    const index = (state.turn + i) % u32(TCB_COUNT);
    if (!output(Tcb.at(index), now)) continue;
    state.turn = u8(index);
    return true;
  }
  return false;
}

/** @returns bytes of the region that may be sent at sndNxt now; sender's silly window avoidance, RFC 9293 3.8.6.2.1 */
export function sendable(t: Tcb): u32 {
  if (!seqBefore(t.sndNxt, t.dataEnd)) return 0;
  return fitting(t, min(t.dataEnd - t.sndNxt, u32(t.mss)));
}

/** @returns whether a region would be sent if there were one at sndNxt; one that waits for the peer's window is due too */
export function wantsRegion(t: Tcb): bool {
  return !seqBefore(t.sndNxt, t.dataEnd) && (t.sndNxt == t.sndUna || fitting(t, t.mss) > 0);
}

/** @returns bytes of a segment of `most` that may be sent at sndNxt now */
function fitting(t: Tcb, most: u32): u32 {
  const flight = t.sndNxt - t.sndUna;
  // The first duplicate ACKs tell that segments have left the network: as many may follow (RFC 3042)
  const extra = t.isRecovering ? 0 : u32(t.dupAcks) * t.mss;
  const window = min(u32(t.sndWnd), u32(t.cwnd) + extra);
  const usable = window > flight ? window - flight : 0;
  if (usable >= most) return most;
  return t.has(tcb.PROBE) || usable >= u32(t.sndWndMax >> 1) ? usable : 0;
}

/** Writes the whole of a TCP header but flags and checksum. */
export function writeHeader(header: TcpHeader, ports: u32, seq: u32, ack: u32, window: u32): void {
  header.sourcePort = ports >> 16;
  header.destPort = ports & 0xffff;
  header.seq = seq;
  header.ack = ack;
  header.headerLen = TCP_HEADER_LEN;
  header.window = window;
  header.urgent = 0;
}

/** Seals a segment. @param packet payload at the TCP header @param to the peer's address */
export function seal(packet: pbuf.Pbuf, header: TcpHeader, to: u32): void {
  header.checksum = 0;
  const pseudo = ip.pseudoSum(ip.localAddress(), to, PROTOCOL_TCP, packet.totalLength);
  header.checksum = checksum.fold(checksum.add(pseudo, packet, 0));
}

function output(t: Tcb, now: Millis): bool {
  switch (t.state) {
    case CLOSED:
      return false;
    case RESETTING:
      return sendReset(t);
    case SYN_SENT:
      return t.sndNxt == t.sndUna && send(t, t.sndNxt, SYN, 0, now);
    case SYN_RECEIVED:
      return t.sndNxt == t.sndUna && send(t, t.sndNxt, SYN | ACK, 0, now);
    default:
      return sendSynchronized(t, now);
  }
}

function sendReset(t: Tcb): bool {
  if (!transmit(t, t.sndMax, RST | ACK, 0)) return false;
  tcb.release(t);
  return true;
}

function sendSynchronized(t: Tcb, now: Millis): bool {
  const length = sendable(t);
  let flags = ACK;
  if (t.isFinishing && t.sndNxt + length == t.dataEnd) flags |= FIN;
  if (length > 0 && t.sndNxt + length == t.dataEnd && !t.has(tcb.MORE)) flags |= PSH;
  if (length > 0 || flags & FIN) return send(t, t.sndNxt, flags, length, now);
  if (t.has(tcb.PROBE)) return probe(t);
  // Not sndNxt: two ends that both went back would find each other's ACKs too old to be acceptable, for ever.
  return (t.has(tcb.ACK_NOW) || receive.owesUpdate(t)) && transmit(t, t.sndMax, flags, 0);
}

/**
 * Asks a silent peer, or one whose window is closed, for an ACK by repeating a sequence number that it has acknowledged
 * (RFC 9293 section 3.8.4). A byte of new data would do too, but the peer might take it and its ACK be lost, and then
 * two ends that both probe would find each other's segments unacceptable for ever.
 */
function probe(t: Tcb): bool {
  if (!transmit(t, t.sndUna - 1, ACK, 0)) return false;
  t.unset(tcb.PROBE);
  return true;
}

/** Sends what occupies sequence numbers, and starts the timer. */
function send(t: Tcb, seq: u32, flags: u32, length: u32, now: Millis): bool {
  const idle = t.sndNxt == t.sndMax && t.sndMax == t.sndUna && now - t.heardAt > u32(t.rto);
  if (!transmit(t, seq, flags, length)) return false;
  t.unset(tcb.PROBE);
  const end = seq + length + (flags & FIN) + ((flags & SYN) >> 1);
  if (seq == t.sndMax) startTiming(t, end, now);
  else tally(offsetof<TcpState>("retransmitted"));
  if (idle && !(flags & SYN)) t.cwnd = min(t.cwnd, initialWindow(t)); // RFC 5681 section 4.1
  if (seqBefore(t.sndMax, end)) t.sndMax = end;
  t.sndNxt = end;
  if (t.isRecovering && seq == t.sndUna) skipTo(t, t.sndMax);
  if (t.timer == TIMER_PERSIST) t.retries = 0; // they were probes: patience begins anew
  if (t.timer != TIMER_RETRANSMIT) t.arm(TIMER_RETRANSMIT, now + t.rto);
  if (t.has(tcb.MORE) && t.has(tcb.REPEATABLE) && wantsRegion(t)) ppp.follow();
  return true;
}

/** The hole is filled: on with what has not been sent yet. */
function skipTo(t: Tcb, seq: u32): void {
  t.sndNxt = seq;
  if (t.has(tcb.REPEATABLE)) t.forget();
}

/** @returns IW of RFC 6928 section 2, bytes */
export function initialWindow(t: Tcb): u16 {
  return u16(min(10 * u32(t.mss), max(2 * u32(t.mss), 14_600)));
}

function startTiming(t: Tcb, end: u32, now: Millis): void {
  if (t.has(tcb.TIMING)) return;
  t.set(tcb.TIMING);
  t.rttSeq = end;
  t.rttAt = now;
}

/** Builds a segment and hands it to the link. @returns false when no header pbuf is free or the link is not */
function transmit(t: Tcb, seq: u32, flags: u32, length: u32): bool {
  const packet = pbuf.takeHeader(usize(t.dataAt) + (seq - t.dataSeq), length);
  if (!packet) return false;
  const edge = receive.windowEdge(t);
  let headerLen = TCP_HEADER_LEN;
  if (flags & SYN) {
    headerLen += MSS_OPTION_LEN;
    store<u32>(pbuf.prepend(packet, MSS_OPTION_LEN), bswap<u32>(MSS_OPTION | u32(TCP_MSS)));
  }
  const header = TcpHeader.at(pbuf.prepend(packet, TCP_HEADER_LEN));
  const ports = (u32(t.localPort) << 16) | t.remotePort;
  writeHeader(header, ports, seq, flags & ACK ? t.rcvNxt : 0, edge - t.rcvNxt);
  header.headerLen = headerLen;
  header.flags = flags;
  seal(packet, header, t.remoteAddress);
  if (!ip.output(packet, t.remoteAddress, PROTOCOL_TCP)) return false;
  if (length > 0) TcpState.here.linkReads = t.sender;
  t.rcvAdv = edge;
  t.rcvAcked = t.rcvNxt;
  t.unset(tcb.ACK_NOW | tcb.ACK_LATER);
  return true;
}
