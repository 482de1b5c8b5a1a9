// RSA's private-key operation, for which the context leaves RAM (seed [213]-[219], fig 21): it works where context, buffer and
// scratch memory are, side by side, and in steps, between which the card does what else it has to do.
//
//   a  context ────── │ buffer │ scratch   what is raised is in NVM, from OPERAND on
//   b  the context is in NVM
//   c  front │ RSA's workspace ───────     begin(), step(): the context is lent, and nobody's
//   d  context ────── │ buffer │ scratch   end(), or cancel() from c on
//
// The front is what Incoming has: whose connection it is, what has come, and that the rest is lent.
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
import { wipe } from "../crypto/ct.ts";
import * as rsa from "../crypto/rsa.ts";
import * as rsaKey from "../files/rsa-key.ts";
import * as socket from "../socket/socket.ts";
import { ended, Incoming } from "./incoming.ts";

/** Where in NVM the number is that is raised to the private exponent: as long as the modulus, big-endian. */
export const OPERAND: u32 = TLS_SWAP + 512;
const MARK: u32 = OPERAND - 1;
const IN_USE: u32 = 0;
const FRONT_BYTES: u32 = 8;

/** Whatever power has cut short, NVM keeps no secrets of it. */
export function powerOn(): void {
  if (nvm.read(MARK) == nvm.ERASED) return;
  nvm.erase(OPERAND + rsa.MODULUS_MAX, rsa.MODULUS_MAX / 2);
  forget();
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

/** Begins to raise the operand to the private exponent, in the place of a context, which is saved, and lent. */
export function begin(ctx: Incoming): void {
  if (TLS_CONTEXTS != 1) ERROR("RSA works where the only context is");
  if (offsetof<Incoming>() != FRONT_BYTES) ERROR("Incoming is not as long as what stays in RAM");
  if (TLS + TLS_BYTES != CRYPTO || FRONT_BYTES + rsa.WORK_BYTES > TLS_BYTES + CRYPTO_BYTES)
    ERROR("RSA does not fit the memory of context, buffer and scratch");
  save(changetype<usize>(ctx));
  ctx.lend();
  rsa.begin(rsaKey.modulusBytes(), resultOf(ctx));
}

/** Goes on. @returns rsa.UNDER_WAY; DONE: the result is there; REFUSED: there is none. CT: as rsa.step(). */
export function step(ctx: Incoming): u32 {
  return rsa.step(rsaKey.NUMBERS, rsaKey.modulusBytes(), OPERAND, resultOf(ctx));
}

/** Where the result is. */
export function resultOf(ctx: Incoming): usize {
  return changetype<usize>(ctx) + FRONT_BYTES;
}

/** The result has been taken: it is wiped, and the context comes back. */
export function end(ctx: Incoming): void {
  wipe(resultOf(ctx), rsa.MODULUS_MAX);
  restore(changetype<usize>(ctx));
}

/** Does the peer still wait for the result? @returns EAGAIN; or, the operation being broken off then, why it does not */
export function watch(ctx: Incoming): i32 {
  const status = ended(ctx);
  if (status != socket.EAGAIN) cancel(ctx);
  return status;
}

/** Nobody waits for the result any more: nothing is left of it, and the context comes back. */
export function cancel(ctx: Incoming): void {
  rsa.cancel(rsaKey.modulusBytes(), OPERAND, resultOf(ctx));
  restore(changetype<usize>(ctx));
}

function forget(): void {
  nvm.forget(MARK, TLS_SWAP, TLS_CONTEXT_BYTES);
}
