// IPv4, RFC 791 and RFC 1122 section 3.2: one interface, one address, options skipped. Nothing is put together from
// fragments; those of ICMP go up as they are.
//
//   ahdlc → ppp → ip.input ─┬→ icmp.input          replies, made in the received pbufs, wait here for the link:
//                           └→ tcp.input           [ replies ] → net-server.dispatch → ppp
//
// A packet that can't be used is dropped and counted by cause. The queue of replies is the only one between protocol and
// link; a reply that would leave too few pbufs to receive a whole frame is dropped too, so that a flood of pings can't
// hold the pool.
import * as checksum from "../buffer/checksum.ts";
import * as pbuf from "../buffer/pbuf.ts";
import { Pbuf } from "../buffer/pbuf.ts";
import { IP, IP_BYTES } from "../chip/ram-map.ts";
import * as ppp from "../link/ppp/ppp.ts";
import { IP_HEADER_LEN, IpHeader, PROTOCOL_ICMP, PROTOCOL_UDP, count } from "./wire.ts";

const DEFAULT_TTL: u8 = 64;
const VERSION_4: u32 = 4;
/** The limited broadcast address (RFC 919). */
export const BROADCAST: u32 = 0xffffffff;
/** More-fragments flag and fragment offset: a fragment when any is set. */
export const FRAGMENT_MASK: u32 = 0x3fff;

/**
 * Pbufs that the longest expected frame takes while it is received: data, 40 of headers, 10 of the link. Where the
 * headers are compressed, their room takes as much.
 */
export const FRAME_PBUFS: u32 = (TCP_MSS + 50 + PBUF_SIZE - 1) / PBUF_SIZE;

/** State of IP and ICMP, with the counters of what was dropped and why. */
@final
@unmanaged
export class IpState {
  /** When the last ICMP error went out, and how many more may go at once (RFC 1812 section 4.3.2.8). */
  errorAt: u32;
  /** Identifier << 16 | sequence of an echo reply that nobody has asked for yet, 0: none. */
  echoReply: u32;
  replies: u16;
  ident: u16;
  errorTokens: u8;

  /** Shorter than it says, or too short for a header. */
  badLength: u16;
  /** Not version 4. */
  badVersion: u16;
  badChecksum: u16;
  fragments: u16;
  /** Broadcast and multicast among them. */
  wrongDestination: u16;
  badSource: u16;
  unknownProtocol: u16;
  /** A reply found the pool too empty. */
  repliesDropped: u16;
  icmpBad: u16;
  errorsLimited: u16;

  /** Source and identifier of the fragmented echo request that is being answered, 0: none. */
  echoSource: u32;
  echoIdent: u16;

  /** Our address by DHCP, 0: the link's. */
  leased: u32;

  static get here(): IpState {
    return changetype<IpState>(IP);
  }
}

/** @throws at compile time when the state does not fit its region */
export function powerOn(): void {
  if (offsetof<IpState>() > IP_BYTES) ERROR("IpState does not fit IP_BYTES");
  if (offsetof<IpHeader>() != IP_HEADER_LEN) ERROR("an IP header is 20 bytes");
}

/** @returns our address, host order, 0: none yet */
export function localAddress(): u32 {
  if (DHCP && IpState.here.leased) return IpState.here.leased;
  return ppp.localAddress();
}

/** Gives this end an address, until the next one. @param address host order, 0: that of the link */
export function assign(address: u32): void {
  IpState.here.leased = address;
}

/**
 * Checks a packet, trims it to its length and takes its options out.
 * @param packet as it came from PPP; owned by the callee
 * @returns the packet for the next protocol, now the caller's; null when it was dropped
 */
export function input(packet: Pbuf): Pbuf | null {
  const cause = causeToDrop(packet);
  if (cause) {
    count(cause);
    pbuf.give(packet);
    return null;
  }
  const header = IpHeader.of(packet);
  pbuf.trimTail(packet, header.totalLen);
  const optionsLen = header.headerLen - IP_HEADER_LEN;
  if (optionsLen == 0) return packet;
  memory.copy(packet.payload + optionsLen, packet.payload, IP_HEADER_LEN);
  const rest = pbuf.trimHead(packet, optionsLen);
  const moved = IpHeader.of(rest);
  moved.versionAndLen = 0x45;
  moved.totalLen = rest.totalLength;
  return rest;
}

/** Completes and sends a packet. @param packet payload at what IP carries; owned by the callee @returns true when it left */
export function output(packet: Pbuf, dest: u32, protocol: u32): bool {
  pbuf.prepend(packet, IP_HEADER_LEN);
  writeHeader(packet, dest, protocol);
  if (ppp.output(packet)) return true;
  pbuf.give(packet);
  return false;
}

