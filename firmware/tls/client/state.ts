// What the buffer holds in a client's handshake, between ClientHello and our Finished:
//
//   0             100            200       256
//   ┌─────────────┬──────────────┬─────────┐
//   │ transcript  │ what of a    │ Reader  │   while the chain is read
//   │             │ certificate  │         │
//   │             │ is signed    │         │
//   │             ├──────────────┴─────────┤
//   │             │ a short message        │   before and after
//   └─────────────┴────────────────────────┘
//
// The server's transcript lies where records are received; a client's must not, for it goes on while they are.
import * as sha256 from "../../crypto/sha256.ts";
import { Context } from "../context.ts";
import { Reader, READER_BYTES } from "./reader.ts";

const READER: usize = 2 * sha256.STATE_BYTES;

/** @returns what reads the server's certificates */
export function reader(ctx: Context): Reader {
  if (READER + READER_BYTES > usize(TLS_BUFFER)) ERROR("a client's handshake does not fit TLS_BUFFER");
  return Reader.at(ctx.buffer + READER);
}

/** Bytes of a message that is read as a whole. */
export const COLLECTED_MAX: u32 = TLS_BUFFER - sha256.STATE_BYTES;

/** @returns where it is collected */
export function collected(ctx: Context): usize {
  return ctx.buffer + sha256.STATE_BYTES;
}
