// TLS 1.0, the server's side (RFC 2246), as the seed has it [186]-[247], behind the functions of tls.ts: obsolete, and on no
// card but that of its own profile, for study. DES and RC4's other contemporaries keep no secrets any more; what can be done
// is done: Lucky 13 (crypto/mac-then-encrypt.ts), Bleichenbacher (crypto/pkcs1.ts), BEAST (record-out.ts).
import { Millis } from "../../chip/clock.ts";
import { TLS_CONTEXT_BYTES } from "../../chip/ram-map.ts";
import * as pbuf from "../../buffer/pbuf.ts";
import { wipe } from "../../crypto/ct.ts";
import * as socket from "../../socket/socket.ts";
import { DECODE_ERROR, GO_ON, NO_RENEGOTIATION, UNEXPECTED_MESSAGE, WARNING } from "../alert.ts";
import * as swap from "../swap.ts";
import * as alert from "./alert.ts";
import * as context from "./context.ts";
import {
  CONNECTED,
  Context,
  EXPECT_CLIENT_HELLO,
  FAILED,
  IDLE,
  PEER_CLOSED,
  REFUSAL_DUE,
} from "./context.ts";
import * as handshake from "./handshake.ts";
import * as recordIn from "./record-in.ts";
import * as recordOut from "./record-out.ts";
import { ALERT, APPLICATION_DATA } from "./record-out.ts";

/** Bytes that one send() takes at most. */
export const SEND_MAX: u32 = recordOut.DATA_MAX;

// Flags of tls.ts.
const RESET_RSA: u32 = 1;
const RESET_TLS: u32 = 2;
const RECV_SAFE: u32 = 1;
const COPY_ON: u32 = 0;

/** @param flag RESET_INIT: forgets everything; RESET_RSA, RESET_TLS: the context leaves RAM and comes back [239]. @returns 0 */
export function resetCtx(ctx: u32, flag: u32): i32 {
  context.check();
  const c = context.at(ctx);
  if (c.isLent) swap.cancel(c);
  if (flag == RESET_RSA) swap.save(changetype<usize>(c));
  else if (flag == RESET_TLS) swap.restore(changetype<usize>(c));
  else {
    pbuf.give(c.packet);
    wipe(changetype<usize>(c), TLS_CONTEXT_BYTES + TLS_BUFFER);
  }
  return 0;
}

export function attach(ctx: u32, s: i32): void {
  const c = context.at(ctx);
  c.socket = u8(s);
  handshake.begin(c);
}

export function accept(ctx: u32, now: Millis): i32 {
  const c = context.at(ctx);
  if (c.isLent) return watch(c);
  const result = handshake.accept(c, now);
  alert.flush(c);
  return result;
}

/** Nobody need compute for a peer that has gone. */
function watch(ctx: Context): i32 {
  const status = swap.watch(ctx);
  return status == socket.EAGAIN ? socket.EAGAIN : alert.abandon(ctx, status);
}

export function compute(): bool {
  return handshake.compute(context.at(0));
}

export function hasHello(ctx: u32): bool {
  const c = context.at(ctx);
  return c.isLent || c.state != EXPECT_CLIENT_HELLO;
}

export function recv(ctx: u32, flag: u32): i32 {
  const c = context.at(ctx);
  if (c.isLent) return socket.EAGAIN;
  const result = receive(c, flag == RECV_SAFE);
  alert.flush(c);
  return result;
}

function receive(ctx: Context, isSafe: bool): i32 {
  while (true) {
    if (ctx.state != CONNECTED) return refusal(ctx);
    if (ctx.has(PEER_CLOSED)) return 0;
    const bytes = recordIn.next(ctx, isSafe);
    if (bytes < 0) return bytes;
    if (bytes == recordIn.END) {
      if (!recordIn.tolerate(ctx)) return alert.fail(ctx, UNEXPECTED_MESSAGE);
      continue;
    }
    if (ctx.recordType == APPLICATION_DATA) {
      ctx.idle = 0;
      return bytes;
    }
    const result = control(ctx, bytes);
    if (result != GO_ON) return result;
  }
}

/** An alert, or a handshake message of a client that wants to renegotiate. */
function control(ctx: Context, bytes: u32): i32 {
  if (ctx.recordType != ALERT) {
    ctx.flags |= u8(REFUSAL_DUE);
    return GO_ON;
  }
  if (bytes != 2) return alert.fail(ctx, DECODE_ERROR);
  return alert.receive(ctx, load<u8>(ctx.data), load<u8>(ctx.data + 1));
}

export function data(ctx: u32): usize {
  return context.at(ctx).data;
}

export function authenticated(ctx: u32): bool {
  return !recordIn.isStreaming(context.at(ctx));
}

export function sendBuffer(ctx: u32): usize {
  const c = context.at(ctx);
  return c.buffer + recordOut.front(c);
}

export function writable(ctx: u32): bool {
  const c = context.at(ctx);
  if (c.isLent || c.state != CONNECTED || recordIn.hasBuffer(c) || socket.outstanding(c.socket) != 0)
    return false;
  if (!c.has(REFUSAL_DUE)) return true;
  c.flags &= ~u8(REFUSAL_DUE);
  alert.send(c, WARNING, NO_RENEGOTIATION);
  return false;
}

export function send(ctx: u32, source: usize, length: u32, flag: u32): i32 {
  const c = context.at(ctx);
  if (c.isLent) return socket.EAGAIN;
  if (c.state != CONNECTED) return refusal(c);
  if (!writable(ctx)) return socket.EAGAIN;
  const bytes = min(length, SEND_MAX);
  if (bytes == 0) return 0;
  if (flag == COPY_ON) memory.copy(sendBuffer(ctx), source, bytes);
  const end = recordOut.sealData(c, bytes);
  const result = socket.send(c.socket, c.buffer, u32(end - c.buffer), 0);
  return result < 0 ? alert.abandon(c, result) : bytes;
}

export function close(ctx: u32): i32 {
  const c = context.at(ctx);
  if (c.isLent) swap.cancel(c);
  if (c.state == IDLE) return 0;
  if (c.state != FAILED) alert.closeNotify(c);
  if (!alert.flush(c) || socket.outstanding(c.socket) != 0) return socket.EAGAIN;
  return resetCtx(ctx, 0);
}

/** Why a context that is not connected does nothing. */
function refusal(ctx: Context): i32 {
  return ctx.state == FAILED ? ctx.error : socket.ENOTCONN;
}
