// A stack that knows serial ports only, in the card's place at a reader: bench/firmware/serial-port.ts is our T=0 and Peer
// I/O, character by character, and what they carry goes to the stack and comes from it. It has its turn when our layers
// above have theirs: before a status is given, so that the status offers what it has to say.
import { Card } from "./card.ts";
import type { EventClock } from "./clock.ts";
import type { Contacts } from "../host/reader/contacts.ts";

interface PortExports {
  read(): number;
  hasRoom(): number;
  write(octet: number): void;
}

/** A stack on a serial port: octets go to it by write() and come from it by onCharacter. */
export interface Stack extends Contacts {
  close?(): void;
}

/** @param hasRoom does the port take one more octet? When it does again, the stack is flushed */
export type MakeStack = (clock: EventClock, hasRoom: () => boolean) => Stack;

/** @param module of bench/firmware/serial-port.ts @returns the contacts of the card */
export function behindPeerIo(module: WebAssembly.Module, clock: EventClock, makeStack: MakeStack): Contacts {
  const card = new Card({ module, cells: new Uint8Array(0), clock, onStep: () => giveTurn() });
  const port = card.exports as PortExports;
  const stack = makeStack(clock, () => port.hasRoom() === 1);
  stack.onCharacter = (octet) => port.write(octet);
  const giveTurn = () => {
    for (let octet = port.read(); octet >= 0; octet = port.read()) stack.write(octet);
    stack.flush();
  };
  clock.after(0, () => stack.reset());
  return card;
}
