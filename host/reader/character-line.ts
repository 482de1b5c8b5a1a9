// The line between reader and card, character by character, and how long it is busy with each: at T=0 a character takes
// 12 elementary time units (ISO 7816-3), so a line of N bit/s carries N / 12 characters a second.
import { type Clock, systemClock } from "./clock.ts";
import type { Contacts } from "./contacts.ts";

const ETU_PER_CHARACTER = 12;
/** Waiting is not worth less than this, ms. */
const GRAIN_MS = 2;

export interface LineOptions {
  /** bit/s; default: as fast as this machine goes, and time is not accounted for. */
  baud?: number;
  /** Elementary time units that a character takes; default: 12, those of T=0. */
  etusPerCharacter?: number;
  clock?: Clock;
}

export class CharacterLine {
  /** Takes each character of the card's. */
  onCharacter: (byte: number) => void = () => undefined;
  onGone: (reason: Error) => void = () => undefined;
  /** Characters so far, to the card and from it. */
  sent = 0;
  received = 0;
  readonly clock: Clock;
  /** Milliseconds that a character takes, 0: no time. */
  readonly characterMs: number;
  /** The moment at which the line will have carried all that was said, ms. */
  #freeAt = 0;

  constructor(
    readonly contacts: Contacts,
    { baud, etusPerCharacter = ETU_PER_CHARACTER, clock = systemClock }: LineOptions = {},
  ) {
    this.clock = clock;
    this.characterMs = baud ? (etusPerCharacter * 1000) / baud : 0;
    contacts.onCharacter = (byte) => {
      this.received++;
      this.#account();
      this.onCharacter(byte);
    };
    contacts.onGone = (reason) => this.onGone(reason);
  }

  write(byte: number): void {
    this.sent++;
    this.#account();
    this.contacts.write(byte);
  }

  flush(): void {
    this.contacts.flush();
  }

  reset(): void {
    this.contacts.reset();
  }

  /** @returns a promise to wait for when the line is still busy with what was said, else undefined */
  pace(): Promise<void> | undefined {
    if (this.characterMs === 0) return undefined;
    const ahead = this.#freeAt - this.clock.now();
    return ahead > (this.clock.slackMs ? GRAIN_MS : 0) ? this.clock.sleep(ahead) : undefined;
  }

  #account(): void {
    if (this.characterMs === 0) return;
    const now = this.clock.now();
    // A sleep that lasted too long is made good; a line that was idle is not.
    if (now - this.#freeAt > this.clock.slackMs) this.#freeAt = now;
    this.#freeAt += this.characterMs;
  }
}
