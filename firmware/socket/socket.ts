// BSD sockets over TCP and, in datagram.ts, UDP (seed [140], [147], [148], [175]-[177]): the names are Berkeley's, nothing
// blocks and nothing is copied unless asked. Numbers returned below zero are errors, EAGAIN among them: come back after the
// next step.
//
//   client   socket  connect  …WRITABLE…  send recv …  close
//   server   socket  bind  listen  …READABLE…  accept  recv send …  close
//   UDP      socket  [bind]  sendto …READABLE… peerAddress recv …  close
//
// Receiving hands the pbufs themselves to the application. Sending refers to the application's own memory (a *region*):
// one region a socket at a time. What send() takes must stay as it is until outstanding() is 0, because it is what gets
// retransmitted. An application that can make its bytes again sends with sendAt(): there the region is free as soon as it
// has left, and many of them are in flight at a time. What has been lost is asked for again:
//
//   while (socket.ready(s) & socket.WRITABLE) {
//     make the bytes at socket.position(s), which may have gone back, or ahead
//     socket.sendAt(s, …)
//   }
//   until outstanding(s) is 0: all has arrived
import * as pbuf from "../buffer/pbuf.ts";
import { Pbuf } from "../buffer/pbuf.ts";
import * as clock from "../chip/clock.ts";
import * as endpoints from "../net/endpoint.ts";
import { DATAGRAM, Endpoint, FREE, LISTENER, STREAM } from "../net/endpoint.ts";
import * as tcb from "../net/tcb.ts";
import { CLOSED, CLOSE_WAIT, ESTABLISHED, SYN_RECEIVED, SYN_SENT, Tcb } from "../net/tcb.ts";
import * as tcp from "../net/tcp.ts";
import * as udp from "../net/udp.ts";
import { UdpEndpoint } from "../net/udp.ts";
import * as datagrams from "./datagram.ts";

/** Nothing now; ask again after the next step. */
export const EAGAIN: i32 = endpoints.EAGAIN;
/** No such socket, or not of the kind that the call needs. */
export const EBADF: i32 = -2;
/** No connection, and none under way. */
export const ENOTCONN: i32 = -3;
/** The peer reset the connection. Reported once, then the socket is like one that never connected. */
export const ECONNRESET: i32 = endpoints.ECONNRESET;
/** The peer stopped answering. */
export const ETIMEDOUT: i32 = endpoints.ETIMEDOUT;
/** The peer refused the connection. */
export const ECONNREFUSED: i32 = endpoints.ECONNREFUSED;
/** Another socket listens at the port. */
export const EADDRINUSE: i32 = -7;
/** No socket or no control block is free. */
export const EMFILE: i32 = -8;
/** An argument is wrong, or the call out of order. */
export const EINVAL: i32 = endpoints.EINVAL;
/** Sending after shutdown(). */
export const EPIPE: i32 = -10;

/** A router says that the peer can't be reached. */
export const EHOSTUNREACH: i32 = endpoints.EHOSTUNREACH;
/** The datagram is longer than the link takes. */
export const EMSGSIZE: i32 = datagrams.EMSGSIZE;

/** socket(): a TCP socket. */
export const SOCK_STREAM: u32 = 1;
/** socket(): a UDP socket. */
export const SOCK_DGRAM: u32 = 2;
/** send(): more will follow soon, no PUSH at the region's end. */
export const MSG_MORE: u32 = 1;

/** ready(): recv() or accept() would return something: data, a connection, the orderly end, an error. */
export const READABLE: u32 = 1;
/** ready(): send(), or sendAt() in its turn, would take a region. On a connecting socket: it is connected now. */
export const WRITABLE: u32 = 2;
/** ready(): the connection ended with an error. */
export const FAILED: u32 = 4;

