// ClientHello (RFC 8446 section 4.1.2), parsed as it streams in, byte by byte, extensions in any order. Nothing is kept
// but what the answer needs: a set of bits, one key share, the session ID.
//
// A vector is no count but a place where it ends: `left` is how much of the message is to come, and each vector's end
// is the value that `left` will have there. Fields are collected by expect(), which refuses what does not fit its vector.
//
//   header  version random  session_id  suites  compression  extensions { type length { body } ... }
//                                                                               list8 / list16 { item | share | name ... }
import * as aead from "../crypto/aead.ts";
import * as alert from "./alert.ts";
import * as extensions from "./client-hello-extensions.ts";
import { Context, SECRET_BYTES } from "./context.ts";
import {
  BINDERS_LENGTH,
  COMPRESSES,
  COMPRESSION,
  COMPRESSION_LENGTH,
  DONE,
  expect,
  EXTENSION_TYPE,
  EXTENSIONS_LENGTH,
  Hello,
  LENGTH,
  FALLS_BACK,
  OFFERS_AES,
  OFFERS_AES_1_2,
  OFFERS_CHACHA,
  OFFERS_CHACHA_1_2,
  OFFERS_NULL,
  OFFERS_RENEGOTIATION_INFO,
  OFFERS_TLS_1_2,
  OUR_AES_1_2,
  OUR_CHACHA_1_2,
  RANDOM,
  SESSION,
  SESSION_LENGTH,
  SUITE,
  SUITES_LENGTH,
  TLS_1_2,
  TYPE,
  VERSION,
} from "./hello.ts";
import * as transcript from "./transcript.ts";

const CLIENT_HELLO: u32 = 1;
const BINDERS_LENGTH_BYTES: u32 = 2;
const SESSION_MAX: u32 = 32;
const SSL_3_0: u32 = 0x0300;
const EMPTY_RENEGOTIATION_INFO_SCSV: u32 = 0x00ff;
const FALLBACK_SCSV: u32 = 0x5600;

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

/** Reads the next bytes of the message, and hashes them. @returns 0, or the alert that they deserve */
export function read(ctx: Context, data: usize, length: u32): u32 {
  const hello = Hello.of(ctx);
  let hashed: u32 = 0;
  for (let i: u32 = 0; i < length; i++) {
    const refusal = take(hello, load<u8>(data + i));
    if (refusal) return refusal;
    if (hello.field != BINDERS_LENGTH || hello.need != BINDERS_LENGTH_BYTES) continue;
    // Binders sign the message up to themselves (RFC 8446 section 4.2.11.2).
    transcript.add(ctx, data, i + 1);
    memory.copy(ctx.secretA, transcript.hash(ctx), SECRET_BYTES);
    hashed = i + 1;
  }
  transcript.add(ctx, data + hashed, length - hashed);
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
  return hello.field < EXTENSION_TYPE ? readField(hello, value) : extensions.read(hello, value);
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
      if (value >= TLS_1_2) hello.found |= OFFERS_TLS_1_2;
      hello.sink = u16(hello.context.secretC);
      return expect(hello, RANDOM, SECRET_BYTES);
    case RANDOM:
      return expect(hello, SESSION_LENGTH, 1);
    case SESSION_LENGTH:
      if (value > SESSION_MAX) return alert.DECODE_ERROR;
      hello.sessionLength = u16(value);
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
      hello.listEnd = hello.left < value ? 0 : hello.left - value;
      return expect(hello, COMPRESSION, 1, hello.listEnd);
    case COMPRESSION:
      hello.found |= value == 0 ? OFFERS_NULL : COMPRESSES;
      if (hello.left > hello.listEnd) return expect(hello, COMPRESSION, 1, hello.listEnd);
      return hello.left == 0 ? extensions.done(hello) : expect(hello, EXTENSIONS_LENGTH, 2);
    default:
      return value == hello.left ? extensions.next(hello) : alert.DECODE_ERROR; // EXTENSIONS_LENGTH
  }
}

function noteSuite(hello: Hello, suite: u32): void {
  if (suite == aead.AES_128_GCM) hello.found |= OFFERS_AES;
  if (suite == aead.CHACHA20_POLY1305) hello.found |= OFFERS_CHACHA;
  if (suite == OUR_AES_1_2) hello.found |= OFFERS_AES_1_2;
  if (suite == OUR_CHACHA_1_2) hello.found |= OFFERS_CHACHA_1_2;
  if (suite == EMPTY_RENEGOTIATION_INFO_SCSV) hello.found |= OFFERS_RENEGOTIATION_INFO;
  if (suite == FALLBACK_SCSV) hello.found |= FALLS_BACK;
}
