// The secure web server [237]-[254]: HTTP/1.1 over TLS, one connection to a TLS context, sharing its buffer.
//
//        accept           hello              handshake            request read         last record sent
//   FREE ──> EXPECT_HELLO ──> EXPECT_FINISHED ──> EXPECT_REQUEST ──> RESPONDING ──────────────────────> CLOSING ──> FREE
//                                                   ↓    ↑              │
//                                                 EXPECT_REST    kept alive, or more is owed
//
//   From anywhere to CLOSING: TLS failed, close_notify has come, patience is at its end. From RESPONDING and CLOSING to
//   ABORTED, and then FREE: the peer takes nothing any more.
//
// A request is read to the end of its record, and the record is authenticated, before anything is answered [251]. A
// request becomes four bytes (http/answer.ts), so several can be owed. A response is made in TLS's buffer [252], piece by
// piece. Pieces of a file are not kept until they have been acknowledged: which one is next, TLS says (tls.wanted), and that
// may be one that has been lost, or one before it; it is then made again, unless a file has changed meanwhile. What is made
// up on the spot is sent once, in a record of its own, the next piece when the last has been acknowledged.
//
// Whom to serve, whom to keep and whom to wait for: http/policy.ts.
import * as pbuf from "../buffer/pbuf.ts";
import { Millis, isBefore, until } from "../chip/clock.ts";
import * as files from "../files/files.ts";
import * as socket from "../socket/socket.ts";
import * as tls from "../tls/tls.ts";
import * as answers from "./http/answer.ts";
import * as policy from "./http/policy.ts";
import * as requests from "./http/request.ts";
import * as response from "./http/response.ts";
import { Connection, connection, request, server } from "./http/state.ts";
import * as state from "./http/state.ts";
import * as text from "./http/text.ts";

// States of a connection, named after what is awaited.
const FREE: u8 = 0;
/** Accepted; its ClientHello has not come to its end. */
const EXPECT_HELLO: u8 = 1;
const EXPECT_FINISHED: u8 = 2;
/** Nothing of the next request has come. */
const EXPECT_REQUEST: u8 = 3;
const EXPECT_REST: u8 = 4;
const RESPONDING: u8 = 5;
/** TLS says its last word, and it is waited for until the peer has it. */
const CLOSING: u8 = 6;
/** Reset; the link may still be reading from the buffer. */
const ABORTED: u8 = 7;

/**
 * Opens the listener. The socket layer and TLS have power.
 * @param free TLS contexts that are, until poll(): the SYNs of more clients are dropped
 */
export function powerOn(now: Millis, free: u32 = TLS_CONTEXTS): void {
  if (response.HEAD_MAX > u32(tls.SEND_MAX)) ERROR("the longest response head must fit one record");
  state.powerOn();
  const listener = socket.socket(socket.SOCK_STREAM);
  socket.bind(listener, policy.PORT);
  socket.listen(listener, free);
  socket.deferAccept(listener);
  server().listener = i8(listener);
  server().backlog = u8(free);
  server().bootMs = now;
}

/**
 * Does what can be done now, for each connection one step.
 * @returns ms until it must be called again though nothing has come, 0: it can go on at once
 */
export function poll(now: Millis): Millis {
  if ((now ^ server().nowMs) >= policy.EXPIRY_MS) tls.expire(now);
  server().nowMs = now;
  noteKnock(now);
  admit(now);
  let next = policy.EXPIRY_MS;
  for (let context: u32 = 0; context < u32(TLS_CONTEXTS); context++) {
    if (connection(context).state != FREE) next = min(next, serve(context, now));
  }
  return next;
}

function noteKnock(now: Millis): void {
  const s = server();
  if (socket.knocked(s.listener)) {
    s.crowded = true;
    s.knockedMs = now;
  } else if (!isBefore(now, s.knockedMs + policy.CROWDED_MS)) s.crowded = false;
}

/** Takes in as many clients as there are free contexts; the others' SYNs are dropped. */
function admit(now: Millis): void {
  const s = server();
  let free: u8 = 0;
  for (let context: u32 = 0; context < u32(TLS_CONTEXTS); context++) {
    const c = connection(context);
    if (c.state != FREE) continue;
    const accepted = socket.accept(s.listener);
    if (accepted < 0) free++;
    else welcome(context, accepted, now);
  }
  if (free == s.backlog) return;
  s.backlog = free;
  socket.listen(s.listener, free);
}

