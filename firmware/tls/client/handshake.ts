// The client's handshake (RFC 8446 section 2 and appendix A.1), resumable: connect() goes on as far as the socket lets it.
//
//   state                          receives               sends          then
//   SEND_CLIENT_HELLO                                     ClientHello    EXPECT_SERVER_HELLO
//   EXPECT_SERVER_HELLO            HelloRetryRequest                     SEND_CLIENT_HELLO, once
//                                  ServerHello                           AGREE
//   AGREE                                                                EXPECT_ENCRYPTED_EXTENSIONS
//   EXPECT_ENCRYPTED_EXTENSIONS    EncryptedExtensions                   EXPECT_CERTIFICATE
//   EXPECT_CERTIFICATE             (CertificateRequest)                  EXPECT_CERTIFICATE, once more
//                                  Certificate                           EXPECT_CERTIFICATE_VERIFY
//   EXPECT_CERTIFICATE_VERIFY      CertificateVerify                     EXPECT_SERVER_FINISHED
//   EXPECT_SERVER_FINISHED         Finished                              SEND_CLIENT_FINISHED
//   SEND_CLIENT_FINISHED                       (Certificate,) Finished   CONNECTED
//
// With TLS 1.2 (RFC 5246 section 7.3), EXPECT_CERTIFICATE follows ServerHello, and then
//
//   EXPECT_SERVER_KEY_EXCHANGE     ServerKeyExchange                     EXPECT_SERVER_HELLO_DONE
//   EXPECT_SERVER_HELLO_DONE       (CertificateRequest)                  EXPECT_SERVER_HELLO_DONE, once more
//                                  ServerHelloDone                       SEND_CLIENT_KEY_EXCHANGE
//   SEND_CLIENT_KEY_EXCHANGE      (Certificate,) ClientKeyExchange, ...  EXPECT_CIPHER_CHANGE, as in handshake-1-2.ts
//
// Messages are acted on as they stream in, in whatever records; what is wrong with them is told when their record turns out
// to be authentic (`alert`). Of the context, `position` counts the bytes of a message's header, then `entryLeft` is what is
// missing of the message and `offset` how much of it has come, unless certificate.ts says otherwise.
import { put24, put8 } from "../../buffer/cursors.ts";
import { CRYPTO } from "../../chip/ram-map.ts";
import * as nvm from "../../chip/nvm.ts";
import { wipe } from "../../crypto/ct.ts";
import { DIGEST_BYTES, STATE_BYTES } from "../../crypto/sha256.ts";
import * as socket from "../../socket/socket.ts";
import * as alert from "../alert.ts";
import { GO_ON, judge } from "../alert.ts";
import * as certificateVerify from "../certificate-verify.ts";
import {
  AGREE,
  CERTIFICATE_REQUESTED,
  CLIENT,
  CONNECTED,
  Context,
  EXPECT_CERTIFICATE,
  EXPECT_CERTIFICATE_REQUEST,
  EXPECT_CERTIFICATE_VERIFY,
  EXPECT_CIPHER_CHANGE,
  EXPECT_ENCRYPTED_EXTENSIONS,
  EXPECT_FINISHED_1_2,
  EXPECT_SERVER_FINISHED,
  EXPECT_SERVER_HELLO,
  EXPECT_SERVER_HELLO_DONE,
  EXPECT_SERVER_KEY_EXCHANGE,
  FAILED,
  IDLE,
  RECEIVES_HANDSHAKE,
  RETRIED,
  SECRET_BYTES,
  SEND_CLIENT_FINISHED,
  SEND_CLIENT_HELLO,
  SEND_CLIENT_KEY_EXCHANGE,
} from "../context.ts";
import * as finished from "../finished.ts";
import * as flight from "../flight.ts";
import { X25519 } from "../hello.ts";
import * as keyExchange from "../key-exchange.ts";
import * as handshake12 from "../handshake-1-2.ts";
import * as keySchedule from "../key-schedule.ts";
import * as keySchedule12 from "../key-schedule-1-2.ts";
import * as recordIn from "../record-in.ts";
import { ALERT, HANDSHAKE } from "../record-out.ts";
import * as transcript from "../transcript.ts";
import * as certificate from "./certificate.ts";
import * as certificateRequest from "./certificate-request.ts";
import * as clientHello from "./client-hello.ts";
import * as clientKeyExchange from "./client-key-exchange.ts";
import * as encryptedExtensions from "./encrypted-extensions.ts";
import * as serverHello from "./server-hello.ts";
import * as serverKeyExchange from "./server-key-exchange.ts";
import * as signature from "./signature.ts";
import { COLLECTED_MAX, collected } from "./state.ts";

