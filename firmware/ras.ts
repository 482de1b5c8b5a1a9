// The host's end of the link when the host's own kernel has the rest: a PPP server, and IP datagrams carried whole between
// it and the host (a TUN device). No TCP, no address of its own but the one that it names in IPCP.
//
// Its link is the AHDLC stream, as the gateway's; its constants are those of profiles/gateway.json.
import * as pbuf from "./buffer/pbuf.ts";
import { Pbuf } from "./buffer/pbuf.ts";
import * as clock from "./chip/clock.ts";
import * as ram from "./chip/ram-map.ts";
import * as ahdlc from "./link/ahdlc.ts";
import * as ipcp from "./link/ppp/ipcp.ts";
import * as ppp from "./link/ppp/ppp.ts";
import * as link from "./link/serial.ts";

@final
@unmanaged
class RasState {
  /** Datagrams from the card that the host has not taken yet, a queue. */
  received: u16;
}

const STATE: usize = ram.GATEWAY;
const DATAGRAM: usize = STATE + 4;
const DATAGRAM_BYTES: u32 = 1500;
/** Room before a datagram for PPP's protocol field, and for a compressed header that is longer than none. */
const LINK_ROOM: u32 = 8;

/** Brings the link up and forgets everything; open() comes next. */
export function powerOn(): void {
  if (u32(4) + DATAGRAM_BYTES > ram.GATEWAY_BYTES) ERROR("a datagram does not fit GATEWAY_BYTES");
  ram.powerOn();
  pbuf.powerOn();
  link.powerOn();
  ppp.powerOn();
}

/**
 * Begins to negotiate PPP. Addresses in host order: @param local this end's @param card the one that the card is given
 * @param dns the name server's that a card is told which asks, 0: none
 */
export function open(local: u32, card: u32, dns: u32): void {
  ipcp.assign(local, card);
  ipcp.assignDns(dns);
  ppp.open(clock.now());
}

/** One byte of the AHDLC stream, 0..255, from the card. */
export function receive(byte: u32): void {
  link.receive(byte);
}

/** @returns ms until it wants to be called again, FOREVER: after the next byte or call */
export function step(): u32 {
  const now = clock.now();
  for (let frame = ahdlc.takeFrame(); frame; frame = ahdlc.takeFrame()) {
    const datagram = ppp.input(frame, now);
    if (datagram) keep(datagram);
  }
  ppp.poll(now);
  do ppp.dispatch();
  while (link.poll());
  return ppp.poll(now); // last: what was sent has started timers
}

/** @returns 1 when IPCP is open and datagrams can cross */
export function isUp(): u32 {
  return u32(ppp.isUp());
}

/** @returns the longest datagram that the card takes, bytes */
export function peerMru(): u32 {
  return ppp.peerMru();
}

/** @returns address of the 1,500 bytes through which datagrams go in and out */
export function datagram(): u32 {
  return u32(DATAGRAM);
}

/** Sends the datagram there. @param length bytes @returns 1 when the link has taken it, 0: it is busy or down */
export function send(length: u32): u32 {
  if (length > DATAGRAM_BYTES || !ppp.canSend()) return 0;
  const packet = wrap(length);
  if (!packet) return 0;
  if (ppp.output(packet)) return 1;
  pbuf.give(packet);
  return 0;
}

/** Copies the oldest datagram from the card there, and forgets it. @returns its length in bytes, 0: there is none */
export function take(): u32 {
  const s = state();
  const packet = changetype<Pbuf | null>(usize(s.received));
  if (!packet) return 0;
  s.received = u16(changetype<usize>(pbuf.dequeue(packet)));
  const length = min(packet.totalLength, DATAGRAM_BYTES);
  pbuf.copyOut(packet, 0, DATAGRAM, length);
  pbuf.give(packet);
  return length;
}

function keep(packet: Pbuf): void {
  const s = state();
  s.received = u16(changetype<usize>(pbuf.enqueue(changetype<Pbuf | null>(usize(s.received)), packet)));
}

/** @returns the datagram in pbufs, null when the pool is too empty */
function wrap(length: u32): Pbuf | null {
  const packet = pbuf.take(LINK_ROOM);
  if (!packet) return null;
  let last: Pbuf | null = packet;
  for (let i: u32 = 0; i < length && last; i++) last = pbuf.append(packet, last, load<u8>(DATAGRAM + i));
  if (last) return packet;
  pbuf.give(packet);
  return null;
}

function state(): RasState {
  return changetype<RasState>(STATE);
}
