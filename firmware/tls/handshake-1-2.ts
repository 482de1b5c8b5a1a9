// The server's handshake in TLS 1.2 (RFC 5246 section 7.3), from the answer to the ClientHello on. Certificate is
// handshake.ts's.
//
//   state                       receives             sends                               then
//   SEND_SERVER_HELLO_1_2                            ServerHello                         SEND_CERTIFICATE
//     of a resumed session                           ... ChangeCipherSpec, Finished      EXPECT_CIPHER_CHANGE
//   SEND_CERTIFICATE                                 Certificate                         SEND_KEY_EXCHANGE
//   SEND_KEY_EXCHANGE                                ServerKeyExchange, ServerHelloDone  EXPECT_KEY_EXCHANGE
//     with an RSA key           (it is computed)                                         SEND_SIGNED, handshake.ts's
//   SEND_HELLO_DONE                                  ServerHelloDone                     EXPECT_KEY_EXCHANGE
//   EXPECT_KEY_EXCHANGE         ClientKeyExchange                                        EXPECT_CIPHER_CHANGE
//   EXPECT_CIPHER_CHANGE        ChangeCipherSpec                                         EXPECT_FINISHED_1_2
//   EXPECT_FINISHED_1_2         Finished                                                 SEND_FINISHED_1_2, or CONNECTED again
//   SEND_FINISHED_1_2                                (NewSessionTicket,)                 CONNECTED
//                                                    ChangeCipherSpec, Finished
import { Millis } from "../chip/clock.ts";
import { put24, put8, putBytes } from "../buffer/cursors.ts";
import { wipe } from "../crypto/ct.ts";
import * as keys from "../files/keys.ts";
import * as socket from "../socket/socket.ts";
import * as alert from "./alert.ts";
import { GO_ON, judge } from "./alert.ts";
import * as certificate from "./certificate.ts";
import * as clientKeyExchange from "./client-key-exchange.ts";
import {
  CONNECTED,
  Context,
  EXPECT_CIPHER_CHANGE,
  EXPECT_FINISHED_1_2,
  EXPECT_KEY_EXCHANGE,
  EXTENDED_MASTER,
  READ_PROTECTED,
  RESUMED,
  SECRET_BYTES,
  SEND_CERTIFICATE,
  SEND_FINISHED_1_2,
  SEND_HELLO_DONE,
  SEND_KEY_EXCHANGE,
  SEND_SERVER_HELLO_1_2,
  WANTS_TICKET,
  WRITE_PROTECTED,
} from "./context.ts";
import * as finished from "./finished.ts";
import * as flight from "./flight.ts";
import * as keySchedule from "./key-schedule-1-2.ts";
import * as newSessionTicket from "./new-session-ticket-1-2.ts";
import * as recordIn from "./record-in.ts";
import { ALERT, CHANGE_CIPHER_SPEC, front, HANDSHAKE, header, seal } from "./record-out.ts";
import * as sessionCache from "./session-cache.ts";
import * as serverHello from "./server-hello-1-2.ts";
import * as serverKeyExchange from "./server-key-exchange.ts";
import * as transcript from "./transcript.ts";

const FINISHED: u32 = 20;

/** @returns GO_ON, EAGAIN, or what the connection failed with */
export function step(ctx: Context, now: Millis): i32 {
  switch (u32(ctx.state)) {
    case SEND_SERVER_HELLO_1_2:
      return sendServerHello(ctx);
    case SEND_KEY_EXCHANGE:
      return sendKeyExchange(ctx);
    case SEND_FINISHED_1_2:
      keep(ctx, now);
      sendFinished(ctx);
      return connect(ctx);
    default:
      return TLS_RSA && ctx.state == SEND_HELLO_DONE ? sendDone(ctx) : receive(ctx);
  }
}

function sendServerHello(ctx: Context): i32 {
  if (!keys.hasPrivateKey() || !certificate.open(ctx)) return alert.fail(ctx, alert.INTERNAL_ERROR);
  flight.put(ctx, serverHello.write(ctx, flight.end(ctx)));
  if (ctx.has(RESUMED)) return resume(ctx);
  flight.put(ctx, certificate.writeFront(ctx, flight.end(ctx)));
  ctx.state = u8(SEND_CERTIFICATE);
  return GO_ON;
}

/** All of our flight in one go: ServerHello, ChangeCipherSpec, Finished. */
function resume(ctx: Context): i32 {
  flight.close(ctx);
  sessionCache.readMaster(ctx.session, keySchedule.masterAt(ctx));
  keySchedule.derive(ctx);
  sendFinished(ctx);
  ctx.state = u8(EXPECT_CIPHER_CHANGE);
  return GO_ON;
}

function keep(ctx: Context, now: Millis): void {
  if (!ctx.has(EXTENDED_MASTER)) return;
  ctx.session = sessionCache.keep(ctx.suite, keySchedule.sessionId(ctx), ctx.secretB, now);
}

