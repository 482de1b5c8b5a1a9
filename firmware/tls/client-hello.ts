// ClientHello (RFC 8446 section 4.1.2), parsed as it streams in, byte by byte, extensions in any order. Nothing is kept
// but what the answer needs: a set of bits, one key share, the session ID.
//
// A vector is no count but a place where it ends: `left` is how much of the message is to come, and each vector's end
// is the value that `left` will have there. Fields are collected by expect(), which refuses what does not fit its vector.
//
//   header  version random  session_id  suites  compression  extensions { type length { body } ... }
//                                                                               list8 / list16 { item | share | name ... }
import * as aead from "../crypto/aead.ts";
import * as p256 from "../crypto/p256.ts";
import * as alert from "./alert.ts";
import { Context } from "./context.ts";

// Groups (RFC 8446 section 4.2.7).
export const SECP256R1: u32 = 23;
export const X25519: u32 = 29;
export const X25519_BYTES: u32 = 32;

export const TLS_1_3: u32 = 0x0304;
/** The only signature that we make. */
export const ECDSA_SECP256R1_SHA256: u32 = 0x0403;

// Extensions (section 4.2).
const SUPPORTED_GROUPS: u32 = 10;
const SIGNATURE_ALGORITHMS: u32 = 13;
const ALPN: u32 = 16;
const RECORD_SIZE_LIMIT: u32 = 28;
const PRE_SHARED_KEY: u32 = 41;
const EARLY_DATA: u32 = 42;
const SUPPORTED_VERSIONS: u32 = 43;
const PSK_MODES: u32 = 45;
const KEY_SHARE: u32 = 51;

// Findings.
export const HAS_GROUPS: u32 = 1;
export const HAS_ALGORITHMS: u32 = 2;
export const HAS_ALPN: u32 = 4;
export const HAS_PSK: u32 = 8;
export const HAS_EARLY_DATA: u32 = 16;
export const HAS_PSK_MODES: u32 = 32;
export const HAS_SHARES: u32 = 64;
export const OFFERS_TLS_1_3: u32 = 128;
export const OFFERS_AES: u32 = 256;
export const OFFERS_CHACHA: u32 = 512;
export const OFFERS_X25519: u32 = 1024;
export const OFFERS_P256: u32 = 2048;
export const OFFERS_ECDSA: u32 = 4096;
export const OFFERS_HTTP_1_1: u32 = 8192;
export const SHARES_X25519: u32 = 16384;
export const SHARES_P256: u32 = 32768;
export const SHARES_OTHER: u32 = 65536;
/** legacy_compression_methods is not what TLS 1.3 demands. */
export const COMPRESSES: u32 = 131072;

// Fields, each with the number of its bytes where expect() names it.
const TYPE: u32 = 0;
const LENGTH: u32 = 1;
const VERSION: u32 = 2;
const RANDOM: u32 = 3;
const SESSION_LENGTH: u32 = 4;
const SESSION: u32 = 5;
const SUITES_LENGTH: u32 = 6;
const SUITE: u32 = 7;
const COMPRESSION_LENGTH: u32 = 8;
const COMPRESSION: u32 = 9;
const EXTENSIONS_LENGTH: u32 = 10;
const EXTENSION_TYPE: u32 = 11;
const EXTENSION_LENGTH: u32 = 12;
const SKIPPED: u32 = 13;
const LIMIT: u32 = 14;
const LIST_LENGTH: u32 = 15;
const ITEM: u32 = 16;
const SHARE_GROUP: u32 = 17;
const SHARE_LENGTH: u32 = 18;
const SHARE: u32 = 19;
const NAME_LENGTH: u32 = 20;
const NAME: u32 = 21;
const DONE: u32 = 22;

const CLIENT_HELLO: u32 = 1;
const SESSION_MAX: u32 = 32;
/** Extensions whose types are remembered, to refuse one that comes twice. */
const TYPES_MAX: u32 = 32;
export const HTTP_1_1: usize = memory.data<u8>([0x68, 0x74, 0x74, 0x70, 0x2f, 0x31, 0x2e, 0x31]); // "http/1.1"
const SSL_3_0: u32 = 0x0300;
/** RFC 8449 section 4. */
const RECORD_LIMIT_MIN: u32 = 64;
export const HTTP_1_1_BYTES: u32 = 8;

