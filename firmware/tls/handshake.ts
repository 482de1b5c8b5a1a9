// The server's handshake (RFC 8446 section 2 and appendix A.2), resumable: accept() goes on as far as the socket lets it.
//
//   state                       receives        sends                              then
//   EXPECT_CLIENT_HELLO         ClientHello                                        CHOOSE_SESSION, or
//                                                                                  SEND_HELLO_RETRY without a usable share
//   SEND_HELLO_RETRY                            HelloRetryRequest (ChangeCipherSpec)  EXPECT_SECOND_HELLO
//   EXPECT_SECOND_HELLO         ClientHello                                        CHOOSE_SESSION
//   CHOOSE_SESSION              (its pre_shared_key)                               SEND_SERVER_HELLO
//   SEND_SERVER_HELLO                           ServerHello (ChangeCipherSpec)     SEND_ENCRYPTED_EXTENSIONS
//   SEND_ENCRYPTED_EXTENSIONS                   EncryptedExtensions                SEND_CERTIFICATE, or
//                                                                                  SEND_FINISHED of a resumed session
//   SEND_CERTIFICATE                            Certificate, buffer by buffer      SEND_CERTIFICATE_VERIFY
//   SEND_CERTIFICATE_VERIFY                     CertificateVerify                  SEND_FINISHED
//     with an RSA key           (it is computed)                                   SEND_SIGNED
//   SEND_SIGNED                                 ... up to its signature            SEND_SIGNATURE
//   SEND_SIGNATURE                              ... signature, buffer by buffer    SEND_FINISHED, or SEND_HELLO_DONE
//   SEND_FINISHED                               Finished                           SEND_TICKET, or EXPECT_FINISHED
//   SEND_TICKET                                 NewSessionTicket                   EXPECT_FINISHED
//   EXPECT_FINISHED             Finished                                           CONNECTED
//
// A client without TLS 1.3 goes on in handshake-1-2.ts, by way of SEND_SERVER_HELLO_1_2.
//
// The buffer is parser, workspace and output in turn, so no state does anything while it is outstanding.
import { Millis } from "../chip/clock.ts";
import { wipe } from "../crypto/ct.ts";
import * as keys from "../files/keys.ts";
import * as socket from "../socket/socket.ts";
import * as alert from "./alert.ts";
import { GO_ON, judge } from "./alert.ts";
import * as certificate from "./certificate.ts";
import * as certificateVerify from "./certificate-verify.ts";
import * as clientHello from "./client-hello.ts";
import {
  CHOOSE_SESSION,
  CONNECTED,
  Context,
  EXPECT_CLIENT_HELLO,
  EXPECT_FINISHED,
  EXPECT_SECOND_HELLO,
  FAILED,
  IDLE,
  RESUMED,
  SECRET_BYTES,
  SEND_CERTIFICATE,
  SEND_CERTIFICATE_VERIFY,
  SEND_ENCRYPTED_EXTENSIONS,
  SEND_FINISHED,
  SEND_HELLO_DONE,
  SEND_HELLO_RETRY,
  SEND_KEY_EXCHANGE,
  SEND_SERVER_HELLO,
  SEND_SIGNATURE,
  SEND_SIGNED,
  SEND_TICKET,
  WANTS_TICKET,
} from "./context.ts";
import * as encryptedExtensions from "./encrypted-extensions.ts";
import * as finished from "./finished.ts";
import * as flight from "./flight.ts";
import * as handshake12 from "./handshake-1-2.ts";
import * as keySchedule from "./key-schedule.ts";
import * as negotiation from "./negotiation.ts";
import * as newSessionTicket from "./new-session-ticket.ts";
import * as preSharedKey from "./pre-shared-key.ts";
import * as recordIn from "./record-in.ts";
import { ALERT, CHANGE_CIPHER_SPEC, HANDSHAKE } from "./record-out.ts";
import * as rsaSignature from "./rsa-signature.ts";
import * as serverHello from "./server-hello.ts";
import * as serverKeyExchange from "./server-key-exchange.ts";
import * as transcript from "./transcript.ts";

/** Expects the first message. */
export function begin(ctx: Context): void {
  ctx.state = u8(EXPECT_CLIENT_HELLO);
  transcript.init(ctx);
  clientHello.begin(ctx);
}

