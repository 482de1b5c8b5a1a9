// pre_shared_key (RFC 8446 section 4.2.11): is the ticket that the ClientHello brought taken?
import { Millis } from "../chip/clock.ts";
import * as alert from "./alert.ts";
import { Context, RESUMED, SEND_SERVER_HELLO } from "./context.ts";
import { HAS_ALGORITHMS, HAS_PSK, Hello, OFFERS_PSK_DHE, OFFERS_SCHEME } from "./hello.ts";
import * as keySchedule from "./key-schedule.ts";
import * as ticket from "./ticket.ts";

/**
 * Opens the ticket, and verifies the binder, which proves that the client has its PSK. A ticket that can't be opened is
 * no error: the handshake becomes a full one, if the client takes our signature.
 * CT: leaks only the result.
 * @returns 0, or the alert that the binder deserves, or the want of signature algorithms
 */
export function choose(ctx: Context, now: Millis): u32 {
  const hello = Hello.of(ctx);
  ctx.state = u8(SEND_SERVER_HELLO);
  if (!hello.has(HAS_PSK | OFFERS_PSK_DHE) || hello.ticket == 0 || !ticket.open(ctx, now))
    return canBeSigned(hello);
  if (!keySchedule.takePsk(ctx)) return alert.DECRYPT_ERROR;
  ctx.flags |= RESUMED;
  return 0;
}

/** @returns 0 when a signature of ours would be understood, else the alert that says why not */
function canBeSigned(hello: Hello): u32 {
  if (hello.has(OFFERS_SCHEME)) return 0;
  return hello.has(HAS_ALGORITHMS) ? alert.HANDSHAKE_FAILURE : alert.MISSING_EXTENSION;
}
