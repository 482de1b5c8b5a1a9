// Records that we receive (RFC 8446 section 5), of any legal length, decrypted in the pbufs in which they arrive and
// given to the caller piece by piece (seed [226]-[234]).
//
// The type of an encrypted record is the last byte of its plaintext that is not zero, so it is known only at the end.
// Two rules make streaming possible all the same. The last byte that is not zero is held back, with a count of the zeros
// behind it, until the next one proves it to be content. And nothing is released while the content could still be a
// whole KeyUpdate (5 bytes) or alert (2): of a longer record, nothing but application data can be valid.
//
//   hold ‖ zeros ‖ chunk          what has been decrypted and not released, in this order
//
// Every piece is provisional until END: then the tag has been verified and `recordType` is the true one. A record that
// turns out wrong ends the connection.
import { CRYPTO } from "../chip/ram-map.ts";
import { get16 } from "../buffer/cursors.ts";
import * as socket from "../socket/socket.ts";
import * as aead from "../crypto/aead.ts";
import { equal } from "../crypto/ct.ts";
import * as declassify from "../crypto/declassify.ts";
import * as alert from "./alert.ts";
import {
  ANSWER_LIMIT,
  CONNECTED,
  Context,
  EARLY_DATA,
  EXPECT_FINISHED,
  EXPECT_SECOND_HELLO,
  FAILED,
  HOLD_BYTES,
  IV,
  READ_PROTECTED,
  SEND_CLIENT_HELLO,
  STREAMED,
} from "./context.ts";
import { drop, fetch } from "./incoming.ts";
import * as record12 from "./record-1-2.ts";
import {
  ALERT,
  APPLICATION_DATA,
  CHANGE_CIPHER_SPEC,
  HANDSHAKE,
  HEADER_BYTES,
  maskIv,
} from "./record-out.ts";

/** The record has ended, and is authentic. */
export const END: i32 = 0;
/** The record_size_limit that we answer with: longest plaintext with its type (RFC 8449). GnuTLS wants 512 at least. */
export const RECORD_SIZE_LIMIT: u32 = 512;
/** Early data that we skip before we give up, bytes; no ticket of ours allows any. */
export const EARLY_DATA_MAX: u32 = 16384;

const PLAINTEXT_MAX: u32 = 16384;
/** Records in a row that may bring nothing. */
const IDLE_MAX: u32 = 32;

/**
 * The next piece of the current record, or of the next one.
 * @returns bytes at ctx.data, good until the next call; END; EAGAIN; or what the connection failed with
 */
export function next(ctx: Context): i32 {
  while (true) {
    drop(ctx);
    const bytes =
      ctx.chunk != 0 ? release(ctx) : ctx.headerFill < frontBytes(ctx) ? begin(ctx) : advance(ctx);
    if (bytes == CONTINUE) continue;
    // From here, where the stack is shallow: TCP has ended or failed.
    return bytes < socket.EAGAIN && ctx.state != FAILED ? alert.abandon(ctx, bytes) : bytes;
  }
}

/** Counts a record that brought nothing. @returns false when there were too many in a row */
export function tolerate(ctx: Context): bool {
  return u32(++ctx.idle) <= IDLE_MAX;
}

/** Has a part of a record been released whose tag has not been seen? */
export function isStreaming(ctx: Context): bool {
  return ctx.headerFill == frontBytes(ctx) && ctx.has(STREAMED);
}

/** Is the current record encrypted? */
export function isProtected(ctx: Context): bool {
  return ctx.has(READ_PROTECTED) && (ctx.isTls12 || load<u8>(ctx.header) == APPLICATION_DATA);
}

/** Header, and in TLS 1.2 what AES-GCM adds to it. */
function frontBytes(ctx: Context): u32 {
  return HEADER_BYTES + (ctx.has(READ_PROTECTED) ? record12.explicitBytes(ctx) : 0);
}

/** Something was done, nothing is to be returned. Far from every errno and every alert. */
const CONTINUE: i32 = i32.MIN_VALUE;

/** Reads the header. */
function begin(ctx: Context): i32 {
  const available = fetch(ctx);
  if (available <= 0) return available;
  const filled: u32 = ctx.headerFill++;
  const target = filled < HEADER_BYTES ? ctx.header : record12.explicitAt(ctx.readKey) - HEADER_BYTES;
  store<u8>(target + filled, load<u8>(ctx.packet!.payload));
  ctx.consumed = 1;
  if (filled == HEADER_BYTES - 1) {
    const refusal = readHeader(ctx);
    if (refusal) return alert.fail(ctx, refusal);
  }
  if (filled == frontBytes(ctx) - 1 && isProtected(ctx)) beginProtected(ctx);
  return CONTINUE;
}

