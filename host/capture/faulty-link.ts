// A bad line, for tests: loses, damages, repeats and swaps whole AHDLC frames on their way in one direction, by a seed.
// What it does to the nth frame depends on the seed and on n alone, so that a run can be repeated.

const FLAG = 0x7e;

export interface FaultyLinkOptions {
  /** Takes what is left of the stream. */
  onBytes: (bytes: Uint8Array) => void;
  seed: number;
  /** Share of the frames that suffer, 0..1; each kind of fault is as likely as the others. Default 0.05. */
  rate?: number;
}

export class FaultyLink {
  /** Frames that came, and what became of them. */
  readonly counts = { frames: 0, lost: 0, corrupted: 0, duplicated: 0, reordered: 0 };
  readonly #options: FaultyLinkOptions;
  readonly #random: () => number;
  /** The frame that is coming. */
  #frame: number[] = [];
  /** A frame that the next one overtakes. */
  #overtaken: number[] = [];

  constructor(options: FaultyLinkOptions) {
    this.#options = options;
    this.#random = generator(options.seed);
  }

  /** The next bytes of the stream, cut anywhere. */
  write(bytes: Uint8Array): void {
    const out: number[] = [];
    for (const byte of bytes) {
      this.#frame.push(byte);
      if (byte === FLAG) out.push(...this.#endFrame());
    }
    if (out.length > 0) this.#options.onBytes(Uint8Array.from(out));
  }

  /** @returns what is sent now that a frame, closing flag included, has come */
  #endFrame(): number[] {
    const frame = this.#frame;
    this.#frame = [];
    if (frame.length === 1) return frame; // a flag alone opens a frame
    this.counts.frames++;
    const overtaken = this.#overtaken;
    this.#overtaken = [];
    return [...this.#spoil(frame), ...overtaken];
  }

  #spoil(frame: number[]): number[] {
    const [fate, where, bit] = [
      this.#random() / (this.#options.rate ?? 0.05),
      this.#random(),
      this.#random(),
    ];
    if (fate >= 1) return frame;
    switch (Math.floor(fate * 4)) {
      case 0:
        this.counts.lost++;
        return [];
      case 1:
        this.counts.corrupted++;
        frame[Math.floor(where * frame.length)]! ^= 1 << Math.floor(bit * 8);
        return frame;
      case 2:
        this.counts.duplicated++;
        return [...frame, ...frame];
      default:
        this.counts.reordered++;
        this.#overtaken = frame;
        return [];
    }
  }
}

/** Mulberry32: numbers in [0, 1), the same ones for the same seed. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}
