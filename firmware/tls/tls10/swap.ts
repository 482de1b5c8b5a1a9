// The private-key operation, for which the context leaves RAM (seed [213]-[219], fig 21): RSA works where context, buffer and
// scratch memory are, side by side.
//
//   a  context │ encrypted pre-master secret │ scratch
//   b  both are in NVM
//   c  RSA's workspace ───────────────────────────────
//   d  context, in its master secret's place the pre-master secret │ scratch
import { CRYPTO, CRYPTO_BYTES, TLS, TLS_BYTES, TLS_CONTEXT_BYTES } from "../../chip/ram-map.ts";
import * as nvm from "../../chip/nvm.ts";
import { TLS_SWAP } from "../../chip/nvm-map.ts";
import { wipe } from "../../crypto/ct.ts";
import * as drbg from "../../crypto/drbg.ts";
import { PRE_MASTER_BYTES, takePreMaster } from "../../crypto/pkcs1.ts";
import * as rsa from "../../crypto/rsa.ts";
import * as rsaKey from "../../files/rsa-key.ts";
import { Context } from "./context.ts";

/** In NVM: the context, the ciphertext behind it. */
const CIPHER: u32 = TLS_SWAP + 512;
/** In RAM, behind the message: the pre-master secret until the context is back. */
const SECRET: u32 = 512;

/** Writes the context to NVM: TLS_RESET_RSA. It has no secrets in it yet. */
export function save(ctx: Context): void {
  nvm.copyOut(TLS_SWAP, changetype<usize>(ctx), TLS_CONTEXT_BYTES);
}

/** Reads it back: TLS_RESET_TLS. */
export function restore(ctx: Context): void {
  nvm.copyIn(changetype<usize>(ctx), TLS_SWAP, TLS_CONTEXT_BYTES);
}

/**
 * Decrypts the pre-master secret that stands encrypted at the buffer's front, to where the master secret will be. Whatever
 * is wrong with it, the handshake goes on with a random one, and fails at Finished (RFC 5246 section 7.4.7.1).
 * CT: leaks only whether the ciphertext is below the modulus, which everybody can tell.
 */
export function decryptPreMaster(ctx: Context): void {
  if (TLS + TLS_BYTES != CRYPTO || rsa.WORK_BYTES > TLS_BYTES + CRYPTO_BYTES)
    ERROR("RSA does not fit the memory of context, buffer and scratch");
  if (TLS_CONTEXT_BYTES > CIPHER - TLS_SWAP || TLS_CONTEXT_BYTES > SECRET)
    ERROR("the context does not fit in front of ciphertext and secret");
  const work = changetype<usize>(ctx);
  const secret = work + SECRET;
  const version: u32 = ctx.version;
  const bytes = rsaKey.modulusBytes();
  nvm.copyOut(CIPHER, ctx.buffer, bytes);
  save(ctx);
  const isMessage = rsa.decrypt(rsaKey.NUMBERS, bytes, CIPHER, work);
  drbg.fill(secret, PRE_MASTER_BYTES);
  if (isMessage) takePreMaster(work, bytes, version, secret);
  wipe(work, rsa.MODULUS_MAX);
  restore(ctx);
  memory.copy(ctx.master, secret, PRE_MASTER_BYTES);
  wipe(secret, PRE_MASTER_BYTES);
}
