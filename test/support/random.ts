// Numbers that a seed determines (Mulberry32).

/** SEED in the environment: the one of whatever draws without a seed of its own. */
export const SEED = Number(process.env["SEED"] ?? 1);

/** @returns what draws 32-bit numbers, such as a chip's entropy: the same ones for the same seed */
export function randomFrom(seed = SEED): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
}

/** @returns what draws numbers in [0, 1) */
export function generator(seed = SEED): () => number {
  const next = randomFrom(seed);
  return () => next() / 2 ** 32;
}
