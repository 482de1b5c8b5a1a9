// Tickets (RFC 8446 section 4.6.1, appendix C.4): a session, encrypted for this card alone and kept by the client, so that
// no connection costs RAM or a write to NVM.
//
//   0       12           44       48        52            56    72
//   ┌───────┬────────────┬────────┬─────────┬─────────────┬─────┐
//   │ nonce │ PSK        │ issued │ age_add │ certificate │ tag │   ChaCha20-Poly1305 from PSK to certificate
//   └───────┴────────────┴────────┴─────────┴─────────────┴─────┘
//
// They are opened while they are young, by the card that made them and still has the certificate that it had then. The
// clock starts anew with each power-on, so a ticket's age is known only until power fails: the key is made for one boot, on
// demand, and again when it is a day old. The next power-on erases it, a half-written one too.
//
//   TICKET_KEY   0      8      12           44
//                ┌──────┬──────┬────────────┐
//                │ mark │ born │ key        │   mark: says first that there may be a key, and last that there is one
//                └──────┴──────┴────────────┘
//
// A ticket may be used again: with fresh ECDHE shares and no early data nothing can be replayed, and every connection
// gets a new one, so that clients that use theirs once never run out (RFC 8446 section 8, appendix C.4).
import { Millis } from "../chip/clock.ts";
import * as nvm from "../chip/nvm.ts";
import { TICKET_KEY, TICKET_KEY_BYTES } from "../chip/nvm-map.ts";
import { CRYPTO } from "../chip/ram-map.ts";
import * as aead from "../crypto/aead.ts";
import { equal, wipe } from "../crypto/ct.ts";
import * as declassify from "../crypto/declassify.ts";
import * as drbg from "../crypto/drbg.ts";
import * as certificate from "./certificate.ts";
import { Context, KEYS_BYTES, SECRET_BYTES } from "./context.ts";

export const TICKET_BYTES: u32 = 72;
/** How long a ticket is good for, seconds. */
export const LIFETIME_S: u32 = 7200;
/** Bytes of memory that seal() works in. */
export const WORKSPACE_BYTES: u32 = SECRET_BYTES;

const LIFETIME_MS: Millis = LIFETIME_S * 1000;
const KEY_LIFETIME_MS: Millis = 24 * 3600 * 1000;
/** By how much a client may misjudge the age of its ticket: s_client counts seconds, and our link is slow. */
const TOLERANCE_MS: Millis = 10_000;

const PSK: usize = aead.NONCE_BYTES;
const ISSUED: usize = PSK + SECRET_BYTES;
const AGE_ADD: usize = ISSUED + 4;
const CERTIFICATE: usize = AGE_ADD + 4;
const TAG: usize = CERTIFICATE + 4;
/** Behind a ticket in ClientHello. */
const OBFUSCATED_AGE: usize = TICKET_BYTES;

const MARK: u32 = TICKET_KEY;
const BORN: u32 = MARK + 8;
const KEY: u32 = BORN + 4;
const KEY_BYTES: u32 = 32;
const COMMITTED: u32 = 0xa5;
/** A key that is being written. */
const BEGUN: u32 = 0;

/** Erases the key: at power-on that of an earlier boot. */
export function forget(): void {
  nvm.forget(MARK, KEY, KEY_BYTES);
}

/** Erases a key that is worn out: its tickets do not become young again when the clock wraps. */
export function expire(now: Millis): void {
  if (now - nvm.read32(BORN) >= KEY_LIFETIME_MS) forget();
}

/**
 * Makes a ticket of a PSK.
 * @param at TICKET_BYTES @param ageAdd random @param workspace WORKSPACE_BYTES. CT: nothing leaks.
 */
export function seal(ctx: Context, at: usize, psk: usize, ageAdd: u32, workspace: usize, now: Millis): void {
  drbg.fill(at, aead.NONCE_BYTES);
  memory.copy(at + PSK, psk, SECRET_BYTES);
  store<u32>(at + ISSUED, now);
  store<u32>(at + AGE_ADD, ageAdd);
  store<u32>(at + CERTIFICATE, certificate.identity());
  if (!readKey(workspace, now)) makeKey(workspace, now);
  aead.begin(ctx.sealing, aead.CHACHA20_POLY1305, workspace, at, 0, 0, CRYPTO);
  aead.encrypt(ctx.sealing, workspace, at + PSK, u32(TAG - PSK), CRYPTO);
  aead.tag(ctx.sealing, workspace, at + TAG, CRYPTO);
  wipe(workspace, KEY_BYTES);
}

/**
 * Opens the ticket that the ClientHello brought, from where the keys will be. CT: leaks only the result.
 * @returns true with its PSK in C, when it is ours and fresh
 */
export function open(ctx: Context, now: Millis): bool {
  const at = ctx.writeKey;
  if (TICKET_BYTES + 4 > 2 * KEYS_BYTES) ERROR("a ticket does not fit the place of the keys");
  const key = ctx.secretC;
  if (!readKey(key, now)) return false;
  aead.begin(ctx.sealing, aead.CHACHA20_POLY1305, key, at, 0, 0, CRYPTO);
  aead.decrypt(ctx.sealing, key, at + PSK, u32(TAG - PSK), CRYPTO);
  aead.tag(ctx.sealing, key, ctx.buffer, CRYPTO);
  memory.copy(key, at + PSK, SECRET_BYTES);
  const isGood = equal(ctx.buffer, at + TAG, aead.TAG_BYTES) && isFresh(at, now);
  wipe(at, TICKET_BYTES);
  if (!isGood) wipe(key, SECRET_BYTES);
  return isGood;
}

function isFresh(ticket: usize, now: Millis): bool {
  declassify.bytes(ticket + ISSUED, u32(TAG - ISSUED)); // it is ours, and the client knows since when it has it
  const age = now - load<u32>(ticket + ISSUED);
  const claimed = bswap<u32>(load<u32>(ticket + OBFUSCATED_AGE)) - load<u32>(ticket + AGE_ADD);
  const isBelievable = claimed - age + TOLERANCE_MS <= 2 * TOLERANCE_MS;
  return isBelievable && age < LIFETIME_MS && load<u32>(ticket + CERTIFICATE) == certificate.identity();
}

/** @returns false when there is no key, or it is worn out */
function readKey(out: usize, now: Millis): bool {
  if (nvm.read(MARK) != COMMITTED) return false;
  nvm.copyIn(out, KEY, KEY_BYTES);
  return now - nvm.read32(BORN) < KEY_LIFETIME_MS;
}

function makeKey(out: usize, now: Millis): void {
  if (KEY + KEY_BYTES > TICKET_KEY + TICKET_KEY_BYTES) ERROR("the ticket key does not fit TICKET_KEY_BYTES");
  nvm.write(MARK, BEGUN);
  drbg.fill(out, KEY_BYTES);
  nvm.overwrite(KEY, out, KEY_BYTES);
  nvm.write32(BORN, now);
  nvm.write(MARK, COMMITTED);
}
