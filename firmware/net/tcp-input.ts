// What TCP does with a segment: RFC 9293 section 3.10.7, with the checks of RFC 5961 against blind attackers. Answers are
// not sent from here: a connection is marked (ACK_NOW, sndNxt) and tcp-output does the rest when the link is free. Only a
// RST about a segment of no connection is made at once, in the received pbuf.
import * as checksum from "../buffer/checksum.ts";
import * as pbuf from "../buffer/pbuf.ts";
import { Pbuf } from "../buffer/pbuf.ts";
import { Millis } from "../chip/clock.ts";
import * as ppp from "../link/ppp/ppp.ts";
import { ECONNREFUSED, ECONNRESET, findListener } from "./endpoint.ts";
import * as ip from "./ip.ts";
import * as isn from "./isn.ts";
import { FIRST, NOT_FIRST, NO_COOKIE } from "./syn-cookie.ts";
import * as tcb from "./tcb.ts";
import { CLOSE_WAIT, CLOSING, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, LAST_ACK, SYN_RECEIVED } from "./tcb.ts";
import { SYN_SENT, TIMER_LINGER, TIME_WAIT, Tcb, seqBefore } from "./tcb.ts";
import * as ack from "./tcp-ack.ts";
import * as listen from "./tcp-listen.ts";
import * as receive from "./tcp-receive.ts";
import { TcpState, tally } from "./tcp-state.ts";
import * as output from "./tcp-output.ts";
import {
  ACK,
  FIN,
  IP_HEADER_LEN,
  IpHeader,
  PROTOCOL_TCP,
  RST,
  SYN,
  TCP_HEADER_LEN,
  TcpHeader,
} from "./wire.ts";
import { dataLength, segmentLength } from "./wire.ts";

/** How long TIME-WAIT lasts, 2 MSL, unless its block is needed: MSL is 30 s here. */
const TIME_WAIT_MS: Millis = 60_000;
/** Data that a peer may send us in a segment when it has not said (RFC 9293 section 3.7.1), and the least we believe. */
const DEFAULT_MSS: u32 = 536;
const LEAST_MSS: u32 = 32;
/** Two full segments of ours, which a peer acknowledges together, are that many SYNs long. */
const SYN_SHARE: u32 = (2 * TCP_SEND_MSS) / 64 + 1;
/** One challenge ACK a connection in this time, in 16 ms (RFC 5961 section 7). */
const CHALLENGE_INTERVAL: u16 = 32;

/** @param packet a segment, payload at its IP header of 20 bytes; owned by the callee */
export function input(packet: Pbuf, now: Millis): void {
  if (!isWhole(packet)) {
    pbuf.give(packet);
    return;
  }
  const header = TcpHeader.of(packet);
  const t = tcb.find(IpHeader.of(packet).source, header.sourcePort, header.destPort);
  if (!t || isReopened(t, packet)) {
    if (t) tcb.release(t);
    noConnection(packet, now);
    return;
  }
  if (t.state == SYN_SENT) synSent(t, packet, now);
  else synchronized(t, packet, now);
}

/** Prepares a block to start from its initial sequence number. */
export function initialize(t: Tcb, remoteAddress: u32, remotePort: u32, localPort: u32, now: Millis): void {
  t.remoteAddress = remoteAddress;
  t.remotePort = u16(remotePort);
  t.localPort = u16(localPort);
  const secret = changetype<usize>(TcpState.here);
  t.sndUna = isn.generate(secret, ip.localAddress(), remoteAddress, (localPort << 16) | remotePort, now);
  t.sndNxt = t.sndUna;
  t.sndMax = t.sndUna;
  t.recover = t.sndUna;
  t.dataSeq = t.sndUna + 1;
  t.rto = u16(TCP_SYN_RTO);
  t.ssthresh = 0xffff;
  t.mss = u16(min(DEFAULT_MSS, u32(TCP_SEND_MSS)));
  t.heardAt = now;
}

function isWhole(packet: Pbuf): bool {
  const held = packet.length;
  const least = IP_HEADER_LEN + TCP_HEADER_LEN;
  if (held < least || TcpHeader.of(packet).headerLen < TCP_HEADER_LEN) {
    tally(offsetof<TcpState>("badLength"));
    return false;
  }
  if (held < IP_HEADER_LEN + TcpHeader.of(packet).headerLen) {
    tally(offsetof<TcpState>("badLength"));
    return false;
  }
  const header = IpHeader.of(packet);
  const length = packet.totalLength - IP_HEADER_LEN;
  const pseudo = ip.pseudoSum(header.source, header.dest, PROTOCOL_TCP, length);
  if (checksum.fold(checksum.add(pseudo, packet, IP_HEADER_LEN)) == 0) return true;
  tally(offsetof<TcpState>("badChecksum"));
  return false;
}

