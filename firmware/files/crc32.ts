// CRC-32 of ISO 3309 and IEEE 802.3 (reflected, polynomial EDB88320), bit by bit: a private key is checked by it as well,
// and a table would be looked up by its bytes. CT: nothing leaks.
import * as nvm from "../chip/nvm.ts";

/** Start value; the register is complemented at the end by done(). */
export const START: u32 = 0xffffffff;

const POLYNOMIAL: u32 = 0xedb88320;

/** @returns the register after one more byte */
export function add(crc: u32, byte: u32): u32 {
  crc ^= byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (POLYNOMIAL & (0 - (crc & 1)));
  return crc;
}

/** @returns the register after `length` more bytes of NVM */
export function addNvm(crc: u32, address: u32, length: u32): u32 {
  for (let i: u32 = 0; i < length; i++) crc = add(crc, nvm.read(address + i));
  return crc;
}

/** @returns the checksum itself */
export function done(crc: u32): u32 {
  return ~crc;
}