/**
 * Queues a reply until the link is free.
 * @param packet payload at room for the IP header, which is written here; owned by the callee
 */
export function reply(packet: Pbuf, dest: u32, protocol: u32): void {
  writeHeader(packet, dest, protocol);
  queue(packet);
}

/**
 * Queues a packet to go back where it came from, the same fragment of the same whole.
 * @param packet payload at its IP header; owned by the callee
 */
export function sendBack(packet: Pbuf): void {
  const header = IpHeader.of(packet);
  const fragment = header.fragment;
  const ident = header.ident;
  writeHeader(packet, header.source, header.protocol);
  header.fragment = fragment;
  header.ident = ident;
  seal(packet);
  queue(packet);
}

function queue(packet: Pbuf): void {
  const ip = IpState.here;
  if (pbuf.freeCount() < FRAME_PBUFS) {
    count(IP + offsetof<IpState>("repliesDropped"));
    pbuf.give(packet);
    return;
  }
  const waiting = changetype<Pbuf | null>(usize(ip.replies));
  ip.replies = u16(changetype<usize>(pbuf.enqueue(waiting, packet)));
}

/** Sends the oldest reply. @returns false when there is none or the link doesn't take it */
export function dispatch(): bool {
  const ip = IpState.here;
  const packet = changetype<Pbuf | null>(usize(ip.replies));
  if (!packet || !ppp.canSend()) return false;
  ip.replies = u16(changetype<usize>(pbuf.dequeue(packet)));
  if (!ppp.output(packet)) pbuf.give(packet);
  return true;
}

/** @returns the sum over the pseudo-header of TCP and UDP (RFC 9293 section 3.1), not folded */
export function pseudoSum(source: u32, dest: u32, protocol: u32, length: u32): u32 {
  return (source >> 16) + (source & 0xffff) + (dest >> 16) + (dest & 0xffff) + protocol + length;
}

/** @returns address of the counter of what is wrong, 0 when nothing is */
function causeToDrop(packet: Pbuf): usize {
  if (packet.length < IP_HEADER_LEN) return IP + offsetof<IpState>("badLength");
  const header = IpHeader.of(packet);
  if (header.versionAndLen >> 4 != VERSION_4) return IP + offsetof<IpState>("badVersion");
  const headerLen = header.headerLen;
  const totalLen = header.totalLen;
  if (
    headerLen < IP_HEADER_LEN ||
    packet.length < headerLen ||
    totalLen < headerLen ||
    totalLen > packet.totalLength
  )
    return IP + offsetof<IpState>("badLength");
  if (checksum.fold(sumOf(packet.payload, headerLen)) != 0) return IP + offsetof<IpState>("badChecksum");
  if (!isForUs(header)) return IP + offsetof<IpState>("wrongDestination");
  if (!isHost(header.source) || header.source == localAddress()) return IP + offsetof<IpState>("badSource");
  if (header.fragment & FRAGMENT_MASK && header.protocol != PROTOCOL_ICMP)
    return IP + offsetof<IpState>("fragments");
  return 0;
}

/** Broadcasts are taken for UDP only: DHCP's answers come so. */
function isForUs(header: IpHeader): bool {
  if (UDP && header.dest == BROADCAST) return header.protocol == PROTOCOL_UDP;
  return localAddress() != 0 && header.dest == localAddress();
}

/** @returns whether an address may be a source: not "this network", loopback, multicast, reserved (RFC 1122 3.2.1.3) */
export function isHost(address: u32): bool {
  const net = address >> 24;
  return net != 0 && net != 127 && net < 224;
}

function writeHeader(packet: Pbuf, dest: u32, protocol: u32): void {
  const header = IpHeader.of(packet);
  header.versionAndLen = 0x45;
  header.tos = 0;
  header.totalLen = packet.totalLength;
  header.ident = IpState.here.ident++;
  header.fragment = 0;
  header.ttl = DEFAULT_TTL;
  header.protocol = u8(protocol);
  header.source = localAddress();
  header.dest = dest;
  seal(packet);
}

function seal(packet: Pbuf): void {
  const header = IpHeader.of(packet);
  header.checksum = 0;
  header.checksum = checksum.fold(sumOf(packet.payload, IP_HEADER_LEN));
}

/** @returns the sum over `length` bytes, an even number, of the header at `address` */
function sumOf(address: usize, length: u32): u32 {
  let sum: u32 = 0;
  for (let i: u32 = 0; i < length; i += 2) sum += bswap<u16>(load<u16>(address + i));
  return sum;
}
