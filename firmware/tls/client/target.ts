// Whom the card connects to, and as whom it must prove itself: a file in NVM.
//
//   0         4      6        7        7+n      8+n
//   ┌─────────┬──────┬────────┬────────┬────────┬──────┐
//   │ address │ port │ n      │ name   │ m      │ path │   big-endian; the name in lower case, without a dot at its end
//   └─────────┴──────┴────────┴────────┴────────┴──────┘
//
// With a name, the certificate must have it among its dNSNames, and server_name asks for it. Without one (n = 0), the
// address must be among its iPAddresses (RFC 9525). Address 0: a name server is asked for that of the name.
import * as files from "../../files/files.ts";

const PORT: u32 = 4;
const NAME_LENGTH: u32 = 6;
const NAME: u32 = 7;

/** Longest name, bytes: what a ClientHello has room for. */
export const NAME_MAX: u32 = 64;
export const ADDRESS_BYTES: u32 = 4;
/** Longest path, bytes: what a request has room for. */
export const PATH_MAX: u32 = 100;

/** Is the file one of these? */
export function isValid(file: i32): bool {
  if (files.size(file) < NAME + 1) return false;
  const pathAt = NAME + nameLength(file);
  if (pathAt < files.size(file) && pathLength(file) > PATH_MAX) return false;
  return (
    nameLength(file) <= NAME_MAX &&
    pathAt < files.size(file) &&
    pathAt + 1 + pathLength(file) == files.size(file)
  );
}

/** @returns the address, host order; 0: it has to be asked for */
export function address(file: i32): u32 {
  let value: u32 = 0;
  for (let i: u32 = 0; i < ADDRESS_BYTES; i++) value = (value << 8) | files.byte(file, i);
  return value;
}

export function port(file: i32): u32 {
  return (files.byte(file, PORT) << 8) | files.byte(file, PORT + 1);
}

/** @returns a byte of the address */
export function addressByte(file: i32, index: u32): u32 {
  return files.byte(file, index);
}

export function nameLength(file: i32): u32 {
  return files.byte(file, NAME_LENGTH);
}

/** @returns a byte of the name, 0 behind its end */
export function nameByte(file: i32, index: u32): u32 {
  return index < nameLength(file) ? files.byte(file, NAME + index) : 0;
}

/** Copies the name to `out`. @returns the address behind it */
export function copyName(file: i32, out: usize): usize {
  return out + files.read(file, NAME, out, nameLength(file));
}

export function pathLength(file: i32): u32 {
  return files.byte(file, NAME + nameLength(file));
}

/** Copies the path to `out`. @returns the address behind it */
export function copyPath(file: i32, out: usize): usize {
  return out + files.read(file, NAME + nameLength(file) + 1, out, pathLength(file));
}
