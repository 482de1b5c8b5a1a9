// The card has no clock that outlives its power, and its host, who is hostile, is not asked for the time. What the card
// knows is a moment that has passed: the file "/.time", YYYYMMDDHHMMSS in UTC, written when the card was personalised and
// raised by what a verified server says (raise()). So
//
//   - a certificate whose notAfter lies before that moment has expired, and is refused;
//   - one that has expired since then is not noticed: it is as good as when the card last learnt the time;
//   - notBefore says nothing: a certificate that is younger than what the card knows is the rule.
//
// Without the file nothing can be judged, and every certificate counts as expired.
import * as files from "../../files/files.ts";

export const DIGITS: u32 = 14;

const NAME: usize = memory.data<u8>([0x2f, 0x2e, 0x74, 0x69, 0x6d, 0x65]); // "/.time"
const NAME_BYTES: u32 = 6;
const ZERO: u32 = 0x30;

/** Has the moment, DIGITS digits, passed for certain? */
export function isPast(moment: usize): bool {
  const file = files.find(NAME, NAME_BYTES);
  if (file < 0 || files.size(file) != DIGITS) return true;
  for (let i: u32 = 0; i < DIGITS; i++) {
    const known = files.byte(file, i);
    const digit: u32 = load<u8>(moment + i);
    if (digit != known) return digit < known;
  }
  return false;
}

/**
 * Learns that a moment has passed; one before what is known changes nothing.
 * @param moment DIGITS digits, from someone who has been verified
 */
export function raise(moment: usize): void {
  if (!isDigits(moment, DIGITS) || isPast(moment)) return;
  if (files.create(NAME, NAME_BYTES, 0, 0, DIGITS) < 0) return;
  files.append(moment, DIGITS);
  files.commit();
}

/** Are `length` bytes digits? */
export function isDigits(at: usize, length: u32): bool {
  for (let i: u32 = 0; i < length; i++) if (u32(load<u8>(at + i)) - ZERO > 9) return false;
  return true;
}