const HEADER_BYTES: u32 = 4;
const CONTENT_MAX: u32 = 16384;

// Messages (RFC 8446 section 4).
const SERVER_HELLO: u32 = 2;
const ENCRYPTED_EXTENSIONS: u32 = 8;
const CERTIFICATE: u32 = 11;
const SERVER_KEY_EXCHANGE: u32 = 12;
const CERTIFICATE_REQUEST: u32 = 13;
const SERVER_HELLO_DONE: u32 = 14;
const CERTIFICATE_VERIFY: u32 = 15;

/** Begins a handshake with whom the file `target` describes. */
export function begin(ctx: Context, target: i32): void {
  ctx.flags |= CLIENT;
  ctx.file = u8(target);
  ctx.group = u8(X25519);
  ctx.limit = u16(CONTENT_MAX);
  ctx.state = u8(SEND_CLIENT_HELLO);
  transcript.init(ctx);
}

/** @returns 0 when connected, EAGAIN, or what the connection failed with */
export function connect(ctx: Context): i32 {
  let result = GO_ON;
  while (result == GO_ON) {
    if (ctx.state == CONNECTED) return 0;
    if (ctx.state == FAILED) return ctx.error;
    if (ctx.state == IDLE) return socket.ENOTCONN;
    if (socket.outstanding(ctx.socket) != 0) return socket.EAGAIN;
    result = step(ctx);
  }
  return result;
}

function step(ctx: Context): i32 {
  switch (u32(ctx.state)) {
    case SEND_CLIENT_HELLO:
      clientHello.write(ctx);
      ctx.state = u8(EXPECT_SERVER_HELLO);
      return flight.send(ctx);
    case AGREE:
      return agree(ctx);
    case SEND_CLIENT_FINISHED:
      return sendFinished(ctx);
    case SEND_CLIENT_KEY_EXCHANGE:
      return sendKeyExchange(ctx);
    case EXPECT_CIPHER_CHANGE:
    case EXPECT_FINISHED_1_2:
      return handshake12.receive(ctx);
    default:
      return receive(ctx);
  }
}

/** A piece or the end of a record. */
function receive(ctx: Context): i32 {
  if (!ctx.has(RECEIVES_HANDSHAKE)) beginToReceive(ctx);
  const bytes = recordIn.next(ctx);
  if (bytes < 0) return bytes;
  const isProtected = recordIn.isProtected(ctx);
  if (bytes == recordIn.END) return isProtected ? endRecord(ctx) : judge(ctx, ctx.alert);
  if (isProtected || ctx.recordType == HANDSHAKE) {
    read(ctx, ctx.data, bytes);
    return GO_ON;
  }
  if (ctx.recordType == ALERT) return readAlert(ctx, bytes);
  return judge(ctx, load<u8>(ctx.data) == 1 ? 0 : alert.UNEXPECTED_MESSAGE); // ChangeCipherSpec
}

/**
 * An alert in the clear, of two bytes. A warning of TLS 1.2 is passed over (RFC 5246 section 7.2): a server may say
 * unrecognized_name and go on (RFC 6066 section 3), before its version is known.
 */
