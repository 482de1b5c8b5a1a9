// Finished (RFC 8446 section 4.4.4, RFC 5246 section 7.4.9). Ours ends the flight; the client's is compared with what it
// must be while it streams in, over any number of records.
import { put24, put8 } from "../buffer/cursors.ts";
import * as declassify from "../crypto/declassify.ts";
import * as alert from "./alert.ts";
import { Context, SECRET_BYTES } from "./context.ts";
import * as keySchedule from "./key-schedule.ts";

const FINISHED: u32 = 20;
const FRONT_BYTES: u32 = 4;
export const MESSAGE_BYTES: u32 = FRONT_BYTES + SECRET_BYTES;
/** Of verify_data in TLS 1.2 (RFC 5246 section 7.4.9). */
const SHORT_BYTES: u32 = 12;

/** Writes our message at `at`. @returns the address behind it. CT: nothing leaks. */
export function write(ctx: Context, at: usize): usize {
  const data = put24(put8(at, FINISHED), SECRET_BYTES);
  keySchedule.verifyData(ctx, ctx.secretB, data);
  return data + SECRET_BYTES;
}

/** Our message is in the transcript: the client's is known now, to A. CT: nothing leaks. */
export function expect(ctx: Context): void {
  keySchedule.verifyData(ctx, ctx.secretA, ctx.secretA);
  begin(ctx);
}

/** Expects the message, with the verify_data in A. */
export function begin(ctx: Context): void {
  ctx.position = 0;
  ctx.difference = 0;
  ctx.alert = 0;
}

/**
 * Compares the next bytes. What is wrong with them is told by verdict(), after they have been authenticated.
 * CT: where they differ does not leak.
 */
export function compare(ctx: Context, data: usize, length: u32): void {
  for (let i: u32 = 0; i < length; i++) {
    const byte: u32 = load<u8>(data + i);
    const at: u32 = ctx.position;
    if (at == FRONT_BYTES + dataBytes(ctx)) {
      suspect(ctx, alert.UNEXPECTED_MESSAGE); // keys change behind Finished: it ends its record (section 5.1)
      return;
    }
    if (at >= FRONT_BYTES) ctx.difference |= u8(byte ^ load<u8>(ctx.secretA + at - FRONT_BYTES));
    else if (at == 0 && byte != FINISHED) suspect(ctx, alert.UNEXPECTED_MESSAGE);
    else if (at != 0 && byte != (at == 3 ? dataBytes(ctx) : 0)) suspect(ctx, alert.DECODE_ERROR);
    ctx.position++;
  }
}

/** @returns 0, or the alert that the bytes so far deserve */
export function verdict(ctx: Context): u32 {
  if (ctx.alert != 0 || !isComplete(ctx)) return ctx.alert;
  const isSame = declassify.verdict(ctx.difference == 0); // the client hears it
  return isSame ? 0 : alert.DECRYPT_ERROR;
}

/** Has the message been seen to its end? */
export function isComplete(ctx: Context): bool {
  return ctx.position == FRONT_BYTES + dataBytes(ctx);
}

function dataBytes(ctx: Context): u32 {
  return ctx.isTls12 ? SHORT_BYTES : SECRET_BYTES;
}

function suspect(ctx: Context, alert: u32): void {
  if (ctx.alert == 0) ctx.alert = u8(alert);
}
