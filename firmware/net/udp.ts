// UDP, RFC 768 and RFC 1122 section 4.1. Its users are datagram sockets (endpoints of the kind DATAGRAM) and, below them,
// the resolver and the DHCP client, which have ports of their own.
//
//   ip.input → udp.input ─┬→ dhcp.input, dns.input          sendPacket: pbufs of the pool → ip.reply
//                         └→ udp.deliver → endpoint         send: a region, when the link is free → ip.output
//
// Nothing is copied: a received datagram waits in its pbufs, IP header and all, because that tells who sent it; a sent one
// is a header chained to the application's region.
import * as checksum from "../buffer/checksum.ts";
import * as pbuf from "../buffer/pbuf.ts";
import { Pbuf } from "../buffer/pbuf.ts";
import { SOCKETS, SOCKET_BYTES, UDP_STATE_BYTES, UDP_STATE } from "../chip/ram-map.ts";
import * as ppp from "../link/ppp/ppp.ts";
import { DATAGRAM } from "./endpoint.ts";
import * as icmp from "./icmp.ts";
import * as ip from "./ip.ts";
import * as isn from "./isn.ts";
import { TcpState } from "./tcp-state.ts";
import {
  ICMP_HEADER_LEN,
  IP_HEADER_LEN,
  IpHeader,
  PROTOCOL_UDP,
  UDP_HEADER_LEN,
  UdpHeader,
  count,
} from "./wire.ts";

const HEADERS_LEN: u32 = IP_HEADER_LEN + UDP_HEADER_LEN;
/** Bytes to leave before the data of a packet for sendPacket(): what udp, ip and the link will prepend. */
export const HEADROOM: u32 = 4 + HEADERS_LEN;

/** Datagrams that wait at a socket; what comes then is dropped. */
const QUEUE_LENGTH: u32 = 4;
/** The dynamic ports (RFC 6335), a power of two of them. */
const DYNAMIC_PORTS: u32 = 0xc000;
const DYNAMIC_MASK: u32 = 0x3fff;

@final
@unmanaged
export class UdpState {
  /** Arguments of isn.unguessable() that have been used. */
  counter: u32;

  /** Longer than its packet, or too short for a header. */
  badLength: u16;
  badChecksum: u16;
  /** Nobody was there to take it. */
  noPort: u16;
  /** The socket's queue or the pool was too full. */
  noRoom: u16;
  /** ICMP errors that quoted nothing of ours. */
  badErrors: u16;

  static get here(): UdpState {
    return changetype<UdpState>(UDP_STATE);
  }
}

/** A datagram socket: an endpoint's memory, seen otherwise. */
@final
@unmanaged
export class UdpEndpoint {
  kind: u8;
  /** Of an ICMP error about what was sent, a negative error; 0: none. Told once. */
  error: i8;
  /** Local port, 0: none yet. */
  port: u16;
  /** Whom it is connected to, host order, 0: nobody. */
  remoteAddress: u32;
  remotePort: u16;
  private receivedAt: u16;

  /** @param number 1..SOCKET_COUNT */
  static at(number: u32): UdpEndpoint {
    return changetype<UdpEndpoint>(SOCKETS + (number - 1) * SOCKET_BYTES);
  }
  /** Datagrams that wait, one behind the other, payload at the IP header. */
  get received(): Pbuf | null {
    return changetype<Pbuf | null>(usize(this.receivedAt));
  }
  set received(packet: Pbuf | null) {
    this.receivedAt = u16(changetype<usize>(packet));
  }
}

/** @throws at compile time when the state does not fit its region */
export function powerOn(): void {
  if (offsetof<UdpState>() > UDP_STATE_BYTES) ERROR("UdpState does not fit UDP_STATE_BYTES");
  if (offsetof<UdpEndpoint>() > SOCKET_BYTES) ERROR("UdpEndpoint does not fit SOCKET_BYTES");
  if (offsetof<UdpHeader>() != UDP_HEADER_LEN) ERROR("a UDP header is 8 bytes");
}

/**
 * Checks a datagram and trims it to its length. @param packet payload at its IP header of 20 bytes; owned by the callee
 * @returns the packet, now the caller's; null when it was dropped
 */
export function input(packet: Pbuf): Pbuf | null {
  const cause = causeToDrop(packet);
  if (cause) {
    count(cause);
    pbuf.give(packet);
    return null;
  }
  pbuf.trimTail(packet, IP_HEADER_LEN + UdpHeader.of(packet).length);
  return packet;
}

/**
 * Gives a datagram to the socket that it is for. @param packet as input() returned it
 * @returns true when the packet is the callee's now, false when no socket wants it
 */
export function deliver(packet: Pbuf): bool {
  const endpoint = find(UdpHeader.of(packet).destPort);
  if (!endpoint || !isFrom(endpoint, IpHeader.of(packet).source, UdpHeader.of(packet).sourcePort)) {
    count(UDP_STATE + offsetof<UdpState>("noPort"));
    return false;
  }
  if (pbuf.freeCount() < ip.FRAME_PBUFS || waiting(endpoint) >= QUEUE_LENGTH) {
    count(UDP_STATE + offsetof<UdpState>("noRoom"));
    pbuf.give(packet);
  } else endpoint.received = pbuf.enqueue(endpoint.received, packet);
  return true;
}

/** Takes the oldest datagram that waits. @returns it, payload at its data, the caller's; null: there is none */
export function take(endpoint: UdpEndpoint): Pbuf | null {
  const packet = endpoint.received;
  if (!packet) return null;
  endpoint.received = pbuf.dequeue(packet);
  return trimHeaders(packet);
}

