// Application data as a stream of records that can be made again (seed [244], RFC 8446 section 5.3). While a stream lasts,
// what stands in a record follows from its number alone:
//
//   plaintext   0            C            2C           3C      total       C  contentMax()
//               ├────────────┼────────────┼────────────┼─────────┤
//   records     ├──────────────┼──────────────┼──────────────┼───────────┤     C + what a record adds
//              at            number `first`, one more, …
//
// So a record that was lost is sealed once more, from the same plaintext and under the same number: the very same bytes.
// Nothing else may ever be sealed under that number. Hence: numbers beyond writeSeq are never used, writeSeq never goes
// back, and the application proves before each piece that the source of its plaintext is what it was.
import * as socket from "../socket/socket.ts";
import * as alert from "./alert.ts";
import { Context } from "./context.ts";
import * as keyUpdate from "./key-update.ts";
import { APPLICATION_DATA, contentMax, recordBytes, seal } from "./record-out.ts";

/** Begins a stream with the next record. @returns false while the socket has something else to send: ask again */
export function begin(ctx: Context): bool {
  if (!keyUpdate.flush(ctx)) return false;
  ctx.streamAt = socket.position(ctx.socket);
  ctx.streamSeq = ctx.writeSeq;
  return true;
}

/**
 * @param total bytes of the stream's plaintext
 * @returns offset of the plaintext whose record has to be sent next; `total` when all has been sent; EAGAIN: nothing can
 *   be sent now; or an error
 */
export function wanted(ctx: Context, total: u32): i32 {
  const ready = socket.ready(ctx.socket);
  if (ready & socket.FAILED) return alert.abandon(ctx, socket.recvStatus(ctx.socket));
  if (!(ready & socket.WRITABLE)) return socket.EAGAIN;
  const content = contentMax(ctx);
  const record = recordBytes(ctx, content);
  const at = socket.position(ctx.socket) - ctx.streamAt;
  if (at >= total + ((total + content - 1) / content) * (record - content)) return total;
  const index = at / record;
  const isNew = ctx.streamSeq + index == ctx.writeSeq;
  if (isNew && keyUpdate.isDue(ctx)) return changeKeys(ctx, index);
  return index * content;
}

/**
 * Makes the record of the plaintext that stands at front() of the buffer, for the first time or again.
 * @param offset as wanted() has told @param bytes contentMax(), or what is left of the stream @param isLast the latter
 * @returns bytes taken, or an error
 */
export function send(ctx: Context, offset: u32, bytes: u32, isLast: bool): i32 {
  const content = contentMax(ctx);
  const index = offset / content;
  const newest = ctx.writeSeq;
  const number = ctx.streamSeq + index;
  if (offset % content != 0 || bytes > content || i32(newest - number) < 0)
    return alert.fail(ctx, alert.INTERNAL_ERROR);
  ctx.writeSeq = number;
  const length = u32(seal(ctx, ctx.buffer, APPLICATION_DATA, bytes) - ctx.buffer);
  if (number != newest) ctx.writeSeq = newest;
  const at = ctx.streamAt + index * recordBytes(ctx, content);
  const result = socket.sendAt(ctx.socket, at, ctx.buffer, length, isLast ? 0 : socket.MSG_MORE);
  return result < 0 ? alert.abandon(ctx, result) : bytes;
}

/** A KeyUpdate goes between two records, once all before it has been acknowledged; the map is laid anew around it. */
function changeKeys(ctx: Context, index: u32): i32 {
  if (socket.outstanding(ctx.socket) != 0) return socket.EAGAIN;
  keyUpdate.flush(ctx);
  ctx.streamAt += socket.outstanding(ctx.socket);
  ctx.streamSeq = ctx.writeSeq - index;
  return socket.EAGAIN;
}