/** @param type SOCK_STREAM, SOCK_DGRAM @returns a socket, 0..SOCKET_COUNT - 1; EMFILE, EINVAL */
export function socket(type: u32): i32 {
  const isDatagram = UDP && type == SOCK_DGRAM;
  if (type != SOCK_STREAM && !isDatagram) return EINVAL;
  const s = take(0);
  if (isDatagram && s >= 0) Endpoint.at(s + 1).kind = DATAGRAM;
  return s;
}

/** Gives the socket a local port. @param port 1..65535 @returns 0; EADDRINUSE, EBADF, EINVAL */
export function bind(s: i32, port: u32): i32 {
  const datagram = datagramAt(s);
  if (datagram) return datagrams.bind(datagram, port);
  const endpoint = at(s, STREAM);
  if (!endpoint) return EBADF;
  if (port == 0 || port > 0xffff || endpoint.tcb) return EINVAL;
  if (endpoints.findListener(port)) return EADDRINUSE;
  endpoint.port = u16(port);
  return 0;
}

/**
 * Listens at the bound port. May be called again to change the backlog.
 * @param backlog connections that may wait for accept(), those in the handshake included. The SYNs of further ones are
 *   answered with a cookie while one of those has said nothing for a while, and take its place when that comes back
 *   (RFC 4987 section 3.6); else, and with a backlog of 0, they are dropped without an answer (their client repeats them;
 *   a reset would break its page) and noted for knocked()
 * @returns 0; EBADF, EINVAL
 */
export function listen(s: i32, backlog: u32): i32 {
  const endpoint = any(s);
  if (!endpoint || (UDP && endpoint.kind == DATAGRAM)) return EBADF;
  if (endpoint.port == 0 || endpoint.tcb || backlog > 255) return EINVAL;
  if (endpoint.kind != LISTENER && endpoints.findListener(endpoint.port)) return EADDRINUSE;
  endpoint.kind = LISTENER;
  endpoint.backlog = u8(backlog);
  return 0;
}

/**
 * Clients of this listener speak first: accept() gives their connections with the first data, or the end, and not before.
 * Those that say nothing make way for others, whatever the backlog. @returns 0; EBADF
 */
export function deferAccept(s: i32): i32 {
  const endpoint = at(s, LISTENER);
  if (!endpoint) return EBADF;
  endpoint.deferred = 1;
  return 0;
}

/** @returns whether a client of this listener could not be let in since the last call */
export function knocked(s: i32): bool {
  const endpoint = at(s, LISTENER);
  if (!endpoint || !endpoint.knocked) return false;
  endpoint.knocked = 0;
  return true;
}

/** @returns a socket for the next established connection; EAGAIN when there is none, EMFILE, EBADF */
export function accept(s: i32): i32 {
  if (!at(s, LISTENER)) return EBADF;
  const t = tcp.waiting(s + 1);
  if (!t) return EAGAIN;
  const accepted = take(t.number);
  if (accepted < 0) return accepted;
  Endpoint.at(accepted + 1).port = t.localPort;
  t.owner = u8(accepted + 1);
  t.unset(tcb.UNACCEPTED);
  return accepted;
}

/**
 * Starts to connect; the socket becomes WRITABLE or FAILED. A datagram socket only notes whom it talks to, and hears no
 * others; address 0: anybody. @param address of the peer, host order @param port its port
 * @returns 0; EMFILE when no control block is free, EBADF, EINVAL
 */
export function connect(s: i32, address: u32, port: u32): i32 {
  const datagram = datagramAt(s);
  if (datagram) return datagrams.connect(datagram, address, port);
  const endpoint = at(s, STREAM);
  if (!endpoint) return EBADF;
  if (endpoint.tcb || endpoint.ended || address == 0 || port == 0 || port > 0xffff) return EINVAL;
  if (endpoint.port && tcb.find(address, port, endpoint.port)) return EADDRINUSE;
  const number = tcp.open(s + 1, endpoint.port, address, port, clock.now());
  if (!number) return EMFILE;
  endpoint.tcb = u8(number);
  endpoint.port = Tcb.of(number).localPort;
  return 0;
}

