// The pre-master secret, decrypted in the place of context and buffer (swap.ts): encrypted it stands at the buffer's front;
// then it waits behind RSA's result until the context is back, which keeps it where its master secret will be.
import * as nvm from "../../chip/nvm.ts";
import { TLS_CONTEXT_BYTES } from "../../chip/ram-map.ts";
import { wipe } from "../../crypto/ct.ts";
import * as drbg from "../../crypto/drbg.ts";
import { PRE_MASTER_BYTES, takePreMaster } from "../../crypto/pkcs1.ts";
import * as rsa from "../../crypto/rsa.ts";
import * as rsaKey from "../../files/rsa-key.ts";
import * as swap from "../swap.ts";
import { Context } from "./context.ts";

/** In RAM, behind the message. */
const SECRET: u32 = 512;

/**
 * Decrypts the pre-master secret that stands encrypted at the buffer's front, to where the master secret will be. Whatever
 * is wrong with it, the handshake goes on with a random one, and fails at Finished (RFC 5246 section 7.4.7.1).
 * CT: leaks only whether the ciphertext is below the modulus, which everybody can tell.
 */
export function decrypt(ctx: Context): void {
  if (TLS_CONTEXT_BYTES > SECRET) ERROR("the context does not fit in front of the secret");
  const work = changetype<usize>(ctx);
  const secret = work + SECRET;
  const version: u32 = ctx.version;
  const bytes = rsaKey.modulusBytes();
  nvm.copyOut(swap.OPERAND, ctx.buffer, bytes);
  const isMessage = swap.operate(work);
  drbg.fill(secret, PRE_MASTER_BYTES);
  if (isMessage) takePreMaster(work, bytes, version, secret);
  wipe(work, rsa.MODULUS_MAX);
  swap.restore(work);
  memory.copy(ctx.master, secret, PRE_MASTER_BYTES);
  wipe(secret, PRE_MASTER_BYTES);
}
