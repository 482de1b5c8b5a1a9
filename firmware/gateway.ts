// The host's end of the link: PPP server, IP and TCP, with which a host without privileges opens connections to the
// card. The card's own source with bigger pools (profiles/gateway.json); no boundary, so its host may look inside.
//
// Its link is the AHDLC stream itself, as a serial line would carry it: what a Peer I/O server hands to a RAS.
import * as pbuf from "./buffer/pbuf.ts";
import * as clock from "./chip/clock.ts";
import * as pins from "./chip/pins.ts";
import * as ram from "./chip/ram-map.ts";
import * as ppp from "./link/ppp/ppp.ts";
import * as link from "./link/serial.ts";
import * as icmp from "./net/icmp.ts";
import * as netServer from "./net/net-server.ts";
import * as sockets from "./socket/socket.ts";

/** Brings the stack up and begins to negotiate PPP. */
export function powerOn(): void {
  ram.powerOn();
  pbuf.powerOn();
  link.powerOn();
  netServer.powerOn();
  for (let i: u32 = 0; i < 4; i++) store<u32>(ram.GATEWAY + 4 * i, pins.random32()); // any place will do
  netServer.open(clock.now(), ram.GATEWAY);
}

/** One byte of the AHDLC stream, 0..255, from the card. */
export function receive(byte: u32): void {
  link.receive(byte);
}

/** @returns ms until it wants to be called again, FOREVER: after the next byte or call */
export function step(): u32 {
  const now = clock.now();
  netServer.poll(now);
  do netServer.dispatch(now);
  while (link.poll());
  return netServer.due(now); // last: what was sent has started timers
}

/** @returns 1 when IPCP is open and packets can cross */
export function isUp(): u32 {
  return u32(ppp.isUp());
}

/** Begins to open a TCP connection. @param address IPv4, host order @returns the socket, or a negative error */
export function connect(address: u32, port: u32): i32 {
  const s = sockets.socket(sockets.SOCK_STREAM);
  if (s < 0) return s;
  const result = sockets.connect(s, address, port);
  if (result == 0) return s;
  sockets.close(s);
  return result;
}

/**
 * Accepts connections of the card's, to whatever port it asks of the gateway's own address.
 * @param backlog connections that may wait @returns the listening socket, or a negative error
 */
export function listen(port: u32, backlog: u32): i32 {
  const s = sockets.socket(sockets.SOCK_STREAM);
  if (s < 0) return s;
  let result = sockets.bind(s, port);
  if (result == 0) result = sockets.listen(s, backlog);
  if (result == 0) return s;
  sockets.close(s);
  return result;
}

/** @returns a socket for the next connection that the card has opened; EAGAIN when there is none, or an error */
export function accept(s: i32): i32 {
  return sockets.accept(s);
}

/** @returns address of the socket's send region, GATEWAY_TX_BUFFER bytes; the host fills it while outstanding() is 0 */
export function sendBuffer(s: u32): u32 {
  return u32(ram.GATEWAY) + s * GATEWAY_TX_BUFFER;
}

/** Sends the first `length` bytes of the send region. @returns bytes taken, or a negative error */
export function send(s: i32, length: u32): i32 {
  return sockets.send(s, sendBuffer(s), length, 0);
}

/** @returns bytes of the send region that are not acknowledged yet */
export function outstanding(s: i32): u32 {
  return sockets.outstanding(s);
}

/** @returns address of the common receive buffer, GATEWAY_RX_BUFFER bytes */
export function receiveBuffer(): u32 {
  return u32(ram.GATEWAY) + SOCKET_COUNT * GATEWAY_TX_BUFFER;
}

/** Copies what has arrived to the receive buffer. @returns bytes, 0 at the peer's orderly end, or a negative error */
export function recv(s: i32): i32 {
  return sockets.recvInto(s, receiveBuffer(), GATEWAY_RX_BUFFER);
}

/** @returns READABLE | WRITABLE | FAILED of socket.ts */
export function ready(s: i32): u32 {
  return sockets.ready(s);
}

/** No more to send: FIN after what is outstanding. */
export function shutdown(s: i32): i32 {
  return sockets.shutdown(s);
}

/** Gives the socket up; its connection ends in order. */
export function close(s: i32): i32 {
  return sockets.close(s);
}

/** Gives the socket up; its connection is reset. */
export function abort(s: i32): i32 {
  return sockets.abort(s);
}

/** Sends an ICMP Echo Request of `length` data bytes. @returns 1 when queued, 0: no buffer, try again */
export function ping(address: u32, id: u32, sequence: u32, length: u32): u32 {
  return u32(icmp.echo(address, id, sequence, length));
}

/** @returns id << 16 | sequence of the last Echo Reply with intact data, and forgets it; 0: none */
export function pong(): u32 {
  return icmp.takeReply();
}