/** @returns whether a SYN may replace a connection in TIME-WAIT (RFC 9293 section 3.10.7.4, first step) */
function isReopened(t: Tcb, packet: Pbuf): bool {
  const header = TcpHeader.of(packet);
  const flags = header.flags & (SYN | ACK | RST);
  return t.state == TIME_WAIT && !t.owner && flags == SYN && seqBefore(t.rcvNxt, header.seq);
}

// ── CLOSED and LISTEN ──────────────────────────────────────────────────────────────────────────────────────────────

function noConnection(packet: Pbuf, now: Millis): void {
  const header = TcpHeader.of(packet);
  const listener = findListener(header.destPort);
  if (header.flags & RST) pbuf.give(packet);
  else if (!listener) reset(packet);
  else if (header.flags & ACK) cookieBack(listener, packet, now);
  else if (header.flags & SYN) listen.open(listener, packet, now);
  else pbuf.give(packet);
}

/**
 * An ACK of no connection: it has forgotten us, or we it, on purpose. Later data of a client whose first ones were lost
 * are not answered; a later segment without data is, else a peer that asks whether a RST of ours was meant (RFC 5961
 * section 3.2) would never know. Owns the packet.
 */
function cookieBack(listener: u32, packet: Pbuf, now: Millis): void {
  const verdict = listen.judge(packet, now);
  if (verdict == NO_COOKIE || (verdict == NOT_FIRST && dataLength(packet) == 0)) return reset(packet);
  const t = verdict == FIRST ? listen.redeem(listener, packet, now) : changetype<Tcb | null>(usize(0));
  if (t) synchronized(t, packet, now);
  else pbuf.give(packet);
}

/** Answers with a RST, made of the segment itself (RFC 9293 section 3.5.2). Owns the packet. */
function reset(packet: Pbuf): void {
  tally(offsetof<TcpState>("refused"));
  const header = TcpHeader.of(packet);
  const hasAck = (header.flags & ACK) != 0;
  const seq = hasAck ? header.ack : 0;
  const acked = hasAck ? 0 : header.seq + segmentLength(packet);
  const ports = (header.destPort << 16) | header.sourcePort;
  pbuf.trimTail(packet, IP_HEADER_LEN + TCP_HEADER_LEN);
  output.writeHeader(header, ports, seq, acked, 0);
  header.flags = hasAck ? RST : RST | ACK;
  reply(packet);
}

/** Sends a received segment, its header written anew, back to where it came from. Owns the packet. */
export function reply(packet: Pbuf): void {
  const to = IpHeader.of(packet).source;
  packet.payload += IP_HEADER_LEN;
  packet.length -= IP_HEADER_LEN;
  packet.totalLength -= IP_HEADER_LEN;
  output.seal(packet, TcpHeader.at(packet.payload), to);
  pbuf.prepend(packet, IP_HEADER_LEN);
  ip.reply(packet, to, PROTOCOL_TCP);
}

/** @returns data bytes of a segment that we make, and that the peer and its link take: the SYN's MSS option, else 536 */
export function mssOf(packet: Pbuf): u16 {
  const header = packet.payload + IP_HEADER_LEN;
  const end = header + TcpHeader.of(packet).headerLen;
  let mss = DEFAULT_MSS;
  let at = header + TCP_HEADER_LEN;
  while (at + 1 < end) {
    const kind = load<u8>(at);
    if (kind == 0) break;
    const length = kind == 1 ? 1 : u32(load<u8>(at, 1));
    if (length == 0 || at + length > end) break;
    if (kind == 2 && length == 4) mss = bswap<u16>(load<u16>(at, 2));
    at += length;
  }
  const most = min(u32(TCP_SEND_MSS), ppp.peerMru() - IP_HEADER_LEN - TCP_HEADER_LEN);
  return u16(max(LEAST_MSS, min(mss, most)));
}

// ── SYN-SENT, section 3.10.7.3 ─────────────────────────────────────────────────────────────────────────────────────

