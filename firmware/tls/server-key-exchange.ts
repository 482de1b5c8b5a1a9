// ServerKeyExchange (RFC 8422 section 5.4): our ephemeral public key, signed together with both randoms. ServerHelloDone
// (RFC 5246 section 7.4.5) follows it.
import { CRYPTO } from "../chip/ram-map.ts";
import { close24, put16, put24, put8, putBytes } from "../buffer/cursors.ts";
import * as p256 from "../crypto/p256.ts";
import * as sha256 from "../crypto/sha256.ts";
import { Context, KEYS_BYTES, SECRET_BYTES } from "./context.ts";
import * as keyExchange from "./key-exchange.ts";
import * as rsaSignature from "./rsa-signature.ts";
import * as signature from "./signature.ts";

const SERVER_KEY_EXCHANGE: u32 = 12;
const SERVER_HELLO_DONE: u32 = 14;
const NAMED_CURVE: u32 = 3;
/** Type, group and length in front of the public key. */
const FRONT_BYTES: usize = 4;
/** Bytes of ServerHelloDone. */
export const DONE_BYTES: u32 = 4;

/**
 * Writes both messages at `at`, in the empty buffer; the private key to A.
 * @returns the address behind them, 0 when our key is no key
 */
export function write(ctx: Context, at: usize): usize {
  const params = put24(put8(at, SERVER_KEY_EXCHANGE), 0);
  let end = writeParams(ctx, params);
  digestContent(ctx, params, u32(end - params), end + signature.DIGEST_AT);
  end = signature.write(ctx, end);
  if (end == 0) return 0;
  return writeDone(close24(params, end));
}

/** Makes the parameters, and begins to sign them with an RSA key; they wait where the keys will be. */
export function sign(ctx: Context): void {
  const params = ctx.writeKey;
  const end = writeParams(ctx, params);
  digestContent(ctx, params, u32(end - params), ctx.buffer);
  rsaSignature.begin(ctx);
}

/** Writes ServerKeyExchange up to the RSA signature at `at`. @returns the address behind it */
export function writeFront(ctx: Context, at: usize): usize {
  if (FRONT_BYTES + p256.POINT_BYTES > 2 * KEYS_BYTES)
    ERROR("the parameters do not fit the place of the keys");
  const bytes = u32(FRONT_BYTES) + keyExchange.publicBytes(ctx);
  const params = put24(put8(at, SERVER_KEY_EXCHANGE), bytes + rsaSignature.BYTES);
  return rsaSignature.writeFront(ctx, putBytes(params, ctx.writeKey, bytes));
}

/** Writes ServerHelloDone at `at`. @returns the address behind it */
export function writeDone(at: usize): usize {
  return put24(put8(at, SERVER_HELLO_DONE), 0);
}

/** A fresh key pair: the private key to A, group and public key to `at`. @returns the address behind them */
function writeParams(ctx: Context, at: usize): usize {
  const point = at + FRONT_BYTES;
  const bytes = keyExchange.generate(ctx, point);
  put8(put16(put8(at, NAMED_CURVE), ctx.group), bytes);
  return point + bytes;
}

function digestContent(ctx: Context, params: usize, length: u32, out: usize): void {
  sha256.init(CRYPTO);
  sha256.update(CRYPTO, ctx.secretC, SECRET_BYTES);
  sha256.update(CRYPTO, ctx.secretB, SECRET_BYTES);
  sha256.update(CRYPTO, params, length);
  sha256.final(CRYPTO, out);
}
