// Responses, RFC 9110 and 9112, written straight into the buffer from which TLS sends [252]. There is no Date: the chip
// has no clock that knows it (RFC 9110 section 6.6.1).
//
// Functions that write take the address to write at and return the one behind.
import * as files from "../../files/files.ts";
import * as answers from "./answer.ts";
import * as resource from "./resource.ts";
import * as text from "./text.ts";

/** Bytes of the longest head: that of a file, with all that may stand in it. */
export const HEAD_MAX: u32 = 163 + files.TYPE_MAX;

const CR_LF: u32 = 0x0a0d;
const QUOTE: u32 = 0x22;

/** Writes the head. @param isLast the connection will be closed after it @returns the address behind the head */
export function writeHead(to: usize, answer: u32, isLast: bool): usize {
  const status = answers.statusOf(answer);
  let at = writeText(to, text.VERSION);
  at = writeLineEnd(writeText(at, text.item(text.STATUSES, status)));
  if (isLast) at = writeText(at, text.CONNECTION_CLOSE);
  else if (answer & answers.IS_OLD) at = writeText(at, text.CONNECTION_KEEP_ALIVE);
  at = writeText(at, text.NO_SNIFFING);
  if (status == text.METHOD_NOT_ALLOWED) at = writeText(at, text.ALLOW);
  if (status == text.SERVICE_UNAVAILABLE) at = writeText(at, text.RETRY_AFTER);
  if (status <= text.NOT_MODIFIED) at = writeValidator(at, answers.resourceOf(answer));
  if (status != text.NOT_MODIFIED) at = writeContentFields(at, answer);
  return writeLineEnd(at);
}

/** @returns true when the response can be made again, byte for byte, as long as no file changes */
export function isRepeatable(answer: u32): bool {
  return answers.statusOf(answer) != text.OK || resource.hasTag(answers.resourceOf(answer));
}

/** Bytes of content that follow the head. */
export function contentLength(answer: u32): u32 {
  const hasNone = answer & answers.IS_HEAD || answers.statusOf(answer) == text.NOT_MODIFIED;
  return hasNone ? 0 : announcedLength(answer);
}

/** Writes content from `offset` on. @returns bytes written, at most `room`, which holds any error's content; 0: unreadable */
export function writeContent(to: usize, answer: u32, offset: u32, room: u32): u32 {
  const status = answers.statusOf(answer);
  if (status == text.OK) return resource.read(answers.resourceOf(answer), offset, to, room);
  const end = writeText(to, text.item(text.STATUSES, status));
  store<u8>(end, 0x0a);
  const left = u32(end - to) + 1 - offset;
  memory.copy(to, to + offset, left);
  return left;
}

function announcedLength(answer: u32): u32 {
  const status = answers.statusOf(answer);
  if (status == text.OK) return resource.size(answers.resourceOf(answer));
  return text.length(text.item(text.STATUSES, status)) + 1;
}

function writeValidator(to: usize, handle: u32): usize {
  if (!resource.hasTag(handle)) return writeText(to, text.NO_STORE);
  let at = writeText(to, text.REVALIDATE);
  const tag = resource.tag(handle);
  for (let shift = 28; shift >= 0; shift -= 4) store<u8>(at++, text.hexDigit((tag >> shift) & 15));
  store<u8>(at++, QUOTE);
  return writeLineEnd(at);
}

function writeContentFields(to: usize, answer: u32): usize {
  let at = writeText(to, text.CONTENT_TYPE_IS);
  if (answers.statusOf(answer) == text.OK) at += resource.type(answers.resourceOf(answer), at);
  else at = writeText(at, text.TEXT_PLAIN);
  at = writeText(writeLineEnd(at), text.CONTENT_LENGTH_IS);
  return writeLineEnd(writeDecimal(at, announcedLength(answer)));
}

function writeText(to: usize, from: usize): usize {
  const length = text.length(from);
  memory.copy(to, from, length);
  return to + length;
}

function writeLineEnd(to: usize): usize {
  store<u16>(to, CR_LF);
  return to + 2;
}

function writeDecimal(to: usize, value: u32): usize {
  let unit: u32 = 1;
  while (value / unit >= 10) unit *= 10;
  let at = to;
  for (; unit > 0; unit /= 10) store<u8>(at++, ((value / unit) % 10) + 0x30);
  return at;
}
