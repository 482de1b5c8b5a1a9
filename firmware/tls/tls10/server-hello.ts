// ServerHello (RFC 2246 section 7.4.1.3), with renegotiation_info for a client that asks for it (RFC 5746).
import { close16, close24, put16, put24, put8, putBytes } from "../../buffer/cursors.ts";
import * as cbc from "../../crypto/cbc.ts";
import * as drbg from "../../crypto/drbg.ts";
import { SESSION_ID_BYTES } from "../key-schedule-1-2.ts";
import { Context, RANDOM_BYTES, RESUMED } from "./context.ts";
import {
  Hello,
  OFFERS_RENEGOTIATION_INFO,
  RSA_WITH_AES_128_CBC_SHA,
  RSA_WITH_DES_CBC_SHA,
  TLS_1_0,
} from "./hello.ts";

const SERVER_HELLO: u32 = 2;
const RENEGOTIATION_INFO: u32 = 0xff01;
/** Longest message, bytes. */
export const MESSAGE_MAX: u32 = 4 + 2 + RANDOM_BYTES + 1 + SESSION_ID_BYTES + 2 + 1 + 2 + 5;

/** Writes the message at `at`, with a new session ID or that of the session resumed. @returns the address behind it */
export function write(ctx: Context, at: usize): usize {
  drbg.fill(ctx.serverRandom, RANDOM_BYTES);
  if (ctx.has(RESUMED)) memory.copy(ctx.sessionId, Hello.of(ctx).session, SESSION_ID_BYTES);
  else drbg.fill(ctx.sessionId, SESSION_ID_BYTES);
  const body = put24(put8(at, SERVER_HELLO), 0);
  let end = putBytes(put16(body, TLS_1_0), ctx.serverRandom, RANDOM_BYTES);
  end = putBytes(put8(end, SESSION_ID_BYTES), ctx.sessionId, SESSION_ID_BYTES);
  end = put8(put16(end, ctx.cipher == cbc.DES ? RSA_WITH_DES_CBC_SHA : RSA_WITH_AES_128_CBC_SHA), 0);
  if (!Hello.of(ctx).has(OFFERS_RENEGOTIATION_INFO)) return close24(body, end);
  const extensions = put16(end, 0);
  end = put8(put16(put16(extensions, RENEGOTIATION_INFO), 1), 0);
  return close24(body, close16(extensions, end));
}
