// ClientKeyExchange (RFC 2246 section 7.4.7.1): the encrypted pre-master secret, collected at the front of the buffer
// (seed [212]).
import * as rsaKey from "../../files/rsa-key.ts";
import * as alert from "../alert.ts";
import { Context } from "./context.ts";

const CLIENT_KEY_EXCHANGE: u32 = 16;
/** Message header, length of the ciphertext. */
const FRONT_BYTES: u32 = 6;

/** Reads the next byte. @returns 0, or the alert that it deserves */
export function read(ctx: Context, byte: u32): u32 {
  const bytes = rsaKey.modulusBytes();
  const at: u32 = ctx.position;
  if (at == FRONT_BYTES + bytes) return alert.UNEXPECTED_MESSAGE;
  if (at >= FRONT_BYTES) store<u8>(ctx.buffer + at - FRONT_BYTES, u8(byte));
  else if (byte != front(at, bytes)) return at == 0 ? alert.UNEXPECTED_MESSAGE : alert.DECODE_ERROR;
  ctx.position++;
  return 0;
}

/** Has the message been read to its end? */
export function isComplete(ctx: Context): bool {
  return ctx.position == FRONT_BYTES + rsaKey.modulusBytes();
}

/** Type, length in three bytes, length in two: what byte `at` must be. */
function front(at: u32, bytes: u32): u32 {
  if (at == 0) return CLIENT_KEY_EXCHANGE;
  const length = at < 4 ? bytes + 2 : bytes;
  if (at == 3 || at == 5) return length & 0xff;
  return at == 1 ? 0 : length >> 8;
}
