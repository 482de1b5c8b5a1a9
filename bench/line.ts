// A full-duplex asynchronous line between card and router, 8N1: ten bit times a byte, each way its own. A transmitter has
// one byte in its shift register and one behind it, so that a firmware which is quick enough leaves no gap.
import type { EventClock } from "./clock.ts";

const BITS = 10;

/** One direction. */
export class Line {
  readonly byteMs: number;
  #behind: number | undefined;
  #isBusy = false;

  /** @param onByte takes a byte when its last bit has come @param onRoom told when there is room for one more */
  constructor(
    readonly clock: EventClock,
    baud: number,
    readonly onByte: (byte: number) => void,
    readonly onRoom: () => void,
  ) {
    this.byteMs = (BITS * 1000) / baud;
  }

  /** Bytes that have crossed. */
  bytes = 0;

  get hasRoom(): boolean {
    return this.#behind === undefined;
  }

  write(byte: number): void {
    if (this.#isBusy) this.#behind = byte;
    else this.#shift(byte);
  }

  #shift(byte: number): void {
    this.#isBusy = true;
    this.clock.after(this.byteMs, () => {
      this.bytes++;
      this.#isBusy = false;
      const next = this.#behind;
      this.#behind = undefined;
      if (next !== undefined) this.#shift(next);
      this.onByte(byte);
      this.onRoom();
    });
  }
}
