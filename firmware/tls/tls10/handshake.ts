// The server's handshake in TLS 1.0 (RFC 2246 section 7.3; seed [194]-[197], fig 17 and 18), resumable: accept() goes on as
// far as the socket lets it.
//
//   state                  receives            sends                              then
//   EXPECT_CLIENT_HELLO    ClientHello                                            SEND_SERVER_HELLO
//   SEND_SERVER_HELLO                          ServerHello                        SEND_CERTIFICATE
//     of a resumed session                     ... ChangeCipherSpec, Finished     EXPECT_CIPHER_CHANGE
//   SEND_CERTIFICATE                           Certificate, buffer by buffer,
//                                              ServerHelloDone                    EXPECT_KEY_EXCHANGE
//   EXPECT_KEY_EXCHANGE    ClientKeyExchange                                      DECRYPT
//   DECRYPT                (its secret is computed)                               DERIVE_KEYS
//   DERIVE_KEYS                                                                   EXPECT_CIPHER_CHANGE
//   EXPECT_CIPHER_CHANGE   ChangeCipherSpec                                       EXPECT_FINISHED
//   EXPECT_FINISHED        Finished                                               SEND_FINISHED, or CONNECTED again
//   SEND_FINISHED                              ChangeCipherSpec, Finished         CONNECTED
//
// The buffer is parser, workspace and output in turn, so no state does anything while it is outstanding.
//
// Of the clients of seed [255]-[258], the one that stops at the certificate ends in EXPECT_KEY_EXCHANGE, with an alert or
// without; the one that finishes, drops the connection and comes back finds its session kept.
import { Millis } from "../../chip/clock.ts";
import { put24, put8, putBytes } from "../../buffer/cursors.ts";
import * as cbc from "../../crypto/cbc.ts";
import { wipe } from "../../crypto/ct.ts";
import * as files from "../../files/files.ts";
import * as rsaKey from "../../files/rsa-key.ts";
import * as socket from "../../socket/socket.ts";
import {
  DECODE_ERROR,
  DECRYPT_ERROR,
  GO_ON,
  HANDSHAKE_FAILURE,
  ILLEGAL_PARAMETER,
  INTERNAL_ERROR,
  PEER,
  UNEXPECTED_MESSAGE,
} from "../alert.ts";
import * as certificate from "../certificate.ts";
import * as sessionCache from "../session-cache.ts";
import * as alert from "./alert.ts";
import { judge } from "./alert.ts";
import * as clientHello from "./client-hello.ts";
import * as clientKeyExchange from "./client-key-exchange.ts";
import {
  CONNECTED,
  Context,
  DECRYPT,
  DERIVE_KEYS,
  EXPECT_CIPHER_CHANGE,
  EXPECT_CLIENT_HELLO,
  EXPECT_FINISHED,
  EXPECT_KEY_EXCHANGE,
  FAILED,
  IDLE,
  MASTER_BYTES,
  READ_PROTECTED,
  RESUMED,
  SEND_CERTIFICATE,
  SEND_FINISHED,
  SEND_SERVER_HELLO,
  VERIFY_BYTES,
  WRITE_PROTECTED,
} from "./context.ts";
import * as hello from "./hello.ts";
import { Hello } from "./hello.ts";
import * as keySchedule from "./key-schedule.ts";
import * as preMaster from "./pre-master.ts";
import * as recordIn from "./record-in.ts";
import { ALERT, CHANGE_CIPHER_SPEC, HANDSHAKE, header, HEADER_BYTES, seal } from "./record-out.ts";
import * as serverHello from "./server-hello.ts";
import * as ssl2ClientHello from "./ssl2-client-hello.ts";
import * as transcript from "./transcript.ts";

const CERTIFICATE: u32 = 11;
const SERVER_HELLO_DONE: u32 = 14;
const HEAD_BYTES: u32 = 4;

/** Expects the first message. */
export function begin(ctx: Context): void {
  ctx.state = u8(EXPECT_CLIENT_HELLO);
  transcript.init(ctx.transcript);
  hello.begin(ctx);
}

/** @returns 0 when connected, EAGAIN, or what the connection failed with */
export function accept(ctx: Context, now: Millis): i32 {
  let result = GO_ON;
  while (result == GO_ON) {
    if (ctx.state == CONNECTED) return 0;
    if (ctx.state == FAILED) return ctx.error;
    if (ctx.state == IDLE) return socket.ENOTCONN;
    if (socket.outstanding(ctx.socket) != 0) return socket.EAGAIN;
    result = step(ctx, now);
  }
  return result;
}

