// What the calls of socket.ts do to datagram sockets, SOCK_DGRAM: UDP underneath. Nothing blocks; a datagram leaves when the
// link is free, or send() says EAGAIN. One that arrives is handed on in its pbufs, whole.
import * as pbuf from "../buffer/pbuf.ts";
import { DATAGRAM, EAGAIN, EINVAL } from "../net/endpoint.ts";
import * as udp from "../net/udp.ts";
import { UdpEndpoint } from "../net/udp.ts";
import { UdpHeader, IpHeader } from "../net/wire.ts";

/** No address to send to (socket.ts). */
const ENOTCONN: i32 = -3;
/** Another socket has the port (socket.ts). */
const EADDRINUSE: i32 = -7;
/** Longer than the peer's link takes. */
export const EMSGSIZE: i32 = -12;

/** @returns the datagram socket of this number, else null */
export function at(s: i32): UdpEndpoint | null {
  if (u32(s) >= u32(SOCKET_COUNT)) return null;
  const endpoint = UdpEndpoint.at(s + 1);
  return endpoint.kind == DATAGRAM ? endpoint : null;
}

/** @returns 0; EADDRINUSE, EINVAL when it has a port already or 0..65535 has it not */
export function bind(endpoint: UdpEndpoint, port: u32): i32 {
  if (port == 0 || port > 0xffff || endpoint.port) return EINVAL;
  if (udp.find(port)) return EADDRINUSE;
  endpoint.port = u16(port);
  return 0;
}

/** From now on it sends to, and hears, one peer only. @param address 0: anybody again @returns 0; EINVAL */
export function connect(endpoint: UdpEndpoint, address: u32, port: u32): i32 {
  if (address && (port == 0 || port > 0xffff)) return EINVAL;
  udp.flush(endpoint);
  endpoint.remoteAddress = address;
  endpoint.remotePort = u16(port);
  ensurePort(endpoint);
  return 0;
}

/** @param address 0: the one it is connected to @returns `length`; EAGAIN, EINVAL, EMSGSIZE, ENOTCONN, an ICMP error */
export function sendto(
  s: i32,
  endpoint: UdpEndpoint,
  data: usize,
  length: u32,
  address: u32,
  port: u32,
): i32 {
  if (endpoint.error) return takeError(endpoint);
  const to = address ? address : endpoint.remoteAddress;
  const at = address ? port : u32(endpoint.remotePort);
  if (!to) return ENOTCONN;
  if (at == 0 || at > 0xffff) return EINVAL;
  if (length > udp.longest()) return EMSGSIZE;
  ensurePort(endpoint);
  return udp.send(s + 1, data, length, to, at) ? i32(length) : EAGAIN;
}

/** @returns why nothing is received: EAGAIN, or an ICMP error, told once */
export function status(endpoint: UdpEndpoint): i32 {
  return endpoint.error ? takeError(endpoint) : EAGAIN;
}

/** Copies the oldest datagram, or what of it `length` bytes hold. @returns bytes; else as status() */
export function recvInto(endpoint: UdpEndpoint, target: usize, length: u32): i32 {
  const packet = udp.take(endpoint);
  if (!packet) return status(endpoint);
  const bytes = min(length, packet.totalLength);
  pbuf.copyOut(packet, 0, target, bytes);
  pbuf.give(packet);
  return bytes;
}

/** @returns who sent the oldest datagram that waits, else whom the socket is connected to; host order, 0: nobody */
export function peerAddress(endpoint: UdpEndpoint): u32 {
  const packet = endpoint.received;
  return packet ? IpHeader.of(packet).source : endpoint.remoteAddress;
}

/** @returns its port, 0: nobody's */
export function peerPort(endpoint: UdpEndpoint): u32 {
  const packet = endpoint.received;
  return packet ? UdpHeader.of(packet).sourcePort : u32(endpoint.remotePort);
}

function takeError(endpoint: UdpEndpoint): i32 {
  const error = endpoint.error;
  endpoint.error = 0;
  return error;
}

function ensurePort(endpoint: UdpEndpoint): void {
  if (!endpoint.port) endpoint.port = u16(udp.choosePort());
}
