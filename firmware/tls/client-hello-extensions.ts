// The extensions of a ClientHello (RFC 8446 section 4.2), one function per moment: a field has been read, an extension
// opens, the next one is due.
//
//   supported_versions, psk_key_exchange_modes    list8 { item }          supported_groups, ...    list16 { item }
//   key_share         list16 { group, share16 }                           ALPN                     list16 { name8 }
//   pre_shared_key    list16 { identity16, age } list16 { binder8 }       the last one
import * as p256 from "../crypto/p256.ts";
import * as alert from "./alert.ts";
import { SECRET_BYTES } from "./context.ts";
import {
  expect,
  Hello,
  BINDER,
  BINDERS_LENGTH,
  BINDER_LENGTH,
  DONE,
  EXTENSION_LENGTH,
  EXTENSION_TYPE,
  HAS_ALGORITHMS,
  HAS_ALPN,
  HAS_EARLY_DATA,
  HAS_FORMATS,
  HAS_GROUPS,
  HAS_PSK,
  HAS_PSK_MODES,
  HAS_SHARES,
  HAS_VERSIONS,
  HTTP_1_1,
  HTTP_1_1_BYTES,
  IDENTITIES_LENGTH,
  IDENTITY,
  IDENTITY_LENGTH,
  ITEM,
  LIMIT,
  LIST_LENGTH,
  NAME,
  NAME_LENGTH,
  OFFERS_EXTENDED_MASTER,
  OFFERS_HTTP_1_1,
  OFFERS_P256,
  OFFERS_PKCS1,
  OFFERS_PSK_DHE,
  OFFERS_RENEGOTIATION_INFO,
  OFFERS_SCHEME,
  OFFERS_TICKET,
  OFFERS_TLS_1_2,
  OFFERS_TLS_1_3,
  OFFERS_UNCOMPRESSED,
  OFFERS_X25519,
  OUR_SCHEME,
  RENEGOTIATION,
  RSA_PKCS1_SHA256,
  SECP256R1,
  SHARE,
  SHARES_OTHER,
  SHARES_P256,
  SHARES_X25519,
  SHARE_GROUP,
  SHARE_LENGTH,
  SKIPPED,
  TLS_1_2,
  TLS_1_3,
  X25519,
  X25519_BYTES,
} from "./hello.ts";
import * as newSessionTicket12 from "./new-session-ticket-1-2.ts";
import * as ticket from "./ticket.ts";

// Extensions (section 4.2).
const SUPPORTED_GROUPS: u32 = 10;
const POINT_FORMATS: u32 = 11;
const SIGNATURE_ALGORITHMS: u32 = 13;
const ALPN: u32 = 16;
const EXTENDED_MASTER_SECRET: u32 = 23;
const RECORD_SIZE_LIMIT: u32 = 28;
const SESSION_TICKET: u32 = 35;
const PRE_SHARED_KEY: u32 = 41;
const EARLY_DATA: u32 = 42;
const SUPPORTED_VERSIONS: u32 = 43;
const PSK_MODES: u32 = 45;
const PSK_DHE_KE: u32 = 1;
const KEY_SHARE: u32 = 51;
const RENEGOTIATION_INFO: u32 = 0xff01;
const UNCOMPRESSED: u32 = 0;

/** Extensions whose types are remembered, to refuse one that comes twice. */
const TYPES_MAX: u32 = 32;
/** RFC 8449 section 4. */
const RECORD_LIMIT_MIN: u32 = 64;
const AGE_BYTES: u32 = 4;
const BINDER_BYTES_MIN: u32 = 32;

/** Reads a field of an extension. @returns 0, or the alert that it deserves */
export function read(hello: Hello, value: u32): u32 {
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
      return next(hello);
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
    case RENEGOTIATION:
      hello.found |= OFFERS_RENEGOTIATION_INFO;
      return value == 0 ? next(hello) : alert.HANDSHAKE_FAILURE; // RFC 5746 section 3.6
    case NAME_LENGTH:
      if (value == 0) return alert.DECODE_ERROR;
      if (value == HTTP_1_1_BYTES) hello.sink = u16(hello.name);
      return expect(hello, NAME, value, hello.extensionEnd);
    case NAME:
      if (load<u64>(hello.name) == load<u64>(HTTP_1_1)) hello.found |= OFFERS_HTTP_1_1;
      return nextItem(hello);
    case SHARE:
      return nextItem(hello);
    case IDENTITIES_LENGTH:
    case IDENTITY_LENGTH:
    case IDENTITY:
    case BINDERS_LENGTH:
    case BINDER_LENGTH:
    case BINDER:
      return readPsk(hello, value);
    default:
      return next(hello); // SKIPPED
  }
}

