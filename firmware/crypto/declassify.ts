// Where something made of a secret becomes public, on purpose: whoever calls says why. On a card these do nothing and
// take no code. The taint test (test/interop/taint.test.ts), which reports each branch and address that depends on a
// secret, replaces them by ones that make their arguments public, and counts them.

/** A verdict that may be branched upon. */
export function verdict(value: bool): bool {
  return value;
}

/** Bytes that leave the card, or are spoken in the clear. */
export function bytes(_at: usize, _length: u32): void {}

/** A number that may be an address or a count. */
export function number(value: i32): i32 {
  return value;
}
