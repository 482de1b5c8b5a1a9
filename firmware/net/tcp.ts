// TCP, RFC 9293: what its users call, and its timers. Segments are handled in tcp-input.ts (with tcp-ack.ts and
// tcp-receive.ts) and made in tcp-output.ts; a connection is a Tcb (tcb.ts); listeners are endpoints (endpoint.ts).
//
//   RAM: TCB_BYTES a connection, TCP_BYTES in all. No queues: received data stays in its pbufs, data to be sent in the
//   application's memory.
//
// The user calls of section 3.9.1 that change a state:
//   open   CLOSED → SYN-SENT          close  ESTABLISHED → FIN-WAIT-1, CLOSE-WAIT → LAST-ACK          abort  any → RST
import { Pbuf } from "../buffer/pbuf.ts";
import { FOREVER, Millis, until } from "../chip/clock.ts";
import * as ahdlc from "../link/ahdlc.ts";
import { EHOSTUNREACH, ETIMEDOUT } from "./endpoint.ts";
import * as endpoint from "./endpoint.ts";
import * as tcb from "./tcb.ts";
import { CLOSED, CLOSE_WAIT, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, LAST_ACK, RESETTING } from "./tcb.ts";
import { SYN_RECEIVED, SYN_SENT, TIMER_LINGER, TIMER_NONE, TIMER_PERSIST } from "./tcb.ts";
import { TIME_WAIT, Tcb, seqBefore } from "./tcb.ts";
import * as icmp from "./icmp.ts";
import * as ack from "./tcp-ack.ts";
import * as input from "./tcp-input.ts";
import * as output from "./tcp-output.ts";
import * as state from "./tcp-state.ts";
import { TcpState, tally } from "./tcp-state.ts";
import { ICMP_HEADER_LEN, IP_HEADER_LEN, IpHeader, TcpHeader } from "./wire.ts";

/** Retransmissions before a connection is given up: with an RTO of 0.4 s after 3 minutes (RFC 1122 section 4.2.3.5: R2). */
const RETRIES: u8 = 8;
/** The same for the SYN-ACK of a half-open connection (31 s), and for a connection that nobody uses any more. */
const RETRIES_UNUSED: u8 = 5;
/** SYNs repeated before a soft ICMP error ends the attempt (RFC 5461 section 4; the least R1 of RFC 1122 4.2.3.5). */
const SOFT_ERROR_RETRIES: u8 = 3;
/** Longest timeouts, ms. */
const RTO_MAX_MS: u32 = 60_000;
/** As often as that the distance of window probes doubles: enough to come from the least RTO to the longest. */
const PROBE_DOUBLINGS: u8 = 8;
/** A peer that never sends its FIN is waited for this long when nobody reads. */
const FIN_WAIT_2_MS: Millis = 20_000;
/** One that has said something so lately is told by a RST that it has been to nobody (RFC 9293 section 3.6.1). */
const STILL_SENDING_MS: Millis = 1_000;
/** Keep-alive probes: their distance, and how many may stay unanswered. */
const KEEPALIVE_INTERVAL_MS: Millis = 10_000;
const KEEPALIVE_PROBES: u8 = 5;

/** First port of the dynamic range (RFC 6335). */
const DYNAMIC_PORTS: u32 = 49152;
const DYNAMIC_COUNT: u32 = 16384;

export function powerOn(): void {
  state.powerOn();
  endpoint.powerOn();
  tcb.powerOn();
}

/** @param secret address of 16 random bytes, for initial sequence numbers and ports */
export function seed(secret: usize): void {
  const shared = TcpState.here;
  memory.copy(changetype<usize>(shared), secret, 16);
  shared.lastPort = u16(shared.secretLow % DYNAMIC_COUNT);
}

/**
 * Opens a connection actively. @param owner number of its endpoint @param localPort 0: choose one
 * @returns number of its block, 0 when none is free
 */
export function open(owner: u32, localPort: u32, remoteAddress: u32, remotePort: u32, now: Millis): u32 {
  const port = localPort ? localPort : choosePort(remoteAddress, remotePort);
  const t = tcb.take(now, FOREVER);
  if (!t) return 0;
  input.initialize(t, remoteAddress, remotePort, port, now);
  t.owner = u8(owner);
  t.state = SYN_SENT;
  return t.number;
}

/** @returns a connection that a listener's user may accept, null when there is none */
export function waiting(listener: u32): Tcb | null {
  const deferred = endpoint.Endpoint.at(listener).deferred != 0;
  for (let i: u32 = 0; i < u32(TCB_COUNT); i++) {
    const t = Tcb.at(i);
    if (t.owner != listener || !t.has(tcb.UNACCEPTED) || t.state < ESTABLISHED) continue;
    if (!deferred || t.received || t.state != ESTABLISHED) return t;
  }
  return null;
}

