// Writing variable formats: each call puts a big-endian value at `at` and returns the address behind it.

export function put8(at: usize, value: u32): usize {
  store<u8>(at, value);
  return at + 1;
}

export function put16(at: usize, value: u32): usize {
  store<u16>(at, bswap<u16>(u16(value)));
  return at + 2;
}

export function put24(at: usize, value: u32): usize {
  return put16(put8(at, value >> 16), value);
}

export function putBytes(at: usize, source: usize, length: u32): usize {
  memory.copy(at, source, length);
  return at + length;
}

/** Fills in the 16-bit length of a vector that begins at `body` and ends at `end`. @returns end */
export function close16(body: usize, end: usize): usize {
  put16(body - 2, u32(end - body));
  return end;
}

/** Fills in the 24-bit length of a vector that begins at `body` and ends at `end`. @returns end */
export function close24(body: usize, end: usize): usize {
  put24(body - 3, u32(end - body));
  return end;
}

export function get16(at: usize): u32 {
  return bswap<u16>(load<u16>(at));
}

export function get24(at: usize): u32 {
  return (u32(load<u8>(at)) << 16) | get16(at + 1);
}
