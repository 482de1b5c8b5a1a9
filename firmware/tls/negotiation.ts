// What a ClientHello comes to: the checks of RFC 8446 sections 4.1.1, 4.1.2, 4.2 and 9.2, in the order in which their
// alerts make sense to a client: not our version, not a valid hello, nothing in common. TLS 1.3 whenever it is offered.
import { Millis } from "../chip/clock.ts";
import * as aead from "../crypto/aead.ts";
import * as alert from "./alert.ts";
import * as hello from "./hello.ts";
import { Hello } from "./hello.ts";
import {
  ANSWER_ALPN,
  ANSWER_LIMIT,
  CHOOSE_SESSION,
  Context,
  EARLY_DATA,
  EXPECT_SECOND_HELLO,
  SEND_HELLO_RETRY,
  WANTS_TICKET,
} from "./context.ts";
import * as negotiation12 from "./negotiation-1-2.ts";

/** ChaCha20-Poly1305 costs a card a seventh of constant-time AES: taken whenever it is offered. */
const PREFER_CHACHA: bool = true;
const CONTENT_MAX: u32 = 16384;

/** Decides on a complete ClientHello, and with that on the next state. @returns 0, or the alert that it deserves */
export function decide(ctx: Context, now: Millis): u32 {
  const h = Hello.of(ctx);
  if (!h.has(hello.OFFERS_TLS_1_3)) {
    if (ctx.state == EXPECT_SECOND_HELLO) return alert.ILLEGAL_PARAMETER;
    return u32(TLS12) ? negotiation12.decide(ctx, h, now) : alert.PROTOCOL_VERSION;
  }
  const refusal = validate(h);
  if (refusal) return refusal;
  const suite = chooseSuite(h);
  // Who brings a PSK may not need a signature: that is decided when the PSK has been looked at (section 9.2).
  if (suite == 0 || (h.found & (hello.OFFERS_SCHEME | hello.HAS_PSK)) == 0) return alert.HANDSHAKE_FAILURE;
  if (h.has(hello.HAS_ALPN) && !h.has(hello.OFFERS_HTTP_1_1)) return alert.NO_APPLICATION_PROTOCOL;
  if (ctx.state == EXPECT_SECOND_HELLO) return decideSecond(ctx, h, suite);
  ctx.suite = suite;
  if (h.has(hello.HAS_EARLY_DATA)) ctx.flags |= EARLY_DATA;
  const shared = sharedGroup(h);
  if (shared) return accept(ctx, h, shared);
  const group = commonGroup(h);
  if (group == 0) return alert.HANDSHAKE_FAILURE;
  ctx.group = u8(group);
  ctx.state = u8(SEND_HELLO_RETRY);
  return 0;
}

/** The second ClientHello offers what the first one offered, and exactly the share that we asked for (section 4.1.2). */
function decideSecond(ctx: Context, h: Hello, suite: u32): u32 {
  if (suite != ctx.suite || h.has(hello.HAS_EARLY_DATA)) return alert.ILLEGAL_PARAMETER;
  const asked = ctx.group == hello.X25519 ? hello.SHARES_X25519 : hello.SHARES_P256;
  const shares = hello.SHARES_X25519 | hello.SHARES_P256 | hello.SHARES_OTHER;
  if ((h.found & shares) != asked) return alert.ILLEGAL_PARAMETER;
  ctx.flags &= ~EARLY_DATA;
  return accept(ctx, h, ctx.group);
}

function accept(ctx: Context, h: Hello, group: u32): u32 {
  ctx.group = u8(group);
  ctx.limit = u16(CONTENT_MAX);
  if (h.has(hello.HAS_ALPN)) ctx.flags |= ANSWER_ALPN;
  if (h.recordLimit != 0) {
    ctx.flags |= ANSWER_LIMIT;
    ctx.limit = u16(min(u32(h.recordLimit) - 1, CONTENT_MAX)); // it counts the type
  }
  if (h.has(hello.OFFERS_PSK_DHE)) ctx.flags |= WANTS_TICKET;
  ctx.state = u8(CHOOSE_SESSION);
  return 0;
}

function validate(h: Hello): u32 {
  if (h.has(hello.COMPRESSES)) return alert.ILLEGAL_PARAMETER;
  if (!h.has(hello.HAS_GROUPS | hello.HAS_SHARES)) return alert.MISSING_EXTENSION;
  if ((h.found & (hello.HAS_ALGORITHMS | hello.HAS_PSK)) == 0) return alert.MISSING_EXTENSION;
  if (h.has(hello.HAS_PSK) && !h.has(hello.HAS_PSK_MODES)) return alert.MISSING_EXTENSION;
  if (h.has(hello.HAS_EARLY_DATA) && !h.has(hello.HAS_PSK)) return alert.ILLEGAL_PARAMETER;
  if (h.has(hello.SHARES_X25519) && !h.has(hello.OFFERS_X25519)) return alert.ILLEGAL_PARAMETER;
  return h.has(hello.SHARES_P256) && !h.has(hello.OFFERS_P256) ? alert.ILLEGAL_PARAMETER : 0;
}

function chooseSuite(h: Hello): u32 {
  const chacha = h.has(hello.OFFERS_CHACHA);
  if (chacha && (PREFER_CHACHA || !h.has(hello.OFFERS_AES))) return aead.CHACHA20_POLY1305;
  return h.has(hello.OFFERS_AES) ? aead.AES_128_GCM : 0;
}

/** A group that needs no further round trip. */
function sharedGroup(h: Hello): u32 {
  if (h.has(hello.SHARES_X25519)) return hello.X25519;
  return h.has(hello.SHARES_P256) ? hello.SECP256R1 : 0;
}

function commonGroup(h: Hello): u32 {
  if (h.has(hello.OFFERS_X25519)) return hello.X25519;
  return h.has(hello.OFFERS_P256) ? hello.SECP256R1 : 0;
}
