// TLS 1.3 and 1.2, the server's side (RFC 8446, RFC 5246), behind the interface of seed [238]-[247]. A context is named by
// its number, below TLS_CONTEXTS. Nothing blocks: EAGAIN says that the call has to be made again after the next step.
//
//   tls.resetCtx(ctx, RESET_INIT); tls.attach(ctx, s)      once per connection
//   tls.accept(ctx, now)                                   until 0; a client attachClient()s and connect()s instead
//   tls.compute()                                          on a card with an RSA key, meanwhile, after what comes has been answered
//   tls.recv(ctx, RECV_FAST)                               pieces of plaintext at data(ctx); act when authenticated(ctx)
//   tls.send(ctx, tls.sendBuffer(ctx), length, COPY_OFF)   when writable(ctx)
//   tls.close(ctx)                                         until 0; then the socket is the application's to close
//
// Data that can be made again, and whose length is known, is sent without waiting for acknowledgments, in records that may
// be longer than the buffer (stream.ts), piece by piece:
//
//   tls.begin(ctx)                                         when true
//   offset = tls.wanted(ctx, total)                        until `total`, and tls.isDelivered(ctx):
//     put tls.pieceBytes(ctx) bytes, those from `offset` on, at tls.sendBuffer(ctx)
//     tls.sendPiece(ctx, …)
//
// sendPiece() follows wanted() at once. Between two pieces the application may do what it likes; but send() waits for the
// end of a record, and close() answers in the midst of one that the socket must be reset.
//
// A negative result other than EAGAIN is final; alert.ts tells which is which.
import { Millis } from "../chip/clock.ts";
import { TLS_CONTEXT_BYTES } from "../chip/ram-map.ts";
import * as pbuf from "../buffer/pbuf.ts";
import { wipe } from "../crypto/ct.ts";
import * as rsaKey from "../files/rsa-key.ts";
import * as socket from "../socket/socket.ts";
import * as alert from "./alert.ts";
import * as client from "./client/handshake.ts";
import * as newSessionTicket from "./client/new-session-ticket.ts";
import * as context from "./context.ts";
import {
  CONNECTED,
  Context,
  EXPECT_CLIENT_HELLO,
  FAILED,
  IDLE,
  IN_NVM,
  PEER_CLOSED,
  RECORD_OPEN,
  STREAMED,
} from "./context.ts";
import * as handshake from "./handshake.ts";
import * as keyUpdate from "./key-update.ts";
import * as recordIn from "./record-in.ts";
import {
  ALERT,
  APPLICATION_DATA,
  CONTENT_MAX,
  HANDSHAKE,
  contentMax,
  front,
  sendRecord,
} from "./record-out.ts";
import * as recordStore from "./record-store.ts";
import * as sessionCache from "./session-cache.ts";
import * as stream from "./stream.ts";
import * as swap from "./swap.ts";
import * as ticket from "./ticket.ts";
import * as tls10 from "./tls10/tls10.ts";

export const EAGAIN: i32 = socket.EAGAIN;
/** resetCtx(): for first use; TLS 1.0 alone: the context leaves RAM for the private-key operation, and comes back [239]. */
export const RESET_INIT: u32 = 0;
export const RESET_RSA: u32 = 1;
export const RESET_TLS: u32 = 2;
/** recv(): pieces as soon as they are decrypted; authenticated() tells whether they may be believed [230]. */
export const RECV_FAST: u32 = 0;
/**
 * recv(): nothing before its record is verified. It waits in the buffer, where no data may be in preparation then, or in
 * NVM if it is longer [235].
 */
export const RECV_SAFE: u32 = 1;
/** send(): `data` is anywhere, and copied. */
export const COPY_ON: u32 = 0;
/** send(): `data` is sendBuffer(), and is encrypted where it stands [244]. */
export const COPY_OFF: u32 = 1;
/** Bytes that one send() takes at most. */
export const SEND_MAX: u32 = TLS10 ? tls10.SEND_MAX : CONTENT_MAX;
/** Can a record be made again? In TLS 1.0 it depends on the one before, so data is sent by send() alone. */
export const CAN_REPEAT: bool = !TLS10;

/** NVM keeps no secrets of an earlier boot: of no session, and of no connection that power has cut short. */
export function powerOn(): void {
  if (TLS_RSA) swap.powerOn();
  if (TLS10 | TLS12) sessionCache.powerOn();
  if (!TLS10) ticket.forget();
}

/** NVM keeps no secrets of sessions that are too old. To be called several times an hour. */
export function expire(now: Millis): void {
  if (TLS10 | TLS12) sessionCache.expire(now);
  if (!TLS10) ticket.expire(now);
}

/** Forgets everything, secrets first [239]. The buffer is not outstanding. @returns 0 */
export function resetCtx(ctx: u32, flag: u32): i32 {
  if (TLS10) return tls10.resetCtx(ctx, flag);
  context.check();
  const c = context.at(ctx);
  if (c.isLent) swap.cancel(c);
  pbuf.give(c.packet);
  wipe(changetype<usize>(c), TLS_CONTEXT_BYTES + TLS_BUFFER);
  return 0;
}

