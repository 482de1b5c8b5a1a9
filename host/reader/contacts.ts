// What a reader's contacts touch: a card, emulated in this process or on a board behind a socket.
import { type Chip, FOREVER } from "../chip/chip.ts";
import { type Clock, systemClock } from "./clock.ts";

/** The contacts of ISO 7816-3 as far as characters go. */
export interface Contacts {
  /** Takes each character of the card's. Set by the reader. */
  onCharacter: (byte: number) => void;
  /** Takes what ends the card: it is pulled, or it broke. Set by the reader. */
  onGone: (reason: Error) => void;
  /** One character to the card. */
  write(byte: number): void;
  /** The reader has said all that it has to say for now. */
  flush(): void;
  /** Power, or the RST contact: the card answers with its ATR. */
  reset(): void;
}

/** For how long a chip may be stepped without letting the rest of this process run, ms. */
const SLICE_MS = 8;
/** Period of the chip's timer interrupt, ms; it ticks only while the card owes an answer. */
const TICK_MS = 100;
/** So often a chip gets a turn while the reader speaks: shorter than two frames, were they ever so short. */
const CHARACTERS_A_STEP = 16;
/** After so many ticks the card has forgotten a command that stopped halfway. */
const MAX_TICKS = 60;

/** The contacts of a chip in this process: most exchanges are done when flush() returns. */
export class ChipContacts implements Contacts {
  onCharacter: (byte: number) => void = () => undefined;
  onGone: (reason: Error) => void = () => undefined;
  #output: number[] = [];
  #running = false;
  /** Cancels the next run. */
  #cancel: () => void = () => undefined;
  /** Ticks since the reader's last character, while the card has not said anything. */
  #ticks = 0;
  #owes = false;
  #gone = false;
  #written = 0;

  /** @param makeChip makes the chip, given where its link's bytes go: `(onLinkByte) => new Chip({ …, onLinkByte })` */
  constructor(
    makeChip: (onLinkByte: (byte: number) => void) => Chip,
    readonly clock: Clock = systemClock,
  ) {
    this.chip = makeChip((byte) => this.#output.push(byte));
  }

  readonly chip: Chip;

  write(byte: number): void {
    this.#owes = true;
    this.#ticks = 0;
    this.#guard(() => this.chip.receive(byte));
    // A chip runs while characters come: many short frames in one command would be more than its buffers hold.
    if (++this.#written % CHARACTERS_A_STEP === 0 && !this.#running) this.#guard(() => this.chip.step());
  }

  flush(): void {
    this.#run();
  }

  reset(): void {
    this.#gone = false;
    this.#output = [];
    this.#owes = true;
    this.#ticks = 0;
    this.#guard(() => this.chip.powerOn());
    this.#run();
  }

  /** Pulls the card: nothing runs any more until the next reset(). */
  stop(): void {
    this.#gone = true;
    this.#cancel();
  }

  /** Steps the chip until it has nothing to do, handing over its characters between steps. */
  #run(): void {
    if (this.#running || this.#gone) return;
    this.#running = true;
    this.#cancel();
    const until = performance.now() + SLICE_MS;
    let wait = 0;
    do {
      wait = this.#guard(() => this.chip.step()) ?? FOREVER;
      if (this.#deliver()) wait = 0;
    } while (wait === 0 && !this.#gone && performance.now() < until);
    this.#running = false;
    if (!this.#gone) this.#schedule(wait);
  }

  /** @returns true when the reader may have answered */
  #deliver(): boolean {
    const output = this.#output;
    if (output.length === 0) return false;
    this.#output = [];
    this.#owes = false;
    for (const byte of output) this.onCharacter(byte);
    return true;
  }

  #schedule(wait: number): void {
    if (wait === 0) {
      const immediate = setImmediate(() => this.#run());
      this.#cancel = () => clearImmediate(immediate);
    } else if (this.#owes && wait > TICK_MS && this.#ticks < MAX_TICKS)
      this.#cancel = this.clock.after(TICK_MS, () => this.#tick());
    else if (wait !== FOREVER) this.#cancel = this.clock.after(wait, () => this.#run());
  }

  #tick(): void {
    this.#ticks++;
    this.#guard(() => this.chip.timer());
    this.#run();
  }

  /** A chip that trapped, or whose power failed, is gone for the reader. */
  #guard<T>(call: () => T): T | undefined {
    try {
      return call();
    } catch (error) {
      this.stop();
      this.onGone(error instanceof Error ? error : new Error(String(error)));
      return undefined;
    }
  }
}