/** Lies at the end of the buffer; ServerHello's front overwrites what is no longer needed when it is written. */
@final
@unmanaged
export class Hello {
  private types0: u64;
  private types1: u64;
  private types2: u64;
  private types3: u64;
  private types4: u64;
  private types5: u64;
  private types6: u64;
  private types7: u64;
  private share0: u64;
  private share1: u64;
  private share2: u64;
  private share3: u64;
  private share4: u64;
  private share5: u64;
  private share6: u64;
  private share7: u64;
  private share8: u8;
  field: u8;
  typeCount: u8;
  extension: u16;
  group: u16;
  /** Where the current field's bytes are stored, 0: nowhere. */
  sink: u16;
  need: u16;
  /** The record size limit offered, 0: none. */
  recordLimit: u16;
  value: u32;
  left: u32;
  extensionEnd: u32;
  listEnd: u32;
  private name0: u64;
  /** What has been found: HAS_..., OFFERS_..., SHARES_... */
  found: u32;
  sessionLength: u32;
  private session0: u64;
  private session1: u64;
  private session2: u64;
  private session3: u64;

  static of(ctx: Context): Hello {
    return changetype<Hello>(ctx.buffer + HELLO);
  }
  has(finding: u32): bool {
    return (this.found & finding) == finding;
  }
  get types(): usize {
    return changetype<usize>(this);
  }
  /** The client's key share, POINT_BYTES at most. */
  get share(): usize {
    return changetype<usize>(this) + offsetof<Hello>("share0");
  }
  get name(): usize {
    return changetype<usize>(this) + offsetof<Hello>("name0");
  }
  get session(): usize {
    return changetype<usize>(this) + offsetof<Hello>("session0");
  }
}

const HELLO: usize = TLS_BUFFER - offsetof<Hello>();
/** Bytes at the buffer's front that ServerHello may overwrite: then only the session ID is still needed. */
export const ANSWER_ROOM: usize = HELLO + offsetof<Hello>("sessionLength");
/** Bytes at the buffer's front that may be overwritten while the share is still needed. */
export const SHARE_ROOM: usize = HELLO + offsetof<Hello>("share0");
/** Bytes at the buffer's front that begin() leaves as they are: HelloRetryRequest may still be outstanding. */
export const RETRY_ROOM: usize = HELLO + offsetof<Hello>("field");

/** Expects a ClientHello. */
export function begin(ctx: Context): void {
  if (TLS_BUFFER < offsetof<Hello>()) ERROR("the ClientHello's parser does not fit TLS_BUFFER");
  const hello = Hello.of(ctx);
  const front = offsetof<Hello>("field");
  memory.fill(changetype<usize>(hello) + front, 0, offsetof<Hello>() - front);
  hello.need = 1;
}

/** Has the message been read to its end? */
export function isComplete(ctx: Context): bool {
  return Hello.of(ctx).field == DONE;
}

/** Has it been read in part? */
export function isBegun(ctx: Context): bool {
  const hello = Hello.of(ctx);
  return hello.field != TYPE && hello.field != DONE;
}

/** Reads the next bytes of the message. @returns 0, or the alert that they deserve */
export function read(ctx: Context, data: usize, length: u32): u32 {
  const hello = Hello.of(ctx);
  for (let i: u32 = 0; i < length; i++) {
    const refusal = take(hello, load<u8>(data + i));
    if (refusal) return refusal;
  }
  return 0;
}

function take(hello: Hello, byte: u32): u32 {
  if (hello.field == DONE) return alert.UNEXPECTED_MESSAGE;
  hello.value = (hello.value << 8) | byte;
  if (hello.field > LENGTH) hello.left--;
  if (hello.sink) store<u8>(hello.sink++, u8(byte));
  if (--hello.need) return 0;
  const value = hello.value;
  hello.value = 0;
  hello.sink = 0;
  return hello.field < EXTENSION_TYPE ? readField(hello, value) : readExtension(hello, value);
}

