// What an acknowledgment does to the sender: round-trip time (RFC 6298), congestion window (RFC 5681), the peer's window,
// and loss.
import { Pbuf } from "../buffer/pbuf.ts";
import { Millis } from "../chip/clock.ts";
import * as tcb from "./tcb.ts";
import { ESTABLISHED, TIMER_NONE, TIMER_RETRANSMIT, Tcb, seqBefore } from "./tcb.ts";
import { TcpHeader, segmentLength } from "./wire.ts";

/** RFC 6298 section 2.4 and 2.5. */
const RTO_MAX_MS: u32 = 60_000;

/** Takes in the ACK field of an acceptable segment in a synchronized state. */
export function process(t: Tcb, packet: Pbuf, now: Millis): void {
  const header = TcpHeader.of(packet);
  const number = header.ack;
  if (seqBefore(t.sndUna, number)) {
    const acked = number - t.sndUna;
    const isRecovering = t.isRecovering;
    if (!isRecovering) grow(t, acked);
    advance(t, number, now);
    if (isRecovering) recover(t, acked);
  } else if (number == t.sndUna && header.window == t.sndWnd && segmentLength(packet) == 0) duplicate(t);
  const seq = header.seq;
  const isNewer = seqBefore(t.sndWl1, seq) || (t.sndWl1 == seq && !seqBefore(number, t.sndWl2));
  if (isNewer && !seqBefore(number, t.sndUna)) setWindow(t, header);
}

/** Moves sndUna to an acceptable acknowledgment number; a region that is all acknowledged is the application's again. */
export function advance(t: Tcb, number: u32, now: Millis): void {
  if (t.has(tcb.TIMING) && !seqBefore(number, t.rttSeq)) measure(t, now - t.rttAt);
  t.sndUna = number;
  if (seqBefore(t.sndNxt, number)) t.sndNxt = number;
  t.retries = 0;
  t.dupAcks = 0;
  if (ICMP_ERRORS) t.isUnreachable = 0;
  if (!seqBefore(number, t.dataEnd)) regionDone(t);
  if (t.sndUna == t.sndMax) t.timer = TIMER_NONE;
  else t.arm(TIMER_RETRANSMIT, now + t.rto);
}

/** The region has been acknowledged, and with it all that is in flight; of repeatable bytes there may be more. */
function regionDone(t: Tcb): void {
  t.dataSeq = t.has(tcb.REPEATABLE) ? t.sndNxt : t.dataEnd; // where FIN will stand, or stands
  t.dataLength = 0;
  if (t.has(tcb.REPEATABLE) && t.sndUna != t.sndMax) return;
  t.unset(tcb.REPEATABLE);
  t.sender = 0;
}

export function setWindow(t: Tcb, header: TcpHeader): void {
  const window = header.window;
  t.sndWnd = u16(window);
  t.sndWndMax = u16(max(window, u32(t.sndWndMax)));
  t.sndWl1 = header.seq;
  t.sndWl2 = header.ack;
}

/** The timer has run out: RFC 6298 section 5 and RFC 5681 section 3.1. Everything is sent again from sndUna. */
export function timeout(t: Tcb): void {
  if (t.retries == 0) t.ssthresh = halfOfFlight(t);
  t.cwnd = t.mss;
  t.dupAcks = 0;
  if (!t.has(tcb.REPEATABLE)) t.set(tcb.PROBE); // what fits the window, however silly
  goBack(t);
}

/** Doubles the timeout, up to `most` ms. */
export function backOff(t: Tcb, most: u32): void {
  t.rto = u16(min(u32(t.rto) * 2, most));
  t.unset(tcb.TIMING); // Karn: what is sent twice is not timed
  count(t);
}

/** One more retransmission or window probe. */
export function count(t: Tcb): void {
  if (t.retries < 255) t.retries++;
  if (t.unanswered < 255) t.unanswered++;
}