/** A listener is gone: so are the connections that nobody has accepted. */
export function abandon(listener: u32): void {
  for (let i: u32 = 0; i < u32(TCB_COUNT); i++) {
    const t = Tcb.at(i);
    if (t.owner == listener && t.has(tcb.UNACCEPTED)) abort(t);
  }
}

/** Starts to send a region. @param sender number of the endpoint it belongs to @returns false while another is outstanding */
export function send(t: Tcb, data: usize, length: u32, more: bool, sender: u32): bool {
  if (t.dataLength > 0) return false;
  setRegion(t, data, length, more, sender);
  return true;
}

/**
 * Starts to send a region that its user can make again. Only while wants() says so.
 * @param seq sequence number of its first byte; sndNxt is in the region
 */
export function repeat(t: Tcb, seq: u32, data: usize, length: u32, more: bool, sender: u32): void {
  t.set(tcb.REPEATABLE);
  t.dataSeq = seq;
  setRegion(t, data, length, more, sender);
}

function setRegion(t: Tcb, data: usize, length: u32, more: bool, sender: u32): void {
  t.dataAt = u16(data);
  t.dataLength = u16(length);
  t.sender = u8(sender);
  if (more) t.set(tcb.MORE);
  else t.unset(tcb.MORE);
}

/** @returns whether a region of an endpoint's at sndNxt could be sent now; repeatable or, with nothing in flight, any */
export function wants(t: Tcb, number: u32): bool {
  if (!t.has(tcb.REPEATABLE)) return outstanding(number) == 0;
  return !isLinkReading(number) && output.wantsRegion(t);
}

/** @returns bytes of an endpoint's regions that are not acknowledged, or that the link may still read */
export function outstanding(number: u32): u32 {
  let bytes = u32(isLinkReading(number));
  for (let i: u32 = 0; i < u32(TCB_COUNT); i++) {
    const t = Tcb.at(i);
    if (t.sender == number) bytes = max(bytes, (t.has(tcb.REPEATABLE) ? t.end : t.dataEnd) - t.sndUna);
  }
  return bytes;
}

function isLinkReading(number: u32): bool {
  const shared = TcpState.here;
  if (shared.linkReads != number) return false;
  if (!ahdlc.isSending()) shared.linkReads = 0;
  return shared.linkReads != 0;
}

/** Takes what has been received; its pbufs are the caller's. */
export function read(t: Tcb): Pbuf | null {
  const packet = t.received;
  t.received = null;
  return packet;
}

/**
 * Nothing more will be sent.
 * @returns false in a state in which nothing could be sent anyway, or while bytes are in flight that nobody holds
 */
export function finish(t: Tcb): bool {
  if (t.has(tcb.REPEATABLE)) return false;
  if (t.state == ESTABLISHED) t.state = FIN_WAIT_1;
  else if (t.state == CLOSE_WAIT) t.state = LAST_ACK;
  else if (t.state == SYN_RECEIVED) t.set(tcb.FIN_LATER);
  else return false;
  return true;
}

/**
 * The user is gone: the connection ends in order, or with a RST when received data was not read (RFC 9293 3.6.1), or when
 * bytes are in flight that nobody could send again.
 */
export function close(t: Tcb): void {
  if (t.received || t.has(tcb.REPEATABLE)) {
    abort(t);
    return;
  }
  t.owner = 0;
  if (t.state == SYN_SENT || t.state == CLOSED) tcb.release(t);
  else finish(t);
}

/** Ends a connection with a RST where the peer knows of it. */
export function abort(t: Tcb): void {
  const isKnown = t.state >= SYN_RECEIVED && t.state != TIME_WAIT && t.state != RESETTING;
  const isOver = t.state == tcb.CLOSING || t.state == LAST_ACK;
  if (!isKnown || (isOver && t.isFinAcked)) tcb.release(t);
  else tcb.reset(t);
}

/**
 * An ICMP error about a segment of ours. Only one that quotes what is in flight is believed, and only a connection that
 * is being opened ends by it (RFC 5927 section 4, 5.2): at once by a hard error, by a soft one when the SYN was repeated
 * in vain (RFC 5461). Any other remembers it, to say why when its patience ends. @param error payload at its IP header
 */
