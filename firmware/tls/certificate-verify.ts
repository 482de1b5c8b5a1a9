// CertificateVerify (RFC 8446 section 4.4.3): the card proves that it has the private key. That is the one moment in
// which the key is in RAM. The empty buffer holds all that it takes:
//
//   buffer   0      5            37       69      101              138          202
//            ┌──────┬────────────┬────────┬────────┬────────────────┬────────────┐
//            │      │ private key│ hedge  │ digest │                │ r ‖ s      │   then the message from 5 on
//            └──────┴────────────┴────────┴────────┴────────────────┴────────────┘
import { CRYPTO } from "../chip/ram-map.ts";
import { close16, close24, put16, put24, put8, putBytes } from "../buffer/cursors.ts";
import { wipe } from "../crypto/ct.ts";
import * as drbg from "../crypto/drbg.ts";
import * as p256 from "../crypto/p256.ts";
import * as sha256 from "../crypto/sha256.ts";
import * as keys from "../files/keys.ts";
import { ECDSA_SECP256R1_SHA256 } from "./client-hello.ts";
import { Context } from "./context.ts";
import * as transcript from "./transcript.ts";

const CERTIFICATE_VERIFY: u32 = 15;
const NUMBER_BYTES: u32 = 32;
/** Longest message, bytes: two integers with a sign byte each. */
export const MESSAGE_MAX: u32 = 4 + 4 + 2 + 2 * (3 + NUMBER_BYTES);

const SPACES: u32 = 64;
// prettier-ignore
/** "TLS 1.3, server CertificateVerify" and a zero. */
const CONTEXT_STRING: usize = memory.data<u8>([
  0x54, 0x4c, 0x53, 0x20, 0x31, 0x2e, 0x33, 0x2c, 0x20, 0x73, 0x65, 0x72, 0x76, 0x65, 0x72, 0x20, 0x43, 0x65,
  0x72, 0x74, 0x69, 0x66, 0x69, 0x63, 0x61, 0x74, 0x65, 0x56, 0x65, 0x72, 0x69, 0x66, 0x79, 0x00,
]);
const CONTEXT_STRING_BYTES: u32 = 34;

/**
 * Signs the messages so far and writes the message at `at`, in the buffer.
 * CT: the length of the DER-encoded signature leaks, which is public.
 * @returns the address behind the message, 0 when the key is no key
 */
export function write(ctx: Context, at: usize): usize {
  const signature = ctx.buffer + TLS_BUFFER - 2 * NUMBER_BYTES;
  if (!sign(ctx, at, signature)) return 0;
  const body = put24(put8(at, CERTIFICATE_VERIFY), 0);
  const der = put16(put16(body, ECDSA_SECP256R1_SHA256), 0);
  const numbers = put16(der, 0x3000); // SEQUENCE
  let end = putInteger(numbers, signature);
  end = putInteger(end, signature + NUMBER_BYTES);
  put8(numbers - 1, u32(end - numbers));
  return close24(body, close16(der, end));
}

/** @param workspace three times NUMBER_BYTES @param out r ‖ s. CT: nothing of the key leaks. */
function sign(ctx: Context, workspace: usize, out: usize): bool {
  const hedge = workspace + NUMBER_BYTES;
  const digest = hedge + NUMBER_BYTES;
  digestContent(ctx, digest);
  drbg.fill(hedge, NUMBER_BYTES);
  keys.readPrivateKey(workspace);
  const signed = p256.sign(out, digest, workspace, hedge, CRYPTO);
  wipe(workspace, 3 * NUMBER_BYTES);
  return signed;
}

function digestContent(ctx: Context, out: usize): void {
  const hash = transcript.hash(ctx);
  memory.fill(out, 0x20, NUMBER_BYTES);
  sha256.init(CRYPTO);
  for (let i: u32 = 0; i < SPACES; i += NUMBER_BYTES) sha256.update(CRYPTO, out, NUMBER_BYTES);
  sha256.update(CRYPTO, CONTEXT_STRING, CONTEXT_STRING_BYTES);
  sha256.update(CRYPTO, hash, sha256.DIGEST_BYTES);
  sha256.final(CRYPTO, out);
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
