// Verifying takes more memory than cryptography has of its own: for its time the end of the TLS context, the buffer included,
// goes to NVM and comes back (seed [213]-[219]). What is lent holds no key but the one that authenticates the record being
// received, and is erased from NVM after; should power fail in between, that record's connection ends as well.
//
//    context                                            buffer          CRYPTO
//   ┌───────────────────────┬─────────────────────────┬───────────────┬────────────────┐
//   │ fields, secrets, keys │ SEALING, ROLLING: lent  │ lent          │ scratch anyway │
//   └───────────────────────┴─────────────────────────┴───────────────┴────────────────┘
import { CRYPTO, CRYPTO_BYTES } from "../../chip/ram-map.ts";
import * as nvm from "../../chip/nvm.ts";
import { TLS_SWAP } from "../../chip/nvm-map.ts";
import * as context from "../context.ts";
import * as slots from "./slots.ts";

/** Bytes that are lent, 4-byte aligned. */
export const BYTES: u32 = 800;

const LENT: u32 = BYTES - CRYPTO_BYTES;
const AT: usize = CRYPTO - LENT;

/** @returns address of BYTES of scratch; nothing of TLS may be used until giveBack() */
export function borrow(): usize {
  if (TLS_CLIENT && TLS_CONTEXTS != 1) ERROR("what is lent must be of the context that borrows");
  if (TLS_CLIENT && AT < context.LENDABLE) ERROR("what is lent reaches into secrets and keys");
  if (LENT > slots.LOAN_BYTES) ERROR("what is lent does not fit its place in NVM");
  nvm.overwrite(TLS_SWAP, AT, LENT);
  return AT;
}

export function giveBack(): void {
  nvm.copyIn(AT, TLS_SWAP, LENT);
  nvm.erase(TLS_SWAP, LENT);
}
