// All that the web server remembers, in its region of the RAM map.
//
//   WEB_SERVER ┌────────┬────────────┬──────────┬─ ─ ─
//              │ Server │ Connection │ Request  │  one pair for each TLS context
//              └────────┴────────────┴──────────┴─ ─ ─
import { Millis } from "../../chip/clock.ts";
import { WEB_SERVER, WEB_SERVER_BYTES } from "../../chip/ram-map.ts";
import { PIPELINE_MAX, WORD_MAX } from "./policy.ts";

@final
@unmanaged
export class Server {
  bootMs: Millis;
  nowMs: Millis;
  /** When a client last knocked; means something while `crowded`. */
  knockedMs: Millis;
  pages: u32;
  handshakes: u32;
  listener: i8;
  /** Connections that the listener may hold for us. */
  backlog: u8;
  crowded: bool;
}

/** What a TLS context is doing. */
@final
@unmanaged
export class Connection {
  /** When the state was entered, or the last record sent: what the limits of policy.ts count from. */
  sinceMs: Millis;
  /** Bytes of the first answer's response, its head included, that have been sent, once or several times. */
  sent: u32;
  /** files.generation() when that response was begun. */
  generation: u32;
  socket: i8;
  state: u8;
  /** Answers owed to requests that have been read. */
  owed: u8;
  /** Bytes of that response's head; 0: it has not been begun. */
  headBytes: u8;
  /** That head says that it is the connection's last. */
  closing: bool;
  /** A request has been answered on this connection. */
  used: bool;

  /** The answer owed `place` requests from now. */
  answerAt(place: u32): usize {
    return changetype<usize>(this) + CONNECTION_FIELDS + 4 * place;
  }
}

/** A request on its way in. */
@final
@unmanaged
export class Request {
  /** Bytes of the body that have not come yet. */
  bodyBytes: u32;
  /** What the path names. */
  resource: u32;
  headBytes: u16;
  flags: u16;
  state: u8;
  /** The answer's status so far. */
  status: u8;
  /** Bytes of the word so far; WORD_MAX + 1: too long, not all stored. */
  wordBytes: u8;
  /** The field being read: a place in text.WORDS, or -1. */
  field: i8;

  /** The word being read, of WORD_MAX bytes. */
  get word(): usize {
    return changetype<usize>(this) + REQUEST_FIELDS;
  }
}

const SERVER_BYTES: u32 = 24;
const CONNECTION_FIELDS: u32 = 20;
const CONNECTION_BYTES: u32 = CONNECTION_FIELDS + 4 * PIPELINE_MAX;
const REQUEST_FIELDS: u32 = 16;
const PAIR_BYTES: u32 = CONNECTION_BYTES + REQUEST_FIELDS + WORD_MAX;

/** Clears it all. @throws at compile time when it does not fit the region */
export function powerOn(): void {
  if (offsetof<Server>() > SERVER_BYTES) ERROR("Server does not fit SERVER_BYTES");
  if (offsetof<Connection>() > CONNECTION_FIELDS) ERROR("Connection does not fit CONNECTION_FIELDS");
  if (offsetof<Request>() > REQUEST_FIELDS) ERROR("Request does not fit REQUEST_FIELDS");
  if (SERVER_BYTES + TLS_CONTEXTS * PAIR_BYTES > u32(WEB_SERVER_BYTES)) {
    ERROR("the web server's state does not fit WEB_SERVER_BYTES");
  }
  memory.fill(WEB_SERVER, 0, SERVER_BYTES + TLS_CONTEXTS * PAIR_BYTES);
}

export function server(): Server {
  return changetype<Server>(WEB_SERVER);
}

/** The connection of TLS context `context`. */
export function connection(context: u32): Connection {
  return changetype<Connection>(WEB_SERVER + SERVER_BYTES + context * PAIR_BYTES);
}

/** The request that is being read on it. */
export function request(context: u32): Request {
  return changetype<Request>(changetype<usize>(connection(context)) + CONNECTION_BYTES);
}
