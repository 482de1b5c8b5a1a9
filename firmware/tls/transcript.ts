// The transcript's hash (RFC 8446 section 4.4.1): one rolling SHA-256 state, forked by copying whenever a value is
// needed. No message is stored (seed [220]-[223]).
import { CRYPTO } from "../chip/ram-map.ts";
import * as sha256 from "../crypto/sha256.ts";
import { put24, put8 } from "../buffer/cursors.ts";
import * as hkdf from "../crypto/hkdf.ts";
import { Context } from "./context.ts";

/** Scratch: where a value of the hash is put, and where the fork is finished; HKDF works in front of them. */
export const HASH: usize = CRYPTO + hkdf.SCRATCH_BYTES;
export const FORK: usize = HASH + sha256.DIGEST_BYTES;

const MESSAGE_HASH: u32 = 254;

export function init(ctx: Context): void {
  sha256.init(ctx.transcript);
}

/** Adds bytes of a handshake message, its header included. */
export function add(ctx: Context, data: usize, length: u32): void {
  sha256.update(ctx.transcript, data, length);
}

/** The hash of all messages so far. @returns its address, in scratch: 32 bytes */
export function hash(ctx: Context): usize {
  memory.copy(FORK, ctx.transcript, sha256.STATE_BYTES);
  sha256.final(FORK, HASH);
  return HASH;
}

/** After a HelloRetryRequest, message_hash stands for the first ClientHello. */
export function restart(ctx: Context): void {
  const digest = hash(ctx);
  init(ctx);
  put24(put8(CRYPTO, MESSAGE_HASH), sha256.DIGEST_BYTES);
  add(ctx, CRYPTO, 4);
  add(ctx, digest, sha256.DIGEST_BYTES);
}
