// Constant time: what touches secrets neither branches on them nor uses them as addresses.
import * as declassify from "./declassify.ts";

/**
 * Compares two byte strings, for tags and binders.
 * CT: only the length and the result leak.
 */
export function equal(a: usize, b: usize, length: u32): bool {
  let difference: u32 = 0;
  for (let i: u32 = 0; i < length; i++) difference |= load<u8>(a + i) ^ load<u8>(b + i);
  return declassify.verdict(difference == 0); // whether a tag is accepted, the peer sees
}

/** target ^= source, `length` bytes. CT: only the length leaks. */
export function xor(target: usize, source: usize, length: u32): void {
  for (; length >= 8; length -= 8) {
    store<u64>(target, load<u64>(target) ^ load<u64>(source));
    target += 8;
    source += 8;
  }
  for (; length > 0; length--) {
    store<u8>(target, load<u8>(target) ^ load<u8>(source));
    target++;
    source++;
  }
}

/** Clears a secret. WebAssembly's memory is observable from outside, so no compiler may drop these stores. */
export function wipe(target: usize, length: u32): void {
  memory.fill(target, 0, length);
}