function sendKeyExchange(ctx: Context): i32 {
  if (TLS_RSA) return socket.EAGAIN; // compute() signs
  const end = serverKeyExchange.write(ctx, flight.end(ctx));
  if (end == 0) return alert.fail(ctx, alert.INTERNAL_ERROR);
  return sendLast(ctx, end);
}

function sendDone(ctx: Context): i32 {
  if (!flight.hasRoom(ctx, serverKeyExchange.DONE_BYTES)) return flight.send(ctx);
  return sendLast(ctx, serverKeyExchange.writeDone(flight.end(ctx)));
}

/** Our flight ends at `end`. */
function sendLast(ctx: Context, end: usize): i32 {
  flight.put(ctx, end);
  flight.send(ctx);
  ctx.position = 0;
  ctx.state = u8(EXPECT_KEY_EXCHANGE);
  return GO_ON;
}

/** A piece or the end of a record. @returns as step() */
export function receive(ctx: Context): i32 {
  const bytes = recordIn.next(ctx);
  if (bytes < 0) return bytes;
  if (bytes == recordIn.END) return endRecord(ctx);
  if (ctx.recordType == ALERT)
    return ctx.left == 0 ? alert.ended(ctx, load<u8>(ctx.data + bytes - 1)) : GO_ON;
  if (ctx.recordType == CHANGE_CIPHER_SPEC)
    return judge(ctx, load<u8>(ctx.data) == 1 ? 0 : alert.UNEXPECTED_MESSAGE);
  if (ctx.state == EXPECT_FINISHED_1_2) {
    finished.compare(ctx, ctx.data, bytes);
    return GO_ON;
  }
  transcript.add(ctx, ctx.data, bytes);
  return judge(ctx, clientKeyExchange.read(ctx, ctx.data, bytes));
}

function endRecord(ctx: Context): i32 {
  if (ctx.recordType == ALERT) {
    if (!recordIn.isProtected(ctx)) return GO_ON;
    return ctx.holdLength == 2
      ? alert.ended(ctx, load<u8>(ctx.hold + 1))
      : alert.fail(ctx, alert.DECODE_ERROR);
  }
  switch (u32(ctx.state)) {
    case EXPECT_KEY_EXCHANGE:
      return clientKeyExchange.isComplete(ctx) ? deriveKeys(ctx) : GO_ON;
    case EXPECT_CIPHER_CHANGE:
      ctx.readSeq = 0;
      ctx.flags |= READ_PROTECTED;
      finished.begin(ctx);
      ctx.state = u8(EXPECT_FINISHED_1_2);
      return GO_ON;
    default:
      return endOfFinished(ctx);
  }
}

function deriveKeys(ctx: Context): i32 {
  if (!clientKeyExchange.agree(ctx)) return alert.fail(ctx, alert.ILLEGAL_PARAMETER);
  keySchedule.makeMaster(ctx);
  keySchedule.derive(ctx);
  ctx.state = u8(EXPECT_CIPHER_CHANGE);
  return GO_ON;
}

function endOfFinished(ctx: Context): i32 {
  const refusal = finished.verdict(ctx);
  if (refusal) return alert.fail(ctx, refusal);
  if (!finished.isComplete(ctx))
    return recordIn.tolerate(ctx) ? GO_ON : alert.fail(ctx, alert.UNEXPECTED_MESSAGE);
  if (ctx.has(RESUMED) || ctx.isClient) return connect(ctx);
  ctx.state = u8(SEND_FINISHED_1_2);
  return GO_ON;
}

/** ChangeCipherSpec and Finished, behind what is in the buffer. */
export function sendFinished(ctx: Context): void {
  const start = ctx.has(WANTS_TICKET) ? putTicket(ctx) : ctx.buffer + ctx.sealed;
  const at = put8(header(start, CHANGE_CIPHER_SPEC, 1), 1);
  ctx.writeSeq = 0;
  ctx.flags |= WRITE_PROTECTED;
  const message = at + front(ctx);
  const data = put24(put8(message, FINISHED), keySchedule.VERIFY_BYTES);
  const end = putBytes(data, keySchedule.ours(ctx), keySchedule.VERIFY_BYTES);
  ctx.sealed = u16(seal(ctx, at, HANDSHAKE, u32(end - message)) - ctx.buffer);
  flight.send(ctx);
}

/** A record in the clear, at the buffer's front: the transcript has it already. @returns the address behind it */
function putTicket(ctx: Context): usize {
  const content = header(ctx.buffer, HANDSHAKE, newSessionTicket.MESSAGE_BYTES);
  return newSessionTicket.write(content, keySchedule.sessionId(ctx));
}

function connect(ctx: Context): i32 {
  wipe(ctx.secretA, 3 * SECRET_BYTES);
  ctx.position = 0;
  ctx.idle = 0;
  ctx.state = u8(CONNECTED);
  return GO_ON;
}
