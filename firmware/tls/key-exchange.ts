// The ephemeral key exchange of both versions, over X25519 or P-256 (RFC 8446 section 4.2.8, RFC 8422 section 5.10).
import { CRYPTO } from "../chip/ram-map.ts";
import * as drbg from "../crypto/drbg.ts";
import * as p256 from "../crypto/p256.ts";
import * as x25519 from "../crypto/x25519.ts";
import { Context, SECRET_BYTES } from "./context.ts";
import { X25519, X25519_BYTES } from "./hello.ts";

/** Bytes of a public key of the group that has been chosen. */
export function publicBytes(ctx: Context): u32 {
  return ctx.group == X25519 ? X25519_BYTES : p256.POINT_BYTES;
}

/** A fresh key pair: the private key to A. CT: nothing of it leaks. @returns bytes of the public key, at `out` */
export function generate(ctx: Context, out: usize): u32 {
  const secret = ctx.secretA;
  if (ctx.group == X25519) {
    drbg.fill(secret, SECRET_BYTES);
    x25519.publicKey(out, secret, CRYPTO);
    return X25519_BYTES;
  }
  do drbg.fill(secret, SECRET_BYTES);
  while (!p256.publicKey(out, secret, CRYPTO));
  return p256.POINT_BYTES;
}

/**
 * The secret that the private key in A has in common with `peer`, to `out`.
 * CT: leaks only the result.
 * @returns false when that is no valid public key
 */
export function agree(ctx: Context, peer: usize, out: usize): bool {
  if (ctx.group == X25519) return x25519.shared(out, ctx.secretA, peer, CRYPTO);
  return p256.ecdh(out, ctx.secretA, peer, CRYPTO);
}
