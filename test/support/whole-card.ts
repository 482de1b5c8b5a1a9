// A personalised card and all that stands around it, in this process and with the card's memory in sight:
//
//   https ── 127.0.0.1 ── forwarder ── gateway ══ (faulty links) ══ Peer I/O server ── T=0 reader ── line ── contacts ── chip
//
// On a VirtualClock a conversation takes no longer than its computations, whatever it waits for.
import { type RequestOptions, request } from "node:https";
import { readFileSync } from "node:fs";
import { expect } from "vitest";
import { FaultyLink, type FaultyLinkOptions } from "../../host/capture/faulty-link.ts";
import { CARDS, type CardKind } from "../../host/cards.mjs";
import { Chip } from "../../host/chip/chip.ts";
import { MemoryNvm } from "../../host/chip/nvm.ts";
import { LocalCa } from "../../host/issuer/ca.ts";
import type { CardFile } from "../../host/issuer/commands.ts";
import { personalise } from "../../host/issuer/personalise.ts";
import { Forwarder } from "../../host/ras/forwarder.ts";
import { Outlet } from "../../host/ras/outlet.ts";
import { CARD_ADDRESS, Gateway } from "../../host/ras/gateway.ts";
import { CharacterLine } from "../../host/reader/character-line.ts";
import { type Clock, VirtualClock, systemClock } from "../../host/reader/clock.ts";
import { ChipContacts } from "../../host/reader/contacts.ts";
import { PeerIoServer } from "../../host/reader/peer-io-server.ts";
import { T0Reader } from "../../host/reader/t0-reader.ts";
import { compile } from "../../scripts/firmware.mjs";
import { CardGuard, NOTHING_LENT, type OpenFirmware, openFirmware } from "./card-guard.ts";
import { temporaryFolder } from "./netcard.ts";
import { SEED, randomFrom } from "./random.ts";

const NVM_BYTES = 262144;
const HTTPS = 443;
/** Loopback sockets are among those that get a turn before a virtual clock goes on. */
const TURNS = 4;

const file = (name: string, length: number): CardFile => ({
  name,
  type: "text/plain",
  content: Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 0xff),
});

/** The pages of the card, by name. */
export const SITE = new Map(
  [file("/none", 0), file("/one", 1), file("/page", 4900), file("/big", 102_400)].map((page) => [
    page.name,
    page,
  ]),
);

/** A card as its issuer hands it over, to be copied. */
export interface Personality {
  firmware: OpenFirmware;
  gateway: WebAssembly.Module;
  /** NVM image. */
  cells: Uint8Array;
  /** The CA's certificate, PEM. */
  ca: Buffer;
}

/** All that a card is at a moment between two calls. */
export interface CardState {
  arena: Uint8Array;
  cells: Uint8Array;
  /** The card's time. */
  nowMs: number;
}

export interface WholeCardOptions {
  clock?: Clock;
  /** Goes on with the card as another one was; default: a reset. Of what was connected to it nothing is left. */
  resume?: CardState;
  /** Told of each Peer I/O command that is about to be sent. */
  onCommand?: (apdu: Uint8Array, card: WholeCard) => void;
  /** Ports of loopback that the card may reach; default: none. */
  allow?: number[];
  /** Faults of the link, each way its own; default: none. */
  faults?: Pick<FaultyLinkOptions, "seed" | "rate">;
}

export interface Page {
  status: number;
  body: Buffer;
}

/** Personalises a card over its reader. @param files that it is given @param kind of card */
export async function personality(
  files: CardFile[] = [...SITE.values()],
  kind: CardKind = "iso7816",
): Promise<Personality> {
  const firmware = await openFirmware(kind);
  const gateway = readFileSync(
    await compile({
      entry: "firmware/gateway.ts",
      out: "build/gateway.wasm",
      profile: "gateway",
      exportMemory: true,
    }),
  );
  const { rsaKey } = CARDS[kind];
  const ca = await LocalCa.open(temporaryFolder("whole-card"), rsaKey === "sign");
  const nvm = new MemoryNvm(NVM_BYTES);
  const { module } = firmware;
  const random = randomFrom();
  const contacts = new ChipContacts((onLinkByte) => new Chip({ module, nvm, random, onLinkByte }));
  const reader = new T0Reader({ line: new CharacterLine(contacts) });
  await reader.connect();
  const transmit = (apdu: Uint8Array) => reader.transmit(apdu);
  await personalise({ transmit, ca, addresses: [CARD_ADDRESS], files, rsaKey });
  contacts.stop();
  return { firmware, gateway: new WebAssembly.Module(gateway), cells: nvm.cells, ca: readFileSync(ca.file) };
}

export class WholeCard {
  readonly nvm: MemoryNvm;
  readonly contacts: ChipContacts;
  readonly guard: CardGuard;
  readonly reader: T0Reader;
  readonly peerIo: PeerIoServer;
  readonly gateway: Gateway;
  readonly forwarder: Forwarder;
  readonly outlet: Outlet;
  readonly faults: FaultyLink[] = [];
  readonly clock: Clock;
  port = 0;

  /** Called before each character of the reader's. */
  #onCharacter: () => void = () => undefined;
  /** The card's time when the clock stood at 0. */
  readonly #originMs: number;

