// A chip in the bench: stepped whenever something has happened, at no cost of time.
import { Chip, FOREVER } from "../host/chip/chip.ts";
import { MemoryNvm } from "../host/chip/nvm.ts";
import type { Contacts } from "../host/reader/contacts.ts";
import type { EventClock } from "./clock.ts";

export interface CardOptions {
  module: WebAssembly.Module;
  /** NVM image, copied. */
  cells: Uint8Array;
  clock: EventClock;
  /** Does the line take a byte? It then has it at once. Default: always, and it has it after the chip's step. */
  hasLinkRoom?: () => boolean;
  /** Told after each step of the chip's. */
  onStep?: () => void;
}

export class Card implements Contacts {
  onCharacter: (byte: number) => void = () => undefined;
  onGone: (reason: Error) => void = () => undefined;
  readonly nvm: MemoryNvm;
  readonly #chip: Chip;
  readonly #clock: EventClock;
  #cancel: () => void = () => undefined;
  readonly #onStep: () => void;
  #isRunning = false;

  constructor({ module, cells, clock, hasLinkRoom, onStep = () => undefined }: CardOptions) {
    let random = 1;
    this.#clock = clock;
    this.#onStep = onStep;
    this.nvm = new MemoryNvm(cells.slice());
    this.#chip = new Chip({
      module,
      nvm: this.nvm,
      onLinkByte: (byte) => (hasLinkRoom ? this.onCharacter(byte) : this.#output.push(byte)),
      ...(hasLinkRoom && { hasLinkRoom }),
      clock: () => clock.now(),
      random: () => (random = (Math.imul(random, 1664525) + 1013904223) >>> 0),
    });
  }

  /** What the chip has said, until its step is over. */
  #output: number[] = [];

  /** What the module exports. */
  get exports(): object {
    return this.#chip.exports;
  }

  reset(): void {
    this.#chip.powerOn();
    this.flush();
  }

  /** One character to the chip, which has a turn before the next one: what it has to say waits for flush(). */
  write(byte: number): void {
    this.#chip.receive(byte);
    this.#chip.step();
  }

  /** Lets the chip do what it can. */
  flush(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#cancel();
    let wait: number;
    do {
      wait = this.#chip.step();
      this.#onStep();
      if (this.#output.length > 0) wait = 0;
      for (const byte of this.#output.splice(0)) this.onCharacter(byte);
    } while (wait === 0);
    this.#isRunning = false;
    if (wait !== FOREVER) this.#cancel = this.#clock.after(wait, () => this.flush());
  }
}
