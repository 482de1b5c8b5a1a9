// What the card signs with: ECDSA on P-256 with SHA-256, as TLS 1.3 and 1.2 both write it (RFC 8446 section 4.2.3, RFC 8422
// section 5.4); with an RSA key, rsa-signature.ts does. That is the one moment in which the private key is in RAM. It takes
// the end of the buffer, and behind the message as far as it is written:
//
//   buffer            at          at + 32  at + 64  at + 96            192          256
//            ┌────────┬───────────┬────────┬────────┬──────────────────┬────────────┐
//            │        │private key│ hedge  │ digest │                  │ r ‖ s      │   then the signature at `at`
//            └────────┴───────────┴────────┴────────┴──────────────────┴────────────┘
import { CRYPTO } from "../chip/ram-map.ts";
import { close16, put16, put8, putBytes } from "../buffer/cursors.ts";
import { wipe } from "../crypto/ct.ts";
import * as drbg from "../crypto/drbg.ts";
import * as p256 from "../crypto/p256.ts";
import * as keys from "../files/keys.ts";
import { Context } from "./context.ts";
import { ECDSA_SECP256R1_SHA256 } from "./hello.ts";

const NUMBER_BYTES: u32 = 32;
/** From where the signature is written to where the digest is expected. */
export const DIGEST_AT: usize = 2 * NUMBER_BYTES;
/** Longest signature, bytes, algorithm and length included: two integers with a sign byte each. */
export const SIGNATURE_MAX: u32 = 2 + 2 + 2 + 2 * (3 + NUMBER_BYTES);

/**
 * Signs the digest that stands at `at` + DIGEST_AT, and writes algorithm, length and signature at `at`.
 * CT: the length of the DER-encoded signature leaks, which is public.
 * @returns the address behind, 0 when the key is no key
 */
export function write(ctx: Context, at: usize): usize {
  const signature = ctx.buffer + TLS_BUFFER - 2 * NUMBER_BYTES;
  if (!sign(at, signature)) return 0;
  const der = put16(put16(at, ECDSA_SECP256R1_SHA256), 0);
  const numbers = put16(der, 0x3000); // SEQUENCE
  let end = putInteger(numbers, signature);
  end = putInteger(end, signature + NUMBER_BYTES);
  put8(numbers - 1, u32(end - numbers));
  return close16(der, end);
}

/** @param out r ‖ s. CT: nothing of the key leaks. */
function sign(workspace: usize, out: usize): bool {
  const hedge = workspace + NUMBER_BYTES;
  drbg.fill(hedge, NUMBER_BYTES);
  keys.readPrivateKey(workspace);
  const signed = p256.sign(out, workspace + DIGEST_AT, workspace, hedge, CRYPTO);
  wipe(workspace, 3 * NUMBER_BYTES);
  return signed;
}

/** A DER INTEGER: without leading zeros, with one zero when it would else be negative. */
function putInteger(at: usize, number: usize): usize {
  let skip: u32 = 0;
  while (skip < NUMBER_BYTES - 1 && load<u8>(number + skip) == 0) skip++;
  const sign = u32(load<u8>(number + skip)) >> 7;
  const bytes = NUMBER_BYTES - skip;
  let end = put8(put8(at, 0x02), bytes + sign);
  if (sign) end = put8(end, 0);
  return putBytes(end, number + skip, bytes);
}
