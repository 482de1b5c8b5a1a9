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
  const at = ctx.secretA;
  socket.send(ctx.socket, at, u32(seal(ctx, at, type, length) - at), 0);
}

/**
 * Makes one record of the content that stands front() behind `at`, in place, encrypted when there are keys. CT: only the
 * lengths leak.
 * @param length bytes of content, at most the peer's limit
 * @returns the address behind the record
 */
export function seal(ctx: Context, at: usize, type: u32, length: u32): usize {
  if (!ctx.has(WRITE_PROTECTED)) return header(at, type, length) + length;
  if (ctx.isTls12) return sealTls12(ctx, at, type, length);
  const content = header(at, APPLICATION_DATA, length + 1 + aead.TAG_BYTES);
  const end = put8(content + length, type);
  maskIv(ctx.writeKey, ctx.writeSeq);
  aead.begin(ctx.sealing, ctx.suite, ctx.writeKey, ctx.writeKey + IV, at, HEADER_BYTES, CRYPTO);
  maskIv(ctx.writeKey, ctx.writeSeq);
  aead.encrypt(ctx.sealing, ctx.writeKey, content, length + 1, CRYPTO);
  aead.tag(ctx.sealing, ctx.writeKey, end, CRYPTO);
  ctx.writeSeq++;
  return end + aead.TAG_BYTES;
}

/** The explicit nonce is the record's number. */
function sealTls12(ctx: Context, at: usize, type: u32, length: u32): usize {
  const explicit = record12.explicitBytes(ctx);
  const nonce = record12.explicitAt(ctx.writeKey);
  const content = header(at, type, explicit + length + aead.TAG_BYTES) + explicit;
  const additional = record12.additional(ctx, ctx.writeSeq, type, length);
  if (explicit) store<u64>(nonce, load<u64>(additional));
  else maskIv(ctx.writeKey, ctx.writeSeq);
  putBytes(content - explicit, nonce, explicit);
  aead.begin(
    ctx.sealing,
    ctx.suite,
    ctx.writeKey,
    ctx.writeKey + IV,
    additional,
    record12.ADDITIONAL_BYTES,
    CRYPTO,
  );
  if (!explicit) maskIv(ctx.writeKey, ctx.writeSeq);
  aead.encrypt(ctx.sealing, ctx.writeKey, content, length, CRYPTO);
  aead.tag(ctx.sealing, ctx.writeKey, content + length, CRYPTO);
  ctx.writeSeq++;
  return content + length + aead.TAG_BYTES;
}

/** XORs a record's number into the IV behind `key`, or out again (RFC 8446 section 5.3). */
export function maskIv(key: usize, sequence: u32): void {
  const low = key + IV + aead.NONCE_BYTES - 4;
  store<u32>(low, load<u32>(low) ^ bswap<u32>(sequence));
}
