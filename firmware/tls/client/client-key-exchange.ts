// ClientKeyExchange (RFC 8422 section 5.7): our ephemeral public key. It is made at the end of the buffer, beside the server's.
//
//   buffer   0            100              191               256
//            ┌────────────┬────────────────┬─────────────────┐
//            │ transcript │ the server's   │ our public key  │   then the message at the front
//            └────────────┴────────────────┴─────────────────┘
import { put24, put8, putBytes } from "../../buffer/cursors.ts";
import { wipe } from "../../crypto/ct.ts";
import * as p256 from "../../crypto/p256.ts";
import { Context, SECRET_BYTES } from "../context.ts";
import * as keyExchange from "../key-exchange.ts";

const CLIENT_KEY_EXCHANGE: u32 = 16;

function ours(ctx: Context): usize {
  return ctx.buffer + TLS_BUFFER - p256.POINT_BYTES;
}

/**
 * Makes our key pair, and of it and the server's key the premaster secret, to A.
 * CT: leaks only the result.
 * @returns false when the server's is no valid public key
 */
export function agree(ctx: Context, theirs: usize): bool {
  keyExchange.generate(ctx, ours(ctx));
  const secret = ctx.sealing;
  const good = keyExchange.agree(ctx, theirs, secret);
  memory.copy(ctx.secretA, secret, SECRET_BYTES);
  wipe(secret, SECRET_BYTES);
  return good;
}

/** Writes the message at `at`, the buffer's front. @returns the address behind it */
export function write(ctx: Context, at: usize): usize {
  const bytes = keyExchange.publicBytes(ctx);
  const body = put24(put8(at, CLIENT_KEY_EXCHANGE), bytes + 1);
  return putBytes(put8(body, bytes), ours(ctx), bytes);
}
