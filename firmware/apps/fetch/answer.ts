// An HTTP/1.0 answer (RFC 1945), taken apart as it comes in: its status, its Date (RFC 9110 section 6.6.1), which tells a card
// without a clock what time has passed, and the body, which becomes a file once it is complete.
//
//   HTTP/1.1 200 OK      Date: Tue, 24 Nov 2026 10:00:00 GMT     (empty)     body
import * as files from "../../files/files.ts";
import * as knownTime from "../../tls/client/known-time.ts";
import * as date from "./http-date.ts";
import { Answer, LINE_MAX } from "./state.ts";
import * as text from "./text.ts";

/** Longest body that is kept, bytes. */
const BODY_MAX: u32 = 4096;
const LINE_FEED: u32 = 0x0a;
const RETURN: u32 = 0x0d;
const SPACE: u32 = 0x20;
const TAB: u32 = 0x09;
const SLASH: u32 = 0x2f;
const OK: i32 = 200;

/** Where the status is, behind "HTTP/1.1 ". */
const STATUS: usize = 9;

const DATE: usize = memory.data<u8>([0x64, 0x61, 0x74, 0x65, 0x3a]); // "date:"
const DATE_NAME_BYTES: u32 = 5;

/** Expects an answer. */
export function begin(a: Answer): void {
  memory.fill(changetype<usize>(a), 0, offsetof<Answer>() + LINE_MAX);
}

/** Reads the next bytes, which have been authenticated. @returns 0, or an error */
export function read(a: Answer, data: usize, length: u32): i32 {
  let done: u32 = 0;
  while (done < length && !a.isBody) {
    const result = readHead(a, load<u8>(data + done++));
    if (result < 0) return result;
  }
  if (a.status != OK || done == length) return 0;
  if (files.written() + (length - done) > BODY_MAX || files.append(data + done, length - done) < 0)
    return text.EFBIG;
  return 0;
}

/** The answer has come to its orderly end. @returns its status, or an error */
export function end(a: Answer): i32 {
  if (!a.isBody) return text.EPROTO;
  if (a.status != OK) return a.status;
  files.shorten();
  return files.commit() < 0 ? text.EFBIG : OK;
}

function readHead(a: Answer, byte: u32): i32 {
  if (byte != LINE_FEED) {
    if (byte == RETURN || a.length > LINE_MAX) return 0;
    if (a.length < LINE_MAX) store<u8>(a.line + a.length, u8(byte));
    a.length++;
    return 0;
  }
  const length: u32 = a.length;
  a.length = 0;
  if (a.status == 0) return endStatusLine(a, length);
  if (length == 0) return beginBody(a);
  if (length >= DATE_NAME_BYTES && length <= LINE_MAX) readField(a.line, length);
  return 0;
}

/** "HTTP/", a digit, a dot, a digit, and a status of three digits. */
function endStatusLine(a: Answer, length: u32): i32 {
  const line = a.line;
  if (length < u32(STATUS) + 3 || load<u8>(line, 4) != SLASH || load<u8>(line, 8) != SPACE)
    return text.EPROTO;
  if (!knownTime.isDigits(line + STATUS, 3)) return text.EPROTO;
  a.status = u16(date.number(line + STATUS, 3));
  return a.status < 100 ? text.EPROTO : 0;
}

function beginBody(a: Answer): i32 {
  a.isBody = true;
  if (a.status != OK) return 0;
  const room = min(files.freeBytes(), BODY_MAX);
  const name = text.pageFile();
  const type = text.plain();
  return files.create(name + 1, text.length(name), type + 1, text.length(type), room) < 0 ? text.EFBIG : 0;
}

/** A line of the head, `length` bytes of it: is it a Date, it tells the time. White space around the value means nothing. */
function readField(line: usize, length: u32): void {
  for (let i: u32 = 0; i < DATE_NAME_BYTES; i++) {
    const byte: u32 = load<u8>(line + i);
    if ((i < 4 ? byte | 0x20 : byte) != load<u8>(DATE + i)) return;
  }
  let start = DATE_NAME_BYTES;
  let end = length;
  while (start < end && isSpace(load<u8>(line + start))) start++;
  while (end > start && isSpace(load<u8>(line + end - 1))) end--;
  if (end - start == date.DATE_BYTES && date.convert(line + start)) knownTime.raise(line + start);
}

function isSpace(byte: u32): bool {
  return byte == SPACE || byte == TAB;
}
