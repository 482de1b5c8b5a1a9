// A signature with the card's RSA key, of 2,048 bits, as TLS 1.3 and 1.2 both write it: scheme ‖ length ‖ signature. It is
// made step by step in the memory that context, buffer and scratch are else in (swap.ts), and waits in NVM; from there it
// goes into the flight, as a certificate does, since no buffer holds it whole.
import * as nvm from "../chip/nvm.ts";
import { CRYPTO, CRYPTO_BYTES } from "../chip/ram-map.ts";
import { put16 } from "../buffer/cursors.ts";
import * as declassify from "../crypto/declassify.ts";
import * as emsa from "../crypto/emsa.ts";
import * as rsa from "../crypto/rsa.ts";
import * as alert from "./alert.ts";
import { Context, SIGNS_PKCS1 } from "./context.ts";
import { RSA_PKCS1_SHA256, RSA_PSS_SHA256 } from "./hello.ts";
import * as swap from "./swap.ts";

/** Bytes in front of the signature: scheme and length. */
export const FRONT_BYTES: u32 = 4;
const SIGNATURE_BYTES: u32 = rsa.MODULUS_MAX;
/** Bytes of all of it. */
export const BYTES: u32 = FRONT_BYTES + SIGNATURE_BYTES;

/** Begins to sign the digest at the front of the buffer, where nothing else is needed. The context is lent then. */
export function begin(ctx: Context): void {
  if (emsa.SCRATCH_BYTES > CRYPTO_BYTES) ERROR("EMSA-PSS does not fit CRYPTO_BYTES");
  if (ctx.has(SIGNS_PKCS1)) emsa.pkcs1(ctx.buffer, swap.OPERAND, SIGNATURE_BYTES);
  else emsa.pss(ctx.buffer, swap.OPERAND, SIGNATURE_BYTES, CRYPTO);
  ctx.offset = 0;
  swap.begin(ctx);
}

/**
 * Goes on with it. When the context is back there is a signature; or the key was no key, or a fault has struck: no
 * signature leaves the card then, and the connection fails.
 * CT: leaks only the result.
 */
export function goOn(ctx: Context): void {
  const result = swap.step(ctx);
  if (result == rsa.UNDER_WAY) return;
  const signature = swap.resultOf(ctx);
  declassify.bytes(signature, SIGNATURE_BYTES); // the client is sent it
  nvm.overwrite(swap.OPERAND, signature, SIGNATURE_BYTES);
  swap.end(ctx);
  if (result == rsa.REFUSED) alert.fail(ctx, alert.INTERNAL_ERROR);
}

/** Writes scheme and length at `at`. @returns the address behind them */
export function writeFront(ctx: Context, at: usize): usize {
  return put16(put16(at, ctx.has(SIGNS_PKCS1) ? RSA_PKCS1_SHA256 : RSA_PSS_SHA256), SIGNATURE_BYTES);
}

/** Writes the next bytes of the signature at `at`, `room` at most. @returns the address behind them */
export function writePiece(ctx: Context, at: usize, room: u32): usize {
  const bytes = min(room, SIGNATURE_BYTES - u32(ctx.offset));
  nvm.copyIn(at, swap.OPERAND + ctx.offset, bytes);
  ctx.offset += u16(bytes);
  return at + bytes;
}

/** Has it been written to its end? */
export function isWritten(ctx: Context): bool {
  return ctx.offset == SIGNATURE_BYTES;
}
