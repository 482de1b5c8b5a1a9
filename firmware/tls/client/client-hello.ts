// ClientHello (RFC 8446 section 4.1.2, RFC 5246 section 7.4.1.2): TLS 1.3 and 1.2, one key share, no session. What is not
// offered need not be understood: no ALPN, no tickets, no early data, no client certificate, no compatibility with middleboxes.
import { close16, close24, put16, put24, put8, putBytes } from "../../buffer/cursors.ts";
import * as drbg from "../../crypto/drbg.ts";
import * as aead from "../../crypto/aead.ts";
import { Context, RETRIED, SECRET_BYTES } from "../context.ts";
import * as flight from "../flight.ts";
import {
  AES_1_2,
  CHACHA_1_2,
  ECDSA_SECP256R1_SHA256,
  RSA_AES_1_2,
  RSA_CHACHA_1_2,
  RSA_PKCS1_SHA256,
  RSA_PSS_SHA256,
  SECP256R1,
  TLS_1_2,
  TLS_1_3,
  X25519,
} from "../hello.ts";
import * as keyExchange from "../key-exchange.ts";
import {
  EXTENDED_MASTER_SECRET,
  KEY_SHARE,
  POINT_FORMATS,
  RENEGOTIATION_INFO,
  SERVER_NAME,
  SIGNATURE_ALGORITHMS,
  SUPPORTED_GROUPS,
  SUPPORTED_VERSIONS,
} from "./extensions.ts";
import * as target from "./target.ts";

/** A profile's TLS_CLIENT: 1 for TLS 1.3 alone, 2 for both. */
export const OFFERS_TLS_1_2: bool = u32(TLS12) != 0 && u32(TLS_CLIENT) > 1;

const CLIENT_HELLO: u32 = 1;
/** Writes the message into the empty buffer: our random to C, the private key to A. CT: nothing of it leaks. */
export function write(ctx: Context): void {
  const body = put24(put8(flight.end(ctx), CLIENT_HELLO), 0);
  if (!ctx.has(RETRIED)) drbg.fill(ctx.secretC, SECRET_BYTES);
  let at = putBytes(put16(body, TLS_1_2), ctx.secretC, SECRET_BYTES);
  at = writeSuites(put8(at, 0)); // no session
  at = put8(put8(at, 1), 0); // no compression
  const extensions = put16(at, 0);
  at = writeExtensions(ctx, extensions);
  flight.put(ctx, close24(body, close16(extensions, writeKeyShare(ctx, at))));
}

function writeSuites(at: usize): usize {
  const suites = put16(at, 0);
  let end = put16(put16(suites, aead.CHACHA20_POLY1305), aead.AES_128_GCM);
  if (OFFERS_TLS_1_2) end = put16(put16(put16(put16(end, CHACHA_1_2), AES_1_2), RSA_CHACHA_1_2), RSA_AES_1_2);
  return close16(suites, end);
}

function writeExtensions(ctx: Context, start: usize): usize {
  let at = writeServerName(ctx, start);
  at = put16(put16(put16(at, SUPPORTED_GROUPS), 6), 4);
  at = put16(put16(at, X25519), SECP256R1);
  at = put16(put16(put16(at, SIGNATURE_ALGORITHMS), 8), 6);
  at = put16(put16(put16(at, ECDSA_SECP256R1_SHA256), RSA_PSS_SHA256), RSA_PKCS1_SHA256);
  if (!OFFERS_TLS_1_2) return put16(put8(put16(put16(at, SUPPORTED_VERSIONS), 3), 2), TLS_1_3);
  at = put16(put16(put8(put16(put16(at, SUPPORTED_VERSIONS), 5), 4), TLS_1_3), TLS_1_2);
  at = put16(put16(put16(at, POINT_FORMATS), 2), 0x0100); // one: uncompressed
  at = put16(put16(at, EXTENDED_MASTER_SECRET), 0);
  return put8(put16(put16(at, RENEGOTIATION_INFO), 1), 0);
}

/** server_name (RFC 6066 section 3): no address may stand there. */
function writeServerName(ctx: Context, at: usize): usize {
  const length = target.nameLength(ctx.file);
  if (length == 0) return at;
  at = put16(put16(put16(at, SERVER_NAME), length + 5), length + 3);
  return target.copyName(ctx.file, put16(put8(at, 0), length));
}

function writeKeyShare(ctx: Context, at: usize): usize {
  const bytes = keyExchange.publicBytes(ctx);
  at = put16(put16(put16(at, KEY_SHARE), bytes + 6), bytes + 4);
  at = put16(put16(at, ctx.group), bytes);
  return at + keyExchange.generate(ctx, at);
}