/** Serves a connection that `s` has accepted. The context has been reset. */
export function attach(ctx: u32, s: i32): void {
  if (TLS10) return tls10.attach(ctx, s);
  const c = context.at(ctx);
  c.socket = u8(s);
  handshake.begin(c);
}

/**
 * Talks to the server that `s` has connected to, whom the file `target` describes (client/target.ts). The context has been
 * reset.
 */
export function attachClient(ctx: u32, s: i32, target: i32): void {
  const c = context.at(ctx);
  c.socket = u8(s);
  client.begin(c, target);
}

/**
 * Goes on with a client's handshake, as accept() with a server's.
 * @returns 0 when the server has proved itself, EAGAIN, or an error
 */
export function connect(ctx: u32): i32 {
  const c = context.at(ctx);
  const result = client.connect(c);
  alert.flush(c);
  return result;
}

/** Goes on with the handshake [241]. @returns 0 when it is done, EAGAIN, or an error */
export function accept(ctx: u32, now: Millis): i32 {
  if (TLS10) return tls10.accept(ctx, now);
  const c = context.at(ctx);
  if (c.isLent) return watch(c);
  const result = handshake.accept(c, now);
  alert.flush(c);
  return result;
}

/** Nobody need compute for a peer that has gone. */
function watch(ctx: Context): i32 {
  const status = swap.watch(ctx);
  return status == EAGAIN ? EAGAIN : alert.abandon(ctx, status);
}

/** Is there anything that takes so long that it is computed in steps? */
export const COMPUTES: bool = rsaKey.IN_USE;

/**
 * A step of it, of two and a half million instructions of a Cortex-M3 at most. Its context is lent meanwhile: accept() has to be
 * called on, to see whether anybody still waits for the result; close() and resetCtx() break it off; the rest returns EAGAIN.
 * @returns whether there was one
 */
export function compute(): bool {
  return TLS10 ? tls10.compute() : handshake.compute(context.at(0));
}

/** Has the ClientHello come to its end, so that this is a client that knows what it wants? */
export function hasHello(ctx: u32): bool {
  if (TLS10) return tls10.hasHello(ctx);
  const c = context.at(ctx);
  return c.isLent || c.state != EXPECT_CLIENT_HELLO;
}

/**
 * Receives [246].
 * @returns bytes of plaintext at data(), good until the next call; 0 after close_notify; EAGAIN; or an error
 */
export function recv(ctx: u32, flag: u32): i32 {
  if (TLS10) return tls10.recv(ctx, flag);
  const c = context.at(ctx);
  if (c.isLent) return EAGAIN;
  const result = receive(c, flag);
  if (c.isTls12 && c.state == CONNECTED && keyUpdate.isDue(c)) keyUpdate.flush(c);
  alert.flush(c);
  return result;
}

function receive(ctx: Context, flag: u32): i32 {
  while (true) {
    if (ctx.state != CONNECTED) return refusal(ctx);
    if (ctx.has(PEER_CLOSED)) return 0;
    if (recordStore.isReady(ctx)) return recordStore.release(ctx);
    const isSafe = ctx.stored != 0 || (flag == RECV_SAFE && !recordIn.isStreaming(ctx));
    const bytes = isSafe ? recordStore.collect(ctx) : recordIn.next(ctx);
    if (bytes != recordIn.END) return bytes;
    const content = endRecord(ctx);
    if (content != NOTHING) return content;
  }
}

/** Address of the plaintext that recv() has returned. */
export function data(ctx: u32): usize {
  if (TLS10) return tls10.data(ctx);
  return context.at(ctx).data;
}

/** Has everything that recv() returned been verified? Ask after it returned EAGAIN. */
export function authenticated(ctx: u32): bool {
  if (TLS10) return tls10.authenticated(ctx);
  return !recordIn.isStreaming(context.at(ctx));
}

/** Where to put data that send() is to encrypt in place, SEND_MAX bytes. Only while writable(). */
export function sendBuffer(ctx: u32): usize {
  if (TLS10) return tls10.sendBuffer(ctx);
  const c = context.at(ctx);
  return c.buffer + front(c);
}

/** Can send() take data now? */
export function writable(ctx: u32): bool {
  if (TLS10) return tls10.writable(ctx);
  const c = context.at(ctx);
  return !c.isLent && c.state == CONNECTED && (c.stored == 0 || c.has(IN_NVM)) && keyUpdate.flush(c);
}

/**
 * Sends one record [242].
 * @returns how many bytes were taken, from the first on; EAGAIN, with COPY_OFF the data stay as they are; or an error
 */
