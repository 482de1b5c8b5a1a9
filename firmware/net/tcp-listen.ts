// What a listener does: RFC 9293 section 3.10.7.2, with SYN cookies (syn-cookie.ts).
//
// A SYN gets a control block while the backlog has room. When that is used up by connections of which nothing is known
// but a SYN, or which have not said a word for a while, further SYNs are answered with a cookie and forgotten; whoever
// brings that back takes the place of a silent one. So neither a flood of SYNs nor any number of idle connections shuts
// others out.
//
// A listener whose clients speak first (`deferred`) hands a connection over with its first data only, and gives every one
// a cookie for its initial sequence number: one that had to make way comes back when it speaks.
//
// With no context to serve anybody (backlog 0) SYNs are dropped without an answer and noted.
import * as pbuf from "../buffer/pbuf.ts";
import { Pbuf } from "../buffer/pbuf.ts";
import { Millis } from "../chip/clock.ts";
import { Endpoint } from "./endpoint.ts";
import * as cookie from "./syn-cookie.ts";
import * as tcb from "./tcb.ts";
import { ESTABLISHED, SYN_RECEIVED, Tcb } from "./tcb.ts";
import * as input from "./tcp-input.ts";
import * as output from "./tcp-output.ts";
import { TcpState, tally } from "./tcp-state.ts";
import { ACK, FIN, IP_HEADER_LEN, IpHeader, SYN, TCP_HEADER_LEN, TcpHeader } from "./wire.ts";
import { dataLength } from "./wire.ts";

/** A half-open connection of this age gives way to a new one: its SYN-ACK has been repeated in vain. */
const HALF_OPEN_MS: Millis = 3_000;
/** So long a new connection has time to say something before others may take its place. */
const SILENT_MS: Millis = 500;
/** Kind 2, length 4, and our MSS (RFC 9293 section 3.7.1). */
const MSS_OPTION: u32 = 0x02040000 | u32(TCP_MSS);
const MSS_OPTION_LEN: u32 = 4;

/** A SYN. Owns the packet. */
export function open(listener: u32, packet: Pbuf, now: Millis): void {
  const endpoint = Endpoint.at(listener);
  const hasRoom = tcb.countUnaccepted(listener) < u32(endpoint.backlog);
  const t = hasRoom ? tcb.take(now, HALF_OPEN_MS) : changetype<Tcb | null>(usize(0));
  if (t) {
    const seq = TcpHeader.of(packet).seq;
    start(t, listener, packet, now);
    if (endpoint.deferred) begin(t, cookieFor(packet, now));
    t.rcvNxt = seq + 1;
    t.rcvAdv = t.rcvNxt;
    t.mss = input.mssOf(packet);
  } else if (endpoint.backlog > 0 && silentOf(listener, SYN_RECEIVED, now)) {
    answer(packet, cookieFor(packet, now));
    return;
  } else knock(endpoint);
  pbuf.give(packet);
}

/** @returns whether a segment brings a cookie of ours back, and is the first one after the SYN: cookie.FIRST and so on */
export function judge(packet: Pbuf, now: Millis): u32 {
  const header = TcpHeader.of(packet);
  const isBareFin = dataLength(packet) == 0 && (header.flags & FIN) != 0;
  if ((header.flags & (SYN | ACK)) != ACK || isBareFin) return cookie.NO_COOKIE;
  return cookie.check(IpHeader.of(packet).source, portsOf(header), header.seq, header.ack - 1, now);
}

/**
 * A cookie has come back. @param packet stays the caller's
 * @returns the connection that it stands for, SYN-RECEIVED; null: there is no room, or it does not need any yet
 */
export function redeem(listener: u32, packet: Pbuf, now: Millis): Tcb | null {
  const header = TcpHeader.of(packet);
  const endpoint = Endpoint.at(listener);
  if (endpoint.deferred && dataLength(packet) == 0) return null;
  const t = roomFor(listener, now);
  if (!t) {
    knock(endpoint);
    return null;
  }
  start(t, listener, packet, now);
  begin(t, header.ack - 1);
  t.sndNxt = header.ack;
  t.sndMax = header.ack;
  t.rcvNxt = header.seq;
  t.rcvAdv = header.seq + u32(TCP_MSS);
  t.mss = u16(min(u32(input.mssOf(packet)), cookie.mssOf(header.ack - 1)));
  return t;
}

/** Noted for the listener's user: somebody could not be let in. */
function knock(endpoint: Endpoint): void {
  endpoint.knocked = 1;
  tally(offsetof<TcpState>("synsDropped"));
}

/** @returns a block for a connection that has proved itself; a half-open one gives way at once */
function roomFor(listener: u32, now: Millis): Tcb | null {
  const backlog = u32(Endpoint.at(listener).backlog);
  if (tcb.countUnaccepted(listener) < backlog) return tcb.take(now, HALF_OPEN_MS);
  const t = backlog ? silentOf(listener, ESTABLISHED, now) : changetype<Tcb | null>(usize(0));
  if (t) tcb.release(t);
  return t;
}

/**
 * @param young the first state in which a connection is given SILENT_MS
 * @returns a connection of a listener's of which no more is known than that somebody wanted it; null
 */
function silentOf(listener: u32, young: u8, now: Millis): Tcb | null {
  const last = Endpoint.at(listener).deferred ? ESTABLISHED : SYN_RECEIVED;
  for (let i: u32 = 0; i < u32(TCB_COUNT); i++) {
    const t = Tcb.at(i);
    if (t.owner != listener || !t.has(tcb.UNACCEPTED) || t.received || t.state > last) continue;
    if (t.state < young || now - t.heardAt >= SILENT_MS) return t;
  }
  return null;
}

function start(t: Tcb, listener: u32, packet: Pbuf, now: Millis): void {
  const header = TcpHeader.of(packet);
  input.initialize(t, IpHeader.of(packet).source, header.sourcePort, header.destPort, now);
  t.owner = u8(listener);
  t.set(tcb.UNACCEPTED);
  t.state = SYN_RECEIVED;
}

/** Another initial sequence number than the usual. */
function begin(t: Tcb, iss: u32): void {
  t.sndUna = iss;
  t.sndNxt = iss;
  t.sndMax = iss;
  t.recover = iss;
  t.dataSeq = iss + 1;
}

function cookieFor(packet: Pbuf, now: Millis): u32 {
  const header = TcpHeader.of(packet);
  return cookie.make(IpHeader.of(packet).source, portsOf(header), header.seq, input.mssOf(packet), now);
}

/** Local port << 16 | remote port, of a received segment. */
function portsOf(header: TcpHeader): u32 {
  return (header.destPort << 16) | header.sourcePort;
}

/** Makes a SYN-ACK of the SYN itself. Owns the packet. */
function answer(packet: Pbuf, iss: u32): void {
  const header = TcpHeader.of(packet);
  const seq = header.seq;
  const ports = portsOf(header);
  pbuf.trimTail(packet, IP_HEADER_LEN + TCP_HEADER_LEN);
  store<u32>(packet.payload + packet.length, bswap<u32>(MSS_OPTION)); // a pool pbuf has room behind any header
  packet.length += MSS_OPTION_LEN;
  packet.totalLength += MSS_OPTION_LEN;
  output.writeHeader(header, ports, iss, seq + 1, TCP_MSS);
  header.headerLen = TCP_HEADER_LEN + MSS_OPTION_LEN;
  header.flags = SYN | ACK;
  input.reply(packet);
}