/** @returns 0, or the alert that the header deserves */
function readHeader(ctx: Context): u32 {
  const type: u32 = load<u8>(ctx.header);
  const length = get16(ctx.header + 3);
  const refusal = admit(ctx, type, length);
  ctx.recordType = u8(type);
  ctx.left = u16(length);
  return refusal;
}

// What may come, by state; RFC 8446 section 5 and appendix D.4.
const CCS: u8 = 1;
const ALR: u8 = 2;
const HSK: u8 = 4;
const APP: u8 = 8;
// prettier-ignore
const ADMITTED: usize = memory.data<u8>([
  /* IDLE                */ 0,
  /* EXPECT_CLIENT_HELLO */ HSK | ALR,
  /* SEND_HELLO_RETRY    */ 0,
  /* EXPECT_SECOND_HELLO */ HSK | ALR | CCS | APP, // APP: early data only
  /* SEND_...            */ 0, 0, 0, 0, 0, 0,
  /* EXPECT_FINISHED     */ APP | ALR | CCS,
  /* CONNECTED           */ APP,
  /* FAILED              */ 0,
  /* SEND_SERVER_HELLO_1_2, SEND_KEY_EXCHANGE */ 0, 0,
  /* EXPECT_KEY_EXCHANGE  */ HSK | ALR,
  /* EXPECT_CIPHER_CHANGE */ CCS | ALR,
  /* EXPECT_FINISHED_1_2  */ HSK | ALR,
  /* SEND_FINISHED_1_2    */ 0,
]);

// prettier-ignore
/** The same from SEND_CLIENT_HELLO on; of TLS 1.2 plain handshake messages and alerts. */
const ADMITTED_OF_SERVER: usize = memory.data<u8>([
  /* SEND_CLIENT_HELLO           */ 0,
  /* EXPECT_SERVER_HELLO         */ HSK | ALR | CCS,
  /* AGREE                       */ 0,
  /* EXPECT_ENCRYPTED_EXTENSIONS */ APP | ALR | CCS,
  /* EXPECT_CERTIFICATE          */ APP | ALR | CCS,
  /* EXPECT_CERTIFICATE_VERIFY   */ APP | ALR | CCS,
  /* EXPECT_SERVER_FINISHED      */ APP | ALR | CCS,
  /* SEND_CLIENT_FINISHED        */ 0,
  /* EXPECT_CERTIFICATE_REQUEST  */ APP | ALR | CCS,
]);

function admittedNow(ctx: Context): u8 {
  if (ctx.state == CONNECTED && ctx.isTls12) return HSK | ALR | APP;
  if (ctx.isClient && ctx.state >= SEND_CLIENT_HELLO)
    return ctx.isTls12 ? HSK | ALR : load<u8>(ADMITTED_OF_SERVER + ctx.state - SEND_CLIENT_HELLO);
  return load<u8>(ADMITTED + ctx.state);
}

/** @returns 0, or the alert that the header deserves */
function admit(ctx: Context, type: u32, length: u32): u32 {
  const bit = type - CHANGE_CIPHER_SPEC;
  const admitted = admittedNow(ctx);
  if (bit > 3 || ((admitted >> u8(bit)) & 1) == 0) return alert.UNEXPECTED_MESSAGE;
  if (isProtected(ctx) && ctx.isTls12)
    return admitLength(PLAINTEXT_MAX + record12.explicitBytes(ctx), record12.explicitBytes(ctx), length);
  if (type == CHANGE_CIPHER_SPEC) return length == 1 && tolerate(ctx) ? 0 : alert.UNEXPECTED_MESSAGE;
  if (type == ALERT) return length == 2 ? 0 : alert.DECODE_ERROR;
  if (type == HANDSHAKE) {
    if (length > PLAINTEXT_MAX) return alert.RECORD_OVERFLOW;
    return length > 0 ? 0 : alert.UNEXPECTED_MESSAGE;
  }
  if (ctx.state == EXPECT_SECOND_HELLO)
    // early data, which has a tag and a type (section 5.2): each record counts
    return length > aead.TAG_BYTES && skip(ctx, length) ? 0 : alert.UNEXPECTED_MESSAGE;
  const inner: u32 = ctx.has(ANSWER_LIMIT) && !ctx.has(EARLY_DATA) ? RECORD_SIZE_LIMIT : PLAINTEXT_MAX + 1;
  return admitLength(inner, 0, length);
}

