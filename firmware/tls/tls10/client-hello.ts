// ClientHello (RFC 2246 section 7.4.1.2), parsed as it streams in, byte by byte. A list is no count but a place where it
// ends: `left` is how much of the message is to come. Of extensions (RFC 4366), which TLS 1.0 can do without, only
// renegotiation_info is looked for (RFC 5746).
//
//   type length │ version random session_id8 suites16 compression8 │ extensions16 { type length { body } ... }
import * as alert from "../alert.ts";
import { SESSION_ID_BYTES } from "../key-schedule-1-2.ts";
import { Context, RANDOM_BYTES } from "./context.ts";
import {
  collect,
  DONE,
  expect,
  HAS_SESSION,
  Hello,
  noteSuite,
  OFFERS_NULL,
  OFFERS_RENEGOTIATION_INFO,
  TLS_1_0,
} from "./hello.ts";

const CLIENT_HELLO: u32 = 1;
const SESSION_MAX: u32 = 32;
const RENEGOTIATION_INFO: u32 = 0xff01;

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
const EXTENSION: u32 = 13;

/** Reads the next byte. @returns 0, or the alert that it deserves */
export function read(ctx: Context, hello: Hello, byte: u32): u32 {
  if (hello.field == DONE) return alert.UNEXPECTED_MESSAGE;
  if (hello.field == TYPE) {
    hello.field = u8(LENGTH);
    hello.need = 3;
    return byte == CLIENT_HELLO ? 0 : alert.UNEXPECTED_MESSAGE;
  }
  if (hello.field > LENGTH) hello.left--;
  if (!collect(hello, byte)) return 0;
  const value = hello.value;
  hello.value = 0;
  hello.sink = 0;
  return hello.field < EXTENSIONS_LENGTH ? readField(ctx, hello, value) : readExtension(hello, value);
}

function readField(ctx: Context, hello: Hello, value: u32): u32 {
  switch (u32(hello.field)) {
    case LENGTH:
      hello.left = value;
      return expect(hello, VERSION, 2);
    case VERSION:
      if (value < TLS_1_0) return alert.PROTOCOL_VERSION;
      ctx.version = u16(value);
      hello.sink = u16(ctx.clientRandom);
      return expect(hello, RANDOM, RANDOM_BYTES);
    case RANDOM:
      return expect(hello, SESSION_LENGTH, 1);
    case SESSION_LENGTH:
      if (value > SESSION_MAX) return alert.DECODE_ERROR;
      if (value == SESSION_ID_BYTES) {
        hello.find(HAS_SESSION);
        hello.sink = u16(hello.session);
      }
      return value == 0 ? expect(hello, SUITES_LENGTH, 2) : expect(hello, SESSION, value);
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
      if (value == 0 || hello.left < value) return alert.DECODE_ERROR;
      hello.listEnd = hello.left - value;
      return expect(hello, COMPRESSION, 1);
    default:
      if (value == 0) hello.find(OFFERS_NULL); // COMPRESSION
      if (hello.left > hello.listEnd) return expect(hello, COMPRESSION, 1);
      return hello.left == 0 ? expect(hello, DONE, 0) : expect(hello, EXTENSIONS_LENGTH, 2);
  }
}

function readExtension(hello: Hello, value: u32): u32 {
  switch (u32(hello.field)) {
    case EXTENSIONS_LENGTH:
      return value == hello.left ? next(hello) : alert.DECODE_ERROR;
    case EXTENSION_TYPE:
      if (value == RENEGOTIATION_INFO) hello.find(OFFERS_RENEGOTIATION_INFO);
      return expect(hello, EXTENSION_LENGTH, 2);
    case EXTENSION_LENGTH:
      return value == 0 ? next(hello) : expect(hello, EXTENSION, value);
    default:
      return next(hello); // EXTENSION
  }
}

function next(hello: Hello): u32 {
  return hello.left == 0 ? expect(hello, DONE, 0) : expect(hello, EXTENSION_TYPE, 2);
}
