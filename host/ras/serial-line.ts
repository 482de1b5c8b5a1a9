// The line between a serial card and the RAS: bytes both ways, nothing asked and nothing answered (seed [78], fig 6a).
import type { Contacts } from "../reader/contacts.ts";

export interface SerialLineOptions {
  contacts: Contacts;
  /** Takes bytes from the card, for the RAS. */
  onFromCard: (bytes: Uint8Array) => void;
  /** Told when the card is lost. */
  onTrouble: (trouble: Error) => void;
}

/** Bytes. */
const RUN_EVERY = 32;

export class SerialLine {
  readonly #options: SerialLineOptions;
  #fromCard: number[] = [];
  /** Bytes that wait here for the card: the line takes all at once. */
  readonly queuedBytes = 0;

  constructor(options: SerialLineOptions) {
    this.#options = options;
  }

  /** The card gets power. */
  start(): void {
    const { contacts, onTrouble } = this.#options;
    contacts.onCharacter = (byte) => this.#collect(byte);
    contacts.onGone = onTrouble;
    contacts.reset();
  }

  /** Nothing is heard any more. */
  stop(): void {
    this.#options.contacts.onCharacter = () => undefined;
  }

  /** The card runs while bytes arrive, as it would on a real line. */
  sendToCard(bytes: Uint8Array): void {
    const { contacts } = this.#options;
    bytes.forEach((byte, i) => {
      contacts.write(byte);
      if (i % RUN_EVERY === 0) contacts.flush();
    });
    contacts.flush();
  }

  /** The RAS is not called for each byte, and not while the card runs. */
  #collect(byte: number): void {
    if (this.#fromCard.length === 0)
      setImmediate(() => this.#options.onFromCard(Uint8Array.from(this.#fromCard.splice(0))));
    this.#fromCard.push(byte);
  }
}
