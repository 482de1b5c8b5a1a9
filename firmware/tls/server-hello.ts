// ServerHello and HelloRetryRequest, one message with two meanings (RFC 8446 sections 4.1.3, 4.1.4), and the key exchange
// behind the first (section 4.2.8).
import { close16, close24, put16, put24, put8, putBytes } from "../buffer/cursors.ts";
import { wipe } from "../crypto/ct.ts";
import * as drbg from "../crypto/drbg.ts";
import * as p256 from "../crypto/p256.ts";
import { COMPATIBLE, Context, RESUMED, SECRET_BYTES } from "./context.ts";
import { ANSWER_ROOM, Hello, RETRY_ROOM, SHARE_ROOM, TLS_1_3 } from "./hello.ts";
import * as keyExchange from "./key-exchange.ts";
import { CHANGE_CIPHER_SPEC, HANDSHAKE, HEADER_BYTES, header } from "./record-out.ts";
import * as transcript from "./transcript.ts";

const SERVER_HELLO: u32 = 2;
const LEGACY_VERSION: u32 = 0x0303;
const RANDOM_BYTES: u32 = 32;
const SUPPORTED_VERSIONS: u32 = 43;
const KEY_SHARE: u32 = 51;
const PRE_SHARED_KEY: u32 = 41;
/** Of pre_shared_key. */
const PSK_BYTES: u32 = 6;
/** Suite, compression, length of the extensions, supported_versions, front of key_share. */
const BEHIND_SESSION: u32 = 2 + 1 + 2 + 6 + 4;
/** Records with a session ID and ChangeCipherSpec, without key_share's body. */
const FRONT_MAX: usize = HEADER_BYTES + 4 + 2 + RANDOM_BYTES + 33 + BEHIND_SESSION + HEADER_BYTES + 1;
const RETRY_MAX: usize = FRONT_MAX + 2;
const ANSWER_MAX: usize = FRONT_MAX + 4 + p256.POINT_BYTES + PSK_BYTES;

// prettier-ignore
/** SHA-256 of "HelloRetryRequest", in the place of the random. */
export const RETRY_RANDOM: usize = memory.data<u8>([
  0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
  0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
]);

/**
 * Writes HelloRetryRequest into the buffer, which asks for a share of ctx.group; the transcript starts anew with it.
 * @returns bytes of the records
 */
export function writeRetry(ctx: Context): u32 {
  if (RETRY_MAX > RETRY_ROOM) ERROR("HelloRetryRequest does not fit the buffer beside the next ClientHello");
  transcript.restart(ctx);
  const random = ctx.buffer + HEADER_BYTES + 4 + 2;
  putBytes(random, RETRY_RANDOM, RANDOM_BYTES);
  const group = writeFront(ctx, random + RANDOM_BYTES);
  return finish(ctx, close16(group, put16(group, ctx.group)));
}

/**
 * Exchanges keys, the ECDHE secret to B, and writes ServerHello into the buffer.
 * CT: nothing of the private key or the secret leaks.
 * @returns bytes of the records, 0 when the client's share is no valid public key
 */
export function write(ctx: Context): u32 {
  if (ANSWER_MAX > ANSWER_ROOM) ERROR("ServerHello does not fit the buffer beside the session ID");
  if (usize(p256.POINT_BYTES) > SHARE_ROOM)
    ERROR("our public key does not fit the buffer beside the client's");
  const bytes = keyExchange.generate(ctx, ctx.buffer);
  if (!keyExchange.agree(ctx, Hello.of(ctx).share, ctx.secretB)) return 0;
  wipe(ctx.secretA, SECRET_BYTES);
  const random = ctx.buffer + HEADER_BYTES + 4 + 2;
  const key = random + RANDOM_BYTES + 1 + Hello.of(ctx).sessionLength + BEHIND_SESSION + 4;
  memory.copy(key, ctx.buffer, bytes);
  drbg.fill(random, RANDOM_BYTES);
  const group = writeFront(ctx, random + RANDOM_BYTES);
  put16(put16(group, ctx.group), bytes);
  let end = close16(group, key + bytes);
  if (ctx.has(RESUMED)) end = put16(put16(put16(end, PRE_SHARED_KEY), 2), u32(Hello.of(ctx).ticket) - 1);
  return finish(ctx, end);
}

/** From session ID to the front of key_share. @returns the address behind that, where key_share's body is to be */
function writeFront(ctx: Context, start: usize): usize {
  const hello = Hello.of(ctx);
  let at = put8(start, hello.sessionLength);
  at = putBytes(at, hello.session, hello.sessionLength);
  at = put8(put16(at, ctx.suite), 0);
  at = put16(at, 0);
  at = put16(put16(put16(at, SUPPORTED_VERSIONS), 2), TLS_1_3);
  return put16(put16(at, KEY_SHARE), 0);
}

/**
 * Fills in the lengths and hashes the message; ChangeCipherSpec follows it for a client that asks for compatibility by
 * sending a session ID (appendix D.4).
 */
function finish(ctx: Context, end: usize): u32 {
  const message = ctx.buffer + HEADER_BYTES;
  const sessionLength = load<u8>(message + 4 + 2 + RANDOM_BYTES);
  close16(message + 4 + 2 + RANDOM_BYTES + 1 + sessionLength + 2 + 1 + 2, end);
  put16(put24(put8(message, SERVER_HELLO), 0), LEGACY_VERSION);
  close24(message + 4, end);
  header(ctx.buffer, HANDSHAKE, u32(end - message));
  transcript.add(ctx, message, u32(end - message));
  if (sessionLength != 0 && !ctx.has(COMPATIBLE)) {
    ctx.flags |= COMPATIBLE;
    end = put8(header(end, CHANGE_CIPHER_SPEC, 1), 1);
  }
  return u32(end - ctx.buffer);
}
