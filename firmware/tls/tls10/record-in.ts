// Records that we receive (RFC 2246 section 6.2), of any legal length. What is not encrypted is given to the caller where it
// arrived. What is encrypted is decrypted in the buffer, which must be free for that: nothing that is sent is outstanding.
//
// A record's MAC covers its length first, and how much of the end is padding is known only at the end, so a record can't be
// hashed while it streams in. One that fits the buffer waits there. Of a longer one, all but the last HIDDEN_MAX bytes goes
// to NVM whenever the buffer is full, to be hashed from there at the end. In the meantime
//
//   FAST (performance-critical, seed [230]-[234])   the caller has these bytes at once, provisionally
//   SAFE (error-critical, seed [235], [236])        the caller has nothing before the MAC has been verified
//
//   buffer   0            lent          clear                      stored
//            ┌────────────┬─────────────┬──────────────────────────┐
//            │ spilled now│ decrypted   │ not yet                  │
//            └────────────┴─────────────┴──────────────────────────┘
import { CRYPTO } from "../../chip/ram-map.ts";
import * as nvm from "../../chip/nvm.ts";
import { TLS_SWAP, TLS_SWAP_BYTES } from "../../chip/nvm-map.ts";
import { get16 } from "../../buffer/cursors.ts";
import * as cbc from "../../crypto/cbc.ts";
import * as digest from "../../crypto/digest.ts";
import * as hmac from "../../crypto/hmac-legacy.ts";
import * as mac from "../../crypto/mac-then-encrypt.ts";
import * as socket from "../../socket/socket.ts";
import {
  BAD_RECORD_MAC,
  DECODE_ERROR,
  PROTOCOL_VERSION,
  RECORD_OVERFLOW,
  UNEXPECTED_MESSAGE,
} from "../alert.ts";
import * as alert from "./alert.ts";
import {
  CONNECTED,
  Context,
  EXPECT_CIPHER_CHANGE,
  EXPECT_CLIENT_HELLO,
  EXPECT_FINISHED,
  EXPECT_KEY_EXCHANGE,
  FAILED,
  IV,
  KEY,
  READ_PROTECTED,
  VERIFIED,
} from "./context.ts";
import { drop, fetch } from "../incoming.ts";
import { Hello } from "./hello.ts";
import {
  additional,
  ADDITIONAL_BYTES,
  ALERT,
  APPLICATION_DATA,
  CHANGE_CIPHER_SPEC,
  HANDSHAKE,
  HEADER_BYTES,
} from "./record-out.ts";
import * as ssl2ClientHello from "./ssl2-client-hello.ts";

/** The record has ended, and is authentic if it was encrypted. */
export const END: i32 = 0;
/** recordType of a record in the format of SSL 2.0: its type is what the others' lengths can't be. */
export const SSL_2_0: u32 = 0x80;

const SSL_2_0_HEADER_BYTES: u32 = 2;
const MAJOR_VERSION: u32 = 3;
const PLAINTEXT_MAX: u32 = 16384;
/** Records in a row that may bring nothing. */
const IDLE_MAX: u32 = 32;
/** What stays in the buffer when it spills: HIDDEN_MAX and whole blocks. */
const KEPT_BYTES: u32 = (mac.HIDDEN_MAX + cbc.BLOCK_MAX - 1) & ~(cbc.BLOCK_MAX - 1);
/** Bytes of NVM that are hashed at a time. */
const CHUNK_BYTES: u32 = digest.BLOCK_BYTES;

/** Something was done, nothing is to be returned. Far from every errno and every alert. */
const CONTINUE: i32 = i32.MIN_VALUE;

/**
 * The next piece of the current record, or of the next one.
 * @param isSafe nothing of an encrypted record is returned before its end
 * @returns bytes at ctx.data, good until the next call; END; EAGAIN; or what the connection failed with
 */
export function next(ctx: Context, isSafe: bool): i32 {
  while (true) {
    drop(ctx);
    let bytes: i32;
    if (ctx.headerFill < HEADER_BYTES) bytes = begin(ctx);
    else if (!isProtected(ctx)) bytes = advance(ctx);
    else if (ctx.has(VERIFIED)) bytes = release(ctx);
    else bytes = collect(ctx, isSafe);
    if (bytes == CONTINUE) continue;
    // From here, where the stack is shallow: TCP has ended or failed.
    return bytes < socket.EAGAIN && ctx.state != FAILED ? alert.abandon(ctx, bytes) : bytes;
  }
}

/** Counts a record that brought nothing. @returns false when there were too many in a row */
export function tolerate(ctx: Context): bool {
  return u32(++ctx.idle) <= IDLE_MAX;
}

/** Has a part of a record been released whose MAC has not been seen? */
export function isStreaming(ctx: Context): bool {
  return ctx.spilled != 0 && !ctx.has(VERIFIED);
}