function readAlert(ctx: Context, bytes: u32): i32 {
  if (u32(ctx.left) + bytes == 2) store<u8>(ctx.hold, load<u8>(ctx.data)); // level
  if (ctx.left != 0) return GO_ON;
  const description: u32 = load<u8>(ctx.data + bytes - 1);
  const mayGoOn = clientHello.OFFERS_TLS_1_2 && (ctx.isTls12 || ctx.state == EXPECT_SERVER_HELLO);
  if (!mayGoOn || load<u8>(ctx.hold) != alert.WARNING || description == alert.CLOSE_NOTIFY)
    return alert.ended(ctx, description);
  return judge(ctx, recordIn.tolerate(ctx) ? 0 : alert.UNEXPECTED_MESSAGE);
}

/** What was sent has been acknowledged: the buffer takes the transcript, for records will need its place. */
function beginToReceive(ctx: Context): void {
  memory.copy(ctx.buffer, ctx.transcript, STATE_BYTES);
  ctx.flags |= RECEIVES_HANDSHAKE;
  expectMessage(ctx);
}

/** And back. */
function endReceiving(ctx: Context): void {
  const from = ctx.transcript;
  ctx.flags &= ~RECEIVES_HANDSHAKE;
  memory.copy(ctx.transcript, from, STATE_BYTES);
}

function expectMessage(ctx: Context): void {
  ctx.position = 0;
  ctx.offset = 0;
  ctx.entryLeft = 0;
}

/** The end of an authentic record; a short one is still held back. */
function endRecord(ctx: Context): i32 {
  const held = recordIn.endOfMessages(ctx);
  if (held < 0) return held;
  if (held > 0) read(ctx, ctx.hold, held);
  if (ctx.state != EXPECT_SERVER_FINISHED || ctx.alert != 0) return judge(ctx, ctx.alert);
  const refusal = finished.verdict(ctx);
  if (refusal || !finished.isComplete(ctx)) return judge(ctx, refusal);
  endReceiving(ctx);
  ctx.state = u8(SEND_CLIENT_FINISHED);
  return GO_ON;
}

/** Reads the next bytes of messages, up to one that is refused. */
function read(ctx: Context, data: usize, length: u32): void {
  let done: u32 = 0;
  while (done < length && ctx.alert == 0) {
    const rest = length - done;
    if (ctx.state == EXPECT_SERVER_FINISHED) {
      transcript.add(ctx, data + done, rest);
      return finished.compare(ctx, data + done, rest);
    }
    let refusal: u32 = 0;
    if (ctx.position < HEADER_BYTES) {
      refusal = readHeader(ctx, load<u8>(data + done++));
    } else {
      const bytes = min(rest, u32(ctx.entryLeft));
      refusal = readBody(ctx, data + done, bytes);
      done += bytes;
    }
    if (refusal == 0 && ctx.position == HEADER_BYTES && ctx.entryLeft == 0)
      refusal = endMessage(ctx, done == length);
    ctx.alert = u8(refusal);
  }
}

function readHeader(ctx: Context, byte: u32): u32 {
  const at: u32 = ctx.position++;
  if (at == 0) {
    if (byte == CERTIFICATE_REQUEST && mayRequest(ctx)) {
      ctx.flags |= CERTIFICATE_REQUESTED;
      ctx.state = u8(EXPECT_CERTIFICATE_REQUEST);
    } else if (byte != expectedMessage(ctx)) return alert.UNEXPECTED_MESSAGE;
    if (byte == CERTIFICATE_VERIFY) keepDigest(ctx);
  }
  if (at == 1 && byte != 0) return alert.DECODE_ERROR; // none is that long
  if (at > 1) ctx.entryLeft = u16((u32(ctx.entryLeft) << 8) | byte);
  if (ctx.state != EXPECT_SERVER_HELLO) {
    store<u8>(CRYPTO, u8(byte));
    transcript.add(ctx, CRYPTO, 1);
  }
  if (at < HEADER_BYTES - 1) return 0;
  if (ctx.state == EXPECT_CERTIFICATE) certificate.begin(ctx);
  else if (isCollected(ctx) && ctx.entryLeft > COLLECTED_MAX) return alert.HANDSHAKE_FAILURE;
  return 0;
}

