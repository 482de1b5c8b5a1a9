// Numbers out of packets of variable format. What lies beyond a packet's end is read as BEYOND or 0, never as memory.
import * as pbuf from "./pbuf.ts";
import { Pbuf } from "./pbuf.ts";

/** peek(): there is no such byte. */
export const BEYOND: u32 = 0x100;

/** @returns the byte at `offset` of a packet, BEYOND when it ends before */
export function peek(packet: Pbuf, offset: u32): u32 {
  return offset < packet.totalLength ? pbuf.byteAt(packet, offset) : BEYOND;
}

/** @returns the byte at `offset`, 0 beyond the end */
export function get8(packet: Pbuf, offset: u32): u32 {
  return peek(packet, offset) & 0xff;
}

/** @returns the big-endian number at `offset`, bytes beyond the end being 0 */
export function get16(packet: Pbuf, offset: u32): u32 {
  return (get8(packet, offset) << 8) | get8(packet, offset + 1);
}

/** @returns the big-endian number at `offset`, bytes beyond the end being 0 */
export function get32(packet: Pbuf, offset: u32): u32 {
  return (get16(packet, offset) << 16) | get16(packet, offset + 2);
}
