// NewSessionTicket (RFC 8446 section 4.6.1): one a connection, right behind our Finished, since all that the client has
// still to send is known. It is no part of the transcript, in whose place the PSK waits for it:
//
//   ROLLING   0        32          64
//             ┌────────┬───────────┐
//             │ PSK    │ workspace │
//             └────────┴───────────┘
import { close24, put16, put24, put8, putBytes } from "../buffer/cursors.ts";
import { Millis } from "../chip/clock.ts";
import { CRYPTO } from "../chip/ram-map.ts";
import { wipe } from "../crypto/ct.ts";
import * as drbg from "../crypto/drbg.ts";
import { Context, SECRET_BYTES } from "./context.ts";
import * as keySchedule from "./key-schedule.ts";
import * as ticket from "./ticket.ts";

const NEW_SESSION_TICKET: u32 = 4;
const NUMBER_BYTES: u32 = 4;
export const MESSAGE_BYTES: u32 =
  4 + 2 * NUMBER_BYTES + 1 + keySchedule.TICKET_NONCE_BYTES + 2 + ticket.TICKET_BYTES + 2;

/** Writes the message at `at`. @returns the address behind it. CT: nothing leaks. */
export function write(ctx: Context, at: usize, now: Millis): usize {
  const psk = ctx.transcript;
  drbg.fill(CRYPTO, NUMBER_BYTES);
  const ageAdd = load<u32>(CRYPTO);
  const body = put24(put8(at, NEW_SESSION_TICKET), 0);
  let end = put16(put16(body, 0), ticket.LIFETIME_S);
  end = put16(put16(end, ageAdd >> 16), ageAdd);
  end = put8(end, keySchedule.TICKET_NONCE_BYTES);
  end = putBytes(end, keySchedule.TICKET_NONCE, keySchedule.TICKET_NONCE_BYTES);
  end = put16(end, ticket.TICKET_BYTES);
  ticket.seal(ctx, end, psk, ageAdd, psk + SECRET_BYTES, now);
  wipe(psk, SECRET_BYTES);
  return close24(body, put16(end + ticket.TICKET_BYTES, 0));
}
