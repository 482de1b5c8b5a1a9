// Records received in the error-critical way (seed [235], [236]): nothing is released before the tag has been verified. A
// record that fits the buffer waits there, a longer one in NVM, whose contents mean nothing after power has failed. There is
// room for one long record: other contexts wait until it has been taken.
import { TAG_BYTES } from "../crypto/aead.ts";
import * as nvm from "../chip/nvm.ts";
import { TLS_SWAP } from "../chip/nvm-map.ts";
import { get16 } from "../buffer/cursors.ts";
import * as socket from "../socket/socket.ts";
import { at, Context, IN_NVM } from "./context.ts";
import * as recordIn from "./record-in.ts";

/** Receives a record to its end. @returns END, EAGAIN, or what the connection failed with */
export function collect(ctx: Context): i32 {
  if (socket.outstanding(ctx.socket) != 0 || isTaken(ctx)) return socket.EAGAIN;
  while (true) {
    const bytes = recordIn.next(ctx);
    if (bytes <= 0) return bytes;
    if (get16(ctx.header + 3) > u32(TLS_BUFFER) + u32(!ctx.isTls12) + TAG_BYTES) ctx.flags |= IN_NVM;
    if (ctx.has(IN_NVM)) nvm.copyOut(TLS_SWAP + ctx.stored, ctx.data, bytes);
    else memory.copy(ctx.buffer + ctx.stored, ctx.data, bytes);
    ctx.stored += u16(bytes);
  }
}

/** Is there a verified record that has not been given out to its end? */
export function isReady(ctx: Context): bool {
  return ctx.stored != 0 && ctx.headerFill == 0;
}

/** Gives out the next part of the verified record, in the buffer. @returns its bytes, EAGAIN while the buffer is in use */
export function release(ctx: Context): i32 {
  if (socket.outstanding(ctx.socket) != 0) return socket.EAGAIN;
  const bytes = min(u32(ctx.stored) - ctx.given, u32(TLS_BUFFER));
  if (ctx.has(IN_NVM)) nvm.copyIn(ctx.buffer, TLS_SWAP + ctx.given, bytes);
  ctx.data = u16(ctx.buffer);
  ctx.given += u16(bytes);
  if (ctx.given < ctx.stored) return bytes;
  ctx.given = 0;
  ctx.stored = 0;
  ctx.flags &= ~IN_NVM;
  return bytes;
}

function isTaken(ctx: Context): bool {
  for (let i: u32 = 0; i < u32(TLS_CONTEXTS); i++) {
    if (at(i) != ctx && at(i).has(IN_NVM)) return true;
  }
  return false;
}