function synSent(t: Tcb, packet: Pbuf, now: Millis): void {
  const header = TcpHeader.of(packet);
  const flags = header.flags;
  const isAcked = t.sndMax != t.sndUna && header.ack == t.sndMax;
  if (flags & ACK && !isAcked) {
    if (flags & RST) pbuf.give(packet);
    else reset(packet);
    return;
  }
  if (flags & RST) {
    if (flags & ACK) tcb.retire(t, ECONNREFUSED);
  } else if (flags & SYN) {
    const window = t.rcvAdv - t.rcvNxt;
    t.rcvNxt = header.seq + 1;
    t.rcvAdv = t.rcvNxt + window;
    t.mss = mssOf(packet);
    t.state = SYN_RECEIVED;
    t.sndNxt = t.sndUna;
    if (flags & ACK) {
      establish(t, header, now);
      t.set(tcb.ACK_NOW);
    }
  }
  pbuf.give(packet);
}

function establish(t: Tcb, header: TcpHeader, now: Millis): void {
  const repeats = t.retries;
  ack.advance(t, header.ack, now);
  t.state = ESTABLISHED;
  t.cwnd = repeats > 1 ? t.mss : output.initialWindow(t); // one SYN repeated: RFC 6928 section 2
  if (t.srtt == 0)
    t.rto = repeats > 0 ? 3_000 : 1_000; // RFC 6298 sections 2.1 and 5.7
  // On a slow line the first full segments take so much longer than a SYN; one of half duplex has three commands of 256 bytes
  // between the first of them and its ACK.
  else t.rto = u16(max(u32(t.rto), min(SYN_SHARE * u32(t.srtt), 1_500)));
  ack.setWindow(t, header);
  t.heardAt = now;
  if (!t.has(tcb.FIN_LATER)) return;
  t.unset(tcb.FIN_LATER);
  t.state = FIN_WAIT_1;
}

// ── All other states, section 3.10.7.4 ─────────────────────────────────────────────────────────────────────────────

function synchronized(t: Tcb, packet: Pbuf, now: Millis): void {
  const header = TcpHeader.of(packet);
  if (!isAcceptable(t, packet)) {
    tally(offsetof<TcpState>("unacceptable"));
    if (!(header.flags & RST)) repeatAck(t, packet, now);
    pbuf.give(packet);
    return;
  }
  t.unanswered = 0;
  if (header.flags & RST) resetBy(t, header, now);
  else if (header.flags & SYN && !isPeersSyn(t, header)) challenge(t, now);
  else if (!(header.flags & ACK)) {
    if (t.state == SYN_RECEIVED) t.sndNxt = t.sndUna; // our SYN-ACK was lost
  } else if (acknowledged(t, packet, now)) {
    t.heardAt = now;
    takeText(t, packet, now);
    return;
  }
  pbuf.give(packet);
}

/**
 * First step. A segment in a closed window is let through for its ACK; and so is one without text just behind the
 * window, because a peer that has filled it, and whose data was lost, has no other sequence number for its ACKs.
 */
function isAcceptable(t: Tcb, packet: Pbuf): bool {
  const header = TcpHeader.of(packet);
  if (isPeersSyn(t, header)) return true;
  const length = segmentLength(packet);
  const window = t.rcvAdv - t.rcvNxt;
  const from = header.seq - t.rcvNxt;
  if (from < window || (from == window && length == 0) || from == 0) return true;
  return length > 0 && from + length - 1 < window;
}

/** The SYN that was answered already: repeated, or in a simultaneous open the one that now brings the ACK. */
function isPeersSyn(t: Tcb, header: TcpHeader): bool {
  return t.state == SYN_RECEIVED && (header.flags & SYN) != 0 && header.seq + 1 == t.rcvNxt;
}

/** Answers an unacceptable segment with an ACK; one without data not too often, lest two peers go on for ever. */
function repeatAck(t: Tcb, packet: Pbuf, now: Millis): void {
  if (segmentLength(packet) > 0) acknowledge(t);
  else challenge(t, now);
  if (t.state == TIME_WAIT && TcpHeader.of(packet).flags & FIN) t.arm(TIMER_LINGER, now + TIME_WAIT_MS);
}

/** Second step, with RFC 5961 section 3.2. */
function resetBy(t: Tcb, header: TcpHeader, now: Millis): void {
  if (header.seq != t.rcvNxt) {
    challenge(t, now);
    return;
  }
  tally(offsetof<TcpState>("resetByPeer"));
  // An orderly end that the peer hurries up is no error to a reader of the rest.
  const isOver = t.state == CLOSING || t.state == LAST_ACK || t.state == TIME_WAIT;
  tcb.retire(t, isOver ? 0 : t.state == SYN_RECEIVED ? ECONNREFUSED : ECONNRESET);
}