export function send(ctx: u32, source: usize, length: u32, flag: u32): i32 {
  if (TLS10) return tls10.send(ctx, source, length, flag);
  const c = context.at(ctx);
  if (c.isLent) return EAGAIN;
  const isReady = writable(ctx);
  if (c.state != CONNECTED) return refusal(c);
  if (!isReady) return EAGAIN;
  const bytes = min(length, contentMax(c));
  if (bytes == 0) return 0;
  if (flag == COPY_ON) memory.copy(sendBuffer(ctx), source, bytes);
  const result = sendRecord(c, c.buffer, APPLICATION_DATA, bytes);
  return result < 0 ? alert.abandon(c, result) : bytes;
}

/** Begins to send data that the application can make again, byte for byte. @returns false: ask again after the next step */
export function begin(ctx: u32): bool {
  return writable(ctx) && (!CAN_REPEAT || stream.begin(context.at(ctx)));
}

/**
 * @param total bytes that are to be sent since begin(), the same each time
 * @returns offset of the piece to be made next: a new one, once more one that was lost, or one before it, of which the
 *   record's tag is made too; `total`: none is left to be sent; EAGAIN; or an error
 */
export function wanted(ctx: u32, total: u32): i32 {
  const c = context.at(ctx);
  if (c.isLent) return EAGAIN;
  if (c.state != CONNECTED) return refusal(c);
  return c.stored == 0 || c.has(IN_NVM) ? stream.wanted(c, total) : EAGAIN;
}

/** Bytes of the piece that wanted() has just asked for; the buffer has room for them behind sendBuffer(). */
export function pieceBytes(ctx: u32): u32 {
  return context.at(ctx).pieceBytes;
}

/**
 * Sends the piece that stands in sendBuffer(). It must be what it was if it has been sent before: two plaintexts under one
 * nonce would give both away.
 * @param isLast the data end with it @returns how many bytes were taken: pieceBytes(); or an error
 */
export function sendPiece(ctx: u32, isLast: bool): i32 {
  return stream.send(context.at(ctx), isLast);
}

/** Has the peer acknowledged all that was sent? */
export function isDelivered(ctx: u32): bool {
  return CAN_REPEAT ? socket.outstanding(context.at(ctx).socket) == 0 : writable(ctx);
}

/**
 * Ends the connection in order: close_notify, or the alert that could not be sent before, and TCP's FIN.
 * @returns EAGAIN while the context's memory is still needed, then 0: it has been wiped; alert.UNFINISHED, in the midst of
 *   a record: the socket must be reset, and resetCtx() called when nothing is outstanding
 */
export function close(ctx: u32): i32 {
  if (TLS10) return tls10.close(ctx);
  const c = context.at(ctx);
  if (c.isLent) swap.cancel(c);
  if (c.state == IDLE) return 0;
  if (c.state != FAILED) alert.closeNotify(c);
  if (c.has(RECORD_OPEN)) return alert.UNFINISHED;
  if (!alert.flush(c) || socket.outstanding(c.socket) != 0) return EAGAIN;
  return resetCtx(ctx, RESET_INIT);
}

/** Why a context that is not connected does nothing. */
function refusal(ctx: Context): i32 {
  return ctx.state == FAILED ? ctx.error : socket.ENOTCONN;
}

/** The record brought nothing to the application. */
const NOTHING: i32 = i32.MIN_VALUE;

/** The end of an authentic record: only now its type is known, and its content if that was short. */
function endRecord(ctx: Context): i32 {
  const isShort = !ctx.has(STREAMED);
  const bytes: u32 = isShort ? ctx.holdLength : 0;
  if (ctx.recordType == APPLICATION_DATA && ctx.position == 0) {
    if (isShort && bytes == 0) return idle(ctx);
    ctx.idle = 0;
    ctx.data = u16(ctx.hold);
    return isShort ? bytes : NOTHING;
  }
  if (ctx.recordType == HANDSHAKE && bytes != 0) {
    const wrong = ctx.isTls12 ? keyUpdate.readTls12(ctx, ctx.hold) : keyUpdate.read(ctx, ctx.hold, bytes);
    return wrong ? alert.fail(ctx, wrong) : idle(ctx);
  }
  if (ctx.isClient && ctx.recordType == HANDSHAKE) {
    return newSessionTicket.drop(ctx) ? idle(ctx) : alert.fail(ctx, alert.UNEXPECTED_MESSAGE);
  }
  if (ctx.recordType != ALERT || ctx.position != 0) return alert.fail(ctx, alert.UNEXPECTED_MESSAGE);
  if (bytes != 2) return alert.fail(ctx, alert.DECODE_ERROR);
  const result = alert.receive(ctx, load<u8>(ctx.hold), load<u8>(ctx.hold + 1));
  return result > 0 ? idle(ctx) : result;
}

function idle(ctx: Context): i32 {
  return recordIn.tolerate(ctx) ? NOTHING : alert.fail(ctx, alert.UNEXPECTED_MESSAGE);
}