function welcome(context: u32, accepted: i32, now: Millis): void {
  const c = connection(context);
  c.socket = i8(accepted);
  c.sent = 0;
  c.headBytes = 0;
  c.owed = 0;
  c.used = false;
  enter(c, EXPECT_HELLO, now);
  requests.open(request(context));
  tls.resetCtx(context, tls.RESET_INIT);
  tls.attach(context, accepted);
  // Its own knocks, before it came in, shall not count against it.
  server().crowded = false;
}

/** One step of one connection. @returns ms to its deadline, 0: there is more to do */
function serve(context: u32, now: Millis): Millis {
  const c = connection(context);
  if (step(context, c, now)) return 0;
  const left = until(c.sinceMs + patience(c), now);
  if (left > 0) return left;
  giveUp(c, now);
  return 0;
}

function step(context: u32, c: Connection, now: Millis): bool {
  switch (c.state) {
    case EXPECT_HELLO:
    case EXPECT_FINISHED:
      return shakeHands(context, c, now);
    case EXPECT_REQUEST:
    case EXPECT_REST:
      return readRequest(context, c, now);
    case RESPONDING:
      return respond(context, c, now);
    case CLOSING:
      return close(context, c, now);
    default:
      if (socket.outstanding(c.socket) > 0) return false;
      tls.resetCtx(context, tls.RESET_INIT);
      c.state = FREE;
      return true;
  }
}

/** Goes on with the end of a connection. In the midst of a record there is none in order. */
function close(context: u32, c: Connection, now: Millis): bool {
  const result = tls.close(context);
  if (result == tls.EAGAIN) return false;
  if (result < 0) {
    abort(c, now);
    return true;
  }
  // What has come and nobody will read would make TCP reset the connection, and the peer lose what it has not read.
  pbuf.give(socket.recv(c.socket));
  socket.close(c.socket);
  c.state = FREE;
  return true;
}

function shakeHands(context: u32, c: Connection, now: Millis): bool {
  const result = tls.accept(context, now);
  if (result == tls.EAGAIN) {
    if (tls.hasHello(context)) c.state = EXPECT_FINISHED;
    return false;
  }
  if (result < 0) enter(c, CLOSING, now);
  else {
    server().handshakes++;
    enter(c, EXPECT_REQUEST, now);
  }
  return true;
}

function readRequest(context: u32, c: Connection, now: Millis): bool {
  const length = tls.recv(context, tls.RECV_FAST);
  if (length > 0) takeBytes(context, c, tls.data(context), length);
  const isOver = length < 0 ? length != tls.EAGAIN : length == 0 && c.owed == 0;
  if (isOver) enter(c, CLOSING, now);
  else if (c.owed > 0 && tls.authenticated(context)) enter(c, RESPONDING, now);
  else if (length == tls.EAGAIN) return false;
  else if (c.state == EXPECT_REQUEST) enter(c, EXPECT_REST, now);
  return true;
}

function takeBytes(context: u32, c: Connection, from: usize, length: u32): void {
  const r = request(context);
  for (let i: u32 = 0; i < length; i++) {
    if (!requests.take(r, load<u8>(from + i))) continue;
    const answer = requests.answer(r);
    const isLast = c.owed + 1 == policy.PIPELINE_MAX;
    if (isLast) requests.end(r);
    store<u32>(c.answerAt(c.owed), isLast ? answer | answers.IS_CLOSE : answer);
    c.owed++;
  }
}

/** Goes on with the first answer owed. @returns false when nothing can be done now */
function respond(context: u32, c: Connection, now: Millis): bool {
  const answer = load<u32>(c.answerAt(0));
  if (c.headBytes == 0 && !begin(context, c, answer)) return false;
  const total = c.headBytes + response.contentLength(answer);
  const repeats = isRepeatable(answer);
  const offset = repeats ? tls.wanted(context, total) : tls.writable(context) ? c.sent : tls.EAGAIN;
  if (offset == tls.EAGAIN) return false;
  if (offset < 0) enter(c, CLOSING, now);
  else if (c.generation != files.generation()) abort(c, now);
  else if (u32(offset) < total) sendPiece(context, c, offset, total - offset, now);
  else if (!tls.isDelivered(context)) return false;
  else endAnswer(c, now);
  return true;
}