/** Asks for proof: a peer that really lost the connection answers this ACK with the right RST. */
function challenge(t: Tcb, now: Millis): void {
  const ticks = u16(now >> 4);
  tally(offsetof<TcpState>("challenged"));
  if (t.challengedAt && u16(ticks - t.challengedAt) < CHALLENGE_INTERVAL) return;
  t.challengedAt = u16(max(ticks, 1));
  acknowledge(t);
}

/** In SYN-RECEIVED the SYN-ACK is the ACK. */
function acknowledge(t: Tcb): void {
  if (t.state == SYN_RECEIVED) t.sndNxt = t.sndUna;
  else t.set(tcb.ACK_NOW);
}

/** Fifth step. @returns whether the segment may be processed further */
function acknowledged(t: Tcb, packet: Pbuf, now: Millis): bool {
  const header = TcpHeader.of(packet);
  const number = header.ack;
  if (t.state == SYN_RECEIVED) {
    if (number != t.sndMax || t.sndMax == t.sndUna) {
      pbuf.retain(packet); // the caller gives it up
      reset(packet);
      return false;
    }
    establish(t, header, now);
    return true;
  }
  // RFC 5961 section 5.2
  if (seqBefore(t.sndMax, number) || seqBefore(number, t.sndUna - t.sndWndMax)) {
    challenge(t, now);
    return false;
  }
  ack.process(t, packet, now);
  if (!t.isFinAcked) return true;
  if (t.state == FIN_WAIT_1) t.state = FIN_WAIT_2;
  else if (t.state == CLOSING) enterTimeWait(t, now);
  else if (t.state == LAST_ACK) {
    tcb.retire(t, 0);
    return false;
  }
  return true;
}

/** Seventh and eighth step: data, then FIN. Owns the packet. */
function takeText(t: Tcb, packet: Pbuf, now: Millis): void {
  const header = TcpHeader.of(packet);
  const length = dataLength(packet);
  const hasFin = (header.flags & FIN) != 0;
  const seq = header.seq + ((header.flags & SYN) >> 1);
  if (t.state != ESTABLISHED && t.state != FIN_WAIT_1 && t.state != FIN_WAIT_2) {
    if (length > 0 || hasFin) t.set(tcb.ACK_NOW);
    pbuf.give(packet);
    return;
  }
  if (length == 0) pbuf.give(packet);
  else takeData(t, packet, seq, length, now);
  if (hasFin && t.rcvNxt == seq + length) takeFin(t, now);
  else if (hasFin) t.set(tcb.ACK_NOW);
}

function takeData(t: Tcb, packet: Pbuf, seq: u32, length: u32, now: Millis): void {
  const seen = t.rcvNxt - seq;
  const window = t.rcvAdv - t.rcvNxt;
  if (i32(seen) < 0 || seen >= length || window == 0) {
    if (i32(seen) < 0) tally(offsetof<TcpState>("outOfOrder"));
    t.set(tcb.ACK_NOW);
    pbuf.give(packet);
    return;
  }
  const fresh = min(length - seen, window);
  const headers = IP_HEADER_LEN + TcpHeader.of(packet).headerLen;
  pbuf.trimTail(packet, headers + seen + fresh);
  const accepted = receive.accept(t, pbuf.trimHead(packet, headers + seen));
  t.rcvNxt += accepted;
  if (accepted < length - seen) {
    tally(offsetof<TcpState>("noRoom"));
    t.set(tcb.ACK_NOW);
  } else if (t.rcvNxt - t.rcvAcked >= 2 * u32(TCP_MSS))
    t.set(tcb.ACK_NOW); // RFC 9293 section 3.8.6.3
  else if (!t.has(tcb.ACK_LATER)) {
    t.set(tcb.ACK_LATER);
    t.ackAt = now + TCP_ACK_DELAY_MS;
  }
}

function takeFin(t: Tcb, now: Millis): void {
  t.rcvNxt++;
  t.rcvAdv = t.rcvNxt;
  t.set(tcb.ACK_NOW);
  if (t.state == ESTABLISHED) t.state = CLOSE_WAIT;
  else if (t.state == FIN_WAIT_1) t.state = CLOSING;
  else enterTimeWait(t, now);
}

function enterTimeWait(t: Tcb, now: Millis): void {
  t.state = TIME_WAIT;
  t.arm(TIMER_LINGER, now + TIME_WAIT_MS);
}