/** @returns 0 when connected, EAGAIN, or what the connection failed with */
export function accept(ctx: Context, now: Millis): i32 {
  let result = GO_ON;
  while (result == GO_ON) {
    if (ctx.state == CONNECTED) return 0;
    if (ctx.state == FAILED) return ctx.error;
    if (ctx.state == IDLE) return socket.ENOTCONN;
    if (socket.outstanding(ctx.socket) != 0) return socket.EAGAIN;
    // From here, where the stack is shallow, though it belongs to receiveHello().
    if (ctx.state == CHOOSE_SESSION) result = judge(ctx, preSharedKey.choose(ctx, now));
    else result = step(ctx, now);
  }
  return result;
}

function step(ctx: Context, now: Millis): i32 {
  switch (u32(ctx.state)) {
    case EXPECT_CLIENT_HELLO:
    case EXPECT_SECOND_HELLO:
      return receiveHello(ctx, now);
    case SEND_HELLO_RETRY:
      return sendRetry(ctx);
    case SEND_SERVER_HELLO:
      return sendServerHello(ctx);
    case SEND_ENCRYPTED_EXTENSIONS:
      return sendEncryptedExtensions(ctx);
    case SEND_CERTIFICATE:
      return sendCertificate(ctx);
    case SEND_CERTIFICATE_VERIFY:
      return sendCertificateVerify(ctx);
    case SEND_FINISHED:
      return sendFinished(ctx);
    case SEND_TICKET:
      return sendTicket(ctx, now);
    default:
      if (TLS_RSA && ctx.state == SEND_SIGNED) return sendSigned(ctx);
      if (TLS_RSA && ctx.state == SEND_SIGNATURE) return sendSignature(ctx);
      if (u32(TLS12) != 0 && ctx.state != EXPECT_FINISHED) return handshake12.step(ctx, now);
      return receiveFinished(ctx);
  }
}

function receiveHello(ctx: Context, now: Millis): i32 {
  const bytes = recordIn.next(ctx);
  if (bytes < 0) return bytes;
  if (bytes != recordIn.END) return readPlaintext(ctx, bytes);
  if (ctx.recordType != HANDSHAKE || !clientHello.isComplete(ctx)) return GO_ON;
  return judge(ctx, negotiation.decide(ctx, now));
}

/** A piece of a record that is not encrypted. */
function readPlaintext(ctx: Context, bytes: u32): i32 {
  if (ctx.recordType == ALERT) return readAlert(ctx, bytes);
  if (ctx.recordType == HANDSHAKE) {
    return judge(ctx, clientHello.read(ctx, ctx.data, bytes));
  }
  if (ctx.state != EXPECT_FINISHED && clientHello.isBegun(ctx))
    return alert.fail(ctx, alert.UNEXPECTED_MESSAGE);
  if (ctx.recordType != CHANGE_CIPHER_SPEC) return GO_ON; // early data: record-in counts it
  return judge(ctx, load<u8>(ctx.data) == 1 ? 0 : alert.UNEXPECTED_MESSAGE);
}

/** The second byte of an alert says what it is. */
function readAlert(ctx: Context, bytes: u32): i32 {
  return ctx.left == 0 ? alert.ended(ctx, load<u8>(ctx.data + bytes - 1)) : GO_ON;
}

function sendRetry(ctx: Context): i32 {
  ctx.sealed = u16(serverHello.writeRetry(ctx));
  flight.send(ctx);
  clientHello.begin(ctx);
  ctx.state = u8(EXPECT_SECOND_HELLO);
  return GO_ON;
}

function sendServerHello(ctx: Context): i32 {
  if (!keys.hasPrivateKey() || !certificate.open(ctx)) return alert.fail(ctx, alert.INTERNAL_ERROR);
  ctx.sealed = u16(serverHello.write(ctx));
  if (ctx.sealed == 0) return alert.fail(ctx, alert.ILLEGAL_PARAMETER);
  keySchedule.handshakeSecrets(ctx);
  keySchedule.installWrite(ctx, ctx.secretB);
  ctx.state = u8(SEND_ENCRYPTED_EXTENSIONS);
  return GO_ON;
}

/** And the front of Certificate: both are short. */
function sendEncryptedExtensions(ctx: Context): i32 {
  if (!flight.hasRoom(ctx, encryptedExtensions.MESSAGE_MAX + certificate.FRONT_BYTES))
    return flight.send(ctx);
  flight.put(ctx, encryptedExtensions.write(ctx, flight.end(ctx)));
  if (ctx.has(RESUMED)) {
    ctx.state = u8(SEND_FINISHED);
    return GO_ON;
  }
  flight.put(ctx, certificate.writeFront(ctx, flight.end(ctx)));
  ctx.state = u8(SEND_CERTIFICATE);
  return GO_ON;
}

