// ServerHello of TLS 1.2 (RFC 5246 section 7.4.1.3), with renegotiation_info (RFC 5746), extended_master_secret (RFC 7627),
// session_ticket (RFC 5077), ec_point_formats (RFC 8422) and ALPN (RFC 7301) for clients that offered them.
import { close16, close24, put16, put24, put8, putBytes } from "../buffer/cursors.ts";
import * as aead from "../crypto/aead.ts";
import * as declassify from "../crypto/declassify.ts";
import * as drbg from "../crypto/drbg.ts";
import { ANSWER_ALPN, Context, EXTENDED_MASTER, RESUMED, SECRET_BYTES, WANTS_TICKET } from "./context.ts";
import * as hello from "./hello.ts";
import { Hello, HTTP_1_1, HTTP_1_1_BYTES, OUR_AES_1_2, OUR_CHACHA_1_2, RETRY_ROOM } from "./hello.ts";
import { ROOM, SESSION_ID_BYTES } from "./key-schedule-1-2.ts";
import { HEADER_BYTES } from "./record-out.ts";

const SERVER_HELLO: u32 = 2;
const POINT_FORMATS: u32 = 11;
const ALPN: u32 = 16;
const EXTENDED_MASTER_SECRET: u32 = 23;
const SESSION_TICKET: u32 = 35;
const RENEGOTIATION_INFO: u32 = 0xff01;
/** A client that resumes by ticket makes up a session ID, which is echoed (RFC 5077 section 3.4). */
const SESSION_MAX: u32 = 32;
/** Longest message, bytes. */
const MESSAGE_MAX: u32 =
  4 + 2 + SECRET_BYTES + 1 + SESSION_MAX + 2 + 1 + 2 + 5 + 4 + 4 + 6 + 7 + HTTP_1_1_BYTES;
/** The end of the random of a server that would rather have spoken TLS 1.3 (RFC 8446 section 4.1.3): "DOWNGRD" and 1. */
const SENTINEL: usize = memory.data<u8>([0x44, 0x4f, 0x57, 0x4e, 0x47, 0x52, 0x44, 0x01]);
const SENTINEL_BYTES: u32 = 8;

/** Writes the message at `at`, the front of the buffer; our random to B. @returns the address behind it */
export function write(ctx: Context, at: usize): usize {
  if (HEADER_BYTES + MESSAGE_MAX > RETRY_ROOM || HEADER_BYTES + MESSAGE_MAX > ROOM)
    ERROR("ServerHello does not fit the buffer beside what it needs");
  const random = ctx.secretB;
  drbg.fill(random, SECRET_BYTES);
  declassify.bytes(random, SECRET_BYTES); // sent in the clear, the session ID with it
  memory.copy(random + SECRET_BYTES - SENTINEL_BYTES, SENTINEL, SENTINEL_BYTES);
  const body = put24(put8(at, SERVER_HELLO), 0);
  let end = putBytes(put16(body, hello.TLS_1_2), random, SECRET_BYTES);
  end = writeSession(ctx, end);
  end = put8(put16(end, ctx.suite == aead.AES_128_GCM ? OUR_AES_1_2 : OUR_CHACHA_1_2), 0);
  const extensions = put16(end, 0);
  end = writeExtensions(ctx, extensions);
  return close24(body, end == extensions ? extensions - 2 : close16(extensions, end));
}

/** A session that can be resumed is one whose master secret depends on all messages (RFC 7627 section 5.3). */
function writeSession(ctx: Context, at: usize): usize {
  const h = Hello.of(ctx);
  if (ctx.has(RESUMED)) return putBytes(put8(at, h.sessionLength), h.session, h.sessionLength);
  if (!ctx.has(EXTENDED_MASTER)) return put8(at, 0);
  return putBytes(put8(at, SESSION_ID_BYTES), ctx.secretB, SESSION_ID_BYTES);
}

function writeExtensions(ctx: Context, at: usize): usize {
  const h = Hello.of(ctx);
  let end = at;
  if (h.has(hello.OFFERS_RENEGOTIATION_INFO)) end = put8(put16(put16(end, RENEGOTIATION_INFO), 1), 0);
  if (ctx.has(EXTENDED_MASTER)) end = put16(put16(end, EXTENDED_MASTER_SECRET), 0);
  if (ctx.has(WANTS_TICKET)) end = put16(put16(end, SESSION_TICKET), 0);
  if (h.has(hello.HAS_FORMATS)) end = put16(put16(put16(end, POINT_FORMATS), 2), 0x0100);
  if (!ctx.has(ANSWER_ALPN)) return end;
  end = put16(put16(put16(end, ALPN), HTTP_1_1_BYTES + 3), HTTP_1_1_BYTES + 1);
  return putBytes(put8(end, HTTP_1_1_BYTES), HTTP_1_1, HTTP_1_1_BYTES);
}