/** The next field has `bytes` bytes, and they must be there before `end`. */
function expect(hello: Hello, field: u32, bytes: u32, end: u32 = 0): u32 {
  if (hello.left < end + bytes) return alert.DECODE_ERROR;
  hello.field = u8(field);
  hello.need = u16(bytes);
  return 0;
}

function readField(hello: Hello, value: u32): u32 {
  switch (u32(hello.field)) {
    case TYPE:
      if (value != CLIENT_HELLO) return alert.UNEXPECTED_MESSAGE;
      hello.field = u8(LENGTH);
      hello.need = 3;
      return 0;
    case LENGTH:
      hello.left = value;
      return expect(hello, VERSION, 2);
    case VERSION:
      if (value <= SSL_3_0) return alert.PROTOCOL_VERSION;
      return expect(hello, RANDOM, 32);
    case RANDOM:
      return expect(hello, SESSION_LENGTH, 1);
    case SESSION_LENGTH:
      if (value > SESSION_MAX) return alert.DECODE_ERROR;
      hello.sessionLength = value;
      if (value == 0) return expect(hello, SUITES_LENGTH, 2);
      hello.sink = u16(hello.session);
      return expect(hello, SESSION, value);
    case SESSION:
      return expect(hello, SUITES_LENGTH, 2);
    case SUITES_LENGTH:
      if (value == 0 || value % 2 != 0 || hello.left < value) return alert.DECODE_ERROR;
      hello.listEnd = hello.left - value;
      return expect(hello, SUITE, 2);
    case SUITE:
      noteSuite(hello, value);
      return hello.left > hello.listEnd ? expect(hello, SUITE, 2) : expect(hello, COMPRESSION_LENGTH, 1);
    case COMPRESSION_LENGTH:
      if (value == 0) return alert.DECODE_ERROR;
      if (value > 1) hello.found |= COMPRESSES;
      return expect(hello, COMPRESSION, value);
    case COMPRESSION:
      if (value != 0) hello.found |= COMPRESSES;
      return hello.left == 0 ? done(hello) : expect(hello, EXTENSIONS_LENGTH, 2);
    default:
      return value == hello.left ? nextExtension(hello) : alert.DECODE_ERROR; // EXTENSIONS_LENGTH
  }
}

function readExtension(hello: Hello, value: u32): u32 {
  switch (u32(hello.field)) {
    case EXTENSION_TYPE:
      hello.extension = u16(value);
      return isRepeated(hello) ? alert.ILLEGAL_PARAMETER : expect(hello, EXTENSION_LENGTH, 2);
    case EXTENSION_LENGTH:
      if (hello.left < value) return alert.DECODE_ERROR;
      hello.extensionEnd = hello.left - value;
      return openExtension(hello, value);
    case LIMIT:
      if (value < RECORD_LIMIT_MIN) return alert.ILLEGAL_PARAMETER;
      hello.recordLimit = u16(value);
      return nextExtension(hello);
    case LIST_LENGTH:
      if (hello.left < value || hello.left - value != hello.extensionEnd) return alert.DECODE_ERROR;
      if (value == 0 && hello.extension != KEY_SHARE) return alert.DECODE_ERROR;
      return nextItem(hello);
    case ITEM:
      noteItem(hello, value);
      return nextItem(hello);
    case SHARE_GROUP:
      hello.group = u16(value);
      return expect(hello, SHARE_LENGTH, 2, hello.extensionEnd);
    case SHARE_LENGTH:
      return openShare(hello, value);
    case NAME_LENGTH:
      if (value == 0) return alert.DECODE_ERROR;
      if (value == HTTP_1_1_BYTES) hello.sink = u16(hello.name);
      return expect(hello, NAME, value, hello.extensionEnd);
    case NAME:
      if (load<u64>(hello.name) == load<u64>(HTTP_1_1)) hello.found |= OFFERS_HTTP_1_1;
      return nextItem(hello);
    case SHARE:
      return nextItem(hello);
    default:
      return nextExtension(hello); // SKIPPED
  }
}

