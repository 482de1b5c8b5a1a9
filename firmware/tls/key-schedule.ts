// The key schedule of RFC 8446 section 7.1. Without a PSK, Early Secret and what is derived of it are constants.
//
//   scratch    0               192    224          324     356
//              ┌───────────────┬──────┬────────────┬───────┐
//              │ HKDF          │ HASH │ FORK       │ KEY   │
//              └───────────────┴──────┴────────────┴───────┘
import { CRYPTO } from "../chip/ram-map.ts";
import { equal, wipe } from "../crypto/ct.ts";
import * as aead from "../crypto/aead.ts";
import * as hkdf from "../crypto/hkdf.ts";
import * as hmac from "../crypto/hmac.ts";
import * as sha256 from "../crypto/sha256.ts";
import {
  Context,
  IV,
  READ_PROTECTED,
  RESUMED,
  SECRET_BYTES,
  WANTS_TICKET,
  WRITE_PROTECTED,
} from "./context.ts";
import * as transcript from "./transcript.ts";
import { FORK } from "./transcript.ts";

const KEY: usize = FORK + sha256.STATE_BYTES;

// prettier-ignore
/** Derive-Secret(HKDF-Extract(0, 0), "derived", ""). */
const DERIVED_EARLY: usize = memory.data<u8>([
  0x6f, 0x26, 0x15, 0xa1, 0x08, 0xc7, 0x02, 0xc5, 0x67, 0x8f, 0x54, 0xfc, 0x9d, 0xba, 0xb6, 0x97,
  0x16, 0xc0, 0x76, 0x18, 0x9c, 0x48, 0x25, 0x0c, 0xeb, 0xea, 0xc3, 0x57, 0x6c, 0x36, 0x11, 0xba,
]);
// prettier-ignore
/** SHA-256 of nothing. */
const EMPTY_HASH: usize = memory.data<u8>([
  0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
  0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
]);

const C_HS: usize = memory.data<u8>([0x63, 0x20, 0x68, 0x73]); // "c hs"
const S_HS: usize = memory.data<u8>([0x73, 0x20, 0x68, 0x73]); // "s hs"
const C_AP: usize = memory.data<u8>([0x63, 0x20, 0x61, 0x70]); // "c ap"
const S_AP: usize = memory.data<u8>([0x73, 0x20, 0x61, 0x70]); // "s ap"
const TRAFFIC: usize = memory.data<u8>([0x20, 0x74, 0x72, 0x61, 0x66, 0x66, 0x69, 0x63]); // " traffic"
const TRAFFIC_UPD: usize = memory.data<u8>([
  0x74, 0x72, 0x61, 0x66, 0x66, 0x69, 0x63, 0x20, 0x75, 0x70, 0x64,
]); // "traffic upd"
const DERIVED: usize = memory.data<u8>([0x64, 0x65, 0x72, 0x69, 0x76, 0x65, 0x64]); // "derived"
const FINISHED: usize = memory.data<u8>([0x66, 0x69, 0x6e, 0x69, 0x73, 0x68, 0x65, 0x64]); // "finished"
const RES_MASTER: usize = memory.data<u8>([0x72, 0x65, 0x73, 0x20, 0x6d, 0x61, 0x73, 0x74, 0x65, 0x72]); // "res master"
const RES_BINDER: usize = memory.data<u8>([0x72, 0x65, 0x73, 0x20, 0x62, 0x69, 0x6e, 0x64, 0x65, 0x72]); // "res binder"
const RESUMPTION: usize = memory.data<u8>([0x72, 0x65, 0x73, 0x75, 0x6d, 0x70, 0x74, 0x69, 0x6f, 0x6e]); // "resumption"
/** One ticket a connection: its nonce need not change. */
export const TICKET_NONCE: usize = memory.data<u8>([0, 0]);
export const TICKET_NONCE_BYTES: u32 = 2;
/** Front of the client's Finished. */
const FINISHED_FRONT: usize = memory.data<u8>([20, 0, 0, 32]);
const LABEL_KEY: usize = memory.data<u8>([0x6b, 0x65, 0x79]); // "key"
const LABEL_IV: usize = memory.data<u8>([0x69, 0x76]); // "iv"

/**
 * From a PSK in C to the salt of the handshake secret in C.
 * CT: leaks only the result.
 * @returns false when the binder in B is not the PSK's over the hash in A (RFC 8446 section 4.2.11.2)
 */
export function takePsk(ctx: Context): bool {
  const early = ctx.secretC;
  const binder = ctx.sealing;
  hkdf.extract(0, 0, early, SECRET_BYTES, early, CRYPTO);
  expand(early, RES_BINDER, 10, EMPTY_HASH, SECRET_BYTES, binder, SECRET_BYTES);
  authenticate(binder, ctx.secretA, binder);
  expand(early, DERIVED, 7, EMPTY_HASH, SECRET_BYTES, early, SECRET_BYTES);
  return equal(binder, ctx.secretB, SECRET_BYTES);
}