function mayRequest(ctx: Context): bool {
  const state = ctx.isTls12 ? EXPECT_SERVER_HELLO_DONE : EXPECT_CERTIFICATE;
  return ctx.state == state && !ctx.has(CERTIFICATE_REQUESTED);
}

function expectedMessage(ctx: Context): u32 {
  switch (u32(ctx.state)) {
    case EXPECT_SERVER_HELLO:
      return SERVER_HELLO;
    case EXPECT_ENCRYPTED_EXTENSIONS:
      return ENCRYPTED_EXTENSIONS;
    case EXPECT_CERTIFICATE:
      return CERTIFICATE;
    case EXPECT_SERVER_KEY_EXCHANGE:
      return SERVER_KEY_EXCHANGE;
    case EXPECT_SERVER_HELLO_DONE:
      return SERVER_HELLO_DONE;
    default:
      return CERTIFICATE_VERIFY;
  }
}

function isCollected(ctx: Context): bool {
  return ctx.state == EXPECT_SERVER_HELLO || ctx.state == EXPECT_ENCRYPTED_EXTENSIONS;
}

function readBody(ctx: Context, data: usize, length: u32): u32 {
  ctx.entryLeft -= u16(length);
  if (ctx.state != EXPECT_SERVER_HELLO) transcript.add(ctx, data, length);
  if (ctx.state == EXPECT_CERTIFICATE) return certificate.read(ctx, data, length, ctx.entryLeft);
  if (isCollected(ctx)) memory.copy(collected(ctx) + ctx.offset, data, length);
  else {
    for (let i: u32 = 0; i < length; i++) {
      const refusal = readByte(ctx, u32(ctx.offset) + i, load<u8>(data + i));
      if (refusal) return refusal;
    }
  }
  ctx.offset += u16(length);
  return 0;
}

/** A byte of a message that may be long. */
function readByte(ctx: Context, index: u32, byte: u32): u32 {
  switch (u32(ctx.state)) {
    case EXPECT_CERTIFICATE_REQUEST:
      return certificateRequest.read(ctx, index, byte);
    case EXPECT_SERVER_KEY_EXCHANGE:
      return serverKeyExchange.read(ctx, index, byte);
    case EXPECT_SERVER_HELLO_DONE:
      return alert.DECODE_ERROR; // it is empty
    default:
      signature.read(ctx, 0, index, byte);
      return 0;
  }
}

/** @param isLast the piece of a record ends with the message */
function endMessage(ctx: Context, isLast: bool): u32 {
  const length: u32 = ctx.offset;
  let refusal: u32 = 0;
  switch (u32(ctx.state)) {
    case EXPECT_SERVER_HELLO:
      refusal = endServerHello(ctx, length, isLast && ctx.left == 0);
      break;
    case EXPECT_ENCRYPTED_EXTENSIONS:
      refusal = encryptedExtensions.take(collected(ctx), length);
      ctx.state = u8(EXPECT_CERTIFICATE);
      break;
    case EXPECT_CERTIFICATE:
      refusal = certificate.end(ctx);
      ctx.state = u8(ctx.isTls12 ? EXPECT_SERVER_KEY_EXCHANGE : EXPECT_CERTIFICATE_VERIFY);
      break;
    case EXPECT_CERTIFICATE_REQUEST:
      refusal = certificateRequest.end(length);
      ctx.state = u8(ctx.isTls12 ? EXPECT_SERVER_HELLO_DONE : EXPECT_CERTIFICATE);
      break;
    case EXPECT_SERVER_KEY_EXCHANGE:
      refusal = serverKeyExchange.end(ctx, length);
      ctx.state = u8(EXPECT_SERVER_HELLO_DONE);
      break;
    case EXPECT_SERVER_HELLO_DONE:
      if (!isLast || ctx.left != 0) return alert.UNEXPECTED_MESSAGE;
      ctx.state = u8(SEND_CLIENT_KEY_EXCHANGE);
      break;
    default:
      refusal = signature.end(ctx, 0, length);
      if (refusal == 0) finished.expect(ctx);
      ctx.state = u8(EXPECT_SERVER_FINISHED);
  }
  expectMessage(ctx);
  return refusal;
}

