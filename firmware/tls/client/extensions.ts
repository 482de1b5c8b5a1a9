// The extensions of a server's answer: only such as answer what was offered, each once, each of a form that can be read
// (RFC 8446 section 4.2).
import { get16 } from "../../buffer/cursors.ts";
import * as alert from "../alert.ts";

// Types.
export const SERVER_NAME: u32 = 0;
export const SUPPORTED_GROUPS: u32 = 10;
export const POINT_FORMATS: u32 = 11;
export const SIGNATURE_ALGORITHMS: u32 = 13;
export const EXTENDED_MASTER_SECRET: u32 = 23;
export const SUPPORTED_VERSIONS: u32 = 43;
export const KEY_SHARE: u32 = 51;
export const RENEGOTIATION_INFO: u32 = 0xff01;

// Those that may answer, as bits of a set.
export const NAME: u32 = 1;
export const GROUPS: u32 = 2;
export const FORMATS: u32 = 4;
export const MASTER: u32 = 8;
export const VERSION: u32 = 16;
export const SHARE: u32 = 32;
export const RENEGOTIATION: u32 = 64;
/** Of a ClientHello alone. */
const ALGORITHMS: u32 = 128;

/** check() has found a reason to refuse: this and an alert. */
export const REFUSED: u32 = 256;

const FRONT_BYTES: usize = 4;

/**
 * Looks at a list of extensions, its length in front.
 * @param allowed the set that may stand in it @returns the set that does, or REFUSED + alert
 */
export function check(list: usize, end: usize, allowed: u32): u32 {
  if (list + 2 > end || list + 2 + get16(list) != end) return REFUSED + alert.DECODE_ERROR;
  let found: u32 = 0;
  for (let at = list + 2; at < end; at += FRONT_BYTES + get16(at + 2)) {
    if (at + FRONT_BYTES > end || at + FRONT_BYTES + get16(at + 2) > end) return REFUSED + alert.DECODE_ERROR;
    const bit = bitOf(get16(at));
    if (bit == 0) return REFUSED + alert.UNSUPPORTED_EXTENSION;
    if ((bit & allowed) == 0 || (bit & found) != 0) return REFUSED + alert.ILLEGAL_PARAMETER;
    if (!isLong(bit, get16(at + 2))) return REFUSED + alert.DECODE_ERROR;
    found |= bit;
  }
  return found;
}

/** @returns the body of an extension that is in the list: behind its length */
export function find(list: usize, bit: u32): usize {
  let at = list + 2;
  while (bitOf(get16(at)) != bit) at += FRONT_BYTES + get16(at + 2);
  return at + FRONT_BYTES;
}

function bitOf(type: u32): u32 {
  switch (type) {
    case SERVER_NAME:
      return NAME;
    case SUPPORTED_GROUPS:
      return GROUPS;
    case POINT_FORMATS:
      return FORMATS;
    case SIGNATURE_ALGORITHMS:
      return ALGORITHMS;
    case EXTENDED_MASTER_SECRET:
      return MASTER;
    case SUPPORTED_VERSIONS:
      return VERSION;
    case KEY_SHARE:
      return SHARE;
    case RENEGOTIATION_INFO:
      return RENEGOTIATION;
    default:
      return 0;
  }
}

/** Is the body as long as it has to be? */
function isLong(bit: u32, length: u32): bool {
  if ((bit & (NAME | MASTER)) != 0) return length == 0;
  if (bit == VERSION) return length == 2;
  return length >= (bit == RENEGOTIATION ? 1 : 2);
}
