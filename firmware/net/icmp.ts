// ICMP, RFC 792 and RFC 1122 section 3.2.2: echo both ways, errors sent sparingly and believed with caution.
//
// A reply is made in the received pbufs: no pbuf is taken for it. An echo request in fragments need never be whole here:
// each is a fragment of the reply as soon as its addresses are exchanged, the first with another type and a checksum
// changed to match; whatever was wrong with the data still is. So pings of any size are answered.
// Errors that arrive are handed to the protocol that they quote, which takes them as hints (RFC 5927).
import * as checksum from "../buffer/checksum.ts";
import * as pbuf from "../buffer/pbuf.ts";
import { Pbuf } from "../buffer/pbuf.ts";
import { Millis } from "../chip/clock.ts";
import { IP } from "../chip/ram-map.ts";
import { ECONNREFUSED, EHOSTUNREACH } from "./endpoint.ts";
import * as ip from "./ip.ts";
import { FRAGMENT_MASK, IpState } from "./ip.ts";
import { ICMP_HEADER_LEN, IP_HEADER_LEN, IcmpHeader, IpHeader, PROTOCOL_ICMP, count } from "./wire.ts";

/** Fragment offset, without flags. */
const OFFSET_MASK: u32 = 0x1fff;

const ECHO_REPLY: u32 = 0;
const UNREACHABLE: u32 = 3;
const ECHO: u32 = 8;
const TIME_EXCEEDED: u32 = 11;
const PARAMETER_PROBLEM: u32 = 12;

/** Codes of UNREACHABLE. */
export const PROTOCOL_UNREACHABLE: u32 = 2;
export const PORT_UNREACHABLE: u32 = 3;

/** What an error quotes beyond the IP header. */
const QUOTED_LEN: u32 = 8;
/** Errors that may go out in a burst, and how soon one more may follow. */
const ERROR_BURST: u8 = 5;
const ERROR_INTERVAL_MS: Millis = 1000;

/** Bytes that ip and link will prepend. */
const HEADROOM: u32 = 4 + IP_HEADER_LEN + ICMP_HEADER_LEN;

export function powerOn(): void {
  if (offsetof<IcmpHeader>() != ICMP_HEADER_LEN) ERROR("an ICMP header is 8 bytes");
  IpState.here.errorTokens = ERROR_BURST;
}

/**
 * @param packet payload at its IP header; owned by the callee unless returned
 * @returns an ICMP error about a packet of ours, payload at its IP header, for the protocol that it quotes; else null
 */
export function input(packet: Pbuf): Pbuf | null {
  if (IpHeader.of(packet).fragment & FRAGMENT_MASK) {
    answerFragment(packet);
    return null;
  }
  const bad =
    packet.length < IP_HEADER_LEN + ICMP_HEADER_LEN ||
    checksum.fold(checksum.add(0, packet, IP_HEADER_LEN)) != 0;
  if (bad) count(IP + offsetof<IpState>("icmpBad"));
  else {
    const header = IcmpHeader.of(packet);
    if (header.type == ECHO && header.code == 0) {
      answer(packet);
      return null;
    }
    if (header.type == ECHO_REPLY) IpState.here.echoReply = (header.ident << 16) | header.sequence;
    if (ICMP_ERRORS && isError(header) && quotes(packet)) return packet;
  }
  pbuf.give(packet);
  return null;
}

/** @returns whether an error says that nobody there will ever answer: a hard one (RFC 1122 section 4.2.3.9) */
export function isHard(error: Pbuf): bool {
  const header = IcmpHeader.of(error);
  return (
    header.type == UNREACHABLE && (header.code == PROTOCOL_UNREACHABLE || header.code == PORT_UNREACHABLE)
  );
}

/** @returns what an error means to a socket: ECONNREFUSED, EHOSTUNREACH */
export function errorOf(error: Pbuf): i32 {
  return isHard(error) ? ECONNREFUSED : EHOSTUNREACH;
}

/** @returns the protocol of the packet that an error quotes */
export function quotedProtocol(error: Pbuf): u32 {
  return IpHeader.at(error.payload + IP_HEADER_LEN + ICMP_HEADER_LEN).protocol;
}

/**
 * Answers a packet that nobody here wants. Never sent about an ICMP error (which icmp.input keeps), a fragment or a
 * broadcast (which ip.input drops), as RFC 1122 section 3.2.2 demands.
 * @param packet payload at its IP header; owned by the callee @param code of UNREACHABLE
 */