/** @param most @param least bytes of an encrypted record beside its tag */
function admitLength(most: u32, least: u32, length: u32): u32 {
  if (length > most + aead.TAG_BYTES) return alert.RECORD_OVERFLOW;
  return length < least + aead.TAG_BYTES ? alert.BAD_RECORD_MAC : 0;
}

/** Early data which is not wanted (RFC 8446 section 4.2.10). @returns false when there is none, or too much */
function skip(ctx: Context, length: u32): bool {
  if (!ctx.has(EARLY_DATA) || u32(ctx.skipped) + length > EARLY_DATA_MAX) return false;
  ctx.skipped += u16(length);
  return true;
}

function beginProtected(ctx: Context): void {
  const explicit = record12.explicitBytes(ctx);
  const isTls12 = ctx.isTls12;
  ctx.left -= u16(explicit + aead.TAG_BYTES);
  ctx.tagFill = 0;
  ctx.holdLength = 0;
  ctx.zeros = 0;
  ctx.flags &= ~STREAMED;
  let additional = ctx.header;
  if (isTls12) additional = record12.additional(ctx, ctx.readSeq, ctx.recordType, ctx.left);
  const bytes = isTls12 ? record12.ADDITIONAL_BYTES : HEADER_BYTES;
  if (!explicit) maskIv(ctx.readKey, ctx.readSeq);
  aead.begin(ctx.opening, ctx.suite, ctx.readKey, ctx.readKey + IV, additional, bytes, CRYPTO);
  if (!explicit) maskIv(ctx.readKey, ctx.readSeq);
}

/** Reads on in a record. */
function advance(ctx: Context): i32 {
  if (ctx.left == 0) return end(ctx);
  const available = fetch(ctx);
  if (available <= 0) return available;
  const bytes = min(u32(available), u32(ctx.left));
  const data = ctx.packet!.payload;
  ctx.left -= u16(bytes);
  if (isProtected(ctx)) {
    aead.decrypt(ctx.opening, ctx.readKey, data, bytes, CRYPTO);
    declassify.bytes(data, bytes); // what the client says is acted upon, as the time that takes may tell
    ctx.chunk = u16(bytes);
    return CONTINUE;
  }
  ctx.consumed = u16(bytes);
  ctx.data = u16(data);
  return bytes;
}

/**
 * Gives out what is known to be content.
 * CT: where the zeros at the end of a chunk begin leaks, which is how much padding there is; nothing else of the content.
 */
function release(ctx: Context): i32 {
  if (ctx.isTls12) return releaseTyped(ctx);
  const chunk = ctx.packet!.payload;
  const known = contentOf(chunk, ctx.chunk);
  if (known == 0) return keep(ctx, ctx.zeros + ctx.chunk);
  if (!ctx.has(STREAMED) && u32(ctx.holdLength) + u32(ctx.zeros) + known <= HOLD_BYTES)
    return hold(ctx, chunk, known);
  ctx.flags |= STREAMED;
  if (ctx.holdLength != 0) return releaseHold(ctx);
  if (ctx.zeros != 0) return releaseZeros(ctx);
  store<u8>(ctx.hold, load<u8>(chunk + known - 1));
  ctx.holdLength = 1;
  ctx.data = u16(chunk);
  keep(ctx, ctx.chunk - known);
  return known > 1 ? known - 1 : CONTINUE;
}

/**
 * TLS 1.2 tells the type beforehand: what is no content streams into the hold, beyond which nothing is of interest. The
 * client's Finished streams too: it is compared, not believed.
 */
function releaseTyped(ctx: Context): i32 {
  const bytes: u32 = ctx.chunk;
  const data = ctx.packet!.payload;
  ctx.consumed = ctx.chunk;
  ctx.chunk = 0;
  if (ctx.recordType == APPLICATION_DATA || (ctx.recordType == HANDSHAKE && ctx.state != CONNECTED)) {
    ctx.flags |= STREAMED;
    ctx.data = u16(data);
    return bytes;
  }
  const kept = min(bytes, HOLD_BYTES - ctx.holdLength);
  memory.copy(ctx.hold + ctx.holdLength, data, kept);
  ctx.holdLength += u8(kept);
  return CONTINUE;
}