/** @param packet payload at its IP header @returns the packet, payload at the datagram's data */
export function trimHeaders(packet: Pbuf): Pbuf {
  return pbuf.trimHead(packet, HEADERS_LEN);
}

/** Gives up all that waits. */
export function flush(endpoint: UdpEndpoint): void {
  for (let packet: Pbuf | null = take(endpoint); packet; packet = take(endpoint)) pbuf.give(packet);
}

/** True when send() would take a datagram now. */
export function canSend(): bool {
  return ppp.canSend() && pbuf.freeHeaderCount() > 0;
}

/** @returns most data bytes of a datagram: none is sent in fragments */
export function longest(): u32 {
  return ppp.peerMru() - HEADERS_LEN;
}

/**
 * Sends an application's region as one datagram; tcp.outstanding() tells when the link has read it.
 * @param number of the endpoint @param length at most longest() @param address host order
 * @returns false while the link is busy: nothing was sent
 */
export function send(number: u32, data: usize, length: u32, address: u32, port: u32): bool {
  if (!canSend()) return false;
  const packet = pbuf.takeHeader(data, length);
  if (!packet) return false;
  prependHeader(packet, UdpEndpoint.at(number).port, address, port);
  if (!ip.output(packet, address, PROTOCOL_UDP)) return false;
  if (length > 0) TcpState.here.linkReads = u8(number);
  return true;
}

/**
 * Sends a packet of the pool as soon as the link is free; it is dropped when the link is down or the pool too empty.
 * @param packet payload at the data, HEADROOM before it; owned by the callee @param address host order
 */
export function sendPacket(packet: Pbuf, localPort: u32, address: u32, port: u32): void {
  if (!ppp.isUp()) {
    pbuf.give(packet);
    return;
  }
  prependHeader(packet, localPort, address, port);
  pbuf.prepend(packet, IP_HEADER_LEN);
  ip.reply(packet, address, PROTOCOL_UDP);
}

/** @returns a dynamic port that no socket has, not to be foreseen (RFC 6056 section 3.3.1) */
export function choosePort(): u32 {
  let port: u32 = 0;
  do port = DYNAMIC_PORTS + (random() & DYNAMIC_MASK);
  while (find(port));
  return port;
}

/** @returns 32 bits that nobody outside can foresee */
export function random(): u32 {
  return isn.unguessable(changetype<usize>(TcpState.here), ++UdpState.here.counter);
}

/** @returns the socket at a local port, null when there is none; at port 0, which nobody has (RFC 6335 section 6) */
export function find(port: u32): UdpEndpoint | null {
  for (let number: u32 = 1; number <= u32(SOCKET_COUNT); number++) {
    const endpoint = UdpEndpoint.at(number);
    if (port && endpoint.kind == DATAGRAM && endpoint.port == port) return endpoint;
  }
  return null;
}

/**
 * An ICMP error about a datagram of ours goes to the socket that sent it. One that isn't connected sends to many, and
 * could not tell which of them is meant: it hears nothing, as in BSD. @param error payload at its IP header
 */
export function unreachable(error: Pbuf): void {
  const quoted = IpHeader.at(error.payload + IP_HEADER_LEN + ICMP_HEADER_LEN);
  const header = UdpHeader.at(changetype<usize>(quoted) + quoted.headerLen);
  const endpoint = find(header.sourcePort);
  if (endpoint && endpoint.remoteAddress && isFrom(endpoint, quoted.dest, header.destPort))
    endpoint.error = i8(icmp.errorOf(error));
  else count(UDP_STATE + offsetof<UdpState>("badErrors"));
}

/** @returns address of the counter of what is wrong, 0 when nothing is */
function causeToDrop(packet: Pbuf): usize {
  if (packet.length < HEADERS_LEN) return UDP_STATE + offsetof<UdpState>("badLength");
  const length = UdpHeader.of(packet).length;
  if (length < UDP_HEADER_LEN || IP_HEADER_LEN + length > packet.totalLength)
    return UDP_STATE + offsetof<UdpState>("badLength");
  if (!hasGoodChecksum(packet, length)) return UDP_STATE + offsetof<UdpState>("badChecksum");
  return 0;
}

/** A checksum of 0 is none. What stands behind the datagram in its packet is not summed. */
function hasGoodChecksum(packet: Pbuf, length: u32): bool {
  if (UdpHeader.of(packet).checksum == 0) return true;
  pbuf.trimTail(packet, IP_HEADER_LEN + length);
  const header = IpHeader.of(packet);
  const pseudo = ip.pseudoSum(header.source, header.dest, PROTOCOL_UDP, length);
  return checksum.fold(checksum.add(pseudo, packet, IP_HEADER_LEN)) == 0;
}

/** @param packet payload at the data */
function prependHeader(packet: Pbuf, localPort: u32, address: u32, port: u32): void {
  const header = UdpHeader.at(pbuf.prepend(packet, UDP_HEADER_LEN));
  header.sourcePort = localPort;
  header.destPort = port;
  header.length = packet.totalLength;
  header.checksum = 0;
  const pseudo = ip.pseudoSum(ip.localAddress(), address, PROTOCOL_UDP, packet.totalLength);
  const sum = checksum.fold(checksum.add(pseudo, packet, 0));
  header.checksum = sum ? sum : 0xffff;
}

/** @returns whether a datagram's other end is one that the socket talks to */
function isFrom(endpoint: UdpEndpoint, address: u32, port: u32): bool {
  if (endpoint.remoteAddress == 0) return true;
  return endpoint.remoteAddress == address && endpoint.remotePort == port;
}

function waiting(endpoint: UdpEndpoint): u32 {
  let packets: u32 = 0;
  let p: Pbuf | null = endpoint.received;
  while (p) {
    packets += u32(p.isLast);
    p = p.next;
  }
  return packets;
}
