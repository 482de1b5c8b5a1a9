// What the elements of a certificate mean (RFC 5280 sections 4.1 and 4.2).
import * as nvm from "../../chip/nvm.ts";
import { equal } from "../../crypto/ct.ts";
import * as alert from "../alert.ts";
import * as algorithms from "./algorithms.ts";
import * as grammar from "./certificate-grammar.ts";
import {
  BODY,
  CRITICAL,
  DNS_NAME,
  ENTER,
  EXTENSION,
  EXTENSIONS,
  EXTENSION_ID,
  IP_ADDRESS,
  ISSUER,
  ISSUER_UNIQUE_ID,
  IS_CA,
  KEEP,
  KEY,
  MATCH,
  NAME,
  NOT_AFTER,
  NOT_BEFORE,
  PATH_LENGTH,
  PURPOSE,
  SIGNATURE,
  SKIP,
  STORE,
  SUBJECT,
  SUBJECT_UNIQUE_ID,
  TAIL,
  VERSION,
} from "./certificate-grammar.ts";
import * as knownTime from "./known-time.ts";
import * as publicKey from "./public-key.ts";
import {
  CONSTRAINTS,
  HAS_PATH_LENGTH,
  IS_AUTHORITY,
  IS_CRITICAL,
  IS_FOR_SERVERS,
  IS_ISSUER,
  IS_NAMED,
  IS_SAME,
  IS_SELF_ISSUED,
  MAY_CERTIFY,
  MAY_SIGN,
  NAME_CONSTRAINTS,
  NAMES,
  PURPOSES,
  Reader,
  SEEN,
  UNKNOWN,
  USAGE,
  VALUE_MAX,
} from "./reader.ts";
import * as serverName from "./server-name.ts";
import * as slots from "./slots.ts";

/** id-ce, what the OIDs of those extensions begin with. */
const ID_CE: u32 = 0x551d;
const ID_CE_BYTES: u32 = 3;
/** v3, as an INTEGER. */
const VERSION_3: u32 = 0x020102;

const SERVER_AUTH: usize = memory.data<u8>([0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01]);
const SERVER_AUTH_BYTES: u32 = 8;
const ANY_PURPOSE: usize = memory.data<u8>([0x55, 0x1d, 0x25, 0x00]);
const ANY_PURPOSE_BYTES: u32 = 4;

/** Does the tag fit the field? An optional one that is missing gives way to the next. @returns 0, or an alert */
export function admit(r: Reader): u32 {
  const tag: u32 = r.tag;
  switch (u32(r.field)) {
    case NOT_BEFORE:
    case NOT_AFTER:
      return tag == grammar.UTC_TIME || tag == grammar.GENERALIZED_TIME ? 0 : alert.BAD_CERTIFICATE;
    case TAIL:
      if (tag == grammar.TAGGED_EXTENSIONS || tag == ISSUER_UNIQUE_ID || tag == SUBJECT_UNIQUE_ID) return 0;
      return alert.BAD_CERTIFICATE;
    case NAME: // one of nine kinds
      return (tag & 0xdf) >= 0x80 && (tag & 0xdf) <= 0x88 ? 0 : alert.BAD_CERTIFICATE;
    case CRITICAL:
      r.set(IS_CRITICAL, false);
      if (tag == grammar.OCTET_STRING) r.field = u8(BODY);
      break;
    case IS_CA:
      if (tag == grammar.INTEGER) r.field = u8(PATH_LENGTH);
      break;
  }
  return tag == grammar.tag(r.field) ? 0 : alert.BAD_CERTIFICATE;
}

export function actionOf(r: Reader): u32 {
  if (r.field == TAIL && r.tag == grammar.TAGGED_EXTENSIONS) return ENTER;
  if (r.field == BODY && r.extension != UNKNOWN && r.extension != NAME_CONSTRAINTS) return ENTER;
  return grammar.action(r.field);
}

