// What the ClientHello of a client without TLS 1.3 comes to (RFC 5246 section 7.4.1.2, RFC 8422 section 4).
import { Millis } from "../chip/clock.ts";
import * as aead from "../crypto/aead.ts";
import * as alert from "./alert.ts";
import {
  ANSWER_ALPN,
  Context,
  EXTENDED_MASTER,
  RESUMED,
  SIGNS_PKCS1,
  SEND_SERVER_HELLO_1_2,
  TLS_1_2,
  WANTS_TICKET,
} from "./context.ts";
import * as hello from "./hello.ts";
import { Hello } from "./hello.ts";
import { SESSION_ID_BYTES } from "./key-schedule-1-2.ts";
import * as sessionCache from "./session-cache.ts";

const CONTENT_MAX: u32 = 16384;

/** Decides on a complete ClientHello, and with that on the next state. @returns 0, or the alert that it deserves */
export function decide(ctx: Context, h: Hello, now: Millis): u32 {
  if (!h.has(hello.OFFERS_TLS_1_2)) return alert.PROTOCOL_VERSION;
  if (h.has(hello.FALLS_BACK)) return alert.INAPPROPRIATE_FALLBACK;
  if (!h.has(hello.OFFERS_NULL)) return alert.ILLEGAL_PARAMETER;
  if (h.has(hello.HAS_FORMATS) && !h.has(hello.OFFERS_UNCOMPRESSED)) return alert.ILLEGAL_PARAMETER;
  const suite = chooseSuite(h);
  const group = chooseGroup(h);
  if (suite == 0 || group == 0 || !chooseScheme(ctx, h)) return alert.HANDSHAKE_FAILURE;
  if (h.has(hello.HAS_ALPN)) {
    if (!h.has(hello.OFFERS_HTTP_1_1)) return alert.NO_APPLICATION_PROTOCOL;
    ctx.flags |= ANSWER_ALPN;
  }
  ctx.suite = suite;
  if (h.has(hello.OFFERS_EXTENDED_MASTER)) ctx.flags |= EXTENDED_MASTER;
  const session = findSession(ctx, h, now);
  if (session != 0 && !ctx.has(EXTENDED_MASTER)) return alert.HANDSHAKE_FAILURE; // RFC 7627 section 5.3
  if (session != 0) ctx.flags |= RESUMED;
  else if (ctx.has(EXTENDED_MASTER) && h.has(hello.OFFERS_TICKET)) ctx.flags |= WANTS_TICKET;
  ctx.session = session;
  ctx.group = u8(group);
  ctx.limit = u16(CONTENT_MAX);
  ctx.flags |= TLS_1_2;
  ctx.state = u8(SEND_SERVER_HELLO_1_2);
  return 0;
}

/** By ticket, which then goes before the session ID (RFC 5077 section 3.4). @returns its number, 0: none */
function findSession(ctx: Context, h: Hello, now: Millis): u32 {
  if (load<u64>(h.sessionTicket) != 0) return sessionCache.find(ctx.suite, h.sessionTicket, now);
  return h.sessionLength == SESSION_ID_BYTES ? sessionCache.find(ctx.suite, h.session, now) : 0;
}

/** ChaCha20-Poly1305 first, as in TLS 1.3. */
function chooseSuite(h: Hello): u32 {
  if (h.has(hello.OFFERS_CHACHA_1_2)) return aead.CHACHA20_POLY1305;
  return h.has(hello.OFFERS_AES_1_2) ? aead.AES_128_GCM : 0;
}

/** @returns false when the client takes no signature of ours */
function chooseScheme(ctx: Context, h: Hello): bool {
  if (h.has(hello.OFFERS_SCHEME)) return true;
  if (TLS_RSA) ctx.flags |= SIGNS_PKCS1;
  return u32(TLS_RSA) != 0 && h.has(hello.OFFERS_PKCS1);
}

/** A client that lists none takes any. The list stands for certificates too: a key of ours may be on P-256. */
function chooseGroup(h: Hello): u32 {
  if (h.has(hello.HAS_GROUPS) && !h.has(hello.OFFERS_P256))
    return TLS_RSA && h.has(hello.OFFERS_X25519) ? hello.X25519 : 0;
  return h.has(hello.OFFERS_X25519) ? hello.X25519 : hello.SECP256R1;
}
