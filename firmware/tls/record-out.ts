// Records that we send (RFC 8446 section 5.1, 5.2).
//
//   0      5                    5+n   6+n   22+n
//   ┌──────┬────────────────────┬──────┬─────┐
//   │header│ content            │ type │ tag │   sealed in place; the socket sends it from there,
//   └──────┴────────────────────┴──────┴─────┘   and until it has been acknowledged nobody touches it
import { CRYPTO } from "../chip/ram-map.ts";
import { put8, put16, putBytes } from "../buffer/cursors.ts";
import * as socket from "../socket/socket.ts";
import * as aead from "../crypto/aead.ts";
import { Context, IV, WRITE_PROTECTED } from "./context.ts";
import * as record12 from "./record-1-2.ts";

export const CHANGE_CIPHER_SPEC: u32 = 20;
export const ALERT: u32 = 21;
export const HANDSHAKE: u32 = 22;
export const APPLICATION_DATA: u32 = 23;

export const HEADER_BYTES: u32 = 5;
/** What a record adds to its content. */
export const OVERHEAD_BYTES: u32 = HEADER_BYTES + 1 + aead.TAG_BYTES;
/** Content of one record that fits the buffer. */
export const CONTENT_MAX: u32 = TLS_BUFFER - OVERHEAD_BYTES;

const LEGACY_VERSION: u32 = 0x0303;

/** Writes a record header at `at`. @returns the address behind it */
export function header(at: usize, type: u32, length: u32): usize {
  return put16(put16(put8(at, type), LEGACY_VERSION), length);
}

/** Bytes in front of a record's content: header, and in TLS 1.2 what AES-GCM adds to it. */
export function front(ctx: Context): u32 {
  return HEADER_BYTES + (ctx.has(WRITE_PROTECTED) ? record12.explicitBytes(ctx) : 0);
}

/** Longest content that a record may have, bytes: the buffer, a segment, and the peer's limit hold it. */
export function contentMax(ctx: Context): u32 {
  const most = min(u32(TLS_BUFFER), socket.segmentBytes(ctx.socket));
  return min(most - recordBytes(ctx, 0), u32(ctx.limit));
}

/** Bytes of an encrypted record with so much content. */
export function recordBytes(ctx: Context, content: u32): u32 {
  return front(ctx) + content + u32(!ctx.isTls12) + aead.TAG_BYTES;
}

/** Sends an alert: encrypted when there are keys. The socket takes it: nothing is outstanding. */
export function sendAlert(ctx: Context, level: u32, description: u32): void {
  put8(put8(ctx.secretA + front(ctx), level), description);
  sendControl(ctx, ALERT, 2);
}

/** Sends the short message that stands front() behind secret A, in one record, from there. */
export function sendControl(ctx: Context, type: u32, length: u32): void {
  sendRecord(ctx, ctx.secretA, type, length);
}

/**
 * Sends one record of the content that stands front() behind `at`, from there. Nothing is outstanding, and no record is open.
 * A stream goes on behind it: later numbers, and later in TCP.
 * @returns what the socket does
 */
export function sendRecord(ctx: Context, at: usize, type: u32, length: u32): i32 {
  const bytes = u32(seal(ctx, at, type, length) - at);
  ctx.pieceBytes = 0;
  ctx.streamAt += bytes;
  ctx.streamSeq++;
  return socket.send(ctx.socket, at, bytes, 0);
}

/**
 * Makes one record of the content that stands front() behind `at`, in place, encrypted when there are keys. CT: only the
 * lengths leak.
 * @param length bytes of content, at most the peer's limit
 * @returns the address behind the record
 */
export function seal(ctx: Context, at: usize, type: u32, length: u32): usize {
  if (!ctx.has(WRITE_PROTECTED)) return header(at, type, length) + length;
  ctx.sealingSeq = ctx.writeSeq++;
  const content = beginRecord(ctx, at, type, length);
  return endRecord(ctx, content, type, length);
}

/**
 * Begins record number sealingSeq, an encrypted one: writes what stands in front of its content. CT: only the lengths leak.
 * @param length bytes of content in the whole of it, at most the peer's limit
 * @returns the address of the content
 */
export function beginRecord(ctx: Context, at: usize, type: u32, length: u32): usize {
  const explicit = record12.explicitBytes(ctx);
  const outer = ctx.isTls12 ? type : APPLICATION_DATA;
  let content = header(at, outer, explicit + length + u32(!ctx.isTls12) + aead.TAG_BYTES);
  const additional = ctx.isTls12 ? record12.additional(ctx, ctx.sealingSeq, type, length) : at;
  const bytes = ctx.isTls12 ? record12.ADDITIONAL_BYTES : HEADER_BYTES;
  if (explicit) {
    const nonce = record12.explicitAt(ctx.writeKey); // the record's number
    store<u64>(nonce, load<u64>(additional));
    content = putBytes(content, nonce, explicit);
  } else maskIv(ctx.writeKey, ctx.sealingSeq);
  aead.begin(ctx.sealing, ctx.suite, ctx.writeKey, ctx.writeKey + IV, additional, bytes, CRYPTO);
  if (!explicit) maskIv(ctx.writeKey, ctx.sealingSeq);
  return content;
}

/**
 * Ends a record: encrypts the last `length` bytes of its content at `content`, and puts behind them what has to stand
 * there. CT: only the lengths leak.
 * @returns the address behind the record
 */
export function endRecord(ctx: Context, content: usize, type: u32, length: u32): usize {
  let end = content + length;
  if (!ctx.isTls12) end = put8(end, type);
  aead.encrypt(ctx.sealing, ctx.writeKey, content, u32(end - content), CRYPTO);
  aead.tag(ctx.sealing, ctx.writeKey, end, CRYPTO);
  return end + aead.TAG_BYTES;
}

/** XORs a record's number into the IV behind `key`, or out again (RFC 8446 section 5.3). */
export function maskIv(key: usize, sequence: u32): void {
  const low = key + IV + aead.NONCE_BYTES - 4;
  store<u32>(low, load<u32>(low) ^ bswap<u32>(sequence));
}