/**
 * Takes everything that has been received in order, as one packet; the caller gives it back (pbuf.give, or bit by bit
 * with pbuf.trimHead: the window opens by what is given back). Of a datagram socket: the oldest datagram.
 * @returns null when there is nothing: recvStatus() tells why
 */
export function recv(s: i32): Pbuf | null {
  const datagram = datagramAt(s);
  if (datagram) return udp.take(datagram);
  const endpoint = at(s, STREAM);
  if (!endpoint || !endpoint.tcb) return null;
  const t = Tcb.of(endpoint.tcb);
  const packet = tcp.read(t);
  if (packet && t.state == CLOSED) tcb.retire(t, 0);
  return packet;
}

/** Why recv() has nothing. @returns EAGAIN; 0: the peer has finished; an error, reported once; EBADF, ENOTCONN */
export function recvStatus(s: i32): i32 {
  const datagram = datagramAt(s);
  if (datagram) return datagrams.status(datagram);
  const endpoint = at(s, STREAM);
  if (!endpoint) return EBADF;
  if (!endpoint.tcb) return outcome(endpoint);
  const t = Tcb.of(endpoint.tcb);
  return t.received || !t.hasPeerFinished ? EAGAIN : 0;
}

/**
 * Copies received bytes to `target`, at most `length`. @returns their number, > 0; else as recvStatus(). Of a datagram
 * what isn't copied is lost, and 0 is one without data
 */
export function recvInto(s: i32, target: usize, length: u32): i32 {
  const datagram = datagramAt(s);
  if (datagram) return datagrams.recvInto(datagram, target, length);
  const endpoint = at(s, STREAM);
  const held = endpoint && endpoint.tcb ? Tcb.of(endpoint.tcb).received : null;
  if (!held) return recvStatus(s);
  const t = Tcb.of(endpoint!.tcb);
  const bytes = min(length, held.totalLength);
  pbuf.copyOut(held, 0, target, bytes);
  if (bytes < held.totalLength) t.received = pbuf.trimHead(held, bytes);
  else pbuf.give(recv(s));
  return bytes;
}

/**
 * Sends a region, which must stay untouched until outstanding() is 0. Any length up to 65,535; segments go out as the
 * windows allow, each when the link is free.
 * @param flags 0 or MSG_MORE
 * @returns `length`; EAGAIN while connecting, or while the last region is outstanding; EPIPE, EBADF, ENOTCONN, errors
 */
export function send(s: i32, data: usize, length: u32, flags: u32): i32 {
  const datagram = datagramAt(s);
  if (datagram) return datagrams.sendto(s, datagram, data, length, 0, 0);
  const endpoint = at(s, STREAM);
  if (!endpoint) return EBADF;
  const refusal = sendStatus(endpoint);
  if (refusal) return refusal;
  if (length > 0xffff) return EINVAL;
  if (outstanding(s)) return EAGAIN;
  tcp.send(Tcb.of(endpoint.tcb), data, length, (flags & MSG_MORE) != 0, s + 1);
  return length;
}

/** @returns 0 when the state of the connection allows to send; EAGAIN while connecting; EPIPE, ENOTCONN, an error */
function sendStatus(endpoint: Endpoint): i32 {
  if (!endpoint.tcb) {
    const status = outcome(endpoint);
    return status == 0 ? EPIPE : status;
  }
  const state = Tcb.of(endpoint.tcb).state;
  if (state == SYN_SENT || state == SYN_RECEIVED) return EAGAIN;
  return state == ESTABLISHED || state == CLOSE_WAIT ? 0 : EPIPE;
}

/**
 * Sends a region that the application can make again, byte for byte. When WRITABLE is set again the region is the
 * application's; until outstanding() is 0 it has to be ready to make any of its bytes once more.
 * @param at position of the region's first byte; that of position() is in the region
 * @param flags 0 or MSG_MORE
 * @returns `length`; EAGAIN when not WRITABLE; EINVAL, and otherwise as send()
 */
