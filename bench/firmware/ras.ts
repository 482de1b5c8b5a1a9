// The router at the host's end of a link: PPP server and nothing above it, so that packets go on to a network. Its host
// puts packets into memory and finds them there.
//
//   61440  a packet for the card, or from it, 2 KB
import * as pbuf from "../../firmware/buffer/pbuf.ts";
import { Pbuf } from "../../firmware/buffer/pbuf.ts";
import * as clock from "../../firmware/chip/clock.ts";
import * as ram from "../../firmware/chip/ram-map.ts";
import * as ahdlc from "../../firmware/link/ahdlc.ts";
import * as ppp from "../../firmware/link/ppp/ppp.ts";
import * as link from "../../firmware/link/serial.ts";

const PACKET: usize = 61440;
/** Room before a packet for what PPP prepends. */
const LINK_ROOM: u32 = 8;

export function powerOn(): void {
  ram.powerOn();
  pbuf.powerOn();
  link.powerOn();
  ppp.powerOn();
  ppp.open(clock.now());
}

/** One byte from the card. */
export function receive(byte: u32): void {
  link.receive(byte);
}

/** @returns ms until it wants to be called again */
export function step(): u32 {
  const now = clock.now();
  ppp.poll(now);
  do ppp.dispatch();
  while (link.poll());
  return ppp.poll(now);
}

/** The next packet from the card. @returns its bytes, 0: none */
export function take(): u32 {
  for (let frame = ahdlc.takeFrame(); frame; frame = ahdlc.takeFrame()) {
    const packet = ppp.input(frame, clock.now());
    if (!packet) continue;
    const length = packet.totalLength;
    pbuf.copyOut(packet, 0, PACKET, length);
    pbuf.give(packet);
    return length;
  }
  return 0;
}

/** Sends a packet to the card. @returns 0: the link is busy, try again after it has moved */
export function put(length: u32): u32 {
  if (!ppp.canSend()) return 0;
  const head = pbuf.take(LINK_ROOM);
  if (!head) return 0;
  let last: Pbuf | null = head;
  for (let i: u32 = 0; i < length && last; i++) last = pbuf.append(head, last, load<u8>(PACKET + i));
  if (last && ppp.output(head)) return 1;
  pbuf.give(head);
  return 0;
}

/** @returns 1 when packets can cross */
export function isUp(): u32 {
  return u32(ppp.isUp());
}
