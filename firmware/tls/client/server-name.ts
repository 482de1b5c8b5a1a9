// Is a certificate that of the server which was asked for? (RFC 9525.) Names are compared as they stream in. A dNSName fits
// when it is the same without regard to case, or has * for the whole of the first label, and two more at least behind it.
// An iPAddress fits when no name was asked for. The subject's common name means nothing.
import { DNS_NAME, IP_ADDRESS } from "./certificate-grammar.ts";
import { IS_SAME, Reader } from "./reader.ts";
import * as target from "./target.ts";

const DOT: u32 = 0x2e;
const ASTERISK: u32 = 0x2a;

/** A byte of a dNSName. */
export function compare(r: Reader, index: u32, byte: u32): void {
  const at: u32 = r.nameAt;
  if (index == 0 && byte == ASTERISK) return skipLabel(r);
  if (at >= target.nameLength(r.target) || target.nameByte(r.target, at) != lowerCase(byte))
    r.set(IS_SAME, false);
  else r.nameAt++;
}

/** A byte of an iPAddress. */
export function compareAddress(r: Reader, index: u32, byte: u32): void {
  const isWanted = target.nameLength(r.target) == 0 && index < target.ADDRESS_BYTES;
  if (!isWanted || target.addressByte(r.target, index) != byte) r.set(IS_SAME, false);
  else r.nameAt++;
}

/** A name has ended that is right so far. Is it all of what was asked for? */
export function isWhole(r: Reader): bool {
  const length = target.nameLength(r.target);
  if (r.tag == DNS_NAME) return length != 0 && r.nameAt == length;
  return r.tag == IP_ADDRESS && r.nameAt == target.ADDRESS_BYTES;
}

function skipLabel(r: Reader): void {
  const end = labelEnd(r, 0);
  r.nameAt = u8(end);
  if (end == 0 || target.nameByte(r.target, labelEnd(r, end + 1)) != DOT) r.set(IS_SAME, false);
}

/** @returns where the label ends that begins at `from`: at a dot, or at the name's end */
function labelEnd(r: Reader, from: u32): u32 {
  let at = from;
  while (at < target.nameLength(r.target) && target.nameByte(r.target, at) != DOT) at++;
  return at;
}

function lowerCase(byte: u32): u32 {
  return byte - 0x41 < 26 ? byte | 0x20 : byte;
}
