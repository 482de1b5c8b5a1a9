// The secrets of TLS 1.2 (RFC 5246 sections 6.3, 8.1, 7.4.9; RFC 7627). Everything is derived in one go, at the end of the
// buffer: what both sides will say in Finished follows from the messages so far, since the first Finished is known before
// it comes.
//
//   buffer   0            120      168         256
//            ┌────────────┬────────┬───────────┐
//            │ ServerHello│ master │ key block │
//            └────────────┴────────┴───────────┘
import { CRYPTO } from "../chip/ram-map.ts";
import { put24, put8 } from "../buffer/cursors.ts";
import * as aead from "../crypto/aead.ts";
import { wipe } from "../crypto/ct.ts";
import * as prf from "../crypto/prf.ts";
import { AES_128_GCM } from "../crypto/aead.ts";
import { Context, EXTENDED_MASTER, IV, RESUMED, SECRET_BYTES, WANTS_TICKET } from "./context.ts";
import * as newSessionTicket from "./new-session-ticket-1-2.ts";
import * as transcript from "./transcript.ts";
import { HASH } from "./transcript.ts";

export const MASTER_BYTES: u32 = 48;
export const VERIFY_BYTES: u32 = 12;
/** What fits behind the verify_data of both sides. */
export const SESSION_ID_BYTES: u32 = 8;
const FINISHED: u32 = 20;
const KEY_BLOCK_BYTES: u32 = 88;
/** Bytes of the buffer that stay as they are. */
export const ROOM: u32 = TLS_BUFFER - MASTER_BYTES - KEY_BLOCK_BYTES;

const MASTER_SECRET: usize = memory.data<u8>([
  0x6d, 0x61, 0x73, 0x74, 0x65, 0x72, 0x20, 0x73, 0x65, 0x63, 0x72, 0x65, 0x74,
]); // "master secret"
const EXTENDED: usize = memory.data<u8>([
  0x65, 0x78, 0x74, 0x65, 0x6e, 0x64, 0x65, 0x64, 0x20, 0x6d, 0x61, 0x73, 0x74, 0x65, 0x72, 0x20, 0x73, 0x65,
  0x63, 0x72, 0x65, 0x74,
]); // "extended master secret"
const KEY_EXPANSION: usize = memory.data<u8>([
  0x6b, 0x65, 0x79, 0x20, 0x65, 0x78, 0x70, 0x61, 0x6e, 0x73, 0x69, 0x6f, 0x6e,
]); // "key expansion"
const CLIENT_FINISHED: usize = memory.data<u8>([
  0x63, 0x6c, 0x69, 0x65, 0x6e, 0x74, 0x20, 0x66, 0x69, 0x6e, 0x69, 0x73, 0x68, 0x65, 0x64,
]); // "client finished"
const SERVER_FINISHED: usize = memory.data<u8>([
  0x73, 0x65, 0x72, 0x76, 0x65, 0x72, 0x20, 0x66, 0x69, 0x6e, 0x69, 0x73, 0x68, 0x65, 0x64,
]); // "server finished"

/** Where our verify_data is, behind the peer's; both in A. */
export function ours(ctx: Context): usize {
  return ctx.secretA + VERIFY_BYTES;
}

/** Where the ID of the session is, behind that. */
export function sessionId(ctx: Context): usize {
  return ctx.secretA + 2 * VERIFY_BYTES;
}

/** Where the master secret is before derive(). */
export function masterAt(ctx: Context): usize {
  return ctx.buffer + ROOM;
}

/** From the premaster secret in A to the master secret; nothing else is in the buffer. CT: nothing leaks. */
export function makeMaster(ctx: Context): void {
  if (CRYPTO + prf.SCRATCH_BYTES > HASH) ERROR("the PRF works where the transcript's hash is");
  const master = masterAt(ctx);
  if (ctx.has(EXTENDED_MASTER)) {
    prf.expand(
      ctx.secretA,
      SECRET_BYTES,
      EXTENDED,
      22,
      transcript.hash(ctx),
      SECRET_BYTES,
      master,
      MASTER_BYTES,
      CRYPTO,
    );
    return;
  }
  const randoms = ctx.buffer;
  memory.copy(randoms, ctx.secretC, SECRET_BYTES);
  memory.copy(randoms + SECRET_BYTES, ctx.secretB, SECRET_BYTES);
  prf.expand(
    ctx.secretA,
    SECRET_BYTES,
    MASTER_SECRET,
    13,
    randoms,
    2 * SECRET_BYTES,
    master,
    MASTER_BYTES,
    CRYPTO,
  );
}

/**
 * From the master secret in the buffer and the randoms to both sides' keys, and to what both will say in Finished, in A. The
 * master secret goes to B, the front of our random, which was there, behind the verify_data. CT: nothing leaks.
 */
export function derive(ctx: Context): void {
  if (newSessionTicket.TICKET_BYTES != SESSION_ID_BYTES) ERROR("a ticket is a session ID");
  const master = masterAt(ctx);
  const block = master + MASTER_BYTES;
  prf.expand(
    master,
    MASTER_BYTES,
    KEY_EXPANSION,
    13,
    ctx.secretB,
    2 * SECRET_BYTES,
    block,
    KEY_BLOCK_BYTES,
    CRYPTO,
  );
  const keyBytes = aead.keyBytes(ctx.suite);
  const ivBytes: u32 = ctx.suite == AES_128_GCM ? 4 : aead.NONCE_BYTES;
  const clients = ctx.isClient ? ctx.writeKey : ctx.readKey;
  const servers = ctx.isClient ? ctx.readKey : ctx.writeKey;
  memory.copy(clients, block, keyBytes);
  memory.copy(servers, block + keyBytes, keyBytes);
  memory.copy(clients + IV, block + 2 * keyBytes, ivBytes);
  memory.copy(servers + IV, block + 2 * keyBytes + ivBytes, ivBytes);
  if (ctx.has(RESUMED)) {
    verifyData(ctx, SERVER_FINISHED, ours(ctx));
    verifyData(ctx, CLIENT_FINISHED, ctx.secretA);
  } else if (ctx.isClient) {
    verifyData(ctx, CLIENT_FINISHED, ours(ctx));
    verifyData(ctx, SERVER_FINISHED, ctx.secretA);
  } else {
    verifyData(ctx, CLIENT_FINISHED, ctx.secretA);
    if (ctx.has(WANTS_TICKET))
      transcript.add(ctx, CRYPTO, u32(newSessionTicket.write(CRYPTO, ctx.secretB) - CRYPTO));
    verifyData(ctx, SERVER_FINISHED, ours(ctx));
  }
  memory.copy(sessionId(ctx), ctx.secretB, SESSION_ID_BYTES);
  memory.copy(ctx.secretB, master, MASTER_BYTES);
  wipe(master, MASTER_BYTES + KEY_BLOCK_BYTES);
}

/** Over the messages so far; the message with it becomes one of them. */
function verifyData(ctx: Context, label: usize, out: usize): void {
  prf.expand(
    masterAt(ctx),
    MASTER_BYTES,
    label,
    15,
    transcript.hash(ctx),
    SECRET_BYTES,
    out,
    VERIFY_BYTES,
    CRYPTO,
  );
  put24(put8(CRYPTO, FINISHED), VERIFY_BYTES);
  transcript.add(ctx, CRYPTO, 4);
  transcript.add(ctx, out, VERIFY_BYTES);
}
