// CertificateRequest (RFC 8446 section 4.3.2, RFC 5246 section 7.4.4). The card has no certificate for clients, so it does not
// matter which would do; the answer is a Certificate that has none (RFC 8446 section 4.4.2, RFC 5246 section 7.4.6), and it is
// the server's to go on without.
import { put24, put8 } from "../../buffer/cursors.ts";
import * as alert from "../alert.ts";
import { CERTIFICATE_REQUESTED, Context } from "../context.ts";
import * as flight from "../flight.ts";

const CERTIFICATE: u32 = 11;
/** Shorter than this the message can't be. */
const LEAST_BYTES: u32 = 3;

/** Reads a byte of the message. @returns 0, or the alert that it deserves */
export function read(ctx: Context, index: u32, byte: u32): u32 {
  const isContext = index == 0 && !ctx.isTls12; // its length: only later ones have one
  return isContext && byte != 0 ? alert.ILLEGAL_PARAMETER : 0;
}

/** The message of `length` bytes has ended. @returns 0, or the alert that it deserves */
export function end(length: u32): u32 {
  return length < LEAST_BYTES ? alert.DECODE_ERROR : 0;
}

/** Puts the answer into the flight, if it was asked for. */
export function answer(ctx: Context): void {
  if (!ctx.has(CERTIFICATE_REQUESTED)) return;
  const body = put8(flight.end(ctx), CERTIFICATE);
  const list = ctx.isTls12 ? put24(body, 3) : put8(put24(body, 4), 0);
  flight.put(ctx, put24(list, 0));
}
