// KeyUpdate (RFC 8446 section 4.6.3), the only handshake message that a client may send after its Finished.
import { put24, put8 } from "../buffer/cursors.ts";
import * as socket from "../socket/socket.ts";
import * as alert from "./alert.ts";
import { Context, KEY_UPDATE_DUE, RECORD_OPEN, REFUSAL_DUE } from "./context.ts";
import * as keySchedule from "./key-schedule.ts";
import { HANDSHAKE, HEADER_BYTES, sendAlert, sendControl } from "./record-out.ts";

const KEY_UPDATE: u32 = 24;
const MESSAGE_BYTES: u32 = 5;
const NOT_REQUESTED: u32 = 0;
const REQUESTED: u32 = 1;
/** Records under one key, far below the limit of AES-GCM (section 5.5). In TLS 1.2, where a key can't be replaced: in all. */
const RECORDS_MAX: u32 = 1 << 22;

const HELLO_REQUEST: u32 = 0;
const CLIENT_HELLO: u32 = 1;

/** TLS 1.2: a record that is to begin another handshake. @returns 0, or the alert that it deserves */
export function readTls12(ctx: Context, data: usize): u32 {
  if (load<u8>(data) != (ctx.isClient ? HELLO_REQUEST : CLIENT_HELLO)) return alert.UNEXPECTED_MESSAGE;
  ctx.flags |= REFUSAL_DUE;
  return 0;
}

/**
 * Reads the next bytes of one, which have been authenticated and end their record.
 * @returns 0, or the alert that they deserve
 */
export function read(ctx: Context, data: usize, length: u32): u32 {
  for (let i: u32 = 0; i < length; i++) {
    const byte: u32 = load<u8>(data + i);
    const at: u32 = ctx.position++;
    if (at == 0 && byte != KEY_UPDATE) return alert.UNEXPECTED_MESSAGE;
    if (at != 0 && at < MESSAGE_BYTES - 1 && byte != (at == 3 ? 1 : 0)) return alert.DECODE_ERROR;
    if (at < MESSAGE_BYTES - 1) continue;
    if (byte > REQUESTED) return alert.ILLEGAL_PARAMETER;
    if (i + 1 < length) return alert.UNEXPECTED_MESSAGE; // keys change behind it: it ends its record (section 5.1)
    ctx.position = 0;
    if (byte == REQUESTED) ctx.flags |= KEY_UPDATE_DUE;
    keySchedule.update(ctx.secretC);
    keySchedule.installRead(ctx, ctx.secretC);
  }
  return 0;
}

/** Must one, or in TLS 1.2 a refusal or the end, be sent before further data? */
export function isDue(ctx: Context): bool {
  return ctx.has(KEY_UPDATE_DUE | REFUSAL_DUE) || isWornOut(ctx);
}

function isWornOut(ctx: Context): bool {
  return ctx.writeSeq >= RECORDS_MAX;
}

/** Sends one if it is due, because the client asked or the key is worn out. @returns true when a record may be sent now */
export function flush(ctx: Context): bool {
  if (ctx.has(RECORD_OPEN) || socket.outstanding(ctx.socket) != 0) return false;
  if (!isDue(ctx)) return true;
  if (ctx.isTls12) return isWornOut(ctx) ? retire(ctx) : refuse(ctx);
  const message = put24(put8(ctx.secretA + HEADER_BYTES, KEY_UPDATE), 1);
  put8(message, NOT_REQUESTED);
  sendControl(ctx, HANDSHAKE, MESSAGE_BYTES);
  ctx.streamSeq -= ctx.writeSeq; // which begins with 0 again
  keySchedule.update(ctx.secretB);
  keySchedule.installWrite(ctx, ctx.secretB);
  ctx.flags &= ~KEY_UPDATE_DUE;
  return false;
}

/**
 * TLS 1.2, whose key is worn out and can't be replaced: a record's number, which is the nonce, never wraps (RFC 5246
 * section 6.1, RFC 5288 section 3).
 */
function retire(ctx: Context): bool {
  alert.closeNotify(ctx);
  return true; // whatever is called next says so
}

/** RFC 5246 section 7.2.2. */
function refuse(ctx: Context): bool {
  sendAlert(ctx, alert.WARNING, alert.NO_RENEGOTIATION);
  ctx.flags &= ~REFUSAL_DUE;
  return false;
}