export function unreachable(packet: Pbuf, code: u32, now: Millis): void {
  if (!mayComplain(now)) {
    count(IP + offsetof<IpState>("errorsLimited"));
    pbuf.give(packet);
    return;
  }
  // The quotation moves up in its pbuf, so that the headers come to stand where it stood.
  pbuf.trimTail(packet, min(packet.totalLength, IP_HEADER_LEN + QUOTED_LEN));
  const quoted = packet.payload;
  const source = IpHeader.of(packet).source;
  const shift = IP_HEADER_LEN + ICMP_HEADER_LEN;
  memory.copy(quoted + shift, quoted, packet.length);
  packet.length += shift;
  packet.totalLength += shift;
  const header = IcmpHeader.of(packet);
  header.type = u8(UNREACHABLE);
  header.code = u8(code);
  header.ident = 0;
  header.sequence = 0;
  seal(packet, header);
  ip.reply(packet, source, PROTOCOL_ICMP);
}

/**
 * Sends an echo request.
 * @param dest address, host order @param length bytes of data, at most what a frame holds
 * @returns false when the pool is too empty
 */
export function echo(dest: u32, ident: u32, sequence: u32, length: u32): bool {
  const packet = pbuf.take(HEADROOM);
  if (!packet) return false;
  let last: Pbuf | null = packet;
  for (let i: u32 = 0; i < length && last; i++) last = pbuf.append(packet, last, i);
  if (!last) {
    pbuf.give(packet);
    return false;
  }
  pbuf.prepend(packet, IP_HEADER_LEN + ICMP_HEADER_LEN);
  const header = IcmpHeader.of(packet);
  header.type = u8(ECHO);
  header.code = 0;
  header.ident = ident;
  header.sequence = sequence;
  seal(packet, header);
  ip.reply(packet, dest, PROTOCOL_ICMP);
  return true;
}

/** @returns identifier << 16 | sequence of the last echo reply, told once; 0: none */
export function takeReply(): u32 {
  const state = IpState.here;
  const reply = state.echoReply;
  state.echoReply = 0;
  return reply;
}

function answer(packet: Pbuf): void {
  const header = IcmpHeader.of(packet);
  header.type = u8(ECHO_REPLY);
  seal(packet, header);
  ip.reply(packet, IpHeader.of(packet).source, PROTOCOL_ICMP);
}

/** Each fragment of the echo request whose first one came last. */
function answerFragment(packet: Pbuf): void {
  const header = IpHeader.of(packet);
  const s = IpState.here;
  const good =
    header.fragment & OFFSET_MASK
      ? header.source == s.echoSource && header.ident == u32(s.echoIdent)
      : answerFirst(packet, header);
  if (good) return ip.sendBack(packet);
  count(IP + offsetof<IpState>("fragments"));
  pbuf.give(packet);
}

/** Makes a reply of the beginning of a request. @returns false when it is none */
function answerFirst(packet: Pbuf, header: IpHeader): bool {
  const icmp = IcmpHeader.of(packet);
  if (packet.length < IP_HEADER_LEN + ICMP_HEADER_LEN || icmp.type != ECHO || icmp.code) return false;
  icmp.type = u8(ECHO_REPLY);
  icmp.checksum = checksum.fold((~icmp.checksum & 0xffff) + (~(ECHO << 8) & 0xffff)); // RFC 1624 equation 3
  IpState.here.echoSource = header.source;
  IpState.here.echoIdent = u16(header.ident);
  return true;
}

/**
 * @returns whether a message is an error about a packet. Not among them: that it was too long to be forwarded whole
 * (code 4), since we forbid nobody to fragment; Source Quench (RFC 6633)
 */
function isError(header: IcmpHeader): bool {
  if (header.type == UNREACHABLE) return header.code != 4;
  return header.type == TIME_EXCEEDED || header.type == PARAMETER_PROBLEM;
}

/** @returns whether an error quotes an IP header of ours and the 8 bytes behind it, in its first pbuf */
function quotes(packet: Pbuf): bool {
  const start = IP_HEADER_LEN + ICMP_HEADER_LEN;
  if (packet.length < start + IP_HEADER_LEN + QUOTED_LEN) return false;
  const quoted = IpHeader.at(packet.payload + start);
  if (quoted.headerLen < IP_HEADER_LEN || quoted.source != ip.localAddress()) return false;
  return packet.length >= start + quoted.headerLen + QUOTED_LEN;
}

function seal(packet: Pbuf, header: IcmpHeader): void {
  header.checksum = 0;
  header.checksum = checksum.fold(checksum.add(0, packet, IP_HEADER_LEN));
}

function mayComplain(now: Millis): bool {
  const state = IpState.here;
  if (now - state.errorAt >= ERROR_INTERVAL_MS) {
    state.errorAt = now;
    if (state.errorTokens < ERROR_BURST) state.errorTokens++;
  }
  if (state.errorTokens == 0) return false;
  state.errorTokens--;
  return true;
}