function openExtension(hello: Hello, length: u32): u32 {
  switch (u32(hello.extension)) {
    case SUPPORTED_VERSIONS:
      return expect(hello, LIST_LENGTH, 1, hello.extensionEnd);
    case SUPPORTED_GROUPS:
      hello.found |= HAS_GROUPS;
      break;
    case SIGNATURE_ALGORITHMS:
      hello.found |= HAS_ALGORITHMS;
      break;
    case KEY_SHARE:
      hello.found |= HAS_SHARES;
      break;
    case ALPN:
      hello.found |= HAS_ALPN;
      break;
    case RECORD_SIZE_LIMIT:
      return length == 2 ? expect(hello, LIMIT, 2) : alert.DECODE_ERROR;
    case EARLY_DATA:
      hello.found |= HAS_EARLY_DATA;
      return length == 0 ? nextExtension(hello) : alert.DECODE_ERROR;
    default:
      if (hello.extension == PRE_SHARED_KEY) hello.found |= HAS_PSK;
      if (hello.extension == PSK_MODES) hello.found |= HAS_PSK_MODES;
      return length == 0 ? nextExtension(hello) : expect(hello, SKIPPED, length);
  }
  return expect(hello, LIST_LENGTH, 2, hello.extensionEnd);
}

function nextExtension(hello: Hello): u32 {
  if (hello.left == 0) return done(hello);
  if (hello.has(HAS_PSK)) return alert.ILLEGAL_PARAMETER; // it must be the last one (section 4.2.11)
  return expect(hello, EXTENSION_TYPE, 2);
}

function nextItem(hello: Hello): u32 {
  const end = hello.extensionEnd;
  if (hello.left == end) return nextExtension(hello);
  if (hello.extension == KEY_SHARE) return expect(hello, SHARE_GROUP, 2, end);
  if (hello.extension == ALPN) return expect(hello, NAME_LENGTH, 1, end);
  return expect(hello, ITEM, 2, end);
}

function done(hello: Hello): u32 {
  hello.field = u8(DONE);
  return 0;
}

function noteSuite(hello: Hello, suite: u32): void {
  if (suite == aead.AES_128_GCM) hello.found |= OFFERS_AES;
  if (suite == aead.CHACHA20_POLY1305) hello.found |= OFFERS_CHACHA;
}

function noteItem(hello: Hello, value: u32): void {
  if (hello.extension == SUPPORTED_VERSIONS) {
    if (value == TLS_1_3) hello.found |= OFFERS_TLS_1_3;
  } else if (hello.extension == SIGNATURE_ALGORITHMS) {
    if (value == ECDSA_SECP256R1_SHA256) hello.found |= OFFERS_ECDSA;
  } else if (value == X25519) hello.found |= OFFERS_X25519;
  else if (value == SECP256R1) hello.found |= OFFERS_P256;
}

/** One share is kept: X25519 rather than P-256, in whichever order they come. */
function openShare(hello: Hello, length: u32): u32 {
  if (length == 0) return alert.DECODE_ERROR;
  const isX25519 = hello.group == X25519;
  const finding = isX25519 ? SHARES_X25519 : hello.group == SECP256R1 ? SHARES_P256 : SHARES_OTHER;
  if (finding != SHARES_OTHER) {
    if (length != (isX25519 ? X25519_BYTES : p256.POINT_BYTES) || hello.has(finding))
      return alert.ILLEGAL_PARAMETER;
    if (isX25519 || !hello.has(SHARES_X25519)) hello.sink = u16(hello.share);
  }
  hello.found |= finding;
  return expect(hello, SHARE, length, hello.extensionEnd);
}

/** "There MUST NOT be more than one extension of the same type" (section 4.2). */
function isRepeated(hello: Hello): bool {
  for (let i: usize = 0; i < hello.typeCount; i++) {
    if (load<u16>(hello.types + 2 * i) == hello.extension) return true;
  }
  if (hello.typeCount < TYPES_MAX) store<u16>(hello.types + 2 * usize(hello.typeCount++), hello.extension);
  return false;
}