/** @returns the first field of the container that the element is */
export function firstOf(r: Reader): u32 {
  if (r.field == TAIL) return EXTENSIONS;
  if (r.field != BODY) return grammar.next(r.field);
  switch (u32(r.extension)) {
    case USAGE:
      return grammar.USAGE;
    case NAMES:
      return grammar.NAMES;
    case CONSTRAINTS:
      return grammar.CONSTRAINTS;
    default:
      return grammar.PURPOSES;
  }
}

/** The content begins. */
export function begin(r: Reader): void {
  r.match = u8(algorithms.ALL);
  r.nameAt = 0;
  r.set(IS_SAME, true);
  if (r.field == SUBJECT) r.set(IS_ISSUER | IS_SELF_ISSUED, true);
}

/** A byte of the content. @returns 0, or an alert */
export function read(r: Reader, index: u32, byte: u32): u32 {
  switch (grammar.action(r.field)) {
    case KEEP:
      if (index < VALUE_MAX) store<u8>(r.value + index, u8(byte));
      return 0;
    case MATCH:
      r.match = u8(algorithms.narrow(r.match, index, byte));
      return 0;
    case STORE:
      return put(r, index, byte);
    case SKIP:
      return 0;
    default:
      if (r.field == SUBJECT) compareSubject(r, index, byte);
      else if (r.tag == DNS_NAME) serverName.compare(r, index, byte);
      else if (r.tag == IP_ADDRESS) serverName.compareAddress(r, index, byte);
      return 0;
  }
}

function put(r: Reader, index: u32, byte: u32): u32 {
  switch (u32(r.field)) {
    case ISSUER:
      if (index < slots.ISSUER_MAX) nvm.write(slots.issuer(r.slot) + index, byte);
      return 0;
    case KEY:
      if (index < slots.KEY_MAX) nvm.write(slots.key(r.slot) + index, byte);
      return 0;
    default:
      if (index == 0) return byte == 0 ? 0 : alert.BAD_CERTIFICATE; // whole bytes
      if (index <= slots.SIGNATURE_MAX) nvm.write(slots.signature(r.slot) + index - 1, byte);
      return 0;
  }
}

function compareSubject(r: Reader, index: u32, byte: u32): void {
  if (index >= slots.ISSUER_MAX || nvm.read(slots.issuer(r.slot) + index) != byte)
    r.set(IS_SELF_ISSUED, false);
  if (r.previous == slots.NONE) return;
  if (index >= slots.ISSUER_MAX || nvm.read(slots.issuer(r.previous) + index) != byte)
    r.set(IS_ISSUER, false);
}

/** The content of `field` has ended. @returns 0, or an alert */
export function end(r: Reader, field: u32): u32 {
  const length: u32 = r.length;
  switch (field) {
    case VERSION:
      return length == 3 && keptNumber(r, 3) == VERSION_3 ? 0 : alert.UNSUPPORTED_CERTIFICATE;
    case ISSUER:
      slots.setIssuerLength(r.slot, length);
      return length <= slots.ISSUER_MAX ? 0 : alert.UNSUPPORTED_CERTIFICATE;
    case NOT_BEFORE:
    case NOT_AFTER:
      return endTime(r, field);
    case SUBJECT:
      if (length != slots.issuerLength(r.slot)) r.set(IS_SELF_ISSUED, false);
      if (r.previous != slots.NONE && length != slots.issuerLength(r.previous)) r.set(IS_ISSUER, false);
      return 0;
    case KEY:
      slots.setKeyType(r.slot, publicKey.identify(r.slot, length));
      return 0;
    case grammar.ALGORITHM:
      slots.setAlgorithm(r.slot, algorithms.identify(r.match, length));
      return 0;
    case grammar.SIGNATURE_ALGORITHM:
      return algorithms.identify(r.match, length) == slots.algorithm(r.slot) ? 0 : alert.BAD_CERTIFICATE;
    case SIGNATURE:
      if (length == 0) return alert.BAD_CERTIFICATE;
      slots.setSignatureLength(r.slot, length - 1);
      return 0;
    default:
      return field < EXTENSION ? 0 : endOfExtension(r, field, length);
  }
}