  /** A copy of the card, its network up. */
  static async open(personality: Personality, options: WholeCardOptions = {}): Promise<WholeCard> {
    const card = new WholeCard(personality, options);
    if (options.resume) card.guard.arena.set(options.resume.arena);
    else await card.reader.connect();
    card.gateway.start();
    card.outlet.open();
    card.peerIo.start();
    card.port = await card.forwarder.listen(0);
    await card.until(() => card.gateway.isUp, 60_000);
    return card;
  }

  /** The same on a clock of its own, which costs no time. */
  static openVirtual(personality: Personality, options: WholeCardOptions = {}): Promise<WholeCard> {
    return WholeCard.open(personality, { clock: new VirtualClock(TURNS), ...options });
  }

  private constructor(
    readonly personality: Personality,
    { clock = systemClock, faults, resume, onCommand, allow = [] }: WholeCardOptions,
  ) {
    this.clock = clock;
    this.nvm = new MemoryNvm((resume ?? personality).cells.slice());
    this.#originMs = resume ? resume.nowMs - clock.now() : 0;
    const { module } = personality.firmware;
    const pins = { module, nvm: this.nvm, clock: () => this.#nowMs, random: randomFrom() };
    this.contacts = new ChipContacts((onLinkByte) => new Chip({ ...pins, onLinkByte }), clock);
    this.guard = new CardGuard(personality.firmware, this.contacts.chip.exports.memory!);
    const { contacts } = this;
    const write = contacts.write.bind(contacts);
    contacts.write = (byte) => (this.#onCharacter(), write(byte));
    this.reader = new T0Reader({ line: new CharacterLine(contacts) });
    const link = (onBytes: (bytes: Uint8Array) => void, seed: number) => {
      if (!faults) return onBytes;
      const faulty = new FaultyLink({ ...faults, seed: faults.seed + seed, onBytes });
      this.faults.push(faulty);
      return (bytes: Uint8Array) => faulty.write(bytes);
    };
    this.peerIo = new PeerIoServer({
      reader: {
        transmit: (apdu) => (onCommand?.(apdu, this), this.reader.transmit(apdu)),
        connect: () => this.reader.connect(),
      },
      onFromCard: link((bytes) => this.gateway.receive(bytes), 0),
      onTaken: () => this.gateway.wake(),
      clock,
    });
    this.gateway = new Gateway({
      module: personality.gateway,
      toCard: link((bytes) => this.peerIo.sendToCard(bytes), 0x10000),
      waiting: () => this.peerIo.queuedBytes,
      onProgress: () => {
        this.forwarder.pump();
        this.outlet.pump();
      },
      clock,
      random: randomFrom(~SEED),
    });
    this.forwarder = new Forwarder(this.gateway, CARD_ADDRESS, HTTPS);
    this.outlet = new Outlet(this.gateway, allow);
  }

  get state(): CardState {
    return { arena: this.guard.arena.slice(), cells: this.nvm.cells.slice(), nowMs: this.#nowMs };
  }

  get #nowMs(): number {
    return this.#originMs + this.clock.now();
  }

  /** GETs a page on a connection of its own. */
  fetch(path: string, options: RequestOptions = {}): Promise<Page> {
    const { port, personality } = this;
    return new Promise((resolve, reject) => {
      request({ host: "127.0.0.1", port, path, ca: personality.ca, agent: false, ...options }, (response) => {
        const parts: Buffer[] = [];
        response.on("data", (part: Buffer) => parts.push(part));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts) }));
        response.on("error", reject);
      })
        .on("error", reject)
        .end();
    });
  }

  /** Fetches a page of SITE and expects it to be right, byte for byte. */
  async expectPage(path: string, options: RequestOptions = {}): Promise<void> {
    const { status, body } = await this.fetch(path, options);
    expect(status).toBe(200);
    expect(body.equals(SITE.get(path)!.content), `${path}: ${body.length} bytes`).toBe(true);
  }

  /** Waits until all that was lent has come back. @param ms of the card's time */
  async expectAllFree(ms = 60_000): Promise<void> {
    await this.until(() => this.guard.isAllFree, ms).catch(() => undefined);
    expect(this.guard.lent).toEqual(NOTHING_LENT);
    this.guard.check();
  }

  /**
   * Does something in the middle of a conversation.
   * @param characters that the reader sends before, in all commands
   * @returns what calls it off
   */
  interrupt(characters: number, act: () => void): () => void {
    let left = characters;
    this.#onCharacter = () => {
      if (left-- === 0) act();
    };
    return () => (this.#onCharacter = () => undefined);
  }

  /** Lets time go on until something is the case. @param ms of the card's time @throws Error after that */
  async until(condition: () => boolean, ms: number): Promise<void> {
    const deadline = this.clock.now() + ms;
    while (!condition()) {
      if (this.clock.now() > deadline) throw new Error(`nothing for ${ms} ms: ${condition.toString()}`);
      await this.clock.sleep(5);
    }
  }

  /** The last call. */
  async close(): Promise<void> {
    this.guard.check();
    await this.forwarder.close();
    this.outlet.close();
    this.gateway.stop();
    await this.peerIo.stop();
    this.contacts.stop();
  }
}
