// Time is an argument everywhere: one reading at the start of step(), handed down.
import * as pins from "./pins.ts";

/** Milliseconds, wrapping at 2^32. Compare only with isBefore(). */
export type Millis = u32;

/** Nothing is due: sleep until an interrupt. */
export const FOREVER: Millis = 0xffffffff;

/** @returns the current time, ms */
export function now(): Millis {
  return pins.clockMs();
}

/** @returns true when `a` is earlier than `b`; both ms, at most 2^31 apart */
export function isBefore(a: Millis, b: Millis): bool {
  return i32(a - b) < 0;
}

/** @returns ms from `now` to `deadline`, 0 when it has passed */
export function until(deadline: Millis, now: Millis): Millis {
  return isBefore(now, deadline) ? deadline - now : 0;
}
