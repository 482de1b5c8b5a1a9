// BER-TLV data objects of one-byte tags and at most 255 bytes (ISO 7816-4 section 5.2.2), read in place. An object is the
// address of its tag.

/** @returns the first object `tag` among those from `at` to `end`, 0 when there is none or what stands there is broken */
export function find(at: usize, end: usize, tag: u32): usize {
  while (at + 2 <= end) {
    const length = load<u8>(at + 1);
    if (length == 0x80 || length > 0x81) return 0;
    const next = valueOf(at) + lengthOf(at);
    if (next > end) return 0;
    if (load<u8>(at) == tag) return at;
    at = next;
  }
  return 0;
}

export function valueOf(object: usize): usize {
  return object + (load<u8>(object + 1) == 0x81 ? 3 : 2);
}

/** Bytes of the value: the last byte before it, in the short form and in the one behind 81. */
export function lengthOf(object: usize): u32 {
  return load<u8>(valueOf(object) - 1);
}

/** The value as a big-endian number, of which the last 32 bits count. */
export function numberOf(object: usize): u32 {
  let number: u32 = 0;
  for (let i: u32 = 0; i < lengthOf(object); i++) number = (number << 8) | load<u8>(valueOf(object) + i);
  return number;
}