/** As much as fits; the last piece leaves the buffer empty for CertificateVerify. */
function sendCertificate(ctx: Context): i32 {
  while (flight.room(ctx) != 0 && !certificate.isWritten(ctx)) {
    flight.put(ctx, certificate.writePiece(ctx, flight.end(ctx), flight.room(ctx)));
  }
  if (certificate.isWritten(ctx)) ctx.state = u8(ctx.isTls12 ? SEND_KEY_EXCHANGE : SEND_CERTIFICATE_VERIFY);
  return flight.send(ctx);
}

function sendCertificateVerify(ctx: Context): i32 {
  if (TLS_RSA) return socket.EAGAIN; // compute() signs
  const end = certificateVerify.write(ctx, flight.end(ctx));
  if (end == 0) return alert.fail(ctx, alert.INTERNAL_ERROR);
  flight.put(ctx, end);
  ctx.state = u8(SEND_FINISHED);
  return GO_ON;
}

/** The signature of an RSA key takes long. @returns whether there was something to compute */
export function compute(ctx: Context): bool {
  if (ctx.isLent) rsaSignature.goOn(ctx);
  else if (ctx.state != SEND_CERTIFICATE_VERIFY && ctx.state != SEND_KEY_EXCHANGE) return false;
  else if (socket.outstanding(ctx.socket) != 0) return false;
  else {
    const isTls12 = ctx.state == SEND_KEY_EXCHANGE;
    ctx.state = u8(SEND_SIGNED);
    if (isTls12) serverKeyExchange.sign(ctx);
    else certificateVerify.sign(ctx);
  }
  return true;
}

/** CertificateVerify or ServerKeyExchange up to the signature. */
function sendSigned(ctx: Context): i32 {
  const at = flight.end(ctx);
  flight.put(
    ctx,
    ctx.isTls12 ? serverKeyExchange.writeFront(ctx, at) : certificateVerify.writeFront(ctx, at),
  );
  ctx.state = u8(SEND_SIGNATURE);
  return GO_ON;
}

/** Of either: as much as fits. */
function sendSignature(ctx: Context): i32 {
  while (flight.room(ctx) != 0 && !rsaSignature.isWritten(ctx)) {
    flight.put(ctx, rsaSignature.writePiece(ctx, flight.end(ctx), flight.room(ctx)));
  }
  if (!rsaSignature.isWritten(ctx)) return flight.send(ctx);
  ctx.state = u8(ctx.isTls12 ? SEND_HELLO_DONE : SEND_FINISHED);
  return GO_ON;
}

/** The keys of a record change behind Finished. */
function sendFinished(ctx: Context): i32 {
  if (!flight.hasRoom(ctx, finished.MESSAGE_BYTES)) return flight.send(ctx);
  flight.put(ctx, finished.write(ctx, flight.end(ctx)));
  flight.close(ctx);
  keySchedule.installRead(ctx, ctx.secretA);
  finished.expect(ctx);
  keySchedule.applicationSecrets(ctx);
  keySchedule.installWrite(ctx, ctx.secretB);
  ctx.state = u8(ctx.has(WANTS_TICKET) ? SEND_TICKET : EXPECT_FINISHED);
  return ctx.has(WANTS_TICKET) ? GO_ON : flight.send(ctx);
}

/** In the same flight if there is room. */
function sendTicket(ctx: Context, now: Millis): i32 {
  if (!flight.hasRoom(ctx, newSessionTicket.MESSAGE_BYTES)) return flight.send(ctx);
  const end = flight.end(ctx);
  ctx.open = u16(newSessionTicket.write(ctx, end, now) - end);
  ctx.state = u8(EXPECT_FINISHED);
  return flight.send(ctx);
}

function receiveFinished(ctx: Context): i32 {
  const bytes = recordIn.next(ctx);
  if (bytes < 0) return bytes;
  const isProtected = recordIn.isProtected(ctx);
  if (bytes != recordIn.END) {
    if (!isProtected) return readPlaintext(ctx, bytes);
    finished.compare(ctx, ctx.data, bytes);
    return GO_ON;
  }
  return isProtected ? endOfFinished(ctx) : GO_ON;
}

/** The end of an authentic record; a short one is still held back. */
function endOfFinished(ctx: Context): i32 {
  const held = recordIn.endOfMessages(ctx);
  if (held < 0) return held;
  if (held > 0) finished.compare(ctx, ctx.hold, held);
  const refusal = finished.verdict(ctx);
  if (refusal || !finished.isComplete(ctx)) return judge(ctx, refusal);
  wipe(ctx.secretA, SECRET_BYTES);
  keySchedule.installRead(ctx, ctx.secretC);
  ctx.position = 0;
  ctx.idle = 0;
  ctx.state = u8(CONNECTED);
  return GO_ON;
}
