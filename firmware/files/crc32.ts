// CRC-32 of ISO 3309 and IEEE 802.3 (reflected, polynomial EDB88320), four bits at a time: the table is 64 bytes.
import * as nvm from "../chip/nvm.ts";

/** Start value; the register is complemented at the end by done(). */
export const START: u32 = 0xffffffff;

const TABLE: usize = memory.data<u32>([
  0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c, 0xedb88320,
  0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
]);

/** @returns the register after one more byte */
export function add(crc: u32, byte: u32): u32 {
  crc ^= byte;
  crc = (crc >> 4) ^ load<u32>(TABLE + ((crc & 15) << 2));
  return (crc >> 4) ^ load<u32>(TABLE + ((crc & 15) << 2));
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