function endOfExtension(r: Reader, field: u32, length: u32): u32 {
  switch (field) {
    case EXTENSION_ID:
      return endExtensionId(r);
    case CRITICAL:
      r.set(IS_CRITICAL, load<u8>(r.value) != 0);
      return length == 1 ? 0 : alert.BAD_CERTIFICATE;
    case BODY: // one that is not understood; of an anchor's, RFC 5280 leaves it open whether they count (section 6.1.1)
      if (r.slot == slots.ANCHOR) return 0;
      return r.has(IS_CRITICAL) || r.extension == NAME_CONSTRAINTS ? alert.UNSUPPORTED_CERTIFICATE : 0;
    case IS_CA:
      r.set(IS_AUTHORITY, load<u8>(r.value) == 0xff);
      return length == 1 ? 0 : alert.BAD_CERTIFICATE;
    case PATH_LENGTH:
      r.pathLength = length == 1 ? load<u8>(r.value) : 0xff;
      r.set(HAS_PATH_LENGTH, true);
      return length != 0 && load<u8>(r.value) < 0x80 ? 0 : alert.BAD_CERTIFICATE;
    case grammar.USAGE:
      if (length < 2 || length > 3 || load<u8>(r.value) > 7) return alert.BAD_CERTIFICATE;
      r.set(MAY_SIGN, (load<u8>(r.value, 1) & 0x80) != 0);
      r.set(MAY_CERTIFY, (load<u8>(r.value, 1) & 0x04) != 0);
      return 0;
    case PURPOSE:
      if (
        (length == SERVER_AUTH_BYTES && equal(r.value, SERVER_AUTH, SERVER_AUTH_BYTES)) ||
        (length == ANY_PURPOSE_BYTES && equal(r.value, ANY_PURPOSE, ANY_PURPOSE_BYTES))
      )
        r.set(IS_FOR_SERVERS, true);
      return 0;
    case NAME:
      if (r.has(IS_SAME) && serverName.isWhole(r)) r.set(IS_NAMED, true);
      return 0;
    default:
      return 0;
  }
}

/** An extension must not come twice (section 4.2). */
function endExtensionId(r: Reader): u32 {
  r.extension = u8(UNKNOWN);
  if (r.length != ID_CE_BYTES || keptNumber(r, 2) != ID_CE) return 0;
  r.extension = u8(extensionOf(load<u8>(r.value, 2)));
  const seen = SEEN << u32(r.extension);
  if (r.extension != UNKNOWN && r.has(seen)) return alert.BAD_CERTIFICATE;
  if (r.extension != UNKNOWN) r.set(seen, true);
  return 0;
}

function extensionOf(arc: u32): u32 {
  switch (arc) {
    case 15:
      return USAGE;
    case 17:
      return NAMES;
    case 19:
      return CONSTRAINTS;
    case 30:
      return NAME_CONSTRAINTS;
    case 37:
      return PURPOSES;
    default:
      return UNKNOWN;
  }
}

/** UTCTime YYMMDDHHMMSSZ, from 1950 on, or GeneralizedTime YYYYMMDDHHMMSSZ (section 4.1.2.5). */
function endTime(r: Reader, field: u32): u32 {
  const isShort = r.tag == grammar.UTC_TIME;
  const digits: u32 = isShort ? knownTime.DIGITS - 2 : knownTime.DIGITS;
  if (r.length != digits + 1 || !knownTime.isDigits(r.value, digits) || load<u8>(r.value + digits) != 0x5a)
    return alert.BAD_CERTIFICATE;
  if (isShort) {
    const century: u16 = load<u8>(r.value) < 0x35 ? 0x3032 : 0x3931; // "20" or "19"
    memory.copy(r.value + 2, r.value, digits);
    store<u16>(r.value, century);
  }
  return field == NOT_AFTER && knownTime.isPast(r.value) ? alert.CERTIFICATE_EXPIRED : 0;
}

/** The first bytes that were kept, as a big-endian number. */
function keptNumber(r: Reader, bytes: u32): u32 {
  let number: u32 = 0;
  for (let i: u32 = 0; i < bytes; i++) number = (number << 8) | load<u8>(r.value + i);
  return number;
}
