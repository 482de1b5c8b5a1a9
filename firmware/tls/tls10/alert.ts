// Alerts of TLS 1.0 (RFC 2246 section 7.2). Their numbers, and the results that a failed connection keeps, are those of
// ../alert.ts.
import { put8 } from "../../buffer/cursors.ts";
import { wipe } from "../../crypto/ct.ts";
import * as socket from "../../socket/socket.ts";
import { CLOSE_NOTIFY, FATAL, GO_ON, PEER, SELF, WARNING } from "../alert.ts";
import { ALERT_DUE, Context, FAILED, PEER_CLOSED, READ_PROTECTED, SECRETS_BYTES } from "./context.ts";
import * as sessionCache from "../session-cache.ts";
import * as recordOut from "./record-out.ts";

/** Ends the connection: the alert is due, flush() sends it. @returns what every further call will return */
export function fail(ctx: Context, alert: u32): i32 {
  return end(ctx, alert, SELF - i32(alert));
}

/** @returns GO_ON when there is no refusal, else what fail() returns */
export function judge(ctx: Context, refusal: u32): i32 {
  return refusal ? fail(ctx, refusal) : GO_ON;
}

/** Ends the connection in order. */
export function closeNotify(ctx: Context): void {
  end(ctx, CLOSE_NOTIFY, socket.ENOTCONN);
}

function end(ctx: Context, alert: u32, error: i32): i32 {
  ctx.alert = u8(alert);
  ctx.flags |= u8(ALERT_DUE);
  ctx.state = u8(FAILED);
  ctx.error = error;
  return error;
}

/** Ends the connection without a word: the peer sent an alert, or TCP failed. @returns `error` */
export function abandon(ctx: Context, error: i32): i32 {
  ctx.state = u8(FAILED);
  ctx.error = error;
  ctx.flags &= ~u8(READ_PROTECTED);
  wipe(ctx.master, SECRETS_BYTES);
  return error;
}

/** Takes a whole alert of the peer's. @returns 0: close_notify, GO_ON, or what abandon() returns */
export function receive(ctx: Context, level: u32, description: u32): i32 {
  if (level == WARNING && description != CLOSE_NOTIFY) return GO_ON;
  if (description != CLOSE_NOTIFY) return abandon(ctx, PEER - i32(description));
  ctx.flags |= u8(PEER_CLOSED);
  return 0;
}

/**
 * Sends the alert that is due, if the socket can take it. A session does not survive one, ours or the peer's (RFC 2246
 * section 7.2).
 * @returns true when none is due any more
 */
export function flush(ctx: Context): bool {
  if (ctx.session != 0 && ctx.error <= SELF && ctx.error > PEER - 0x100) sessionCache.forget(ctx.session);
  if (!ctx.has(ALERT_DUE)) return true;
  if (socket.outstanding(ctx.socket) != 0) return false;
  send(ctx, ctx.alert == CLOSE_NOTIFY ? WARNING : FATAL, ctx.alert);
  ctx.flags &= ~u8(ALERT_DUE);
  socket.shutdown(ctx.socket);
  wipe(ctx.master, SECRETS_BYTES);
  return true;
}

/** Sends one, by way of the buffer, which is free. */
export function send(ctx: Context, level: u32, description: u32): void {
  const content = ctx.buffer + recordOut.HEADER_BYTES;
  put8(put8(content, level), description);
  const end = recordOut.seal(ctx, ctx.buffer, recordOut.ALERT, 2);
  socket.send(ctx.socket, ctx.buffer, u32(end - ctx.buffer), 0);
}
