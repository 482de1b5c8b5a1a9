// Certificate (RFC 8446 section 4.4.2, RFC 5246 section 7.4.2), taken apart as it streams in; path.ts judges what is in it.
//
//   TLS 1.3    00 ‖ u24 length ‖ { u24 length ‖ certificate ‖ 00 00 } ...      no extensions were asked for
//   TLS 1.2         u24 length ‖ { u24 length ‖ certificate } ...
//
// Of the context: `part` is what is being read, `offset` how many bytes of it are missing, `skipped` the number that they make.
import * as alert from "../alert.ts";
import { Context, RSA_SUITE } from "../context.ts";
import * as certificateReader from "./certificate-reader.ts";
import * as path from "./path.ts";
import * as publicKey from "./public-key.ts";
import * as slots from "./slots.ts";
import { reader } from "./state.ts";

// Parts.
const FRONT: u32 = 0;
const ENTRY_LENGTH: u32 = 1;
const ENTRY: u32 = 2;
const EXTENSIONS: u32 = 3;

const LENGTH_BYTES: u32 = 3;
const EXTENSIONS_BYTES: u32 = 2;

/** Expects the message. */
export function begin(ctx: Context): void {
  path.begin(reader(ctx), ctx.file);
  expect(ctx, FRONT, ctx.isTls12 ? LENGTH_BYTES : 1 + LENGTH_BYTES);
}

/** Reads the next bytes. @param left bytes of the message that follow them @returns 0, or the alert that they deserve */
export function read(ctx: Context, data: usize, length: u32, left: u32): u32 {
  for (let done: u32 = 0; done < length;) {
    const bytes = ctx.difference == ENTRY ? min(u32(ctx.offset), length - done) : 1;
    ctx.offset -= u16(bytes);
    const refusal = take(ctx, data + done, bytes, left + length - done - bytes);
    if (refusal) return refusal;
    done += bytes;
  }
  return 0;
}

/** The message has ended. @returns 0 when the card trusts the server's certificate, or an alert */
export function end(ctx: Context): u32 {
  if (ctx.difference != ENTRY_LENGTH || u32(ctx.offset) != LENGTH_BYTES) return alert.DECODE_ERROR;
  const refusal = reader(ctx).index == 0 ? alert.DECODE_ERROR : path.end(reader(ctx));
  if (refusal) return refusal;
  return ctx.isTls12 && !fitsSuite(ctx) ? alert.ILLEGAL_PARAMETER : 0;
}

/** Is the server's key of the kind that the suite is for (RFC 5246 section 7.4.2, RFC 8422 section 5.3)? */
function fitsSuite(ctx: Context): bool {
  return (slots.keyType(slots.LEAF) == publicKey.P256) != ctx.has(RSA_SUITE);
}

function expect(ctx: Context, part: u32, bytes: u32): void {
  ctx.difference = u8(part);
  ctx.offset = u16(bytes);
  ctx.skipped = 0;
}

function take(ctx: Context, data: usize, bytes: u32, left: u32): u32 {
  const r = reader(ctx);
  if (ctx.difference == ENTRY) {
    const refusal = r.isTrusted ? 0 : certificateReader.read(r, data, bytes);
    return refusal || ctx.offset != 0 ? refusal : endEntry(ctx);
  }
  if (u32(ctx.skipped) > 0xff) return alert.DECODE_ERROR; // more than 64 KB, or a certificate_request_context
  ctx.skipped = u16((u32(ctx.skipped) << 8) | load<u8>(data));
  if (ctx.offset != 0) return 0;
  const number: u32 = ctx.skipped;
  switch (u32(ctx.difference)) {
    case FRONT:
      expect(ctx, ENTRY_LENGTH, LENGTH_BYTES);
      return number == left ? 0 : alert.DECODE_ERROR;
    case ENTRY_LENGTH:
      if (number == 0 || number > left) return alert.DECODE_ERROR;
      expect(ctx, ENTRY, number);
      return r.isTrusted ? 0 : path.beginCertificate(r, number);
    default:
      expect(ctx, ENTRY_LENGTH, LENGTH_BYTES);
      return number == 0 ? 0 : alert.UNSUPPORTED_EXTENSION;
  }
}

function endEntry(ctx: Context): u32 {
  const isLast = ctx.isTls12;
  expect(ctx, isLast ? ENTRY_LENGTH : EXTENSIONS, isLast ? LENGTH_BYTES : EXTENSIONS_BYTES);
  return reader(ctx).isTrusted ? 0 : path.endCertificate(reader(ctx));
}