/**
 * RFC 6298 section 2 in whole milliseconds, but for the second that its section 2.4 wants at least: a peer's delayed ACK
 * is allowed for (TCP_RTO_MIN), and a short flight that is lost has few chances before somebody's patience ends.
 * @param rtt a measured round trip, ms
 */
function measure(t: Tcb, rtt: u32): void {
  t.unset(tcb.TIMING);
  const sample = i32(min(max(rtt, 1), RTO_MAX_MS));
  if (t.srtt == 0) {
    t.srtt = u16(sample);
    t.rttvar = u16(sample >> 1);
  } else {
    const error = sample - i32(t.srtt);
    t.rttvar = u16(i32(t.rttvar) + ((abs(error) - i32(t.rttvar)) >> 2));
    t.srtt = u16(max(1, i32(t.srtt) + (error >> 3)));
  }
  t.rto = u16(min(u32(t.srtt) + max(4 * u32(t.rttvar), u32(TCP_RTO_MIN)), RTO_MAX_MS));
}

/** Slow start below ssthresh, congestion avoidance above: RFC 5681 section 3.1, by bytes (RFC 3465). */
function grow(t: Tcb, acked: u32): void {
  if (t.state < ESTABLISHED) return;
  const mss = u32(t.mss);
  const cwnd = u32(t.cwnd);
  const more = cwnd < u32(t.ssthresh) ? min(acked, 2 * mss) : max(1, (mss * min(acked, cwnd)) / cwnd);
  t.cwnd = u16(min(cwnd + more, 0xffff));
}

/**
 * Fast retransmit and fast recovery, once for each loss (RFC 5681 section 3.2, RFC 6582): the first hole is filled (see
 * output.send), and what the window allows beyond follows it.
 */
function duplicate(t: Tcb): void {
  if (t.sndNxt == t.sndUna || t.timer != TIMER_RETRANSMIT) return;
  if (t.isRecovering) t.cwnd = u16(min(u32(t.cwnd) + t.mss, 0xffff));
  else if (!seqBefore(t.sndUna, t.recover) && ++t.dupAcks == tcb.DUPLICATES) {
    t.ssthresh = halfOfFlight(t);
    t.cwnd = u16(min(u32(t.ssthresh) + 3 * u32(t.mss), 0xffff));
    t.unset(tcb.TIMING);
    t.recover = t.sndMax;
    sendFromUna(t);
  }
}

/**
 * The hole is filled. If that is not the end of it, the peer either kept what came behind, and there is another hole
 * (RFC 6582 section 3.2, step 5), or it keeps nothing: then everything is sent again from there on.
 */
function recover(t: Tcb, acked: u32): void {
  const keeps = acked > u32(t.mss);
  const deflated = i32(t.cwnd) + i32(t.mss) - i32(acked);
  t.cwnd = t.ssthresh;
  if (!seqBefore(t.sndUna, t.recover)) return;
  if (!keeps) return goBack(t);
  t.cwnd = u16(max(deflated, i32(t.ssthresh)));
  t.dupAcks = tcb.DUPLICATES;
  sendFromUna(t);
}

/** Of what the peer has kept, its ACKs will say that they are duplicates up to the end: they tell of no loss. */
function goBack(t: Tcb): void {
  t.recover = t.sndMax + 1;
  sendFromUna(t);
}

function sendFromUna(t: Tcb): void {
  t.sndNxt = t.sndUna;
  if (t.has(tcb.REPEATABLE)) t.forget();
  t.timer = TIMER_NONE;
}

/**
 * ssthresh after a loss (RFC 5681 section 3.1). Repeatable bytes are made when the link can take them: what it could not
 * take yet counts as in flight, as it does where a queue stands before the link.
 */
function halfOfFlight(t: Tcb): u16 {
  const flight = t.has(tcb.REPEATABLE) ? u32(min(t.cwnd, t.sndWnd)) : t.sndMax - t.sndUna;
  return u16(max(flight >> 1, 2 * u32(t.mss)));
}
