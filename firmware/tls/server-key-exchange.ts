// ServerKeyExchange (RFC 8422 section 5.4): our ephemeral public key, signed together with both randoms. ServerHelloDone
// (RFC 5246 section 7.4.5) follows it.
import { CRYPTO } from "../chip/ram-map.ts";
import { close24, put16, put24, put8 } from "../buffer/cursors.ts";
import * as sha256 from "../crypto/sha256.ts";
import { Context, SECRET_BYTES } from "./context.ts";
import * as keyExchange from "./key-exchange.ts";
import * as signature from "./signature.ts";

const SERVER_KEY_EXCHANGE: u32 = 12;
const SERVER_HELLO_DONE: u32 = 14;
const NAMED_CURVE: u32 = 3;
/** Type, group and length in front of the public key. */
const FRONT_BYTES: usize = 4;

/** Writes both messages at `at`, in the empty buffer; the private key to A. @returns the address behind them, 0 when our key is no key */
export function write(ctx: Context, at: usize): usize {
  const params = put24(put8(at, SERVER_KEY_EXCHANGE), 0);
  const point = params + FRONT_BYTES;
  const bytes = keyExchange.generate(ctx, point);
  put8(put16(put8(params, NAMED_CURVE), ctx.group), bytes);
  let end = point + bytes;
  digestContent(ctx, params, u32(end - params), end + signature.DIGEST_AT);
  end = signature.write(ctx, end);
  if (end == 0) return 0;
  return put24(put8(close24(params, end), SERVER_HELLO_DONE), 0);
}

function digestContent(ctx: Context, params: usize, length: u32, out: usize): void {
  sha256.init(CRYPTO);
  sha256.update(CRYPTO, ctx.secretC, SECRET_BYTES);
  sha256.update(CRYPTO, ctx.secretB, SECRET_BYTES);
  sha256.update(CRYPTO, params, length);
  sha256.final(CRYPTO, out);
}