function step(ctx: Context, now: Millis): i32 {
  switch (u32(ctx.state)) {
    case SEND_SERVER_HELLO:
      return sendServerHello(ctx);
    case SEND_CERTIFICATE:
      return sendCertificate(ctx);
    case DECRYPT:
      return socket.EAGAIN; // compute() does
    case DERIVE_KEYS:
      return deriveKeys(ctx);
    case SEND_FINISHED:
      ctx.session = u16(sessionCache.keep(ctx.cipher, ctx.sessionId, ctx.master, now));
      sendFinished(ctx, ctx.buffer);
      return connect(ctx);
    default:
      return receive(ctx, now);
  }
}

function sendServerHello(ctx: Context): i32 {
  const file = certificate.file();
  if (!rsaKey.isThere() || file < 0) return alert.fail(ctx, INTERNAL_ERROR);
  ctx.file = u8(file);
  const message = ctx.buffer + HEADER_BYTES;
  const end = serverHello.write(ctx, message);
  transcript.add(ctx.transcript, message, u32(end - message));
  header(ctx.buffer, HANDSHAKE, u32(end - message));
  if (ctx.has(RESUMED)) return resume(ctx, end);
  ctx.state = u8(SEND_CERTIFICATE);
  ctx.sealed = u16(end - ctx.buffer);
  return GO_ON;
}

/** All of our flight in one go: ServerHello, ChangeCipherSpec, Finished. */
function resume(ctx: Context, end: usize): i32 {
  if (HEADER_BYTES + serverHello.MESSAGE_MAX > keySchedule.ROOM) ERROR("ServerHello does not fit its place");
  sessionCache.readMaster(ctx.session, ctx.master);
  keySchedule.derive(ctx);
  keySchedule.verifyData(ctx, true);
  keySchedule.verifyData(ctx, false);
  sendFinished(ctx, end);
  ctx.state = u8(EXPECT_CIPHER_CHANGE);
  return GO_ON;
}

/** The file is the message's list; a record of it, as long as what is in the buffer leaves room for. */
function sendCertificate(ctx: Context): i32 {
  const size = files.size(ctx.file);
  const message = ctx.buffer + ctx.sealed + HEADER_BYTES;
  let at = message;
  if (ctx.offset == 0) at = put24(put24(put8(at, CERTIFICATE), size + 3), size);
  const room = u32(ctx.buffer + TLS_BUFFER - at) - HEAD_BYTES;
  const bytes = files.read(ctx.file, ctx.offset, at, min(room, size - ctx.offset));
  at += bytes;
  ctx.offset += u16(bytes);
  if (u32(ctx.offset) == size) {
    at = put24(put8(at, SERVER_HELLO_DONE), 0);
    ctx.position = 0;
    ctx.state = u8(EXPECT_KEY_EXCHANGE);
  }
  transcript.add(ctx.transcript, message, u32(at - message));
  header(message - HEADER_BYTES, HANDSHAKE, u32(at - message));
  send(ctx, at);
  return GO_ON;
}

function receive(ctx: Context, now: Millis): i32 {
  const bytes = recordIn.next(ctx, true);
  if (bytes < 0) return bytes;
  if (bytes == recordIn.END) return endRecord(ctx, now);
  if (ctx.recordType == ALERT) return readAlert(ctx, bytes);
  for (let i: i32 = 0; i < bytes; i++) {
    const refusal = read(ctx, load<u8>(ctx.data + i));
    if (refusal) return alert.fail(ctx, refusal);
  }
  if (ctx.state == EXPECT_CLIENT_HELLO || ctx.state == EXPECT_KEY_EXCHANGE)
    transcript.add(ctx.transcript, ctx.data, bytes);
  return GO_ON;
}

/** The next byte of the message that is expected. @returns 0, or the alert that it deserves */
function read(ctx: Context, byte: u32): u32 {
  switch (u32(ctx.state)) {
    case EXPECT_CLIENT_HELLO:
      if (ctx.recordType == recordIn.SSL_2_0) return ssl2ClientHello.read(ctx, Hello.of(ctx), byte);
      return clientHello.read(ctx, Hello.of(ctx), byte);
    case EXPECT_KEY_EXCHANGE:
      return clientKeyExchange.read(ctx, byte);
    case EXPECT_CIPHER_CHANGE:
      return byte == 1 ? 0 : UNEXPECTED_MESSAGE;
    default:
      return compareFinished(ctx, byte);
  }
}

/** Each alert ends the handshake. It may come in two pieces. */
function readAlert(ctx: Context, bytes: u32): i32 {
  if (!recordIn.isProtected(ctx) && ctx.left != 0) return GO_ON;
  return alert.abandon(ctx, PEER - i32(load<u8>(ctx.data + bytes - 1)));
}