/** Can the response's records be made again? */
function isRepeatable(answer: u32): bool {
  return tls.CAN_REPEAT && response.isRepeatable(answer);
}

/** Decides what the first answer's head will say, and its length. @returns false when something else is being sent */
function begin(context: u32, c: Connection, answer: u32): bool {
  if (!tls.begin(context)) return false;
  // The last answer owed is also the connection's last when it has to be, or when others wait outside.
  c.closing = (answer & answers.IS_CLOSE) != 0 || (c.owed == 1 && server().crowded);
  c.generation = files.generation();
  const buffer = tls.sendBuffer(context);
  c.headBytes = u8(response.writeHead(buffer, answer, c.closing) - buffer);
  return true;
}

/** Sends one piece of the first answer owed. @param left bytes of the response from `offset` on */
function sendPiece(context: u32, c: Connection, offset: u32, left: u32, now: Millis): void {
  const answer = load<u32>(c.answerAt(0));
  const buffer = tls.sendBuffer(context);
  const repeats = isRepeatable(answer);
  const most = repeats ? tls.pieceBytes(context) : min(left, u32(tls.SEND_MAX));
  const length = fill(c, answer, buffer, offset, most);
  if (length == 0 || (repeats && length != most)) return answerUnreadable(c, answer, now);
  const taken = repeats
    ? tls.sendPiece(context, length == left)
    : tls.send(context, buffer, length, tls.COPY_OFF);
  if (taken < 0) return enter(c, CLOSING, now);
  if (offset != c.sent) return;
  c.sent += taken;
  enter(c, RESPONDING, now);
}

/**
 * Puts bytes of a response from `offset` on into the buffer: of the head, then of the content.
 * @returns how many, at most `length`; of what is made up on the spot there may be less
 */
function fill(c: Connection, answer: u32, buffer: usize, offset: u32, length: u32): u32 {
  let filled: u32 = 0;
  if (offset < c.headBytes) {
    response.writeHead(buffer, answer, c.closing);
    filled = min(length, c.headBytes - offset);
    memory.copy(buffer, buffer + offset, filled);
  }
  if (filled == length) return length;
  const from = offset + filled - c.headBytes;
  const room = max(length, u32(tls.SEND_MAX)) - filled;
  return min(length, filled + response.writeContent(buffer + filled, answer, from, room));
}

/** The content can't be read. Once the head is out it is too late to say so: the client must see it cut off. */
function answerUnreadable(c: Connection, answer: u32, now: Millis): void {
  if (c.sent > 0) abort(c, now);
  else store<u32>(c.answerAt(0), answers.withStatus(answer, text.SERVICE_UNAVAILABLE));
  c.headBytes = 0;
}

function endAnswer(c: Connection, now: Millis): void {
  server().pages++;
  c.used = true;
  c.sent = 0;
  c.headBytes = 0;
  c.owed--;
  memory.copy(c.answerAt(0), c.answerAt(1), 4 * c.owed);
  if (c.owed > 0) enter(c, RESPONDING, now);
  else enter(c, c.closing ? CLOSING : EXPECT_REQUEST, now);
}

/** How long a state may last, ms. */
function patience(c: Connection): Millis {
  const isCrowded = server().crowded;
  switch (c.state) {
    case EXPECT_HELLO:
      return isCrowded ? policy.HELLO_CROWDED_MS : policy.HANDSHAKE_MS;
    case EXPECT_FINISHED:
      return policy.HANDSHAKE_MS;
    case EXPECT_REQUEST:
      if (!isCrowded) return policy.IDLE_MS;
      return c.used ? policy.IDLE_CROWDED_MS : policy.SILENT_MS;
    case EXPECT_REST:
      return policy.REQUEST_MS;
    default:
      return policy.STALL_MS;
  }
}

function giveUp(c: Connection, now: Millis): void {
  if (c.state < RESPONDING) enter(c, CLOSING, now);
  else abort(c, now);
}

function abort(c: Connection, now: Millis): void {
  socket.abort(c.socket);
  enter(c, ABORTED, now);
}

function enter(c: Connection, next: u8, now: Millis): void {
  c.state = next;
  c.sinceMs = now;
}
