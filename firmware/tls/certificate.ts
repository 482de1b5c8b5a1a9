// Certificate (RFC 8446 section 4.4.2), sent in pieces straight from the file "/.certificate" in NVM.
//
//   the file       u24 length ‖ DER,  ...                the card's own certificate first
//   the message    u24 length ‖ DER ‖ 00 00,  ...        no certificate has extensions; in TLS 1.2 none can (RFC 5246 7.4.2)
import { CRYPTO } from "../chip/ram-map.ts";
import { get24, put24, put8 } from "../buffer/cursors.ts";
import * as files from "../files/files.ts";
import { Context } from "./context.ts";

const CERTIFICATE: u32 = 11;
/** Message header, empty request context, length of the list. */
export const FRONT_BYTES: u32 = 4 + 1 + 3;
const LENGTH_BYTES: u32 = 3;
const EXTENSIONS_BYTES: u32 = 2;

// prettier-ignore
/** "/.certificate" */
const NAME: usize = memory.data<u8>([0x2f, 0x2e, 0x63, 0x65, 0x72, 0x74, 0x69, 0x66, 0x69, 0x63, 0x61, 0x74, 0x65]);
const NAME_BYTES: u32 = 13;

/** @returns the file with the card's certificate, negative when there is none */
export function file(): i32 {
  return files.find(NAME, NAME_BYTES);
}

/** Opens the card's certificate. @returns false when there is none */
export function open(ctx: Context): bool {
  const found = file();
  if (found < 0) return false;
  ctx.file = u8(found);
  ctx.offset = 0;
  ctx.entryLeft = 0;
  return listBytes(ctx, found) != 0;
}

/** @returns a number that changes with the card's certificate */
export function identity(): u32 {
  const found = file();
  return found < 0 ? 0 : files.etag(found);
}

/** Writes the message up to its list at `at`: FRONT_BYTES. @returns the address behind it */
export function writeFront(ctx: Context, at: usize): usize {
  const list = listBytes(ctx, ctx.file);
  if (ctx.isTls12) return put24(put24(put8(at, CERTIFICATE), list + LENGTH_BYTES), list);
  return put24(put8(put24(put8(at, CERTIFICATE), list + 1 + LENGTH_BYTES), 0), list);
}

/** Writes the next bytes of the list at `at`, `room` at most. @returns the address behind them; `at` at the end of the list */
export function writePiece(ctx: Context, at: usize, room: u32): usize {
  if (ctx.entryLeft == 0 && !openEntry(ctx)) return at;
  if (ctx.entryLeft <= extensionsBytes(ctx)) {
    ctx.entryLeft--;
    return put8(at, 0);
  }
  const bytes = files.read(ctx.file, ctx.offset, at, min(room, u32(ctx.entryLeft) - extensionsBytes(ctx)));
  ctx.offset += u16(bytes);
  ctx.entryLeft -= u16(bytes);
  return at + bytes;
}

/** Has the list been written? */
export function isWritten(ctx: Context): bool {
  return ctx.entryLeft == 0 && ctx.offset >= files.size(ctx.file);
}

function extensionsBytes(ctx: Context): u32 {
  return ctx.isTls12 ? 0 : EXTENSIONS_BYTES;
}

function openEntry(ctx: Context): bool {
  if (files.read(ctx.file, ctx.offset, CRYPTO, LENGTH_BYTES) < LENGTH_BYTES) return false;
  ctx.entryLeft = u16(LENGTH_BYTES + get24(CRYPTO) + extensionsBytes(ctx));
  return true;
}

/** @returns bytes of the message's list, 0 when the file is no list of certificates */
function listBytes(ctx: Context, file: i32): u32 {
  const size = files.size(file);
  let total = size;
  for (let at: u32 = 0; at < size; total += extensionsBytes(ctx)) {
    if (files.read(file, at, CRYPTO, LENGTH_BYTES) < LENGTH_BYTES) return 0;
    at += LENGTH_BYTES + get24(CRYPTO);
    if (at > size) return 0;
  }
  return size <= FILE_MAX ? total : 0;
}

/** Offsets are kept in 16 bits. */
const FILE_MAX: u32 = 32768;
