// CertificateVerify (RFC 8446 section 4.4.3): the card proves that it has the private key.
import { CRYPTO } from "../chip/ram-map.ts";
import { close24, put24, put8 } from "../buffer/cursors.ts";
import * as sha256 from "../crypto/sha256.ts";
import { Context } from "./context.ts";
import * as rsaSignature from "./rsa-signature.ts";
import * as signature from "./signature.ts";
import * as transcript from "./transcript.ts";

const CERTIFICATE_VERIFY: u32 = 15;

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
 * @returns the address behind it, 0 when the key is no key
 */
export function write(ctx: Context, at: usize): usize {
  const body = put24(put8(at, CERTIFICATE_VERIFY), 0);
  digestContent(ctx, body + signature.DIGEST_AT);
  const end = signature.write(ctx, body);
  return end == 0 ? 0 : close24(body, end);
}

/** Begins to sign the messages so far with an RSA key, the buffer being empty. */
export function sign(ctx: Context): void {
  digestContent(ctx, ctx.buffer);
  rsaSignature.begin(ctx);
}

/** Writes the message up to the RSA signature at `at`. @returns the address behind it */
export function writeFront(ctx: Context, at: usize): usize {
  return rsaSignature.writeFront(ctx, put24(put8(at, CERTIFICATE_VERIFY), rsaSignature.BYTES));
}

/** What the server signs: the messages so far, to `out`, 32 bytes. */
export function digestContent(ctx: Context, out: usize): void {
  const hash = transcript.hash(ctx);
  memory.fill(out, 0x20, sha256.DIGEST_BYTES);
  sha256.init(CRYPTO);
  for (let i: u32 = 0; i < SPACES; i += sha256.DIGEST_BYTES) sha256.update(CRYPTO, out, sha256.DIGEST_BYTES);
  sha256.update(CRYPTO, CONTEXT_STRING, CONTEXT_STRING_BYTES);
  sha256.update(CRYPTO, hash, sha256.DIGEST_BYTES);
  sha256.final(CRYPTO, out);
}
