// What a certificate is made of (RFC 5280 section 4.1), as a table: where an element may stand, its tag, what is done with
// its content, and what comes next. An element that closes its container names what follows behind that.
//
//   0  Certificate
//   1    TBSCertificate                                              signatureAlgorithm  signature
//   2      version serial signature issuer validity subject key      extensions [3]
//   3                                      notBefore notAfter          Extensions
//   4                                                                    Extension ...
//   5                                                                      id  critical  body
//   6                                                                                      BasicConstraints, KeyUsage ...
//   7                                                                                        their elements

// Fields.
export const CERTIFICATE: u32 = 0;
export const TBS: u32 = 1;
export const VERSION: u32 = 2;
export const SERIAL: u32 = 3;
export const ALGORITHM: u32 = 4;
export const ISSUER: u32 = 5;
export const VALIDITY: u32 = 6;
export const NOT_BEFORE: u32 = 7;
export const NOT_AFTER: u32 = 8;
export const SUBJECT: u32 = 9;
export const KEY: u32 = 10;
/** What may follow the key: unique identifiers, extensions. */
export const TAIL: u32 = 11;
export const EXTENSIONS: u32 = 12;
export const EXTENSION: u32 = 13;
export const EXTENSION_ID: u32 = 14;
export const CRITICAL: u32 = 15;
export const BODY: u32 = 16;
export const CONSTRAINTS: u32 = 17;
export const IS_CA: u32 = 18;
export const PATH_LENGTH: u32 = 19;
export const USAGE: u32 = 20;
export const PURPOSES: u32 = 21;
export const PURPOSE: u32 = 22;
export const NAMES: u32 = 23;
export const NAME: u32 = 24;
export const SIGNATURE_ALGORITHM: u32 = 25;
export const SIGNATURE: u32 = 26;
export const DONE: u32 = 27;

/** Containers that can be open at the same time. */
export const DEPTH_MAX: u32 = 7;

// Actions.
/** Its elements are read. */
export const ENTER: u32 = 0;
export const SKIP: u32 = 1;
/** Its first bytes are kept until its end. */
export const KEEP: u32 = 2;
/** An AlgorithmIdentifier: compared with those that are known. */
export const MATCH: u32 = 3;
/** Put into the slot. */
export const STORE: u32 = 4;
/** A name, compared. */
export const COMPARE: u32 = 5;

// Universal tags, and those of a certificate's own.
export const BOOLEAN: u32 = 0x01;
export const INTEGER: u32 = 0x02;
export const BIT_STRING: u32 = 0x03;
export const OCTET_STRING: u32 = 0x04;
export const OBJECT_IDENTIFIER: u32 = 0x06;
export const UTC_TIME: u32 = 0x17;
export const GENERALIZED_TIME: u32 = 0x18;
export const SEQUENCE: u32 = 0x30;
export const ISSUER_UNIQUE_ID: u32 = 0x81;
export const SUBJECT_UNIQUE_ID: u32 = 0x82;
export const TAGGED_EXTENSIONS: u32 = 0xa3;
export const DNS_NAME: u32 = 0x82;
export const IP_ADDRESS: u32 = 0x87;
/** More than one tag will do: certificate-fields.ts. */
export const ANY: u32 = 0;

/** A container must not end there. */
export const NOWHERE: u32 = 0xff;

const ROW_BYTES: u32 = 5;
const X: u8 = 0xff;
// prettier-ignore
const GRAMMAR: usize = memory.data<u8>([
  //                        depth tag   action  next  at the container's end
  /* CERTIFICATE         */ 0,    0x30, 0,      1,    X,
  /* TBS                 */ 1,    0x30, 0,      2,    X,
  /* VERSION             */ 2,    0xa0, 2,      3,    X,
  /* SERIAL              */ 2,    0x02, 1,      4,    X,
  /* ALGORITHM           */ 2,    0x30, 3,      5,    X,
  /* ISSUER              */ 2,    0x30, 4,      6,    X,
  /* VALIDITY            */ 2,    0x30, 0,      7,    X,
  /* NOT_BEFORE          */ 3,    0,    2,      8,    X,
  /* NOT_AFTER           */ 3,    0,    2,      9,    X,
  /* SUBJECT             */ 2,    0x30, 5,      10,   X,
  /* KEY                 */ 2,    0x30, 4,      11,   X,
  /* TAIL                */ 2,    0,    1,      11,   25,
  /* EXTENSIONS          */ 3,    0x30, 0,      13,   X,
  /* EXTENSION           */ 4,    0x30, 0,      14,   25,
  /* EXTENSION_ID        */ 5,    0x06, 2,      15,   X,
  /* CRITICAL            */ 5,    0x01, 2,      16,   X,
  /* BODY                */ 5,    0x04, 1,      13,   X,
  /* CONSTRAINTS         */ 6,    0x30, 0,      18,   X,
  /* IS_CA               */ 7,    0x01, 2,      19,   13,
  /* PATH_LENGTH         */ 7,    0x02, 2,      13,   13,
  /* USAGE               */ 6,    0x03, 2,      13,   X,
  /* PURPOSES            */ 6,    0x30, 0,      22,   X,
  /* PURPOSE             */ 7,    0x06, 2,      22,   13,
  /* NAMES               */ 6,    0x30, 0,      24,   X,
  /* NAME                */ 7,    0,    5,      24,   13,
  /* SIGNATURE_ALGORITHM */ 1,    0x30, 3,      26,   X,
  /* SIGNATURE           */ 1,    0x03, 4,      27,   X,
  /* DONE                */ 0,    0,    1,      27,   X,
]);

/** @returns how many containers are open around a field */
export function depth(field: u32): u32 {
  return load<u8>(GRAMMAR + field * ROW_BYTES);
}
export function tag(field: u32): u32 {
  return load<u8>(GRAMMAR + field * ROW_BYTES, 1);
}
export function action(field: u32): u32 {
  return load<u8>(GRAMMAR + field * ROW_BYTES, 2);
}
/** @returns the field that follows; of a container, its first one */
export function next(field: u32): u32 {
  return load<u8>(GRAMMAR + field * ROW_BYTES, 3);
}
/** @returns the field that follows a container which ends where `field` was expected, or NOWHERE */
export function afterContainer(field: u32): u32 {
  return load<u8>(GRAMMAR + field * ROW_BYTES, 4);
}
