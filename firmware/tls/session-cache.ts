// Sessions of TLS 1.2 and 1.0, by session ID (RFC 5246 section 7.4.1.2) or the ticket that is one, in NVM. Like tickets
// they live as long as the card knows the time, in the boot that made them; a full handshake writes one, in place of the
// oldest, so that the cells wear evenly.
//
//   entry, 80 bytes   0      1       8        12            16   24          72
//                     ┌──────┬───────┬────────┬─────────────┬────┬───────────┬───┐
//                     │ mark │ suite │ issued │ certificate │ ID │ master    │   │
//                     └──────┴───────┴────────┴─────────────┴────┴───────────┴───┘
//
// `mark` says first that there may be a secret, and last that there is a session. Power-on erases every secret that is marked
// (RFC 5246 appendix F.1.4: who has one decrypts what was sent under it), so that no session is an earlier boot's. An ID is
// the front of the server's random in TLS 1.2, which is in the context when the session is stored: it need not be secret.
import { Millis } from "../chip/clock.ts";
import * as nvm from "../chip/nvm.ts";
import { SESSION_BYTES, SESSION_COUNT, SESSIONS } from "../chip/nvm-map.ts";
import * as certificate from "./certificate.ts";
import { MASTER_BYTES, SESSION_ID_BYTES } from "./key-schedule-1-2.ts";
import * as ticket from "./ticket.ts";

const LIFETIME_MS: Millis = ticket.LIFETIME_S * 1000;
const SUITE: u32 = 1;
const ISSUED: u32 = 8;
const CERTIFICATE: u32 = 12;
const ID: u32 = 16;
const MASTER: u32 = ID + SESSION_ID_BYTES;
const COMMITTED: u32 = 0xa5;
/** An entry that is being written. */
const BEGUN: u32 = 0;

/** Erases what an earlier boot has left. */
export function powerOn(): void {
  for (let number: u32 = 1; number <= SESSION_COUNT; number++) forget(number);
}

/** Erases those that are too old. The clock wraps: called once a day or more often, it does not make them young again. */
export function expire(now: Millis): void {
  for (let number: u32 = 1; number <= SESSION_COUNT; number++) {
    if (age(entryAt(number), now) >= LIFETIME_MS) forget(number);
  }
}

/** Erases a session's master secret; the session is none any more. */
export function forget(number: u32): void {
  nvm.forget(entryAt(number), entryAt(number) + MASTER, MASTER_BYTES);
}

/** @returns the number of the session with this ID that has this suite and may be resumed, from 1 on; 0: there is none */
export function find(suite: u32, id: usize, now: Millis): u32 {
  for (let number: u32 = 1; number <= SESSION_COUNT; number++) {
    const entry = entryAt(number);
    if (age(entry, now) >= LIFETIME_MS || !nvm.equals(entry + ID, id, SESSION_ID_BYTES)) continue;
    const isSame =
      nvm.read(entry + SUITE) == (suite & 0xff) && nvm.read32(entry + CERTIFICATE) == certificate.identity();
    return isSame ? number : 0;
  }
  return 0;
}

/** Copies a session's master secret, MASTER_BYTES, for its owner to wipe. */
export function readMaster(number: u32, target: usize): void {
  nvm.copyIn(target, entryAt(number) + MASTER, MASTER_BYTES);
}

/** Keeps a session. @returns its number. CT: nothing leaks. */
export function keep(suite: u32, id: usize, master: usize, now: Millis): u32 {
  if (MASTER + MASTER_BYTES > SESSION_BYTES) ERROR("a session does not fit SESSION_BYTES");
  const number = oldest(now);
  const entry = entryAt(number);
  nvm.write(entry, BEGUN);
  nvm.write(entry + SUITE, suite);
  nvm.write32(entry + ISSUED, now);
  nvm.write32(entry + CERTIFICATE, certificate.identity());
  nvm.copyOut(entry + ID, id, SESSION_ID_BYTES);
  nvm.overwrite(entry + MASTER, master, MASTER_BYTES);
  nvm.write(entry, COMMITTED);
  return number;
}

/** A session that is none is older than all. */
function oldest(now: Millis): u32 {
  let found: u32 = 1;
  for (let number: u32 = 2; number <= SESSION_COUNT; number++) {
    if (age(entryAt(number), now) > age(entryAt(found), now)) found = number;
  }
  return found;
}

function age(entry: u32, now: Millis): Millis {
  return nvm.read(entry) == COMMITTED ? now - nvm.read32(entry + ISSUED) : u32.MAX_VALUE;
}

function entryAt(number: u32): u32 {
  return SESSIONS + (number - 1) * SESSION_BYTES;
}
