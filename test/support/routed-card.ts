// A whole client card behind the PPP server of build/ras.wasm, and a network of the test's own behind that: it sees each
// datagram of the card's, and answers what it likes.
//
//   test ── RAS ══ Peer I/O server ── T=0 reader ── line ── contacts ── chip          all on a VirtualClock
import { readFileSync } from "node:fs";
import { Chip } from "../../host/chip/chip.ts";
import { MemoryNvm } from "../../host/chip/nvm.ts";
import { CARD_ADDRESS, GATEWAY_ADDRESS, parseAddress } from "../../host/ras/gateway.ts";
import { TunRas } from "../../host/ras/tun-ras.ts";
import type { Tun } from "../../host/ras/tun.ts";
import { CharacterLine } from "../../host/reader/character-line.ts";
import { VirtualClock } from "../../host/reader/clock.ts";
import { ChipContacts } from "../../host/reader/contacts.ts";
import { PeerIoServer } from "../../host/reader/peer-io-server.ts";
import { T0Reader } from "../../host/reader/t0-reader.ts";
import { compile } from "../../scripts/firmware.mjs";
import { type Packet, ipPacket, parseIp } from "./net-packet.ts";
import { SEED, randomFrom } from "./random.ts";
import type { Personality } from "./whole-card.ts";

export const CARD = parseAddress(CARD_ADDRESS);

const PATIENCE_MS = 120_000;

/** A datagram of the card's. */
export interface Sent {
  atMs: number;
  packet: Packet;
  raw: Uint8Array;
}

export class RoutedCard {
  readonly clock = new VirtualClock();
  readonly nvm: MemoryNvm;
  /** Datagrams of the card's that nobody has taken yet. */
  readonly sent: Sent[] = [];
  /** Nothing reaches the card any more. */
  isCut = false;
  readonly #contacts: ChipContacts;
  readonly #peerIo: PeerIoServer;
  readonly ras: TunRas;
  readonly #reader: T0Reader;
  #toCard: (datagram: Uint8Array) => void = () => undefined;

  /** @param dns dotted IPv4 address of the name server that the card is told */
  static async open(personality: Personality, dns?: string): Promise<RoutedCard> {
    const ras = await compile({
      entry: "firmware/ras.ts",
      out: "build/ras.wasm",
      profile: "gateway",
      exportMemory: true,
    });
    const card = new RoutedCard(personality, new WebAssembly.Module(readFileSync(ras)), dns);
    await card.#reader.connect();
    card.ras.start();
    card.#peerIo.start();
    await card.until(() => card.ras.isUp);
    card.ras.route();
    return card;
  }

  private constructor({ firmware, cells }: Personality, ras: WebAssembly.Module, dns?: string) {
    const { clock } = this;
    const { module } = firmware;
    const nvm = (this.nvm = new MemoryNvm(cells.slice()));
    const pins = { module, nvm, clock: () => clock.now(), random: randomFrom() };
    this.#contacts = new ChipContacts((onLinkByte) => new Chip({ ...pins, onLinkByte }), clock);
    this.#reader = new T0Reader({ line: new CharacterLine(this.#contacts) });
    this.#peerIo = new PeerIoServer({
      reader: this.#reader,
      onFromCard: (bytes) => this.ras.receive(bytes),
      onTaken: () => this.ras.wake(),
      clock,
    });
    this.ras = new TunRas({
      module: ras,
      toCard: (bytes) => this.isCut || this.#peerIo.sendToCard(bytes),
      waiting: () => this.#peerIo.queuedBytes,
      clock,
      random: randomFrom(~SEED),
      tun: this.#network() as unknown as Tun,
      card: CARD_ADDRESS,
      ...(dns && { dns }),
    });
  }

  /** A datagram arrives. */
  deliver(source: number, protocol: number, payload: Uint8Array): void {
    this.#toCard(ipPacket({ source, dest: CARD, protocol, payload }));
  }

  /** Waits for the next datagram of the card's, and takes it. */
  async next(): Promise<Sent> {
    await this.until(() => this.sent.length > 0);
    return this.sent.shift()!;
  }

  /** The line of /verdict.txt, once it is there. */
  async verdict(): Promise<string> {
    let found: RegExpExecArray | null = null;
    const pattern = /(?:failed|refused|fetched): .*\n/;
    await this.until(() => (found = pattern.exec(Buffer.from(this.nvm.cells).toString("latin1"))) !== null);
    return found![0];
  }

  /** Lets time go on until something is the case. @throws Error after two minutes */
  async until(condition: () => boolean): Promise<void> {
    const deadline = this.clock.now() + PATIENCE_MS;
    while (!condition()) {
      if (this.clock.now() > deadline) throw new Error(`nothing for ${PATIENCE_MS} ms: ${String(condition)}`);
      await this.clock.sleep(5);
    }
  }

  async close(): Promise<void> {
    this.ras.stop();
    await this.#peerIo.stop();
    this.#contacts.stop();
  }

  /** What a TunRas needs of a TUN device. */
  #network() {
    return {
      address: GATEWAY_ADDRESS,
      attach: (_address: string, receive: (datagram: Uint8Array) => void) => (this.#toCard = receive),
      detach: () => undefined,
      addRoute: () => undefined,
      removeRoute: () => undefined,
      write: (raw: Uint8Array) => this.sent.push({ atMs: this.clock.now(), packet: parseIp(raw), raw }),
    };
  }
}
