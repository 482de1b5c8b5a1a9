// The server's flight: handshake messages written into the buffer one behind the other, in as few records as the buffer
// and the peer's limit allow. Everything that is put is hashed.
//
//   buffer   0             sealed                 sealed + 5     + open
//            ┌─────────────┬──────────────────────┬──────────────┬───────────────┐
//            │ records     │ header to be written │ messages     │ room          │
//            └─────────────┴──────────────────────┴──────────────┴───────────────┘
import * as socket from "../socket/socket.ts";
import { GO_ON } from "./alert.ts";
import { Context } from "./context.ts";
import { front, HANDSHAKE, OVERHEAD_BYTES, seal } from "./record-out.ts";
import * as transcript from "./transcript.ts";

/** Where the next message goes. */
export function end(ctx: Context): usize {
  return ctx.buffer + ctx.sealed + front(ctx) + ctx.open;
}

/** Bytes that the open record can still take. */
export function room(ctx: Context): u32 {
  const space = i32(TLS_BUFFER) - i32(ctx.sealed) - i32(OVERHEAD_BYTES);
  return u32(max(min(space, i32(ctx.limit)) - i32(ctx.open), 0));
}

/** What has been written from end() on to `end` belongs to the flight. */
export function put(ctx: Context, end_: usize): void {
  const start = end(ctx);
  const bytes = u32(end_ - start);
  transcript.add(ctx, start, bytes);
  ctx.open += u16(bytes);
}

/** Ends the open record: keys change behind it. */
export function close(ctx: Context): void {
  if (ctx.open > ctx.limit) spread(ctx);
  while (ctx.open != 0) {
    const bytes = min(u32(ctx.open), u32(ctx.limit));
    ctx.sealed = u16(seal(ctx, ctx.buffer + ctx.sealed, HANDSHAKE, bytes) - ctx.buffer);
    ctx.open -= u16(bytes);
  }
}

/**
 * What was written without regard to the peer's limit (CertificateVerify and Finished may be longer) is moved to where it
 * stands in several records, the last one first. TLS 1.3 only: a limit of TLS 1.2 is never that short here.
 */
function spread(ctx: Context): void {
  const limit: u32 = ctx.limit;
  const length: u32 = ctx.open;
  for (let from = length - (length % limit); from > 0; from -= limit) {
    const at = ctx.buffer + ctx.sealed + front(ctx) + from;
    memory.copy(at + (from / limit) * OVERHEAD_BYTES, at, min(limit, length - from));
  }
}

/** Is there room for a message? If not, send() first: when the buffer has been acknowledged there will be. */
export function hasRoom(ctx: Context, bytes: u32): bool {
  return room(ctx) >= bytes || (ctx.sealed | ctx.open) == 0;
}

/** Sends what is in the buffer, which is not to be touched until it has been acknowledged. @returns GO_ON */
export function send(ctx: Context): i32 {
  close(ctx);
  socket.send(ctx.socket, ctx.buffer, ctx.sealed, 0);
  ctx.sealed = 0;
  return GO_ON;
}
