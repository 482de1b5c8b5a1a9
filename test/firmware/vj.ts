// Header compression alone: packets go in and come out by test memory.
//
//   61440  INBOX, 2 KB       63488  OUTBOX, 2 KB
import * as pbuf from "../../firmware/buffer/pbuf.ts";
import { Pbuf } from "../../firmware/buffer/pbuf.ts";
import * as ram from "../../firmware/chip/ram-map.ts";
import * as vj from "../../firmware/link/ppp/vj.ts";

const INBOX: usize = 61440;
const OUTBOX: usize = 63488;

export function powerOn(): void {
  ram.powerOn();
  pbuf.powerOn();
  vj.powerOn();
}
export function open(peerSlots: u32, omitId: u32): void {
  vj.open(peerSlots, omitId != 0);
}
export function lost(): void {
  vj.lost();
}

/**
 * Compresses the packet in the INBOX as TCP sends it: `headerLen` bytes in a header pbuf, the rest as it lies.
 * @returns protocol << 16 | length of the OUTBOX
 */
export function compress(length: u32, headerLen: u32): u32 {
  const packet = pbuf.takeHeader(INBOX + headerLen, length - headerLen);
  if (!packet) return 0;
  memory.copy(pbuf.prepend(packet, headerLen), INBOX, headerLen);
  const protocol = vj.compress(packet);
  return (protocol << 16) | putOut(packet);
}

/**
 * Receives the packet in the INBOX in pool pbufs.
 * @param headroom bytes before its payload @param first most bytes in the first pbuf
 * @returns length of the OUTBOX, -1: tossed
 */
export function uncompress(protocol: u32, length: u32, headroom: u32, first: u32): i32 {
  const packet = fill(INBOX, min(length, first), headroom);
  if (first < length) pbuf.concat(packet, fill(INBOX + first, length - first, 0));
  const good = vj.uncompress(protocol, packet);
  return good ? putOut(good) : -1;
}

export function headroomNeeded(): u32 {
  return vj.HEADROOM;
}
export function tossed(): u32 {
  return vj.tossed();
}
export function pbufsMissing(): u32 {
  return PBUF_COUNT - pbuf.freeCount() + HEADER_PBUF_COUNT - pbuf.freeHeaderCount();
}
export function region(): u32 {
  return u32(ram.VJ);
}
export function regionBytes(): u32 {
  return u32(ram.VJ_BYTES);
}
/** The pool's payloads, where received packets may be written. */
export function payloads(): u32 {
  return u32(ram.PBUF_PAYLOADS);
}
export function poolEnd(): u32 {
  return u32(ram.HEADER_PAYLOADS + ram.HEADER_PAYLOADS_BYTES);
}
export function romBase(): u32 {
  return ROM_BASE;
}

function fill(from: usize, length: u32, headroom: u32): Pbuf {
  const packet = pbuf.take(headroom)!;
  let last: Pbuf | null = packet;
  for (let i: u32 = 0; i < length; i++) last = pbuf.append(packet, last!, load<u8>(from + i));
  return packet;
}

function putOut(packet: Pbuf): u32 {
  const length = packet.totalLength;
  pbuf.copyOut(packet, 0, OUTBOX, length);
  pbuf.give(packet);
  return length;
}
