// A module at the host's end of the link, whatever it makes of PPP's packets: stepped when there is something to do, its
// bytes handed to the link as the link has room for them.
import { Chip, FOREVER } from "../chip/chip.ts";
import { MemoryNvm } from "../chip/nvm.ts";
import { type Clock, systemClock } from "../reader/clock.ts";

/**
 * Bytes that may wait for the link: about two frames. What waits ages, and TCP repeats it; what is not yet made does
 * neither.
 */
const LINK_BYTES = 512;

/** What a link needs to know of the RAS behind it. */
export interface Ras {
  /** IPCP is open: packets can cross. */
  readonly isUp: boolean;
  /** The link is there: PPP begins to negotiate. */
  start(): void;
  stop(): void;
  /** Bytes of the AHDLC stream from the card. */
  receive(bytes: Uint8Array): void;
  /** The link has room again. */
  wake(): void;
}

/** The link's end of a RAS. */
export interface RasOptions {
  /** The firmware, compiled. */
  module: WebAssembly.Module;
  /** Takes bytes of the AHDLC stream for the card. */
  toCard: (bytes: Uint8Array) => void;
  /**
   * Bytes given to toCard() that are still on their way, for a link that is slow: when some have gone, call wake().
   * Default: none.
   */
  waiting?: () => number;
  /** Told when the module has trapped: it runs no more. Default: thrown out of the event loop. */
  onTrouble?: (trouble: Error) => void;
  clock?: Clock;
  /** 32 bits of entropy; default: the machine's generator. */
  random?: () => number;
}

export class Engine<Exports> {
  readonly exports: Exports & { memory: WebAssembly.Memory };
  readonly #chip: Chip;
  readonly #options: RasOptions;
  readonly #onProgress: () => void;
  readonly #clock: Clock;
  #toCard: number[] = [];
  /** The module would have sent more if the link had had room. */
  #refused = false;
  #cancel: () => void = () => undefined;
  #scheduled = false;
  #stopped = false;

  /** @param onProgress called after each step: something may have arrived or left */
  constructor(options: RasOptions, onProgress: () => void) {
    this.#options = options;
    this.#onProgress = onProgress;
    this.#clock = options.clock ?? systemClock;
    this.#chip = new Chip({
      module: options.module,
      nvm: new MemoryNvm(0),
      onLinkByte: (byte) => this.#toCard.push(byte),
      hasLinkRoom: () => this.#hasRoom() || ((this.#refused = true), false),
      clock: () => this.#clock.now(),
      ...(options.random && { random: options.random }),
    });
    this.exports = this.#chip.exports as unknown as Exports & { memory: WebAssembly.Memory };
  }

  powerOn(): void {
    this.#chip.powerOn();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  receive(bytes: Uint8Array): void {
    this.#guard(() => bytes.forEach((byte) => this.#chip.receive(byte)));
    this.wake();
  }

  /** Something is to be done: a step soon, one for all that is asked meanwhile. */
  wake(): void {
    if (this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    setImmediate(() => this.#step());
  }

  #hasRoom(): boolean {
    return this.#toCard.length + (this.#options.waiting?.() ?? 0) < LINK_BYTES;
  }

  #step(): void {
    this.#scheduled = false;
    if (this.#stopped) return;
    this.#cancel();
    this.#refused = false;
    const wait = this.#guard(() => this.#chip.step()) ?? FOREVER;
    if (this.#toCard.length > 0) this.#options.toCard(Uint8Array.from(this.#toCard.splice(0)));
    this.#guard(this.#onProgress);
    if (wait === 0 || (this.#refused && this.#hasRoom())) this.wake();
    else if (wait !== FOREVER) this.#cancel = this.#clock.after(wait, () => this.wake());
  }

  /** A trap has nobody to go to in the event loop: whoever waits for the card is told. */
  #guard<T>(call: () => T): T | undefined {
    try {
      return call();
    } catch (error) {
      if (!this.#options.onTrouble) throw error;
      this.stop();
      this.#options.onTrouble(error as Error);
      return undefined;
    }
  }
}
