// Application data as a stream of records that can be made again (seed [244], RFC 8446 section 5.3). While a stream lasts,
// what stands at each of its positions in TCP follows from the plaintext alone. A record is sent in pieces, each a segment
// and no longer than the buffer:
//
//   plaintext   0         F                             F+C                           F+2C    total     F, C: see below
//               ├─────────┼─────────┬─────────┬─────────┼─────────┬─────────┬─────────┼───────┤
//   TCP         ├───────────┼──────────┬─────────┬────────┼──────────┬─────────┬────────┼─────────┤    and what a record adds
//            streamAt   record `streamSeq`, then one more each
//
// The first record is one piece, so that the peer can begin to read at once; the others are as many as TLS_RECORD_SEND
// bytes hold, for the peer gets nothing of a record before its tag. The state of the AEAD waits in the context from one
// piece to the next. When a piece is wanted that does not follow, because something was lost, its record is begun again:
// the pieces before it are sealed once more, only that they are not sent.
//
// So what was lost is made from the same plaintext under the same number: the very same bytes. Nothing else may ever be
// sealed under that number. Hence: numbers beyond writeSeq are never used, writeSeq never goes back, and the application
// proves before each piece that the source of its plaintext, and its length, is what it was. And nothing else is sent in the
// midst of a record (RECORD_OPEN): if it can't be ended, the connection is reset.
import { CRYPTO } from "../chip/ram-map.ts";
import * as aead from "../crypto/aead.ts";
import { wipe } from "../crypto/ct.ts";
import * as socket from "../socket/socket.ts";
import * as alert from "./alert.ts";
import { Context, RECORD_OPEN } from "./context.ts";
import * as keyUpdate from "./key-update.ts";
import { APPLICATION_DATA, beginRecord, endRecord, front, recordBytes } from "./record-out.ts";

/** Begins a stream with the next record. @returns false while the socket has something else to send: ask again */
export function begin(ctx: Context): bool {
  if (!keyUpdate.flush(ctx)) return false;
  ctx.streamAt = socket.position(ctx.socket);
  ctx.streamSeq = ctx.writeSeq;
  restart(ctx, ctx.writeSeq);
  return true;
}

/**
 * Chooses the piece that has to be made next: the one that has to be sent, or one before it in its record.
 * @param total bytes of the stream's plaintext
 * @returns offset of its plaintext, of which there are ctx.pieceBytes; `total` when all has been sent; EAGAIN: nothing can
 *   be sent now; or an error
 */
export function wanted(ctx: Context, total: u32): i32 {
  const ready = socket.ready(ctx.socket);
  if (ready & socket.FAILED) return alert.abandon(ctx, socket.recvStatus(ctx.socket));
  if (!(ready & socket.WRITABLE)) return socket.EAGAIN;
  const offset = find(ctx, total);
  const isNew = u32(offset) < total && ctx.sealingSeq == ctx.writeSeq;
  if (!isNew || !keyUpdate.isDue(ctx)) return offset;
  keyUpdate.flush(ctx); // between two records, once all before it has been acknowledged
  return socket.EAGAIN;
}

/** @returns offset of the plaintext of the piece to be made next; `total`: none */
function find(ctx: Context, total: u32): u32 {
  const piece = pieceMax(ctx);
  const overhead = recordBytes(ctx, 0);
  const first = min(piece - overhead, u32(ctx.limit));
  const pieces = (min(u32(ctx.limit), u32(TLS_RECORD_SEND)) + overhead) / piece;
  const further = pieces > 1 ? pieces * piece - overhead : first;
  let at = socket.position(ctx.socket) - ctx.streamAt;
  let start: u32 = 0;
  let length = first;
  let number = ctx.streamSeq;
  if (at >= first + overhead) {
    at -= first + overhead;
    const index = at / (further + overhead);
    at -= index * (further + overhead);
    start = first + index * further;
    length = further;
    number += 1 + index;
  }
  if (start >= total) return total;
  length = min(length, total - start);
  if (at >= length + overhead) return total;
  return start + choose(ctx, number, length, at);
}

/**
 * Makes the piece that wanted() has chosen, whose plaintext stands at front() of the buffer, and sends it if it is the one
 * that has to be.
 * @param isLast the stream ends with it
 * @returns bytes taken, or an error
 */
export function send(ctx: Context, isLast: bool): i32 {
  const bytes: u32 = ctx.pieceBytes;
  const before = aead.done(ctx.sealing);
  if (bytes == 0 || (before == 0 && !open(ctx))) return alert.fail(ctx, alert.INTERNAL_ERROR);
  ctx.pieceBytes = 0;
  const isEnd = before + bytes == ctx.recordLength;
  const content = ctx.buffer + front(ctx);
  const from = before ? content : ctx.buffer;
  let end = content + bytes;
  if (isEnd) end = endRecord(ctx, content, APPLICATION_DATA, bytes);
  else aead.encrypt(ctx.sealing, ctx.writeKey, content, bytes, CRYPTO);
  if (socket.position(ctx.socket) - ctx.pieceAt >= u32(end - from)) return bytes;
  const flags = isLast ? 0 : socket.MSG_MORE;
  const result = socket.sendAt(ctx.socket, ctx.pieceAt, from, u32(end - from), flags);
  if (result < 0) return alert.abandon(ctx, result);
  if (isEnd && ctx.sealingSeq + 1 == ctx.writeSeq) ctx.flags &= ~RECORD_OPEN;
  return bytes;
}

/** Longest piece as it stands in TCP, bytes. The plaintext is always put at front() of the buffer. */
function pieceMax(ctx: Context): u32 {
  return min(u32(TLS_BUFFER) - front(ctx), socket.segmentBytes(ctx.socket));
}

/**
 * Chooses a piece of a record, whose last one has the whole tag, and a byte of content at least.
 * @param length bytes of the record's content @param at which of its bytes in TCP is next
 * @returns bytes of content before the piece
 */
function choose(ctx: Context, number: u32, length: u32, at: u32): u32 {
  const piece = pieceMax(ctx);
  const head = front(ctx);
  const final = recordBytes(ctx, length) - 1;
  const last = min(final - (final % piece), head + length - 1);
  const wanted = at >= last ? last : at - (at % piece);
  if (number != ctx.sealingSeq || head + aead.done(ctx.sealing) > wanted) restart(ctx, number);
  const before = aead.done(ctx.sealing);
  const from = before ? head + before : 0;
  const to = from < last ? min(from + piece, last) : head + length;
  ctx.recordLength = u16(length);
  ctx.pieceBytes = u16(to - head - before);
  ctx.pieceAt = socket.position(ctx.socket) - at + from;
  return before;
}

/** Nothing of a record has been sealed yet, or is of use. */
function restart(ctx: Context, number: u32): void {
  ctx.sealingSeq = number;
  wipe(ctx.sealing, aead.AEAD_STATE_BYTES);
}

/** Begins a record, a new one or one once more. @returns false when its number is not due */
function open(ctx: Context): bool {
  const ahead = i32(ctx.sealingSeq - ctx.writeSeq);
  if (ahead > 0 || (ahead == 0 && ctx.has(RECORD_OPEN))) return false;
  if (ahead == 0) {
    ctx.writeSeq++;
    ctx.flags |= RECORD_OPEN;
  }
  beginRecord(ctx, ctx.buffer, APPLICATION_DATA, ctx.recordLength);
  return true;
}
