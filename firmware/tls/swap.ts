// RSA's private-key operation, for which the context leaves RAM (seed [213]-[219], fig 21): it works where context, buffer and
// scratch memory are, side by side.
//
//   a  context │ buffer │ scratch          what is raised is in NVM, from OPERAND on
//   b  the context is in NVM
//   c  RSA's workspace ───────────
//   d  context │ buffer │ scratch          the buffer holds what the caller has left there of the result
//
// In TLS 1.0 the context has no secrets in it yet. In TLS 1.2 and 1.3 it has: in NVM they are marked, erased when the context
// is back, and at power-on when power has failed in between, which has ended the connection too.
//
//   TLS_SWAP   0          420    511    512          768
//              ┌──────────┬──────┬──────┬────────────┬───────────────────┐
//              │ context  │      │ mark │ operand    │ RSA's, 128 bytes  │
//              └──────────┴──────┴──────┴────────────┴───────────────────┘
import { CRYPTO, CRYPTO_BYTES, TLS, TLS_BYTES, TLS_CONTEXT_BYTES } from "../chip/ram-map.ts";
import * as nvm from "../chip/nvm.ts";
import { TLS_SWAP } from "../chip/nvm-map.ts";
import * as rsa from "../crypto/rsa.ts";
import * as rsaKey from "../files/rsa-key.ts";

/** Where in NVM the number is that is raised to the private exponent: as long as the modulus, big-endian. */
export const OPERAND: u32 = TLS_SWAP + 512;
const MARK: u32 = OPERAND - 1;
const IN_USE: u32 = 0;

/** Whatever power has cut short, NVM keeps no secrets of it. */
export function powerOn(): void {
  if (nvm.read(MARK) != nvm.ERASED) forget();
}

/** Writes the context to NVM: TLS_RESET_RSA. @param ctx its address */
export function save(ctx: usize): void {
  if (TLS_CONTEXT_BYTES > MARK - TLS_SWAP) ERROR("the context does not fit its place in NVM");
  if (TLS10) return nvm.copyOut(TLS_SWAP, ctx, TLS_CONTEXT_BYTES);
  nvm.write(MARK, IN_USE);
  nvm.overwrite(TLS_SWAP, ctx, TLS_CONTEXT_BYTES);
}

/** Reads it back: TLS_RESET_TLS. @param ctx its address */
export function restore(ctx: usize): void {
  nvm.copyIn(ctx, TLS_SWAP, TLS_CONTEXT_BYTES);
  if (!TLS10) forget();
}

/**
 * Raises the operand to the private exponent, in the place of a context, which is saved. The result is at its front, and the
 * caller's to take, to wipe, and to restore() the context then.
 * @param ctx address of the context @returns false when there is no result: see rsa.decrypt()
 * CT: as rsa.decrypt().
 */
export function operate(ctx: usize): bool {
  if (TLS_CONTEXTS != 1) ERROR("RSA works where the only context is");
  if (TLS + TLS_BYTES != CRYPTO || rsa.WORK_BYTES > TLS_BYTES + CRYPTO_BYTES)
    ERROR("RSA does not fit the memory of context, buffer and scratch");
  save(ctx);
  return rsa.decrypt(rsaKey.NUMBERS, rsaKey.modulusBytes(), OPERAND, ctx);
}

/** The mark is the last to go: power may fail here too. */
function forget(): void {
  nvm.erase(TLS_SWAP, TLS_CONTEXT_BYTES);
  nvm.write(MARK, nvm.ERASED);
}