/** @param isLast keys change behind it: it ends its record (RFC 8446 section 5.1) */
function endServerHello(ctx: Context, length: u32, isLast: bool): u32 {
  const body = collected(ctx);
  const refusal = serverHello.take(ctx, body, length);
  if (refusal) return refusal;
  if (!isLast && !ctx.isTls12) return alert.UNEXPECTED_MESSAGE;
  const isRetry = serverHello.isRetry(ctx);
  if (isRetry) transcript.restart(ctx);
  put24(put8(CRYPTO, SERVER_HELLO), length);
  transcript.add(ctx, CRYPTO, HEADER_BYTES);
  transcript.add(ctx, body, length);
  if (isRetry) {
    endReceiving(ctx);
    ctx.flags |= RETRIED;
  }
  ctx.state = u8(ctx.isTls12 ? EXPECT_CERTIFICATE : isRetry ? SEND_CLIENT_HELLO : AGREE);
  return 0;
}

function agree(ctx: Context): i32 {
  const share = serverHello.share(collected(ctx));
  if (!keyExchange.agree(ctx, share, ctx.secretB)) return alert.fail(ctx, alert.ILLEGAL_PARAMETER);
  wipe(ctx.secretA, SECRET_BYTES);
  keySchedule.handshakeSecrets(ctx);
  keySchedule.installRead(ctx, ctx.secretA);
  keySchedule.installWrite(ctx, ctx.secretB);
  ctx.state = u8(EXPECT_ENCRYPTED_EXTENSIONS);
  return GO_ON;
}

/** All of our flight in one go: (Certificate,) ClientKeyExchange, ChangeCipherSpec, Finished. */
function sendKeyExchange(ctx: Context): i32 {
  recordIn.next(ctx); // the end of ServerHelloDone's record, before the next one can be taken for it
  if (!clientKeyExchange.agree(ctx, serverKeyExchange.share(ctx)))
    return alert.fail(ctx, alert.ILLEGAL_PARAMETER);
  endReceiving(ctx);
  certificateRequest.answer(ctx);
  flight.put(ctx, clientKeyExchange.write(ctx, flight.end(ctx)));
  keySchedule12.makeMaster(ctx);
  keySchedule12.derive(ctx);
  flight.close(ctx);
  handshake12.sendFinished(ctx);
  ctx.offset = 0;
  ctx.skipped = 0;
  ctx.state = u8(EXPECT_CIPHER_CHANGE);
  return GO_ON;
}

/** CertificateVerify signs what has been said before it. */
function keepDigest(ctx: Context): void {
  certificateVerify.digestContent(ctx, collected(ctx));
  nvm.copyOut(signature.digest(), collected(ctx), DIGEST_BYTES);
}

/** The application traffic secrets depend on no message of this flight: the transcript goes back behind the server's. */
function sendFinished(ctx: Context): i32 {
  const before = ctx.buffer + TLS_BUFFER - STATE_BYTES;
  memory.copy(before, ctx.transcript, STATE_BYTES);
  certificateRequest.answer(ctx);
  flight.put(ctx, finished.write(ctx, flight.end(ctx)));
  flight.close(ctx);
  memory.copy(ctx.transcript, before, STATE_BYTES);
  keySchedule.applicationSecrets(ctx);
  wipe(ctx.secretA, SECRET_BYTES);
  keySchedule.installRead(ctx, ctx.secretC);
  keySchedule.installWrite(ctx, ctx.secretB);
  ctx.position = 0;
  ctx.difference = 0;
  ctx.skipped = 0;
  ctx.idle = 0;
  ctx.state = u8(CONNECTED);
  return flight.send(ctx);
}
