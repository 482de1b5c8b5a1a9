// ServerKeyExchange (RFC 8422 section 5.4): the server's ephemeral public key, signed together with both randoms.
//
//   03  group  length  public key  |  algorithm  length  signature
//   collected                         signature.ts
import { CRYPTO } from "../../chip/ram-map.ts";
import { get16 } from "../../buffer/cursors.ts";
import * as nvm from "../../chip/nvm.ts";
import * as sha256 from "../../crypto/sha256.ts";
import * as alert from "../alert.ts";
import { Context, SECRET_BYTES } from "../context.ts";
import { SECP256R1, X25519 } from "../hello.ts";
import * as keyExchange from "../key-exchange.ts";
import * as signature from "./signature.ts";
import { collected } from "./state.ts";

const NAMED_CURVE: u32 = 3;
/** In front of the public key. */
const FRONT_BYTES: u32 = 4;

/** Reads a byte of the message. @returns 0, or the alert that it deserves */
export function read(ctx: Context, index: u32, byte: u32): u32 {
  const key = collected(ctx);
  if (index >= FRONT_BYTES && index >= parametersBytes(ctx)) {
    signature.read(ctx, parametersBytes(ctx), index - parametersBytes(ctx), byte);
    return 0;
  }
  store<u8>(key + index, u8(byte));
  if (index != FRONT_BYTES - 1) return 0;
  const group = get16(key + 1);
  if (load<u8>(key) != NAMED_CURVE || (group != X25519 && group != SECP256R1)) return alert.ILLEGAL_PARAMETER;
  ctx.group = u8(group);
  return byte == keyExchange.publicBytes(ctx) ? 0 : alert.ILLEGAL_PARAMETER;
}

/** The message of `length` bytes has ended. @returns 0 when the server has signed it, or an alert */
export function end(ctx: Context, length: u32): u32 {
  const parameters = parametersBytes(ctx);
  if (length < FRONT_BYTES || length < parameters) return alert.DECODE_ERROR;
  sha256.init(CRYPTO);
  sha256.update(CRYPTO, ctx.secretC, SECRET_BYTES);
  sha256.update(CRYPTO, ctx.secretB, SECRET_BYTES);
  sha256.update(CRYPTO, collected(ctx), parameters);
  sha256.final(CRYPTO, CRYPTO);
  nvm.copyOut(signature.digest(), CRYPTO, sha256.DIGEST_BYTES);
  return signature.end(ctx, parameters, length - parameters);
}

/** @returns the server's public key */
export function share(ctx: Context): usize {
  return collected(ctx) + FRONT_BYTES;
}

function parametersBytes(ctx: Context): u32 {
  return FRONT_BYTES + load<u8>(collected(ctx), FRONT_BYTES - 1);
}
