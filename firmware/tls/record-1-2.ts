// What TLS 1.2 does differently in a record (RFC 5246 section 6.2.3.3): the type stands in the header alone, number and length
// of the record are authenticated explicitly, and AES-GCM sends half of its nonce along (RFC 5288):
//
//   0      5               13               13+n       29+n
//   ┌──────┬───────────────┬────────────────┬──────────┐
//   │header│ explicit nonce│ content        │ tag      │   ChaCha20-Poly1305 (RFC 7905): no nonce
//   └──────┴───────────────┴────────────────┴──────────┘
import { put16, put8 } from "../buffer/cursors.ts";
import * as aead from "../crypto/aead.ts";
import { Context, IV } from "./context.ts";

const VERSION: u32 = 0x0303;
export const ADDITIONAL_BYTES: u32 = 13;
export const EXPLICIT_BYTES: u32 = 8;
const IMPLICIT_BYTES: usize = 4;

/** Bytes of the nonce that an encrypted record brings along. */
export function explicitBytes(ctx: Context): u32 {
  return ctx.isTls12 && ctx.suite == aead.AES_128_GCM ? EXPLICIT_BYTES : 0;
}

/** Where the explicit part of the nonce is, behind a key. */
export function explicitAt(key: usize): usize {
  return key + IV + IMPLICIT_BYTES;
}

/** Makes the additional data of a record. @returns their address: ADDITIONAL_BYTES */
export function additional(ctx: Context, sequence: u32, type: u32, length: u32): usize {
  const at = ctx.additional;
  store<u32>(at, 0);
  store<u32>(at, bswap<u32>(sequence), 4);
  put16(put16(put8(at + 8, type), VERSION), length);
  return at;
}