/** @returns length of `data` without the zeros at its end */
function contentOf(data: usize, length: u32): u32 {
  let end = length;
  while (end > 0 && load<u8>(data + end - 1) == 0) end--;
  return end;
}

/** The record is too short yet to be told from an alert or a KeyUpdate. */
function hold(ctx: Context, chunk: usize, known: u32): i32 {
  const end = ctx.hold + ctx.holdLength;
  memory.fill(end, 0, ctx.zeros);
  memory.copy(end + ctx.zeros, chunk, known);
  ctx.holdLength += u8(ctx.zeros + known);
  return keep(ctx, ctx.chunk - known);
}

/** The chunk is done with; `zeros` stand behind what is held back now. */
function keep(ctx: Context, zeros: u32): i32 {
  ctx.zeros = u16(zeros);
  ctx.consumed = ctx.chunk;
  ctx.chunk = 0;
  return CONTINUE;
}

function releaseHold(ctx: Context): i32 {
  const bytes: i32 = ctx.holdLength;
  ctx.data = u16(ctx.hold);
  ctx.holdLength = 0;
  return bytes;
}

/** The tag's place is free until the last chunk has been released. */
function releaseZeros(ctx: Context): i32 {
  const bytes = min(u32(ctx.zeros), aead.TAG_BYTES);
  memory.fill(ctx.tag, 0, bytes);
  ctx.data = u16(ctx.tag);
  ctx.zeros -= u16(bytes);
  return bytes;
}

/** All of a record has been read but its tag. */
function end(ctx: Context): i32 {
  if (isProtected(ctx)) {
    const missing = collectTag(ctx);
    if (missing) return missing;
    aead.tag(ctx.opening, ctx.readKey, ctx.opening, CRYPTO);
    if (!equal(ctx.opening, ctx.tag, aead.TAG_BYTES)) return refuse(ctx);
    if (++ctx.readSeq == 0) return alert.fail(ctx, alert.INTERNAL_ERROR); // it must not wrap (RFC 8446 section 5.3)
    ctx.flags &= ~EARLY_DATA;
    if (!ctx.isTls12) {
      if (ctx.holdLength == 0) return alert.fail(ctx, alert.UNEXPECTED_MESSAGE);
      ctx.recordType = load<u8>(ctx.hold + --ctx.holdLength);
    }
  }
  ctx.headerFill = 0;
  return END;
}

/**
 * The end of an authentic record of TLS 1.3's handshake, in which messages have to be.
 * @returns how many bytes of it are held back still, at ctx.hold; or what the connection failed with
 */
export function endOfMessages(ctx: Context): i32 {
  if (ctx.recordType == ALERT) {
    if (ctx.has(STREAMED) || ctx.holdLength != 2) return alert.fail(ctx, alert.DECODE_ERROR);
    return alert.ended(ctx, load<u8>(ctx.hold + 1));
  }
  if (ctx.recordType != HANDSHAKE) return alert.fail(ctx, alert.UNEXPECTED_MESSAGE);
  if (ctx.has(STREAMED)) return 0;
  return ctx.holdLength == 0 ? alert.fail(ctx, alert.UNEXPECTED_MESSAGE) : ctx.holdLength;
}

function collectTag(ctx: Context): i32 {
  while (ctx.tagFill < aead.TAG_BYTES) {
    const available = fetch(ctx);
    if (available <= 0) return available;
    const bytes = min(u32(available), aead.TAG_BYTES - ctx.tagFill);
    memory.copy(ctx.tag + ctx.tagFill, ctx.packet!.payload, bytes);
    ctx.tagFill += u8(bytes);
    ctx.consumed = u16(bytes);
    drop(ctx);
  }
  return 0;
}

/** The tag is wrong: a forgery, or early data under keys that we don't have. */
function refuse(ctx: Context): i32 {
  if (ctx.state != EXPECT_FINISHED || !skip(ctx, get16(ctx.header + 3)))
    return alert.fail(ctx, alert.BAD_RECORD_MAC);
  ctx.alert = 0;
  ctx.position = 0;
  ctx.difference = 0;
  ctx.headerFill = 0;
  return CONTINUE;
}