/** Is there something of a record in the buffer? */
export function hasBuffer(ctx: Context): bool {
  return ctx.stored != 0;
}

/** Are records encrypted? */
export function isProtected(ctx: Context): bool {
  return ctx.has(READ_PROTECTED);
}

/** Reads the header. */
function begin(ctx: Context): i32 {
  const available = fetch(ctx);
  if (available <= 0) return available;
  store<u8>(ctx.header + ctx.headerFill++, load<u8>(ctx.packet!.payload));
  ctx.consumed = 1;
  if (isSsl2(ctx)) {
    if (ctx.headerFill < SSL_2_0_HEADER_BYTES) return CONTINUE;
    ctx.headerFill = u8(HEADER_BYTES);
    return refuse(ctx, beginSsl2(ctx));
  }
  return ctx.headerFill < HEADER_BYTES ? CONTINUE : refuse(ctx, readHeader(ctx));
}

function refuse(ctx: Context, refusal: u32): i32 {
  return refusal ? alert.fail(ctx, refusal) : CONTINUE;
}

/** The first record, and only that, may have the format of SSL 2.0. */
function isSsl2(ctx: Context): bool {
  return ctx.state == EXPECT_CLIENT_HELLO && ctx.recordType == 0 && (load<u8>(ctx.header) & 0x80) != 0;
}

function beginSsl2(ctx: Context): u32 {
  const length = get16(ctx.header) & 0x7fff;
  ctx.recordType = u8(SSL_2_0);
  ctx.left = u16(length);
  if (length < ssl2ClientHello.MESSAGE_MIN) return DECODE_ERROR;
  ssl2ClientHello.begin(Hello.of(ctx), length);
  return 0;
}

/** @returns 0, or the alert that the header deserves */
function readHeader(ctx: Context): u32 {
  const type: u32 = load<u8>(ctx.header);
  const length = get16(ctx.header + 3);
  ctx.recordType = u8(type);
  ctx.left = u16(length);
  if (load<u8>(ctx.header, 1) != MAJOR_VERSION) return PROTOCOL_VERSION;
  if (!isExpected(ctx, type)) return UNEXPECTED_MESSAGE;
  return isProtected(ctx) ? admitProtected(ctx, type, length) : admit(type, length);
}

function isExpected(ctx: Context, type: u32): bool {
  if (type == ALERT) return true;
  if (ctx.state == EXPECT_CIPHER_CHANGE) return type == CHANGE_CIPHER_SPEC;
  if (type == APPLICATION_DATA) return ctx.state == CONNECTED;
  if (type != HANDSHAKE) return false;
  return (
    ctx.state == EXPECT_CLIENT_HELLO ||
    ctx.state == EXPECT_KEY_EXCHANGE ||
    ctx.state == EXPECT_FINISHED ||
    ctx.state == CONNECTED
  );
}

function admit(type: u32, length: u32): u32 {
  if (length > PLAINTEXT_MAX) return RECORD_OVERFLOW;
  if (type == HANDSHAKE) return length == 0 ? UNEXPECTED_MESSAGE : 0;
  return length == (type == ALERT ? 2 : 1) ? 0 : DECODE_ERROR;
}

/** Whole blocks, with room for a MAC; beside data nothing is long. */
function admitProtected(ctx: Context, type: u32, length: u32): u32 {
  if (length > PLAINTEXT_MAX + mac.HIDDEN_MAX) return RECORD_OVERFLOW;
  if (type != APPLICATION_DATA && length > u32(TLS_BUFFER)) return RECORD_OVERFLOW;
  const isWhole = (length & (cbc.blockBytes(ctx.cipher) - 1)) == 0;
  return isWhole && length > mac.MAC_BYTES ? 0 : BAD_RECORD_MAC;
}

/** Reads on in a record that is not encrypted. */
function advance(ctx: Context): i32 {
  if (ctx.left == 0) {
    ctx.headerFill = 0;
    return END;
  }
  const available = fetch(ctx);
  if (available <= 0) return available;
  const bytes = min(u32(available), u32(ctx.left));
  ctx.data = u16(ctx.packet!.payload);
  ctx.left -= u16(bytes);
  ctx.consumed = u16(bytes);
  return bytes;
}

/** Takes what has arrived of a record that is encrypted. */
function collect(ctx: Context, isSafe: bool): i32 {
  if (ctx.stored == 0 && socket.outstanding(ctx.socket) != 0) return socket.EAGAIN;
  takeBack(ctx);
  const available = fetch(ctx);
  if (available <= 0) return available;
  const bytes = min(min(u32(available), u32(ctx.left)), u32(TLS_BUFFER) - ctx.stored);
  memory.copy(ctx.buffer + ctx.stored, ctx.packet!.payload, bytes);
  ctx.consumed = u16(bytes);
  ctx.left -= u16(bytes);
  ctx.stored += u16(bytes);
  if (ctx.left == 0) return end(ctx);
  return ctx.stored == u16(TLS_BUFFER) ? spill(ctx, isSafe) : CONTINUE;
}

