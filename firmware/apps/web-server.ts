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
// request becomes four bytes (http/answer.ts), so several can be owed. A response is made in TLS's buffer [252], record by
// record; the next one when the last has been acknowledged, for TCP sends again from the same bytes.
//
// Whom to serve, whom to keep and whom to wait for: http/policy.ts.
import * as pbuf from "../buffer/pbuf.ts";
import { FOREVER, Millis, isBefore, until } from "../chip/clock.ts";
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
/** Accepted; nothing has come. */
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
  server().nowMs = now;
  noteKnock(now);
  admit(now);
  let next = FOREVER;
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
      if (!socket.select(1 << c.socket, 0)) return false;
      c.state = EXPECT_FINISHED;
      return true;
    case EXPECT_FINISHED:
      return shakeHands(context, c, now);
    case EXPECT_REQUEST:
    case EXPECT_REST:
      return readRequest(context, c, now);
    case RESPONDING:
      if (!tls.writable(context)) return false;
      respond(context, c, now);
      return true;
    case CLOSING:
      if (tls.close(context) == tls.EAGAIN) return false;
      // What has come and nobody will read would make TCP reset the connection, and the peer lose what it has not read.
      pbuf.give(socket.recv(c.socket));
      socket.close(c.socket);
      c.state = FREE;
      return true;
    default:
      if (socket.outstanding(c.socket) > 0) return false;
      tls.resetCtx(context, tls.RESET_INIT);
      c.state = FREE;
      return true;
  }
}

function shakeHands(context: u32, c: Connection, now: Millis): bool {
  const result = tls.accept(context, now);
  if (result == tls.EAGAIN) return false;
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

/** Sends one record of the first answer owed. */
function respond(context: u32, c: Connection, now: Millis): void {
  const answer = load<u32>(c.answerAt(0));
  const buffer = tls.sendBuffer(context);
  const bytes = fill(c, answer, buffer);
  if (bytes == 0) return answerUnreadable(c, answer, now);
  const taken = tls.send(context, buffer, bytes, tls.COPY_OFF);
  if (taken < 0) return enter(c, CLOSING, now);
  c.sent += taken;
  if (c.sent == c.headBytes + response.contentLength(answer)) endAnswer(c);
  if (c.owed > 0) enter(c, RESPONDING, now);
  else enter(c, c.closing ? CLOSING : EXPECT_REQUEST, now);
}

/** Puts the next bytes of a response into the buffer: what is left of the head, then content. @returns 0: can't be read */
function fill(c: Connection, answer: u32, buffer: usize): u32 {
  // The last answer owed is also the connection's last when it has to be, or when others wait outside.
  if (c.sent == 0) c.closing = (answer & answers.IS_CLOSE) != 0 || (c.owed == 1 && server().crowded);
  let filled: u32 = 0;
  if (c.sent == 0 || c.sent < c.headBytes) {
    c.headBytes = u8(response.writeHead(buffer, answer, c.closing) - buffer);
    filled = c.headBytes - c.sent;
    memory.copy(buffer, buffer + c.sent, filled);
  }
  const offset = c.sent + filled - c.headBytes;
  const left = response.contentLength(answer) - offset;
  if (left == 0) return filled;
  const room = u32(tls.SEND_MAX) - filled;
  const content = min(left, response.writeContent(buffer + filled, answer, offset, room));
  return content == 0 ? 0 : filled + content;
}

/** The content can't be read. Once the head is out it is too late to say so: the client must see it cut off. */
function answerUnreadable(c: Connection, answer: u32, now: Millis): void {
  if (c.sent > 0) abort(c, now);
  else store<u32>(c.answerAt(0), answers.withStatus(answer, text.SERVICE_UNAVAILABLE));
}

function endAnswer(c: Connection): void {
  server().pages++;
  c.used = true;
  c.sent = 0;
  c.owed--;
  memory.copy(c.answerAt(0), c.answerAt(1), 4 * c.owed);
}

/** How long a state may last, ms. */
function patience(c: Connection): Millis {
  const isCrowded = server().crowded;
  switch (c.state) {
    case EXPECT_HELLO:
      return isCrowded ? policy.SILENT_MS : policy.HANDSHAKE_MS;
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
