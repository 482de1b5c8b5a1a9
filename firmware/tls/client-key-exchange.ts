// ClientKeyExchange (RFC 8422 section 5.7): the client's ephemeral public key, collected at the front of the buffer.
import * as alert from "./alert.ts";
import { Context, SECRET_BYTES } from "./context.ts";
import * as keyExchange from "./key-exchange.ts";

const CLIENT_KEY_EXCHANGE: u32 = 16;
/** Message header, length of the point. */
const FRONT_BYTES: u32 = 5;

/** Reads the next bytes. @returns 0, or the alert that they deserve */
export function read(ctx: Context, data: usize, length: u32): u32 {
  const bytes = keyExchange.publicBytes(ctx);
  for (let i: u32 = 0; i < length; i++) {
    const byte: u32 = load<u8>(data + i);
    const at: u32 = ctx.position;
    if (at == FRONT_BYTES + bytes || (at == 0 && byte != CLIENT_KEY_EXCHANGE))
      return alert.UNEXPECTED_MESSAGE;
    if (at >= FRONT_BYTES) store<u8>(ctx.buffer + at - FRONT_BYTES, u8(byte));
    else if (at != 0 && byte != (at == 4 ? bytes : at == 3 ? bytes + 1 : 0)) return alert.DECODE_ERROR;
    ctx.position++;
  }
  return 0;
}

/** Has the message been read to its end? */
export function isComplete(ctx: Context): bool {
  return ctx.position == FRONT_BYTES + keyExchange.publicBytes(ctx);
}

/** The premaster secret, to A. CT: leaks only the result. @returns false when the point is none of the curve's */
export function agree(ctx: Context): bool {
  const secret = ctx.sealing;
  if (!keyExchange.agree(ctx, ctx.buffer, secret)) return false;
  memory.copy(ctx.secretA, secret, SECRET_BYTES);
  return true;
}
