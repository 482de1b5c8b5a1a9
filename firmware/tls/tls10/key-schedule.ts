// The secrets of TLS 1.0 (RFC 2246 sections 6.3, 8.1, 7.4.9), derived behind the front of the buffer. What both sides will
// say in Finished follows from the messages so far, since the first Finished is known before it comes.
//
//   buffer   0              64                        144          248
//            ┌──────────────┬─────────────────────────┬────────────┐
//            │ ServerHello  │ label ‖ randoms, hashes │ key block  │
//            └──────────────┴─────────────────────────┴────────────┘
import { CRYPTO, CRYPTO_BYTES } from "../../chip/ram-map.ts";
import { put24, put8, putBytes } from "../../buffer/cursors.ts";
import * as cbc from "../../crypto/cbc.ts";
import { wipe } from "../../crypto/ct.ts";
import { MAC_BYTES } from "../../crypto/mac-then-encrypt.ts";
import * as prf from "../../crypto/prf-1-0.ts";
import { Context, IV, KEY, MASTER_BYTES, RANDOM_BYTES, RESUMED, VERIFY_BYTES } from "./context.ts";
import * as transcript from "./transcript.ts";

export const FINISHED: u32 = 20;
/** Bytes of the buffer that stay as they are. */
export const ROOM: u32 = 64;
const BLOCK: u32 = 144;
const BLOCK_MAX: u32 = 2 * (MAC_BYTES + cbc.KEY_MAX + cbc.BLOCK_MAX);

function MASTER_SECRET(): usize {
  return memory.data<u8>([0x6d, 0x61, 0x73, 0x74, 0x65, 0x72, 0x20, 0x73, 0x65, 0x63, 0x72, 0x65, 0x74]); // "master secret"
}
function KEY_EXPANSION(): usize {
  return memory.data<u8>([0x6b, 0x65, 0x79, 0x20, 0x65, 0x78, 0x70, 0x61, 0x6e, 0x73, 0x69, 0x6f, 0x6e]); // "key expansion"
}
const KEY_LABEL_BYTES: u32 = 13;
function CLIENT_FINISHED(): usize {
  return memory.data<u8>([
    0x63, 0x6c, 0x69, 0x65, 0x6e, 0x74, 0x20, 0x66, 0x69, 0x6e, 0x69, 0x73, 0x68, 0x65, 0x64,
  ]); // "client finished"
}
function SERVER_FINISHED(): usize {
  return memory.data<u8>([
    0x73, 0x65, 0x72, 0x76, 0x65, 0x72, 0x20, 0x66, 0x69, 0x6e, 0x69, 0x73, 0x68, 0x65, 0x64,
  ]); // "server finished"
}
const FINISHED_LABEL_BYTES: u32 = 15;

/** From the pre-master secret, 48 bytes, in the place of the master secret, to that (seed [212]). CT: nothing leaks. */
export function makeMaster(ctx: Context): void {
  const at = ctx.buffer + ROOM;
  const seed = putBytes(at, MASTER_SECRET(), KEY_LABEL_BYTES);
  putBytes(putBytes(seed, ctx.clientRandom, RANDOM_BYTES), ctx.serverRandom, RANDOM_BYTES);
  const out = ctx.buffer + BLOCK;
  expand(ctx, at, KEY_LABEL_BYTES + 2 * RANDOM_BYTES, out, MASTER_BYTES);
  memory.copy(ctx.master, out, MASTER_BYTES);
  wipe(out, MASTER_BYTES);
}

/** From the master secret and the randoms to both sides' keys. CT: nothing leaks. */
export function derive(ctx: Context): void {
  if (BLOCK + BLOCK_MAX > u32(TLS_BUFFER)) ERROR("the key block does not fit the buffer");
  const at = ctx.buffer + ROOM;
  const seed = putBytes(at, KEY_EXPANSION(), KEY_LABEL_BYTES);
  putBytes(putBytes(seed, ctx.serverRandom, RANDOM_BYTES), ctx.clientRandom, RANDOM_BYTES);
  const block = ctx.buffer + BLOCK;
  const keyBytes = cbc.keyBytes(ctx.cipher);
  const ivBytes = cbc.blockBytes(ctx.cipher);
  expand(ctx, at, KEY_LABEL_BYTES + 2 * RANDOM_BYTES, block, 2 * (MAC_BYTES + keyBytes + ivBytes));
  let from = take(ctx.readKeys, ctx.writeKeys, block, MAC_BYTES);
  from = take(ctx.readKeys + KEY, ctx.writeKeys + KEY, from, keyBytes);
  take(ctx.readKeys + IV, ctx.writeKeys + IV, from, ivBytes);
  wipe(block, BLOCK_MAX);
}

/**
 * What a side will say in Finished, over the messages so far; the message with it becomes one of them.
 * @param isOurs ours goes first when a session is resumed, the client's else. CT: nothing leaks.
 */
export function verifyData(ctx: Context, isOurs: bool): void {
  if (transcript.STATE_BYTES > CRYPTO_BYTES) ERROR("the transcript does not fit CRYPTO_BYTES");
  const at = ctx.buffer + ROOM;
  const out = isOurs ? ctx.ours : ctx.theirs;
  const hashes = putBytes(at, isOurs ? SERVER_FINISHED() : CLIENT_FINISHED(), FINISHED_LABEL_BYTES);
  transcript.hashes(ctx.transcript, hashes, ctx.has(RESUMED) ? CRYPTO : 0);
  expand(ctx, at, FINISHED_LABEL_BYTES + transcript.HASHES_BYTES, out, VERIFY_BYTES);
  put24(put8(at, FINISHED), VERIFY_BYTES);
  transcript.add(ctx.transcript, at, 4);
  transcript.add(ctx.transcript, out, VERIFY_BYTES);
}

/** The client's part of the key block, then ours. @returns the address behind them */
function take(read: usize, write: usize, from: usize, bytes: u32): usize {
  memory.copy(read, from, bytes);
  memory.copy(write, from + bytes, bytes);
  return from + 2 * bytes;
}

/** The PRF of the master secret, or of what is in its place. */
function expand(ctx: Context, labelled: usize, length: u32, out: usize, outLength: u32): void {
  if (prf.SCRATCH_BYTES > CRYPTO_BYTES) ERROR("the PRF does not fit CRYPTO_BYTES");
  prf.expand(ctx.master, MASTER_BYTES, labelled, length, out, outLength, CRYPTO);
}
