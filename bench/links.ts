// The links that are measured, and what each could carry at best.
import { Line } from "./line.ts";
import type { EventClock } from "./clock.ts";
import type { Ras } from "./ras.ts";
import type { Contacts } from "../host/reader/contacts.ts";
import { CharacterLine } from "../host/reader/character-line.ts";
import { PeerIoServer } from "../host/reader/peer-io-server.ts";
import { T0Reader } from "../host/reader/t0-reader.ts";

export interface Link {
  name: string;
  kind: "serial" | "peer-io";
  /** bit/s. */
  baud: number;
  /** Bit times, or etu, that a character takes. */
  bits: number;
}

/** The clock at the card's CLK contact, Hz. */
const CLK = 3_571_200;
/** The carrier of ISO 14443, Hz. */
const CARRIER = 13_560_000;

const t0 = (ta1: string, f: number, d: number): Link => ({
  name: `ISO 7816 T=0, TA1 = ${ta1}`,
  kind: "peer-io",
  baud: (CLK * d) / f,
  bits: 12,
});
const contactless = (name: number, divisor: number): Link => ({
  name: `ISO 14443, ${name} kbit/s`,
  kind: "peer-io",
  baud: CARRIER / divisor,
  bits: 9,
});
const serial = (baud: number): Link => ({ name: `serial, ${baud} bit/s`, kind: "serial", baud, bits: 10 });

export const LINKS: Link[] = [
  serial(9_600),
  serial(115_200),
  t0("11", 372, 1),
  t0("18", 372, 12),
  t0("96", 512, 32),
  t0("97", 512, 64),
  contactless(106, 128),
  contactless(848, 16),
];

/** Characters a second. */
export function rateOf({ baud, bits }: Link): number {
  return baud / bits;
}

/** Card and router on a link. */
export interface Wired {
  /** Characters that have crossed, either way. */
  characters: () => number;
  /** Commands of Peer I/O so far, by instruction. */
  commands: () => Record<string, number>;
  /** Does the router's line take a byte? */
  hasRoom: () => boolean;
  /** A byte of the router's for the card. */
  write: (byte: number) => void;
}

export interface Ends {
  link: Link;
  clock: EventClock;
  /** Wired when it exists: it needs hasRoom() of the line before. */
  ras: () => Ras;
}

/** Makes a card, given whether a serial line has room for its bytes; a reader's line always has. */
export type MakeCard = (hasLinkRoom?: () => boolean) => Contacts;

export async function wire(ends: Ends, makeCard: MakeCard): Promise<Wired> {
  return ends.link.kind === "serial" ? wireSerial(ends, makeCard) : wirePeerIo(ends, makeCard());
}

function wireSerial({ link, clock, ras }: Ends, makeCard: MakeCard): Wired {
  const fromCard: Line = new Line(
    clock,
    link.baud,
    (byte) => (ras().receive(byte), ras().run()),
    () => card.flush(),
  );
  const toCard = new Line(
    clock,
    link.baud,
    (byte) => (card.write(byte), card.flush()),
    () => ras().run(),
  );
  const card = makeCard(() => fromCard.hasRoom);
  card.onCharacter = (byte) => fromCard.write(byte);
  clock.after(0, () => card.reset());
  return {
    characters: () => fromCard.bytes + toCard.bytes,
    commands: () => ({}),
    hasRoom: () => toCard.hasRoom,
    write: (byte) => toCard.write(byte),
  };
}

/** Bytes that may wait for the card before packets wait in the router. */
const QUEUE_BYTES = 255;
const NAMES: Record<number, string> = { 0xe8: "POLL", 0xea: "PUT", 0xec: "GET" };

async function wirePeerIo({ link, clock, ras }: Ends, card: Contacts): Promise<Wired> {
  const line = new CharacterLine(card, { baud: link.baud, etusPerCharacter: link.bits, clock });
  const reader = new T0Reader({ line });
  const commands: Record<string, number> = { POLL: 0, PUT: 0, GET: 0 };
  let output: number[] = [];
  const server = new PeerIoServer({
    reader: {
      transmit: (apdu) => (commands[NAMES[apdu[1]!]!]!++, reader.transmit(apdu)),
      connect: () => reader.connect(),
    },
    onFromCard: (bytes) => {
      for (const byte of bytes) ras().receive(byte);
      ras().run();
    },
    onTaken: () => void clock.after(0, () => ras().run()),
    clock,
  });
  const connected = reader.connect();
  await clock.run(() => line.received > 0, 4, 10_000);
  void connected.then(() => server.start());
  return {
    characters: () => line.sent + line.received,
    commands: () => commands,
    hasRoom: () => output.length + server.queuedBytes < QUEUE_BYTES,
    write: (byte) => {
      if (output.length === 0)
        clock.after(0, () => {
          server.sendToCard(Uint8Array.from(output));
          output = [];
        });
      output.push(byte);
    },
  };
}
