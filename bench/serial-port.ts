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

/**
 * @param module of bench/firmware/serial-port.ts
 * @param makeStack makes it, given whether the port takes one more octet
 * @returns the contacts of the card
 */
export function behindPeerIo(
  module: WebAssembly.Module,
  clock: EventClock,
  makeStack: (hasRoom: () => boolean) => Contacts,
): Contacts {
  const card = new Card({ module, cells: new Uint8Array(0), clock, onStep: () => giveTurn() });
  const port = card.exports as PortExports;
  const stack = makeStack(() => port.hasRoom() === 1);
  stack.onCharacter = (octet) => port.write(octet);
  const giveTurn = () => {
    for (let octet = port.read(); octet >= 0; octet = port.read()) stack.write(octet);
    stack.flush();
  };
  clock.after(0, () => stack.reset());
  return card;
}
