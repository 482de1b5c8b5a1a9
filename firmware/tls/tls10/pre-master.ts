// The pre-master secret, decrypted step by step in the place of context and buffer (../swap.ts): encrypted it stands at the
// buffer's front, where what RSA makes of it waits too until the context is back, which keeps the secret where its master
// secret will be.
import * as nvm from "../../chip/nvm.ts";
import { TLS_CONTEXT_BYTES } from "../../chip/ram-map.ts";
import { wipe } from "../../crypto/ct.ts";
import * as drbg from "../../crypto/drbg.ts";
import { PRE_MASTER_BYTES, takePreMaster } from "../../crypto/pkcs1.ts";
import * as rsa from "../../crypto/rsa.ts";
import * as rsaKey from "../../files/rsa-key.ts";
import * as swap from "../swap.ts";
import { Context } from "./context.ts";

/** Begins to decrypt the pre-master secret that stands encrypted at the buffer's front. The context is lent then. */
export function begin(ctx: Context): void {
  nvm.copyOut(swap.OPERAND, ctx.buffer, rsaKey.modulusBytes());
  swap.begin(ctx);
}

/**
 * Goes on with it. When the context is back, the secret is where the master secret will be. Whatever is wrong with it, the
 * handshake goes on with a random one, and fails at Finished (RFC 5246 section 7.4.7.1).
 * CT: leaks only whether the ciphertext is below the modulus, which everybody can tell.
 */
export function goOn(ctx: Context): void {
  if (rsa.MODULUS_MAX > TLS_CONTEXT_BYTES || rsa.MODULUS_MAX > u32(TLS_BUFFER))
    ERROR("the message does not fit in front of the buffer, or in it");
  const result = swap.step(ctx);
  if (result == rsa.UNDER_WAY) return;
  const message = ctx.buffer;
  memory.copy(message, swap.resultOf(ctx), rsa.MODULUS_MAX);
  swap.end(ctx);
  drbg.fill(ctx.master, PRE_MASTER_BYTES);
  if (result == rsa.DONE) takePreMaster(message, rsaKey.modulusBytes(), ctx.version, ctx.master);
  wipe(message, rsa.MODULUS_MAX);
}
