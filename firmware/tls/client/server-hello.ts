// ServerHello and HelloRetryRequest (RFC 8446 sections 4.1.3, 4.1.4; RFC 5246 section 7.4.1.3), read as a whole: nothing
// was offered that could make them long.
//
//   version  random  session_id  suite  compression  extensions
import { get16 } from "../../buffer/cursors.ts";
import * as aead from "../../crypto/aead.ts";
import { equal } from "../../crypto/ct.ts";
import * as alert from "../alert.ts";
import {
  Context,
  EXTENDED_MASTER,
  RETRIED,
  RSA_SUITE,
  SECRET_BYTES,
  TLS_1_2 as IS_TLS_1_2,
} from "../context.ts";
import { AES_1_2, CHACHA_1_2, RSA_AES_1_2, RSA_CHACHA_1_2, SECP256R1, TLS_1_2, TLS_1_3 } from "../hello.ts";
import * as keyExchange from "../key-exchange.ts";
import { RETRY_RANDOM } from "../server-hello.ts";
import * as extensions from "./extensions.ts";

const RANDOM: usize = 2;
const SESSION: usize = RANDOM + SECRET_BYTES;
const SESSION_MAX: usize = 32;
/** Suite and compression. */
const CHOICE_BYTES: usize = 3;
/** A server that knows TLS 1.3 ends its random so when it is made to speak less (RFC 8446 section 4.1.3). */
const DOWNGRADE: usize = memory.data<u8>([0x44, 0x4f, 0x57, 0x4e, 0x47, 0x52, 0x44]); // "DOWNGRD", then a byte
const DOWNGRADE_BYTES: u32 = 7;
const DOWNGRADE_AT: u32 = SECRET_BYTES - 1 - DOWNGRADE_BYTES;

const ALLOWED: u32 =
  extensions.VERSION |
  extensions.SHARE |
  extensions.NAME |
  extensions.FORMATS |
  extensions.MASTER |
  extensions.RENEGOTIATION;
const OF_TLS_1_3: u32 = extensions.VERSION | extensions.SHARE;

/**
 * Takes the message: the server's random to B, what was chosen to the context.
 * @returns 0, or the alert that it deserves
 */
export function take(ctx: Context, body: usize, length: u32): u32 {
  const end = body + length;
  const session = body + SESSION;
  if (session >= end || load<u8>(session) > SESSION_MAX) return alert.DECODE_ERROR;
  const choice = session + 1 + load<u8>(session);
  const list = choice + CHOICE_BYTES;
  if (list > end) return alert.DECODE_ERROR;
  if (get16(body) != TLS_1_2) return alert.PROTOCOL_VERSION;
  if (load<u8>(choice, 2) != 0) return alert.ILLEGAL_PARAMETER; // compression
  const found: u32 = list == end ? 0 : extensions.check(list, end, ALLOWED);
  if (found >= extensions.REFUSED) return found - extensions.REFUSED;
  memory.copy(ctx.secretB, body + RANDOM, SECRET_BYTES);
  if ((found & extensions.VERSION) == 0) return takeTls12(ctx, get16(choice), list, found);
  if (load<u8>(session) != 0 || (found & ~OF_TLS_1_3) != 0) return alert.ILLEGAL_PARAMETER;
  return takeTls13(ctx, get16(choice), list, found);
}

/** Is the message that was taken a HelloRetryRequest? */
export function isRetry(ctx: Context): bool {
  return !ctx.isTls12 && equal(ctx.secretB, RETRY_RANDOM, SECRET_BYTES);
}

/** The answer to a ClientHello must fit what was offered, and what an earlier one has chosen. */
function takeTls13(ctx: Context, suite: u32, list: usize, found: u32): u32 {
  if (get16(extensions.find(list, extensions.VERSION)) != TLS_1_3) return alert.ILLEGAL_PARAMETER;
  if (suite != aead.CHACHA20_POLY1305 && suite != aead.AES_128_GCM) return alert.ILLEGAL_PARAMETER;
  if (ctx.has(RETRIED) && suite != ctx.suite) return alert.ILLEGAL_PARAMETER;
  ctx.suite = suite;
  const hasShare = (found & extensions.SHARE) != 0;
  const share: usize = hasShare ? extensions.find(list, extensions.SHARE) : 0;
  if (isRetry(ctx)) return takeRetry(ctx, share);
  if (!hasShare) return alert.MISSING_EXTENSION;
  const bytes = get16(share - 2);
  if (
    get16(share) != u32(ctx.group) ||
    bytes != 4 + keyExchange.publicBytes(ctx) ||
    get16(share + 2) != bytes - 4
  )
    return alert.ILLEGAL_PARAMETER;
  return 0;
}

/** It must ask for the other group, once. @param share body of its key_share, 0: it has none */
function takeRetry(ctx: Context, share: usize): u32 {
  if (ctx.has(RETRIED)) return alert.UNEXPECTED_MESSAGE;
  if (share == 0 || get16(share - 2) != 2 || get16(share) != SECP256R1) return alert.ILLEGAL_PARAMETER;
  ctx.group = u8(SECP256R1);
  return 0;
}

/** @returns the server's public key in the message that was taken, of TLS 1.3 */
export function share(body: usize): usize {
  const list = body + SESSION + 1 + CHOICE_BYTES; // no session
  return extensions.find(list, extensions.SHARE) + 4;
}

function takeTls12(ctx: Context, suite: u32, list: usize, found: u32): u32 {
  if (u32(TLS_CLIENT) < 2) return alert.PROTOCOL_VERSION;
  if (ctx.has(RETRIED)) return alert.ILLEGAL_PARAMETER; // it had chosen TLS 1.3
  if ((found & extensions.SHARE) != 0) return alert.UNSUPPORTED_EXTENSION;
  if (equal(ctx.secretB + DOWNGRADE_AT, DOWNGRADE, DOWNGRADE_BYTES)) return alert.ILLEGAL_PARAMETER;
  const isRsa = suite == RSA_AES_1_2 || suite == RSA_CHACHA_1_2;
  if (!isRsa && suite != AES_1_2 && suite != CHACHA_1_2) return alert.ILLEGAL_PARAMETER;
  if ((found & extensions.FORMATS) != 0 && !hasUncompressed(list)) return alert.ILLEGAL_PARAMETER;
  if ((found & extensions.RENEGOTIATION) == 0 || !isInitial(list)) return alert.HANDSHAKE_FAILURE;
  if (isRsa) ctx.flags |= RSA_SUITE;
  ctx.suite = suite == AES_1_2 || suite == RSA_AES_1_2 ? aead.AES_128_GCM : aead.CHACHA20_POLY1305;
  if ((found & extensions.MASTER) == 0) return alert.HANDSHAKE_FAILURE; // RFC 7627 section 5.3 lets us insist
  ctx.flags |= IS_TLS_1_2 | EXTENDED_MASTER;
  return 0;
}

/** Does ec_point_formats have the format that all have (RFC 8422 section 5.2)? */
function hasUncompressed(list: usize): bool {
  const formats = extensions.find(list, extensions.FORMATS);
  const count = get16(formats - 2);
  for (let i: u32 = 1; i < count; i++) if (load<u8>(formats + i) == 0) return true;
  return false;
}

/** Is renegotiation_info that of a first handshake, empty (RFC 5746 section 3.4)? */
function isInitial(list: usize): bool {
  const info = extensions.find(list, extensions.RENEGOTIATION);
  return get16(info - 2) == 1 && load<u8>(info) == 0;
}
