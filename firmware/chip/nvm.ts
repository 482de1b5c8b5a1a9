// Non-volatile memory: byte-addressed, slower to write than to read, and it wears out. The chip counts the writes of
// each page (outside, where the cells are); here the rule is to write no byte that would not change,
// except a secret's.
import * as pins from "./pins.ts";

/** What an erased cell reads. */
export const ERASED: u32 = 0xff;

/** @returns the byte at `address`, 0..NVM_BYTES - 1 */
export function read(address: u32): u32 {
  return pins.nvmRead(address);
}

/** Writes one byte, unless it is there already. */
export function write(address: u32, byte: u32): void {
  if (pins.nvmRead(address) != (byte & 0xff)) pins.nvmWrite(address, byte & 0xff);
}

/** Copies `length` bytes of NVM to RAM. */
export function copyIn(target: usize, address: u32, length: u32): void {
  for (let i: u32 = 0; i < length; i++) store<u8>(target + i, pins.nvmRead(address + i));
}

/** Copies `length` bytes of RAM to NVM. Power may fail between any two of them: commit with one byte, last. */
export function copyOut(address: u32, source: usize, length: u32): void {
  for (let i: u32 = 0; i < length; i++) write(address + i, load<u8>(source + i));
}

/** copyOut() for secrets: every byte is written, so that no one learns which were there already. */
export function overwrite(address: u32, source: usize, length: u32): void {
  for (let i: u32 = 0; i < length; i++) pins.nvmWrite(address + i, load<u8>(source + i));
}

/** Erases `length` bytes of secrets, whatever they were. */
export function erase(address: u32, length: u32): void {
  for (let i: u32 = 0; i < length; i++) pins.nvmWrite(address + i, ERASED);
}

/**
 * Erases a secret that a mark stands for, and the mark last: power may fail in between. Nothing is written if the mark is
 * erased already, so that it may be called whenever the card boots.
 */
export function forget(mark: u32, secret: u32, length: u32): void {
  if (read(mark) == ERASED) return;
  erase(secret, length);
  write(mark, ERASED);
}

/** @returns true when `length` bytes of NVM are those of RAM; stops at the first that is not */
export function equals(address: u32, bytes: usize, length: u32): bool {
  for (let i: u32 = 0; i < length; i++) if (read(address + i) != load<u8>(bytes + i)) return false;
  return true;
}

/** @returns the big-endian 32-bit number at `address` */
export function read32(address: u32): u32 {
  return (read(address) << 24) | (read(address + 1) << 16) | (read(address + 2) << 8) | read(address + 3);
}

/** Writes a big-endian 32-bit number. */
export function write32(address: u32, value: u32): void {
  for (let i: u32 = 0; i < 4; i++) write(address + i, value >> (24 - 8 * i));
}
