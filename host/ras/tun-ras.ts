// The RAS of a card that is a host of its own to the kernel: build/ras.wasm is the PPP server, and IP datagrams go between
// it and a TUN device.
import { Engine, type Ras, type RasOptions } from "./engine.ts";
import { parseAddress } from "./gateway.ts";
import type { Tun } from "./tun.ts";

interface RasExports {
  open(local: number, card: number, dns: number): void;
  isUp(): number;
  peerMru(): number;
  datagram(): number;
  send(length: number): number;
  take(): number;
}

/** Datagrams that wait for a busy link; what comes then is dropped, as a router does. */
const QUEUE_LENGTH = 64;
const IP_HEADER_BYTES = 20;
const SOURCE_AT = 12;

export interface TunRasOptions extends RasOptions {
  tun: Tun;
  /** The card's address, dotted IPv4. */
  card: string;
  /** Dotted IPv4 address of the name server that a card is told which asks; default: none. */
  dns?: string;
}

/** PPP server between a card and the kernel. Nothing happens before start(). */
export class TunRas implements Ras {
  readonly #engine: Engine<RasExports>;
  readonly #options: TunRasOptions;
  readonly #card: number;
  #queue: Uint8Array[] = [];
  #isRouted = false;

  constructor(options: TunRasOptions) {
    this.#options = options;
    this.#card = parseAddress(options.card);
    this.#engine = new Engine(options, () => this.#move());
  }

  start(): void {
    this.#engine.powerOn();
    const { tun, dns = "0.0.0.0" } = this.#options;
    this.#engine.exports.open(parseAddress(tun.address), this.#card, parseAddress(dns));
    this.wake();
  }

  stop(): void {
    const { tun, card } = this.#options;
    this.#engine.stop();
    if (this.#isRouted) tun.removeRoute(card);
    tun.detach(card);
  }

  get isUp(): boolean {
    return this.#engine.exports.isUp() === 1;
  }

  /** The kernel may send to the card, when the link is up. @throws NetcardError when it has another way there */
  route(): void {
    const { tun, card } = this.#options;
    tun.addRoute(card, this.#engine.exports.peerMru());
    this.#isRouted = true;
    tun.attach(card, (datagram) => this.#send(datagram));
  }

  receive(bytes: Uint8Array): void {
    this.#engine.receive(bytes);
  }

  wake(): void {
    this.#engine.wake();
  }

  #send(datagram: Uint8Array): void {
    if (datagram.length > this.#engine.exports.peerMru() || this.#queue.length >= QUEUE_LENGTH) return;
    this.#queue.push(datagram);
    this.wake();
  }

  #move(): void {
    const { exports } = this.#engine;
    for (let length = exports.take(); length > 0; length = exports.take()) {
      const at = exports.datagram();
      this.#deliver(new Uint8Array(exports.memory.buffer).slice(at, at + length));
    }
    const next = this.#queue[0];
    if (!next) return;
    new Uint8Array(exports.memory.buffer).set(next, exports.datagram());
    if (exports.send(next.length) === 0) return;
    this.#queue.shift();
    this.wake();
  }

  /** A card speaks for itself only. */
  #deliver(datagram: Uint8Array): void {
    if (datagram.length < IP_HEADER_BYTES) return;
    const source = new DataView(datagram.buffer).getUint32(SOURCE_AT);
    if (source === this.#card) this.#options.tun.write(datagram);
  }
}