export function unreachable(error: Pbuf): void {
  const quoted = IpHeader.at(error.payload + IP_HEADER_LEN + ICMP_HEADER_LEN);
  const header = TcpHeader.at(changetype<usize>(quoted) + quoted.headerLen);
  const t = tcb.find(quoted.dest, header.destPort, header.sourcePort);
  if (!t || seqBefore(header.seq, t.sndUna) || !seqBefore(header.seq, t.sndMax)) {
    tally(offsetof<TcpState>("badErrors"));
    return;
  }
  const isFatal = icmp.isHard(error) || t.retries >= SOFT_ERROR_RETRIES;
  if (t.state == SYN_SENT && isFatal) tcb.retire(t, icmp.errorOf(error));
  else t.isUnreachable = 1;
}

/** Runs the timers. @returns ms until one is due */
export function poll(now: Millis): Millis {
  let next = FOREVER;
  for (let i: u32 = 0; i < u32(TCB_COUNT); i++) {
    const t = Tcb.at(i);
    if (t.state == CLOSED || t.state == RESETTING) continue;
    const alive = pollKeepAlive(t, now);
    if (t.timer == TIMER_NONE) armWhenNeeded(t, now);
    if (t.timer != TIMER_NONE) {
      if (until(t.timerAt, now) == 0) expire(t, now);
      if (t.timer != TIMER_NONE) next = min(next, until(t.timerAt, now));
    }
    if (t.has(tcb.ACK_LATER)) {
      const left = until(t.ackAt, now);
      if (left == 0) t.set(tcb.ACK_NOW);
      else next = min(next, left);
    }
    next = min(next, alive);
  }
  return next;
}

/** Timers that no segment starts. */
function armWhenNeeded(t: Tcb, now: Millis): void {
  if (t.state == FIN_WAIT_2 && !t.owner) t.arm(TIMER_LINGER, now + FIN_WAIT_2_MS);
  else if (t.state >= ESTABLISHED && t.sndNxt == t.sndUna && t.dataLength > 0 && output.sendable(t) == 0)
    persist(t, now);
}

/** Waits for the peer's window. Nothing is lost: the probes' backoff is theirs alone, the timeout stays as it is. */
function persist(t: Tcb, now: Millis): void {
  t.arm(TIMER_PERSIST, now + t.rto);
  t.retries = 0;
}

function expire(t: Tcb, now: Millis): void {
  if (t.timer == TIMER_LINGER) {
    if (t.state == FIN_WAIT_2 && now - t.heardAt < STILL_SENDING_MS) tcb.reset(t);
    else tcb.retire(t, 0);
    return;
  }
  const isProbe = t.timer == TIMER_PERSIST;
  if ((isProbe ? t.unanswered : t.retries) >= patience(t)) {
    giveUp(t);
    return;
  }
  if (isProbe) {
    t.set(tcb.PROBE);
    ack.count(t);
    t.timerAt = now + min(u32(t.rto) << min(t.retries, PROBE_DOUBLINGS), RTO_MAX_MS);
  } else {
    ack.timeout(t);
    ack.backOff(t, t.state <= SYN_RECEIVED ? u32(TCP_SYN_RTO_MAX) : RTO_MAX_MS);
  }
}

function patience(t: Tcb): u8 {
  if (t.state == SYN_SENT) return u8(TCP_SYN_RETRIES);
  return t.state == SYN_RECEIVED || !t.owner ? RETRIES_UNUSED : RETRIES;
}

/** Asks a silent peer whether it is still there (RFC 9293 section 3.8.4). @returns ms until the next look */
function pollKeepAlive(t: Tcb, now: Millis): Millis {
  const waits = t.state == ESTABLISHED || t.state == CLOSE_WAIT || t.state == FIN_WAIT_2;
  if (TCP_KEEPALIVE_MS == 0 || !waits || t.timer != TIMER_NONE || t.sndMax != t.sndUna) return FOREVER;
  const left = until(t.heardAt + u32(TCP_KEEPALIVE_MS) + t.unanswered * KEEPALIVE_INTERVAL_MS, now);
  if (left > 0) return left;
  if (t.unanswered < KEEPALIVE_PROBES) {
    t.unanswered++;
    t.set(tcb.PROBE);
    return KEEPALIVE_INTERVAL_MS;
  }
  giveUp(t);
  return FOREVER;
}

/** The peer has not answered for too long. */
function giveUp(t: Tcb): void {
  tally(offsetof<TcpState>("timedOut"));
  tcb.retire(t, ICMP_ERRORS && t.isUnreachable ? EHOSTUNREACH : ETIMEDOUT);
}

function choosePort(remoteAddress: u32, remotePort: u32): u32 {
  const shared = TcpState.here;
  let port: u32 = 0;
  do {
    shared.lastPort = u16((u32(shared.lastPort) + 1) % DYNAMIC_COUNT);
    port = DYNAMIC_PORTS + shared.lastPort;
  } while (tcb.find(remoteAddress, remotePort, port) || endpoint.findListener(port));
  return port;
}