/** The client's Finished is compared, not believed. CT: where it differs does not leak. */
function compareFinished(ctx: Context, byte: u32): u32 {
  const at: u32 = ctx.position;
  if (at == HEAD_BYTES + VERIFY_BYTES) return UNEXPECTED_MESSAGE;
  if (at >= HEAD_BYTES) ctx.difference |= u8(byte ^ load<u8>(ctx.theirs + at - HEAD_BYTES));
  else if (at == 0 && byte != keySchedule.FINISHED) return UNEXPECTED_MESSAGE;
  else if (at != 0 && byte != (at == 3 ? VERIFY_BYTES : 0)) return DECODE_ERROR;
  ctx.position++;
  return 0;
}

/** What a record was the end of. */
function endRecord(ctx: Context, now: Millis): i32 {
  switch (u32(ctx.state)) {
    case EXPECT_CLIENT_HELLO:
      if (Hello.of(ctx).field == hello.DONE) return judge(ctx, decide(ctx, now));
      return ctx.recordType == recordIn.SSL_2_0 ? alert.fail(ctx, DECODE_ERROR) : GO_ON;
    case EXPECT_KEY_EXCHANGE:
      if (clientKeyExchange.isComplete(ctx)) ctx.state = u8(DECRYPT);
      return GO_ON;
    case EXPECT_CIPHER_CHANGE:
      ctx.flags |= u8(READ_PROTECTED);
      ctx.position = 0;
      ctx.difference = 0;
      ctx.state = u8(EXPECT_FINISHED);
      return GO_ON;
    default:
      return endOfFinished(ctx);
  }
}

/** What a ClientHello comes to. @returns 0, or the alert that it deserves */
function decide(ctx: Context, now: Millis): u32 {
  const h = Hello.of(ctx);
  if (!h.has(hello.OFFERS_NULL)) return ILLEGAL_PARAMETER;
  if (!h.has(hello.OFFERS_AES) && !h.has(hello.OFFERS_DES)) return HANDSHAKE_FAILURE;
  ctx.cipher = u8(h.has(hello.OFFERS_AES) ? cbc.AES_128 : cbc.DES);
  if (h.has(hello.HAS_SESSION)) ctx.session = u16(sessionCache.find(ctx.cipher, h.session, now));
  if (ctx.session != 0) ctx.flags |= u8(RESUMED);
  ctx.state = u8(SEND_SERVER_HELLO);
  return 0;
}

/** The pre-master secret takes long. @returns whether there was something to compute */
export function compute(ctx: Context): bool {
  if (ctx.isLent) preMaster.goOn(ctx);
  else if (ctx.state != DECRYPT) return false;
  else {
    ctx.state = u8(DERIVE_KEYS);
    preMaster.begin(ctx);
  }
  return true;
}

function deriveKeys(ctx: Context): i32 {
  keySchedule.makeMaster(ctx);
  keySchedule.derive(ctx);
  keySchedule.verifyData(ctx, false);
  keySchedule.verifyData(ctx, true);
  ctx.state = u8(EXPECT_CIPHER_CHANGE);
  return GO_ON;
}

function endOfFinished(ctx: Context): i32 {
  if (ctx.position != HEAD_BYTES + VERIFY_BYTES)
    return recordIn.tolerate(ctx) ? GO_ON : alert.fail(ctx, UNEXPECTED_MESSAGE);
  if (ctx.difference != 0) return alert.fail(ctx, DECRYPT_ERROR);
  if (ctx.has(RESUMED)) return connect(ctx);
  ctx.state = u8(SEND_FINISHED);
  return GO_ON;
}

/** ChangeCipherSpec and Finished at `at`, behind what is in the buffer. */
function sendFinished(ctx: Context, at: usize): void {
  const finished = put8(header(at, CHANGE_CIPHER_SPEC, 1), 1);
  ctx.flags |= u8(WRITE_PROTECTED);
  const data = put24(put8(finished + HEADER_BYTES, keySchedule.FINISHED), VERIFY_BYTES);
  putBytes(data, ctx.ours, VERIFY_BYTES);
  send(ctx, seal(ctx, finished, HANDSHAKE, HEAD_BYTES + VERIFY_BYTES));
}

/** Sends the buffer up to `end`: it is not to be touched until it has been acknowledged. */
function send(ctx: Context, end: usize): void {
  socket.send(ctx.socket, ctx.buffer, u32(end - ctx.buffer), 0);
  ctx.sealed = 0;
}

function connect(ctx: Context): i32 {
  wipe(ctx.master, MASTER_BYTES + 2 * VERIFY_BYTES);
  ctx.idle = 0;
  ctx.state = u8(CONNECTED);
  return GO_ON;
}
