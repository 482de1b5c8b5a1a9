// The words of the fetcher: what it asks, where it keeps what it got, and what it says when it got nothing.
import { put8, putBytes } from "../../buffer/cursors.ts";
import * as alert from "../../tls/alert.ts";

// A text is its length and its characters.
const GET: usize = memory.data<u8>([4, 0x47, 0x45, 0x54, 0x20]); // "GET "
// prettier-ignore
/** " HTTP/1.0", so that the body is sent as it is, "Host: ". */
const HOST: usize = memory.data<u8>([
  17, 0x20, 0x48, 0x54, 0x54, 0x50, 0x2f, 0x31, 0x2e, 0x30, 0x0d, 0x0a, 0x48, 0x6f, 0x73, 0x74, 0x3a, 0x20,
]);
const END: usize = memory.data<u8>([4, 0x0d, 0x0a, 0x0d, 0x0a]);

const SERVER: usize = memory.data<u8>([8, 0x2f, 0x2e, 0x73, 0x65, 0x72, 0x76, 0x65, 0x72]); // "/.server"
// prettier-ignore
/** "/fetched.txt": whatever it says it is, the card serves it as text, or it could act in the card's own name. */
const PAGE: usize = memory.data<u8>([12, 0x2f, 0x66, 0x65, 0x74, 0x63, 0x68, 0x65, 0x64, 0x2e, 0x74, 0x78, 0x74]);
// prettier-ignore
const VERDICT: usize = memory.data<u8>([12, 0x2f, 0x76, 0x65, 0x72, 0x64, 0x69, 0x63, 0x74, 0x2e, 0x74, 0x78, 0x74]); // "/verdict.txt"
const PLAIN: usize = memory.data<u8>([10, 0x74, 0x65, 0x78, 0x74, 0x2f, 0x70, 0x6c, 0x61, 0x69, 0x6e]); // "text/plain"

const FETCHED: usize = memory.data<u8>([9, 0x66, 0x65, 0x74, 0x63, 0x68, 0x65, 0x64, 0x3a, 0x20]); // "fetched: "
const REFUSED: usize = memory.data<u8>([9, 0x72, 0x65, 0x66, 0x75, 0x73, 0x65, 0x64, 0x3a, 0x20]); // "refused: "
const FAILED: usize = memory.data<u8>([8, 0x66, 0x61, 0x69, 0x6c, 0x65, 0x64, 0x3a, 0x20]); // "failed: "

// prettier-ignore
/** Alerts by the names of RFC 8446 section 6. */
const NAMES: usize = memory.data<u8>([
  42, 15, 0x62, 0x61, 0x64, 0x5f, 0x63, 0x65, 0x72, 0x74, 0x69, 0x66, 0x69, 0x63, 0x61, 0x74, 0x65, // bad_certificate
  43, 23, 0x75, 0x6e, 0x73, 0x75, 0x70, 0x70, 0x6f, 0x72, 0x74, 0x65, 0x64, 0x5f,
  0x63, 0x65, 0x72, 0x74, 0x69, 0x66, 0x69, 0x63, 0x61, 0x74, 0x65, // unsupported_certificate
  45, 19, 0x63, 0x65, 0x72, 0x74, 0x69, 0x66, 0x69, 0x63, 0x61, 0x74, 0x65, 0x5f,
  0x65, 0x78, 0x70, 0x69, 0x72, 0x65, 0x64, // certificate_expired
  46, 19, 0x63, 0x65, 0x72, 0x74, 0x69, 0x66, 0x69, 0x63, 0x61, 0x74, 0x65, 0x5f,
  0x75, 0x6e, 0x6b, 0x6e, 0x6f, 0x77, 0x6e, // certificate_unknown
  48, 10, 0x75, 0x6e, 0x6b, 0x6e, 0x6f, 0x77, 0x6e, 0x5f, 0x63, 0x61, // unknown_ca
  51, 13, 0x64, 0x65, 0x63, 0x72, 0x79, 0x70, 0x74, 0x5f, 0x65, 0x72, 0x72, 0x6f, 0x72, // decrypt_error
  0,
]);

/** Longest verdict, bytes: "refused: unsupported_certificate" and a line feed. */
export const VERDICT_MAX: u32 = 33;

export function serverFile(): usize {
  return SERVER;
}
export function pageFile(): usize {
  return PAGE;
}
export function verdictFile(): usize {
  return VERDICT;
}
export function plain(): usize {
  return PLAIN;
}
/** @returns bytes of a text, which begins behind its address */
export function length(text: usize): u32 {
  return load<u8>(text);
}

export function putGet(at: usize): usize {
  return put(at, GET);
}
export function putHost(at: usize): usize {
  return put(at, HOST);
}
export function putEnd(at: usize): usize {
  return put(at, END);
}

/**
 * Writes a line that says what a fetch came to.
 * @param result status of the answer; or what TLS failed with (tls/alert.ts) @returns the address behind it
 */
export function putVerdict(at: usize, result: i32): usize {
  const isOurAlert = result <= alert.SELF && result > alert.PEER;
  const name = isOurAlert ? nameOf(u32(alert.SELF - result)) : 0;
  if (name) return put8(put(put(at, REFUSED), name), 0x0a);
  if (result > 0) return put8(putNumber(put(at, FETCHED), result), 0x0a);
  return put8(putNumber(put8(put(at, FAILED), 0x2d), -result), 0x0a);
}

/** Writes an IPv4 address, dotted. @returns the address behind it */
export function putAddress(at: usize, address: u32): usize {
  let end = putNumber(at, address >> 24);
  for (let shift: i32 = 16; shift >= 0; shift -= 8)
    end = putNumber(put8(end, 0x2e), (address >> shift) & 0xff);
  return end;
}

function nameOf(code: u32): usize {
  let at = NAMES;
  while (load<u8>(at) != 0 && load<u8>(at) != code) at += 2 + length(at + 1);
  return load<u8>(at) == 0 ? 0 : at + 1;
}

function put(at: usize, text: usize): usize {
  return putBytes(at, text + 1, length(text));
}

/** Writes decimal digits. @returns the address behind them */
function putNumber(at: usize, value: u32): usize {
  let digits: u32 = 1;
  for (let rest = value / 10; rest != 0; rest /= 10) digits++;
  let rest = value;
  for (let i = digits; i > 0; i--) {
    store<u8>(at + i - 1, u8(0x30 + (rest % 10)));
    rest /= 10;
  }
  return at + digits;
}

/** The answer is none, or longer than the card keeps. Numbers below all of socket.ts's and dns.ts's. */
export const EPROTO: i32 = -15;
export const EFBIG: i32 = -16;
