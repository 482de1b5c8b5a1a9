// Records that we send (RFC 2246 section 6.2): content, MAC, padding, encrypted where they stand; the socket sends them from
// there, and until they have been acknowledged nobody touches them.
//
//   0      5                    5+n        25+n       a multiple of the block behind the header
//   ┌──────┬────────────────────┬──────────┬─────────┐
//   │header│ content            │ HMAC-SHA1│ padding │
//   └──────┴────────────────────┴──────────┴─────────┘
//
// A record's IV is the last block of the one before, so whoever chooses what we send would know it beforehand (Rogaway 2002;
// "BEAST", 2011). Data therefore begins with a record of its first byte, whose MAC makes the next IV unknown.
//
//   buffer   0      5     6              5+m    10+m                        m: 24 with DES, 32 with AES
//            ┌──────┬─────┬──────────────┬──────┬──────────────────────────────────┐
//            │header│ d[0]│ MAC, padding │header│ d[1] …              MAC, padding │
//            └──────┴─────┴──────────────┴──────┴──────────────────────────────────┘
//                                             d[0] is first put here, one byte before d[1]
import { CRYPTO, CRYPTO_BYTES } from "../../chip/ram-map.ts";
import { put16, put8 } from "../../buffer/cursors.ts";
import * as cbc from "../../crypto/cbc.ts";
import * as digest from "../../crypto/digest.ts";
import * as hmac from "../../crypto/hmac-legacy.ts";
import { MAC_BYTES } from "../../crypto/mac-then-encrypt.ts";
import { Context, IV, KEY, WRITE_PROTECTED } from "./context.ts";

export const CHANGE_CIPHER_SPEC: u32 = 20;
export const ALERT: u32 = 21;
export const HANDSHAKE: u32 = 22;
export const APPLICATION_DATA: u32 = 23;

export const HEADER_BYTES: u32 = 5;
/** Sequence number, type, version and length, which the MAC covers. */
export const ADDITIONAL_BYTES: u32 = 13;

const FRONT_MAX: u32 = 2 * HEADER_BYTES + 2 * cbc.BLOCK_MAX - 1;
/** Data of one send() that fits the buffer, whatever the cipher. */
export const DATA_MAX: u32 = TLS_BUFFER - FRONT_MAX - MAC_BYTES - cbc.BLOCK_MAX;
const VERSION: u32 = 0x0301;

/** Writes a record header at `at`. @returns the address behind it */
export function header(at: usize, type: u32, length: u32): usize {
  return put16(put16(put8(at, type), VERSION), length);
}

/** Bytes in front of data in the buffer. */
export function front(ctx: Context): u32 {
  return 2 * HEADER_BYTES + protectedBytes(ctx, 1) - 1;
}

/** Makes records of the data that stand front() behind the buffer's start. @returns the address behind them */
export function sealData(ctx: Context, length: u32): usize {
  const second = ctx.buffer + HEADER_BYTES + protectedBytes(ctx, 1);
  put8(ctx.buffer + HEADER_BYTES, load<u8>(second + HEADER_BYTES - 1));
  const end = seal(ctx, ctx.buffer, APPLICATION_DATA, 1);
  return length == 1 ? end : seal(ctx, second, APPLICATION_DATA, length - 1);
}

/**
 * Makes one record of the content that stands HEADER_BYTES behind `at`, in place, encrypted when there are keys.
 * @param length bytes of content @returns the address behind the record
 * CT: only the length leaks.
 */
export function seal(ctx: Context, at: usize, type: u32, length: u32): usize {
  if (!ctx.has(WRITE_PROTECTED)) return header(at, type, length) + length;
  if (digest.STATE_BYTES + ADDITIONAL_BYTES > CRYPTO_BYTES || cbc.SCRATCH_BYTES > CRYPTO_BYTES)
    ERROR("a record's MAC or cipher does not fit CRYPTO_BYTES");
  const content = at + HEADER_BYTES;
  const keys = ctx.writeKeys;
  hmac.init(digest.SHA1, CRYPTO, keys, MAC_BYTES);
  const covered = additional(CRYPTO + digest.STATE_BYTES, ctx.writeSeq, type, length);
  digest.update(digest.SHA1, CRYPTO, covered, ADDITIONAL_BYTES);
  digest.update(digest.SHA1, CRYPTO, content, length);
  hmac.final(digest.SHA1, CRYPTO, keys, MAC_BYTES, content + length);
  const bytes = protectedBytes(ctx, length);
  const padding = bytes - length - MAC_BYTES;
  memory.fill(content + length + MAC_BYTES, u8(padding - 1), padding);
  header(at, type, bytes);
  cbc.encrypt(ctx.cipher, keys + KEY, keys + IV, content, bytes, CRYPTO);
  ctx.writeSeq++;
  return content + bytes;
}

/** Writes what a record's MAC covers before its content. @returns `at` */
export function additional(at: usize, sequence: u32, type: u32, length: u32): usize {
  store<u64>(at, bswap<u64>(u64(sequence)));
  header(at + 8, type, length);
  return at;
}

/** Bytes of content, MAC and padding, which is as short as can be. */
function protectedBytes(ctx: Context, length: u32): u32 {
  const block = cbc.blockBytes(ctx.cipher);
  return (length + MAC_BYTES + block) & ~(block - 1);
}
