// Alerts (RFC 8446 section 6). A failed connection keeps one negative result for good: our own alert, or the peer's.
//
//   -0x100 - alert   sent by us        -0x200 - alert   received        -0x300   the peer's TCP ended without close_notify
//
// Within a record there is no place for one: a connection that ends before the record does is reset.
import * as socket from "../socket/socket.ts";
import { wipe } from "../crypto/ct.ts";
import * as recordOut from "./record-out.ts";
import * as sessionCache from "./session-cache.ts";
import {
  ALERT_DUE,
  CONNECTED,
  Context,
  FAILED,
  PEER_CLOSED,
  READ_PROTECTED,
  RECORD_OPEN,
  REFUSAL_DUE,
  SECRET_BYTES,
} from "./context.ts";

// AlertDescription, in all versions.
export const CLOSE_NOTIFY: u32 = 0;
export const UNEXPECTED_MESSAGE: u32 = 10;
export const BAD_RECORD_MAC: u32 = 20;
export const RECORD_OVERFLOW: u32 = 22;
export const HANDSHAKE_FAILURE: u32 = 40;
export const BAD_CERTIFICATE: u32 = 42;
export const UNSUPPORTED_CERTIFICATE: u32 = 43;
export const CERTIFICATE_EXPIRED: u32 = 45;
export const CERTIFICATE_UNKNOWN: u32 = 46;
export const ILLEGAL_PARAMETER: u32 = 47;
export const UNKNOWN_CA: u32 = 48;
export const DECODE_ERROR: u32 = 50;
export const DECRYPT_ERROR: u32 = 51;
export const PROTOCOL_VERSION: u32 = 70;
export const INTERNAL_ERROR: u32 = 80;
export const INAPPROPRIATE_FALLBACK: u32 = 86;
export const USER_CANCELED: u32 = 90;
export const NO_RENEGOTIATION: u32 = 100;
export const MISSING_EXTENSION: u32 = 109;
export const UNSUPPORTED_EXTENSION: u32 = 110;
export const NO_APPLICATION_PROTOCOL: u32 = 120;

export const SELF: i32 = -0x100;
export const PEER: i32 = -0x200;
/** Of close() alone: a record has been begun and will not be ended. */
export const UNFINISHED: i32 = -0x400;

export const WARNING: u32 = 1;
export const FATAL: u32 = 2;

/**
 * Ends the connection because of what the peer did, or of our own failure. The alert is due: flush() sends it, from the
 * outermost call, where the stack is shallow.
 * @returns what every further call will return
 */
export function fail(ctx: Context, alert: u32): i32 {
  return end(ctx, alert, SELF - i32(alert));
}

/** The handshake goes on. */
export const GO_ON: i32 = 1;

/** @returns GO_ON when there is no refusal, else what fail() returns */
export function judge(ctx: Context, refusal: u32): i32 {
  return refusal ? fail(ctx, refusal) : GO_ON;
}

/** The peer has sent an alert during the handshake: each one ends it; close_notify is answered (RFC 5246 section 7.2.1). */
export function ended(ctx: Context, description: u32): i32 {
  if (description == CLOSE_NOTIFY) return end(ctx, CLOSE_NOTIFY, PEER);
  return abandon(ctx, PEER - i32(description));
}

/** Ends the connection in order. */
export function closeNotify(ctx: Context): void {
  end(ctx, CLOSE_NOTIFY, socket.ENOTCONN);
}

function end(ctx: Context, alert: u32, error: i32): i32 {
  ctx.alert = u8(alert);
  ctx.flags |= ALERT_DUE;
  return abandon(ctx, error);
}

/** Ends the connection without a word: the peer sent an alert, or TCP failed. @returns `error` */
export function abandon(ctx: Context, error: i32): i32 {
  // Once connected there is no secret in A, but perhaps a record that TCP may have to repeat.
  const from = ctx.state == CONNECTED ? ctx.secretB : ctx.secretA;
  wipe(from, u32(ctx.writeKey - from));
  ctx.state = u8(FAILED);
  ctx.error = error;
  ctx.flags &= ~(READ_PROTECTED | REFUSAL_DUE);
  wipe(ctx.readKey, SECRET_BYTES);
  return error;
}

/**
 * Takes a whole alert of the peer's. In TLS 1.3 its level means nothing.
 * @returns 0: close_notify, 1: go on, or what abandon() returns
 */
export function receive(ctx: Context, level: u32, description: u32): i32 {
  if (description == USER_CANCELED) return 1;
  if (level == WARNING && description != CLOSE_NOTIFY && ctx.isTls12) return 1;
  if (description != CLOSE_NOTIFY) return abandon(ctx, PEER - i32(description));
  ctx.flags |= PEER_CLOSED;
  return 0;
}

/**
 * Sends the alert that is due, if the socket can take it. A session of TLS 1.2 does not survive an alert, ours or the peer's
 * (RFC 5246 section 7.2); it does survive TCP's end (section 7.2.1).
 * @returns true when none is due any more
 */
export function flush(ctx: Context): bool {
  if (ctx.session != 0 && ctx.error <= SELF && ctx.error > PEER - 0x100) sessionCache.forget(ctx.session);
  if (!ctx.has(ALERT_DUE) || ctx.has(RECORD_OPEN)) return true;
  if (socket.outstanding(ctx.socket) != 0) return false;
  recordOut.sendAlert(ctx, ctx.alert == CLOSE_NOTIFY ? WARNING : FATAL, ctx.alert);
  ctx.flags &= ~ALERT_DUE;
  socket.shutdown(ctx.socket);
  return true;
}