export function sendAt(s: i32, at_: u32, data: usize, length: u32, flags: u32): i32 {
  const endpoint = at(s, STREAM);
  if (!endpoint) return EBADF;
  const refusal = sendStatus(endpoint);
  if (refusal) return refusal;
  const t = Tcb.of(endpoint.tcb);
  if (!tcp.wants(t, s + 1)) return EAGAIN;
  if (length > 0xffff || t.sndNxt - at_ >= length) return EINVAL;
  tcp.repeat(t, at_, data, length, (flags & MSG_MORE) != 0, s + 1);
  return length;
}

/**
 * Where in the stream, counted from anywhere and modulo 2^32, the byte is that would be sent next; behind what has been
 * sent, or where something has been lost.
 */
export function position(s: i32): u32 {
  const endpoint = at(s, STREAM);
  return endpoint && endpoint.tcb ? Tcb.of(endpoint.tcb).sndNxt : 0;
}

/** Most bytes of a segment to the peer; regions of this size are best. */
export function segmentBytes(s: i32): u32 {
  const endpoint = at(s, STREAM);
  return endpoint && endpoint.tcb ? Tcb.of(endpoint.tcb).mss : 0;
}

/**
 * Sends a region as one datagram, whole or not at all; it must stay untouched until outstanding() is 0.
 * @param address of the receiver, host order @param port its port
 * @returns `length`; EAGAIN while the link is busy, EMSGSIZE, EBADF, EINVAL; ECONNREFUSED, EHOSTUNREACH: what became of
 *   an earlier one, told once
 */
export function sendto(s: i32, data: usize, length: u32, address: u32, port: u32): i32 {
  const datagram = datagramAt(s);
  if (!datagram) return EBADF;
  return address ? datagrams.sendto(s, datagram, data, length, address, port) : EINVAL;
}

/**
 * Bytes that are not acknowledged, or just being sent by the link from the region. Valid after close() and abort() too:
 * 0 means that the memory is the application's again.
 */
export function outstanding(s: i32): u32 {
  return isNumber(s) ? tcp.outstanding(s + 1) : 0;
}

/** Says that nothing more will be sent: FIN after the outstanding region. @returns 0; EBADF, ENOTCONN */
export function shutdown(s: i32): i32 {
  const endpoint = at(s, STREAM);
  if (!endpoint) return EBADF;
  return endpoint.tcb && tcp.finish(Tcb.of(endpoint.tcb)) ? 0 : ENOTCONN;
}

/**
 * Closes a socket. A connection ends in order, FIN after the outstanding region (which must stay until outstanding() is
 * 0); with a RST when received data was never read. A listener resets the connections that wait for accept().
 * @returns 0; EBADF
 */
export function close(s: i32): i32 {
  const endpoint = any(s);
  if (!endpoint) return EBADF;
  if (UDP && endpoint.kind == DATAGRAM) udp.flush(UdpEndpoint.at(s + 1));
  else if (endpoint.kind == LISTENER) tcp.abandon(s + 1);
  else if (endpoint.tcb) tcp.close(Tcb.of(endpoint.tcb));
  endpoint.clear();
  return 0;
}

/** Closes a socket, resetting its connection; nothing is sent any more but the RST. @returns 0; EBADF */
export function abort(s: i32): i32 {
  const endpoint = any(s);
  if (!endpoint) return EBADF;
  if (UDP && endpoint.kind == DATAGRAM) return close(s);
  if (endpoint.kind == LISTENER) tcp.abandon(s + 1);
  else if (endpoint.tcb) tcp.abort(Tcb.of(endpoint.tcb));
  endpoint.clear();
  return 0;
}