/**
 * After ServerHello: from the ECDHE secret in B, and the PSK's salt in C, to the handshake traffic secrets in A and B, the
 * master secret in C.
 * CT: nothing leaks.
 */
export function handshakeSecrets(ctx: Context): void {
  const secret = ctx.secretC;
  const salt = ctx.has(RESUMED) ? secret : DERIVED_EARLY;
  hkdf.extract(salt, SECRET_BYTES, ctx.secretB, SECRET_BYTES, ctx.secretB, CRYPTO);
  memory.copy(secret, ctx.secretB, SECRET_BYTES);
  const hash = transcript.hash(ctx);
  deriveTraffic(secret, ctx.isClient ? S_HS : C_HS, hash, ctx.secretA);
  deriveTraffic(secret, ctx.isClient ? C_HS : S_HS, hash, ctx.secretB);
  expand(secret, DERIVED, 7, EMPTY_HASH, SECRET_BYTES, secret, SECRET_BYTES);
  wipe(KEY, SECRET_BYTES);
  hkdf.extract(secret, SECRET_BYTES, KEY, SECRET_BYTES, KEY, CRYPTO);
  memory.copy(secret, KEY, SECRET_BYTES);
  wipe(KEY, SECRET_BYTES);
}

/**
 * After the server's Finished: from the master secret in C to the application traffic secrets in B and C. The verify_data
 * that the client will send is in A: if a ticket is wanted, its PSK goes to where the transcript was.
 * CT: nothing leaks.
 */
export function applicationSecrets(ctx: Context): void {
  const master = ctx.secretC;
  const peers = ctx.sealing;
  const hash = transcript.hash(ctx);
  deriveTraffic(master, ctx.isClient ? C_AP : S_AP, hash, ctx.secretB);
  deriveTraffic(master, ctx.isClient ? S_AP : C_AP, hash, peers);
  if (ctx.has(WANTS_TICKET)) {
    transcript.add(ctx, FINISHED_FRONT, 4);
    transcript.add(ctx, ctx.secretA, SECRET_BYTES);
    expand(master, RES_MASTER, 10, transcript.hash(ctx), SECRET_BYTES, master, SECRET_BYTES);
    expand(master, RESUMPTION, 10, TICKET_NONCE, TICKET_NONCE_BYTES, ctx.transcript, SECRET_BYTES);
  }
  memory.copy(master, peers, SECRET_BYTES);
  wipe(peers, SECRET_BYTES);
}

/** The next application traffic secret in the place of `secret` (RFC 8446 section 7.2). CT: nothing leaks. */
export function update(secret: usize): void {
  expand(secret, TRAFFIC_UPD, 11, 0, 0, secret, SECRET_BYTES);
}

/** From now on we send under the keys of `secret`. CT: nothing leaks. */
export function installWrite(ctx: Context, secret: usize): void {
  trafficKeys(ctx, secret, ctx.writeKey);
  ctx.writeSeq = 0;
  ctx.flags |= WRITE_PROTECTED;
}

/** From now on we receive under the keys of `secret`. CT: nothing leaks. */
export function installRead(ctx: Context, secret: usize): void {
  trafficKeys(ctx, secret, ctx.readKey);
  ctx.readSeq = 0;
  ctx.flags |= READ_PROTECTED;
}

/**
 * The verify_data of a Finished message, over the messages so far (RFC 8446 section 4.4.4).
 * @param secret the sender's handshake traffic secret @param out 32 bytes; may be `secret`
 * CT: nothing leaks.
 */
export function verifyData(ctx: Context, secret: usize, out: usize): void {
  authenticate(secret, transcript.hash(ctx), out);
}

/** The code of a Finished or a binder. @param out may be `secret` */
function authenticate(secret: usize, hash: usize, out: usize): void {
  expand(secret, FINISHED, 8, 0, 0, KEY, SECRET_BYTES);
  hmac.mac(KEY, SECRET_BYTES, hash, SECRET_BYTES, out, CRYPTO);
  wipe(KEY, SECRET_BYTES);
}

function trafficKeys(ctx: Context, secret: usize, key: usize): void {
  expand(secret, LABEL_KEY, 3, 0, 0, key, aead.keyBytes(ctx.suite));
  expand(secret, LABEL_IV, 2, 0, 0, key + IV, aead.NONCE_BYTES);
}

/** Derive-Secret(secret, who ‖ " traffic", messages). @param who four letters */
function deriveTraffic(secret: usize, who: usize, hash: usize, out: usize): void {
  memory.copy(FORK, who, 4);
  memory.copy(FORK + 4, TRAFFIC, 8);
  expand(secret, FORK, 12, hash, SECRET_BYTES, out, SECRET_BYTES);
}

function expand(
  secret: usize,
  label: usize,
  labelLength: u32,
  context: usize,
  contextLength: u32,
  out: usize,
  outLength: u32,
): void {
  hkdf.expandLabel(secret, label, labelLength, context, contextLength, out, outLength, CRYPTO);
}
