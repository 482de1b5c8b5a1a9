// What a card on a board takes from power-on to a page: instructions counted by QEMU, and the painted stack.
import { connect, type ConnectionOptions, type TLSSocket } from "node:tls";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import type { CardKind } from "../cards.mjs";
import { NetcardHost } from "../netcard-host.ts";
import { BoardContacts } from "./contacts.ts";
import type { Board } from "./qemu.ts";

/** Instructions while the firmware had work, and the deepest stack since power-on, bytes. */
export interface Stage {
  instructions: number;
  stackPeak: number;
}

export interface SessionStages {
  /** A full TLS handshake, the TCP connection included. */
  handshake: Stage;
  /** One page over the same connection, closed after it. */
  page: Stage;
  /** A resumed handshake, the TCP connection included. */
  resumed: Stage;
  /** Bytes of the page, header included. */
  pageBytes: number;
}

export interface Measurement extends SessionStages {
  /** From power-on until PPP is up, the card being personalised. */
  boot: Stage;
  /** The same in TLS 1.2; the card of TLS 1.0 has none. */
  handshake12?: Stage;
  resumed12?: Stage;
  guardIntact: boolean;
}

/** Those that are measured. */
export type MeasuredCard = Exclude<CardKind, "serial">;

/** Longer than the reader's longest pause between two polls of the link, ms. */
const SETTLE_MS = 300;
const REQUEST = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

const LEGACY = { minVersion: "TLSv1", maxVersion: "TLSv1", ciphers: "AES128-SHA:@SECLEVEL=0" } as const;

/** @param image path of image.json @param directory of the card's NVM image and the CA @param card which it is */
export async function measure(
  image: string,
  directory: string,
  card: MeasuredCard = "iso7816",
): Promise<Measurement> {
  await personalise(image, directory, card);
  const contacts = new BoardContacts({ image, folder: directory, countInstructions: true });
  const host = await NetcardHost.open({ directory, contacts, card });
  try {
    await host.start();
    const board = await contacts.board;
    if (!board) throw new Error("the board lost its power");
    const stages = new Stages(board);
    const boot = await stages.next();
    const server = { port: await host.listen(0), host: "127.0.0.1", servername: "localhost" };
    const options = { ...server, ca: readFileSync(host.caFile) };
    const isLegacy = card === "legacy";
    const v13 = await measureSession({ ...options, ...(isLegacy && LEGACY) }, stages);
    if (isLegacy) return { boot, ...v13, guardIntact: (await board.stack()).guardIntact };
    const v12 = await measureSession({ ...options, maxVersion: "TLSv1.2" }, stages);
    const { guardIntact } = await board.stack();
    return { boot, ...v13, handshake12: v12.handshake, resumed12: v12.resumed, guardIntact };
  } finally {
    await host.close();
  }
}

/** A full handshake, a page, a resumed handshake. */
async function measureSession(options: ConnectionOptions, stages: Stages): Promise<SessionStages> {
  const client = connect(options);
  let session: Buffer | undefined;
  client.on("session", (kept) => (session = kept));
  await once(client, "secureConnect");
  const handshake = await stages.next();
  const pageBytes = await fetch(client);
  const page = await stages.next();
  const again = connect({ ...options, ...(session && { session }) });
  await once(again, "secureConnect");
  if (!again.isSessionReused()) throw new Error("the card did not resume the session");
  const resumed = await stages.next();
  again.destroy();
  await stages.next(); // its end is nobody's
  return { handshake, page, resumed, pageBytes };
}

/** A new card's personalisation is none of the stages. */
async function personalise(image: string, directory: string, card: MeasuredCard): Promise<void> {
  const contacts = new BoardContacts({ image, folder: directory });
  const host = await NetcardHost.open({ directory, contacts, card });
  try {
    await host.start();
  } finally {
    await host.close();
  }
}

async function fetch(client: TLSSocket): Promise<number> {
  let bytes = 0;
  client.on("data", (piece: Buffer) => (bytes += piece.length));
  client.write(REQUEST);
  await once(client, "end");
  return bytes;
}

class Stages {
  #before = 0;
  constructor(readonly board: Board) {}

  /** @returns what was done since the last call; the link's idle polls meanwhile are in it */
  async next(): Promise<Stage> {
    await setTimeout(SETTLE_MS);
    const now = await this.board.instructions();
    const instructions = now - this.#before;
    this.#before = now;
    return { instructions, stackPeak: (await this.board.stack()).peak };
  }
}