/** @returns READABLE | WRITABLE | FAILED as they apply now, 0 for no socket */
export function ready(s: i32): u32 {
  const endpoint = any(s);
  if (!endpoint) return 0;
  if (UDP && endpoint.kind == DATAGRAM) return datagramReady(s);
  if (endpoint.kind == LISTENER) return tcp.waiting(s + 1) ? READABLE : 0;
  if (!endpoint.tcb) return endpoint.ended ? READABLE | (endpoint.error ? FAILED : 0) : 0;
  const t = Tcb.of(endpoint.tcb);
  let bits: u32 = 0;
  if (t.received || t.hasPeerFinished) bits |= READABLE;
  if ((t.state == ESTABLISHED || t.state == CLOSE_WAIT) && tcp.wants(t, s + 1)) bits |= WRITABLE;
  return bits;
}

/**
 * BSD's select() that never waits; bit s stands for socket s.
 * @param reads sockets to look at for READABLE @param writes sockets to look at for WRITABLE
 * @returns the sockets for which what was asked, or FAILED, is the case
 */
export function select(reads: u32, writes: u32): u32 {
  let result: u32 = 0;
  for (let s = 0; s < SOCKET_COUNT; s++) {
    const bit = u32(1) << s;
    if (!((reads | writes) & bit)) continue;
    const bits = ready(s);
    if (bits & FAILED || (reads & bit && bits & READABLE) || (writes & bit && bits & WRITABLE)) result |= bit;
  }
  return result;
}

/** @returns the peer's address, host order; 0 when not connected. Of a datagram socket: who sent what recv() would return */
export function peerAddress(s: i32): u32 {
  const datagram = datagramAt(s);
  if (datagram) return datagrams.peerAddress(datagram);
  const endpoint = at(s, STREAM);
  return endpoint && endpoint.tcb ? Tcb.of(endpoint.tcb).remoteAddress : 0;
}

/** @returns the peer's port; 0 when not connected. Of a datagram socket as peerAddress() */
export function peerPort(s: i32): u32 {
  const datagram = datagramAt(s);
  if (datagram) return datagrams.peerPort(datagram);
  const endpoint = at(s, STREAM);
  return endpoint && endpoint.tcb ? Tcb.of(endpoint.tcb).remotePort : 0;
}

/** @returns control blocks in use, those of connections without a socket included */
export function tcbsInUse(): u32 {
  return tcb.countInUse();
}

/** Takes an endpoint whose number the stack no longer reads a region for. @returns its socket, or EMFILE */
function take(tcbNumber: u32): i32 {
  if (SOCKET_COUNT > 32) ERROR("select() has 32 bits");
  for (let s = 0; s < SOCKET_COUNT; s++) {
    const endpoint = Endpoint.at(s + 1);
    if (endpoint.kind != FREE || outstanding(s)) continue;
    endpoint.kind = STREAM;
    endpoint.tcb = u8(tcbNumber);
    return s;
  }
  return EMFILE;
}

/** How a connection that is no more ended. An error is told once. */
function outcome(endpoint: Endpoint): i32 {
  if (!endpoint.ended) return ENOTCONN;
  const error = endpoint.error;
  endpoint.error = 0;
  if (error) endpoint.ended = 0;
  return error;
}

/** @returns a datagram socket, null for any other number */
function datagramAt(s: i32): UdpEndpoint | null {
  return UDP ? datagrams.at(s) : null;
}

function datagramReady(s: i32): u32 {
  const endpoint = UdpEndpoint.at(s + 1);
  const writable = udp.canSend() && !outstanding(s) ? WRITABLE : 0;
  if (endpoint.error) return READABLE | FAILED | writable;
  return writable | (endpoint.received ? READABLE : 0);
}

function isNumber(s: i32): bool {
  return u32(s) < u32(SOCKET_COUNT);
}

function any(s: i32): Endpoint | null {
  if (!isNumber(s)) return null;
  const endpoint = Endpoint.at(s + 1);
  return endpoint.kind == FREE ? null : endpoint;
}

function at(s: i32, kind: u8): Endpoint | null {
  const endpoint = any(s);
  return endpoint && endpoint.kind == kind ? endpoint : null;
}