function openExtension(hello: Hello, length: u32): u32 {
  switch (u32(hello.extension)) {
    case SUPPORTED_VERSIONS:
      hello.found = (hello.found | HAS_VERSIONS) & ~OFFERS_TLS_1_2;
      return expect(hello, LIST_LENGTH, 1, hello.extensionEnd);
    case POINT_FORMATS:
      hello.found |= HAS_FORMATS;
      return expect(hello, LIST_LENGTH, 1, hello.extensionEnd);
    case RENEGOTIATION_INFO:
      return length == 1 ? expect(hello, RENEGOTIATION, 1) : alert.HANDSHAKE_FAILURE;
    case EXTENDED_MASTER_SECRET:
      hello.found |= OFFERS_EXTENDED_MASTER;
      return length == 0 ? next(hello) : alert.DECODE_ERROR;
    case PSK_MODES:
      hello.found |= HAS_PSK_MODES;
      return expect(hello, LIST_LENGTH, 1, hello.extensionEnd);
    case PRE_SHARED_KEY:
      hello.found |= HAS_PSK;
      return expect(hello, IDENTITIES_LENGTH, 2, hello.extensionEnd);
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
      return length == 0 ? next(hello) : alert.DECODE_ERROR;
    case SESSION_TICKET:
      hello.found |= OFFERS_TICKET;
      if (length == newSessionTicket12.TICKET_BYTES) hello.sink = u16(hello.sessionTicket);
      return length == 0 ? next(hello) : expect(hello, SKIPPED, length);
    default:
      return length == 0 ? next(hello) : expect(hello, SKIPPED, length);
  }
  return expect(hello, LIST_LENGTH, 2, hello.extensionEnd);
}

/** What comes where an extension may begin. @returns 0, or the alert that it deserves */
export function next(hello: Hello): u32 {
  if (hello.left == 0) return done(hello);
  if (hello.has(HAS_PSK)) return alert.ILLEGAL_PARAMETER; // it must be the last one (section 4.2.11)
  return expect(hello, EXTENSION_TYPE, 2);
}

function nextItem(hello: Hello): u32 {
  const end = hello.extensionEnd;
  if (hello.left == end) return next(hello);
  if (hello.extension == KEY_SHARE) return expect(hello, SHARE_GROUP, 2, end);
  if (hello.extension == ALPN) return expect(hello, NAME_LENGTH, 1, end);
  return expect(hello, ITEM, isByteList(hello) ? 1 : 2, end);
}

function isByteList(hello: Hello): bool {
  return hello.extension == PSK_MODES || hello.extension == POINT_FORMATS;
}

/** The message has ended. @returns 0 */
export function done(hello: Hello): u32 {
  hello.field = u8(DONE);
  return 0;
}

function noteItem(hello: Hello, value: u32): void {
  if (hello.extension == SUPPORTED_VERSIONS) {
    if (value == TLS_1_3) hello.found |= OFFERS_TLS_1_3;
    if (value == TLS_1_2) hello.found |= OFFERS_TLS_1_2;
  } else if (hello.extension == POINT_FORMATS) {
    if (value == UNCOMPRESSED) hello.found |= OFFERS_UNCOMPRESSED;
  } else if (hello.extension == PSK_MODES) {
    if (value == PSK_DHE_KE) hello.found |= OFFERS_PSK_DHE;
  } else if (hello.extension == SIGNATURE_ALGORITHMS) {
    if (value == OUR_SCHEME) hello.found |= OFFERS_SCHEME;
    if (TLS_RSA && value == RSA_PKCS1_SHA256) hello.found |= OFFERS_PKCS1;
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

/** pre_shared_key: of the identities the first that may be a ticket of ours is kept with its age, and its binder. */
function readPsk(hello: Hello, value: u32): u32 {
  const end = hello.listEnd;
  switch (u32(hello.field)) {
    case IDENTITIES_LENGTH:
      if (value == 0 || hello.left < hello.extensionEnd + value) return alert.DECODE_ERROR;
      hello.listEnd = hello.left - value;
      return expect(hello, IDENTITY_LENGTH, 2, hello.listEnd);
    case IDENTITY_LENGTH:
      if (value == 0) return alert.DECODE_ERROR;
      hello.identities++;
      if (value == ticket.TICKET_BYTES && hello.ticket == 0) {
        hello.ticket = hello.identities;
        hello.sink = u16(hello.context.writeKey);
      }
      return expect(hello, IDENTITY, value + AGE_BYTES, end);
    case IDENTITY:
      if (hello.left > end) return expect(hello, IDENTITY_LENGTH, 2, end);
      return expect(hello, BINDERS_LENGTH, 2, hello.extensionEnd);
    case BINDERS_LENGTH:
      if (value == 0 || hello.left - value != hello.extensionEnd) return alert.DECODE_ERROR;
      return expect(hello, BINDER_LENGTH, 1, hello.extensionEnd);
    case BINDER_LENGTH:
      if (value < BINDER_BYTES_MIN) return alert.DECODE_ERROR;
      if (++hello.binders == hello.ticket && value == SECRET_BYTES) hello.sink = u16(hello.context.secretB);
      return expect(hello, BINDER, value, hello.extensionEnd);
    default: // BINDER
      if (hello.left > hello.extensionEnd) return expect(hello, BINDER_LENGTH, 1, hello.extensionEnd);
      return hello.binders == hello.identities ? next(hello) : alert.ILLEGAL_PARAMETER;
  }
}
