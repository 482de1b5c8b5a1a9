// How a stream may be cut into segments.

type Cut = (available: number) => number;

/** @returns the same numbers, 0 to 1, for the same seed */
export function generator(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

export const cuts = {
  bytewise: (() => 1) as Cut,
  random: (seed: number): Cut => {
    const next = generator(seed);
    return (available) => Math.min(available, 1 + Math.floor(next() * (next() < 0.5 ? 8 : 256)));
  },
};
