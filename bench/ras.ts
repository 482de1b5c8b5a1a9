// The router between the link and the network: firmware/ras.ts, the project's own PPP, in a module of its own.
import { Chip, FOREVER } from "../host/chip/chip.ts";
import { MemoryNvm } from "../host/chip/nvm.ts";
import type { EventClock } from "./clock.ts";

/** firmware/profiles/gateway.json. */
const ADDRESS = 0x0a4d0001;
const CARD_ADDRESS = 0x0a4d0002;

interface RasExports {
  memory: WebAssembly.Memory;
  open(local: number, card: number, dns: number): void;
  datagram(): number;
  take(): number;
  send(length: number): number;
  isUp(): number;
}

export interface RasOptions {
  module: WebAssembly.Module;
  clock: EventClock;
  /** Takes a byte for the card. */
  onLinkByte: (byte: number) => void;
  /** Does the line take one more? When it does again, call run(). */
  hasLinkRoom: () => boolean;
  /** Takes a packet from the card. */
  onPacket: (packet: Uint8Array) => void;
}

export class Ras {
  readonly #chip: Chip;
  readonly #exports: RasExports;
  readonly #options: RasOptions;
  /** Packets that wait for the line. */
  readonly #queue: Uint8Array[] = [];
  #cancel: () => void = () => undefined;
  #isRunning = false;

  constructor(options: RasOptions) {
    this.#options = options;
    const { module, clock, onLinkByte, hasLinkRoom } = options;
    this.#chip = new Chip({
      module,
      nvm: new MemoryNvm(0),
      onLinkByte,
      hasLinkRoom,
      clock: () => clock.now(),
      random: () => 1,
    });
    this.#exports = this.#chip.exports as unknown as RasExports;
    this.#chip.powerOn();
    this.#exports.open(ADDRESS, CARD_ADDRESS, 0);
  }

  get isUp(): boolean {
    return this.#exports.isUp() === 1;
  }

  /** Packets that wait for the line. */
  get queued(): number {
    return this.#queue.length;
  }

  /** A byte from the card; call run() when it was the last for now. */
  receive(byte: number): void {
    this.#chip.receive(byte);
  }

  /** A packet for the card. */
  send(packet: Uint8Array): void {
    this.#queue.push(packet);
    this.run();
  }

  /** Does what can be done now. */
  run(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#cancel();
    let wait: number;
    do {
      wait = this.#chip.step();
      for (let length = this.#exports.take(); length > 0; length = this.#exports.take())
        this.#options.onPacket(this.#datagram.slice(0, length));
    } while (this.#put() || wait === 0);
    this.#isRunning = false;
    if (wait !== FOREVER) this.#cancel = this.#options.clock.after(wait, () => this.run());
  }

  #put(): boolean {
    const packet = this.#queue[0];
    if (!packet) return false;
    this.#datagram.set(packet);
    if (this.#exports.send(packet.length) === 0) return false;
    this.#queue.shift();
    return true;
  }

  get #datagram(): Uint8Array {
    return new Uint8Array(this.#exports.memory.buffer, this.#exports.datagram());
  }
}
