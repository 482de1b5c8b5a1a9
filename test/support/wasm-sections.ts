// Looks into a module's binary: WebAssembly core specification, section 5.5.
import { expect } from "vitest";

const GLOBALS = 6;
const EXPORTS = 7;
const DATA = 11;

interface Section {
  /** Where its id, its payload and the next section stand. */
  at: number;
  start: number;
  end: number;
}

/** Walks the sections of a module. @returns the first one with this id, an empty one if there is none */
function find(bytes: Buffer, wanted: number): Section {
  for (let at = 8; at < bytes.length;) {
    const [size, start] = leb(bytes, at + 1);
    if (bytes[at] === wanted) return { at, start, end: start + size };
    at = start + size;
  }
  return { at: bytes.length, start: bytes.length, end: bytes.length };
}

function section(bytes: Buffer, wanted: number): Buffer {
  const { start, end } = find(bytes, wanted);
  return bytes.subarray(start, end);
}

/** @returns the same module, which now exports its memory as well (section 5.5.10) */
export function exposeMemory(bytes: Buffer): Buffer {
  const { at, start, end } = find(bytes, EXPORTS);
  const [count, first] = leb(bytes, start);
  const exports = Buffer.concat([
    unsigned(count + 1),
    bytes.subarray(first, end),
    Buffer.from("\x06memory\x02\x00", "latin1"),
  ]);
  const head = Buffer.concat([Buffer.of(EXPORTS), unsigned(exports.length)]);
  return Buffer.concat([bytes.subarray(0, at), head, exports, bytes.subarray(end)]);
}

/** @returns a number below 2^28 as LEB128 */
function unsigned(value: number): Buffer {
  if (value < 0x80) return Buffer.of(value);
  return Buffer.concat([Buffer.of((value & 0x7f) | 0x80), unsigned(value >>> 7)]);
}

/** LEB128. @returns the value and the offset behind it */
function leb(bytes: Buffer, from: number, signed = false): [number, number] {
  let value = 0;
  let at = from;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++]!;
    value |= (byte & 0x7f) << shift;
    if (byte & 0x80) continue;
    if (signed && byte & 0x40 && shift < 25) value |= -1 << (shift + 7);
    return [value, at];
  }
}

/** @returns the addresses of the active data segments (section 5.5.14) */
export function dataSegments(bytes: Buffer): number[] {
  const data = section(bytes, DATA);
  if (data.length === 0) return [];
  let [count, at] = leb(data, 0);
  const addresses = [];
  for (; count > 0; count--) {
    let flag, size, address;
    [flag, at] = leb(data, at);
    expect(flag, "an active segment in memory 0").toBe(0);
    expect(data[at]).toBe(0x41); // i32.const
    [address, at] = leb(data, at + 1, true);
    expect(data[at]).toBe(0x0b); // end
    [size, at] = leb(data, at + 1);
    addresses.push(address);
    at += size;
  }
  return addresses;
}

/** @returns how many globals can change (section 5.5.9) */
export function mutableGlobals(bytes: Buffer): number {
  const globals = section(bytes, GLOBALS);
  if (globals.length === 0) return 0;
  let [count, at] = leb(globals, 0);
  let mutable = 0;
  for (; count > 0; count--) {
    mutable += globals[at + 1]!;
    at += 2;
    while (globals[at] !== 0x0b) [, at] = leb(globals, at + 1, true);
    at++;
  }
  return mutable;
}
