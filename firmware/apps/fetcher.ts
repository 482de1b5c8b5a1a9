// A client: once the network is up, the card fetches a page from the server that "/.server" describes (tls/client/target.ts),
// over TLS, and keeps it as "/fetched.txt". What came of it is in "/verdict.txt": "fetched: 200", or "refused: " and the alert
// that the card has sent to a server that could not prove itself, or "failed: " and a number. Once after each power-on.
//
//   EXPECT_LINK ──> RESOLVING ──> CONNECTING ──> SHAKING_HANDS ──> ASKING ──> LISTENING ──> CLOSING ──> DONE
//
//   From CONNECTING on to CLOSING: an error. To ABORTED, and then DONE: it has taken too long.
import { FOREVER, Millis, until } from "../chip/clock.ts";
import * as pbuf from "../buffer/pbuf.ts";
import { CRYPTO } from "../chip/ram-map.ts";
import * as files from "../files/files.ts";
import * as ppp from "../link/ppp/ppp.ts";
import * as dns from "../net/dns.ts";
import * as socket from "../socket/socket.ts";
import * as target from "../tls/client/target.ts";
import * as tls from "../tls/tls.ts";
import * as answers from "./fetch/answer.ts";
import { answer, fetcher, Fetcher } from "./fetch/state.ts";
import * as text from "./fetch/text.ts";

const EXPECT_LINK: u8 = 0;
const RESOLVING: u8 = 1;
const CONNECTING: u8 = 2;
const SHAKING_HANDS: u8 = 3;
const ASKING: u8 = 4;
const LISTENING: u8 = 5;
const CLOSING: u8 = 6;
/** Reset; the link may still be reading from the buffer. */
const ABORTED: u8 = 7;
const DONE: u8 = 8;

/** TLS context that is used; it must be free until isDone(). */
const CONTEXT: u32 = 0;
/** From the first question or segment to the answer's end, ms. */
const PATIENCE_MS: Millis = 60000;

/** The files have power. Without a server there is nothing to be done. */
export function powerOn(): void {
  const f = fetcher();
  const name = text.serverFile();
  const file = files.find(name + 1, text.length(name));
  const isValid = file >= 0 && target.isValid(file);
  f.state = isValid ? EXPECT_LINK : DONE;
  f.target = u8(file);
}

/** Has it come to its end, so that the TLS context is free for others? */
export function isDone(): bool {
  return fetcher().state == DONE;
}

/** Does what can be done now. @returns ms until it must be called again though nothing has come, 0: it can go on at once */
export function poll(now: Millis): Millis {
  const f = fetcher();
  if (step(f, now)) return 0;
  if (f.state == EXPECT_LINK || f.state == DONE || f.state == ABORTED) return FOREVER;
  const left = until(f.sinceMs + PATIENCE_MS, now);
  if (left > 0) return DNS && f.state == RESOLVING ? min(left, dns.due(now)) : left;
  giveUp(f);
  return 0;
}

/** @returns whether something was done */
function step(f: Fetcher, now: Millis): bool {
  switch (f.state) {
    case EXPECT_LINK:
      if (!ppp.isUp()) return false;
      f.sinceMs = now;
      f.state = RESOLVING;
      return true;
    case RESOLVING:
      return findServer(f, now);
    case CONNECTING:
      return waitForServer(f);
    case SHAKING_HANDS:
      return advance(f, tls.connect(CONTEXT), ASKING);
    case ASKING:
      if (!tls.writable(CONTEXT)) return false;
      return advance(f, ask(f), LISTENING);
    case LISTENING:
      return listen(f);
    case CLOSING:
      if (tls.close(CONTEXT) == tls.EAGAIN) return false;
      pbuf.give(socket.recv(f.socket));
      socket.close(f.socket);
      f.state = DONE;
      return true;
    case ABORTED:
      if (socket.outstanding(f.socket) > 0) return false;
      tls.resetCtx(CONTEXT, tls.RESET_INIT);
      f.state = DONE;
      return true;
    default:
      return false;
  }
}

function findServer(f: Fetcher, now: Millis): bool {
  const found = serverAddress(f, now);
  if (found == i64(socket.EAGAIN)) return false;
  if (found < 0) conclude(f, i32(found), DONE);
  else connect(f, u32(found));
  return true;
}

/** @returns the address that the target has, or the one that its name has, host order; EAGAIN, or an error of dns.ts */
function serverAddress(f: Fetcher, now: Millis): i64 {
  const address = target.address(f.target);
  if (!DNS || address) return address;
  return dns.resolve(CRYPTO, u32(target.copyName(f.target, CRYPTO) - CRYPTO), now);
}

function connect(f: Fetcher, address: u32): void {
  const s = socket.socket(socket.SOCK_STREAM);
  f.socket = i8(s);
  f.state = CONNECTING;
  const result = s < 0 ? s : socket.connect(s, address, target.port(f.target));
  if (result < 0) conclude(f, result, CLOSING);
}

function waitForServer(f: Fetcher): bool {
  const ready = socket.ready(f.socket);
  if (ready & socket.FAILED) conclude(f, socket.recvStatus(f.socket), CLOSING);
  else if ((ready & socket.WRITABLE) == 0) return false;
  else {
    tls.resetCtx(CONTEXT, tls.RESET_INIT);
    tls.attachClient(CONTEXT, f.socket, f.target);
    answers.begin(answer());
    f.state = SHAKING_HANDS;
  }
  return true;
}

/** Goes on to `next` with a good result, and ends with a bad one. */
function advance(f: Fetcher, result: i32, next: u8): bool {
  if (result == tls.EAGAIN) return false;
  if (result < 0) conclude(f, result, CLOSING);
  else f.state = next;
  return true;
}

function ask(f: Fetcher): i32 {
  if (REQUEST_MAX > u32(tls.SEND_MAX)) ERROR("the longest request must fit one record");
  const start = tls.sendBuffer(CONTEXT);
  let at = text.putHost(target.copyPath(f.target, text.putGet(start)));
  const hasName = target.nameLength(f.target) != 0;
  at = hasName ? target.copyName(f.target, at) : text.putAddress(at, target.address(f.target));
  return tls.send(CONTEXT, start, u32(text.putEnd(at) - start), tls.COPY_OFF);
}

/** The request's fixed parts. */
const REQUEST_MAX: u32 = 4 + target.PATH_MAX + 17 + target.NAME_MAX + 4;

function listen(f: Fetcher): bool {
  const bytes = tls.recv(CONTEXT, tls.RECV_SAFE);
  if (bytes == tls.EAGAIN) return false;
  const result = bytes > 0 ? answers.read(answer(), tls.data(CONTEXT), bytes) : bytes;
  if (result < 0) conclude(f, result, CLOSING);
  else if (bytes == 0) conclude(f, answers.end(answer()), CLOSING);
  return true;
}

/** It has taken too long. The verdict of what is being closed stands. */
function giveUp(f: Fetcher): void {
  if (DNS && f.state == RESOLVING) {
    dns.cancel();
    return conclude(f, socket.ETIMEDOUT, DONE);
  }
  socket.abort(f.socket);
  if (f.state == CLOSING) f.state = ABORTED;
  else conclude(f, socket.ETIMEDOUT, ABORTED);
}

/** Writes the verdict down. */
function conclude(f: Fetcher, result: i32, next: u8): void {
  f.state = next;
  const name = text.verdictFile();
  const type = text.plain();
  const length = u32(text.putVerdict(CRYPTO, result) - CRYPTO);
  if (files.create(name + 1, text.length(name), type + 1, text.length(type), length) < 0) return;
  files.append(CRYPTO, length);
  files.commit();
}