function decrypt(ctx: Context): void {
  const bytes = u32(ctx.stored - ctx.clear);
  cbc.decrypt(ctx.cipher, ctx.readKeys + KEY, ctx.readKeys + IV, ctx.buffer + ctx.clear, bytes, CRYPTO);
  ctx.clear = ctx.stored;
}

/** The buffer is full: what is certainly content goes to NVM, and to the caller who wants it fast. */
function spill(ctx: Context, isSafe: bool): i32 {
  if (u32(TLS_BUFFER) % cbc.BLOCK_MAX != 0 || u32(TLS_BUFFER) <= KEPT_BYTES)
    ERROR("TLS_BUFFER has no room for a record's end, or is no whole number of blocks");
  if (TLS_SWAP_BYTES < PLAINTEXT_MAX + mac.HIDDEN_MAX || TLS_CONTEXTS != 1)
    ERROR("TLS_SWAP has room for one record");
  decrypt(ctx);
  ctx.lent = u16(ctx.stored - KEPT_BYTES);
  nvm.copyOut(TLS_SWAP + ctx.spilled, ctx.buffer, ctx.lent);
  ctx.spilled += ctx.lent;
  if (isSafe || ctx.given + ctx.lent != ctx.spilled) return CONTINUE;
  ctx.given = ctx.spilled;
  ctx.data = u16(ctx.buffer);
  return ctx.lent;
}

/** The caller has had the front of the buffer: the rest moves there. */
function takeBack(ctx: Context): void {
  if (ctx.lent == 0) return;
  ctx.stored -= ctx.lent;
  ctx.clear -= ctx.lent;
  memory.copy(ctx.buffer, ctx.buffer + ctx.lent, ctx.stored);
  ctx.lent = 0;
}

/** The record is there: is it authentic? CT: padding leaks only after that. */
function end(ctx: Context): i32 {
  decrypt(ctx);
  const content = verify(ctx);
  if (content < 0) return alert.fail(ctx, BAD_RECORD_MAC);
  if (u32(ctx.spilled) + content > PLAINTEXT_MAX) return alert.fail(ctx, RECORD_OVERFLOW);
  ctx.readSeq++;
  ctx.flags |= u8(VERIFIED);
  ctx.stored = u16(content);
  if (ctx.given == ctx.spilled) return CONTINUE;
  // The caller has not had all that is in NVM: the end too is given out from there, through the buffer.
  nvm.copyOut(TLS_SWAP + ctx.spilled, ctx.buffer, content);
  ctx.spilled += u16(content);
  ctx.stored = 0;
  return CONTINUE;
}

/** @returns bytes of content in the buffer, FORGED when MAC or padding are wrong. CT: only the result leaks. */
function verify(ctx: Context): i32 {
  const unpadded = mac.unpad(ctx.buffer, ctx.stored);
  const behind = CRYPTO + hmac.STATE_BYTES;
  const length = u32(ctx.spilled) + mac.contentOf(unpadded);
  hmac.init(digest.SHA1, CRYPTO, ctx.readKeys, mac.MAC_BYTES);
  additional(behind, ctx.readSeq, ctx.recordType, length);
  digest.update(digest.SHA1, CRYPTO, behind, ADDITIONAL_BYTES);
  for (let at: u32 = 0; at < u32(ctx.spilled); at += CHUNK_BYTES) {
    const bytes = min(u32(ctx.spilled) - at, CHUNK_BYTES);
    nvm.copyIn(behind, TLS_SWAP + at, bytes);
    digest.update(digest.SHA1, CRYPTO, behind, bytes);
  }
  return mac.verify(CRYPTO, ctx.readKeys, ctx.buffer, ctx.stored, unpadded, behind);
}

/** Gives out what has been verified. */
function release(ctx: Context): i32 {
  let bytes: u32 = ctx.stored;
  ctx.stored = 0;
  if (ctx.given < ctx.spilled) {
    if (socket.outstanding(ctx.socket) != 0) return socket.EAGAIN;
    bytes = min(u32(ctx.spilled - ctx.given), u32(TLS_BUFFER));
    nvm.copyIn(ctx.buffer, TLS_SWAP + ctx.given, bytes);
    ctx.given += u16(bytes);
  }
  if (bytes != 0) {
    ctx.data = u16(ctx.buffer);
    return bytes;
  }
  ctx.flags &= ~u8(VERIFIED);
  ctx.spilled = 0;
  ctx.given = 0;
  ctx.clear = 0;
  ctx.headerFill = 0;
  return END;
}
