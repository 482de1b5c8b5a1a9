// NewSessionTicket of TLS 1.2 (RFC 5077 section 3.3), for clients that resume by ticket alone. What the ticket holds is our
// affair: it is the session's ID, by which NVM knows the session, so that both ways to resume are one.
import { put16, put24, put8, putBytes } from "../buffer/cursors.ts";
import * as ticket from "./ticket.ts";

const NEW_SESSION_TICKET: u32 = 4;
/** A session ID. */
export const TICKET_BYTES: u32 = 8;
export const MESSAGE_BYTES: u32 = 4 + 4 + 2 + TICKET_BYTES;

/** Writes the message at `at`. @param id the session's, TICKET_BYTES @returns the address behind it */
export function write(at: usize, id: usize): usize {
  const body = put24(put8(at, NEW_SESSION_TICKET), MESSAGE_BYTES - 4);
  return putBytes(put16(put16(put16(body, 0), ticket.LIFETIME_S), TICKET_BYTES), id, TICKET_BYTES);
}
