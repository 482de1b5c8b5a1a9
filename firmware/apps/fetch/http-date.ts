// A moment as HTTP writes it: IMF-fixdate (RFC 9110 section 5.6.7), the only form that may be sent. The two of old times are
// passed over: a card that learns no time is none the worse for it.
//
//   Sun, 06 Nov 1994 08:49:37 GMT
//   0    5  8   12   17 20 23              where things are

export const DATE_BYTES: u32 = 29;

const DAY: usize = 5;
const MONTH: usize = 8;
const YEAR: usize = 12;
const HOUR: usize = 17;
const MINUTE: usize = 20;
const SECOND: usize = 23;

const ZERO: u32 = 0x30;
// prettier-ignore
/** What it looks like: "0" for a digit, "A" for a letter of a name, the rest as it is. */
const FORM: usize = memory.data<u8>([
  0x41, 0x41, 0x41, 0x2c, 0x20, 0x30, 0x30, 0x20, 0x41, 0x41, 0x41, 0x20, 0x30, 0x30, 0x30, 0x30, 0x20,
  0x30, 0x30, 0x3a, 0x30, 0x30, 0x3a, 0x30, 0x30, 0x20, 0x47, 0x4d, 0x54,
]);
const ANY_LETTER: u32 = 0x41;

// prettier-ignore
/** Name and days of each month. */
const MONTHS: usize = memory.data<u8>([
  0x4a, 0x61, 0x6e, 31, 0x46, 0x65, 0x62, 28, 0x4d, 0x61, 0x72, 31, 0x41, 0x70, 0x72, 30,
  0x4d, 0x61, 0x79, 31, 0x4a, 0x75, 0x6e, 30, 0x4a, 0x75, 0x6c, 31, 0x41, 0x75, 0x67, 31,
  0x53, 0x65, 0x70, 30, 0x4f, 0x63, 0x74, 31, 0x4e, 0x6f, 0x76, 30, 0x44, 0x65, 0x63, 31,
]);
const MONTH_BYTES: u32 = 4;
const FEBRUARY: u32 = 2;

/**
 * Turns DATE_BYTES bytes of text into YYYYMMDDHHMMSS (known-time.ts), at the same address.
 * @returns false when they are no moment that there is: they stay as they are
 */
export function convert(text: usize): bool {
  if (!hasForm(text)) return false;
  const month = monthOf(text + MONTH);
  const day = number(text + DAY, 2);
  if (month == 0 || day == 0 || day > daysOf(month, number(text + YEAR, 4))) return false;
  // 60 is a leap second.
  if (number(text + HOUR, 2) > 23 || number(text + MINUTE, 2) > 59 || number(text + SECOND, 2) > 60)
    return false;
  const dayDigits = load<u16>(text + DAY);
  memory.copy(text, text + YEAR, 4);
  store<u8>(text, u8(ZERO + month / 10), 4);
  store<u8>(text, u8(ZERO + (month % 10)), 5);
  store<u16>(text, dayDigits, 6);
  store<u16>(text, load<u16>(text + HOUR), 8);
  store<u16>(text, load<u16>(text + MINUTE), 10);
  store<u16>(text, load<u16>(text + SECOND), 12);
  return true;
}

/** The day's name is not compared with the date. */
function hasForm(text: usize): bool {
  for (let i: u32 = 0; i < DATE_BYTES; i++) {
    const byte: u32 = load<u8>(text + i);
    const form: u32 = load<u8>(FORM + i);
    if (form == ZERO ? byte - ZERO > 9 : form == ANY_LETTER ? (byte | 0x20) - 0x61 >= 26 : byte != form)
      return false;
  }
  return true;
}

/** @returns 1 to 12, 0 for none */
function monthOf(name: usize): u32 {
  for (let month: u32 = 1; month <= 12; month++) {
    const known = MONTHS + (month - 1) * MONTH_BYTES;
    if (load<u16>(known) == load<u16>(name) && load<u8>(known, 2) == load<u8>(name, 2)) return month;
  }
  return 0;
}

function daysOf(month: u32, year: u32): u32 {
  const isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return load<u8>(MONTHS + (month - 1) * MONTH_BYTES, 3) + u32(month == FEBRUARY && isLeap);
}

/** @returns the value of decimal digits */
export function number(at: usize, digits: u32): u32 {
  let value: u32 = 0;
  for (let i: u32 = 0; i < digits; i++) value = value * 10 + load<u8>(at + i) - ZERO;
  return value;
}
