// A card that is a serial port for another stack: the link of firmware/card.ts, T=0 and Peer I/O, character by character,
// which carries the port's octets in the place of our frames (bench/firmware/octets.ts).
import { FOREVER } from "../../firmware/chip/clock.ts";
import * as ram from "../../firmware/chip/ram-map.ts";
import * as link from "../../firmware/link/iso7816.ts";
import * as octets from "./octets.ts";

export function powerOn(): void {
  ram.powerOn();
  link.powerOn();
}

/** One character of the reader's. */
export function receive(byte: u32): void {
  link.receive(byte);
}

/** @returns 0: the port's owner is to have its turn, and then step() again; else FOREVER */
export function step(): u32 {
  return link.poll() || octets.hasFrame() ? 0 : FOREVER;
}

/** @returns the next octet that the reader has put, -1: none */
export function read(): i32 {
  return octets.read();
}

/** @returns 1 when there is room for one more octet for the reader */
export function hasRoom(): u32 {
  return u32(octets.hasRoom());
}

/** An octet for the reader to get. */
export function write(octet: u32): void {
  octets.write(octet);
}
