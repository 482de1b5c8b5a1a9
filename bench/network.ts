// What lies between the router and a client: half of a round trip each way, and now and then a packet lost, by a seed.
import type { EventClock } from "./clock.ts";

export interface NetworkOptions {
  clock: EventClock;
  /** The round trip, ms. */
  rttMs: number;
  /** Share of the packets that are lost, each way, 0..1. */
  loss: number;
  seed: number;
}

export class Network {
  readonly #options: NetworkOptions;
  readonly #random: () => number;
  /** Packets lost so far. */
  lost = 0;

  constructor(options: NetworkOptions) {
    this.#options = options;
    this.#random = generator(options.seed);
  }

  /** @returns what carries packets to `deliver` */
  path(deliver: (packet: Uint8Array) => void): (packet: Uint8Array) => void {
    const { clock, rttMs, loss } = this.#options;
    return (packet) => {
      if (loss > 0 && this.#random() < loss) this.lost++;
      else clock.after(rttMs / 2, () => deliver(packet));
    };
  }
}

/** Mulberry32: numbers in [0, 1), the same ones for the same seed. */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}
