// NewSessionTicket (RFC 8446 section 4.6.1) from servers that send some though none can be used. They are too long to be told
// from data before their record has ended, so they are dropped only where nothing has been given out yet: RECV_SAFE.
import * as nvm from "../../chip/nvm.ts";
import { TLS_SWAP } from "../../chip/nvm-map.ts";
import { Context, IN_NVM } from "../context.ts";

const NEW_SESSION_TICKET: u32 = 4;
const HEADER_BYTES: u32 = 4;

/** Drops the record that is stored. @returns false when there is none, or it has something else in it */
export function drop(ctx: Context): bool {
  const end: u32 = ctx.stored;
  if (end == 0) return false;
  let at: u32 = 0;
  while (at + HEADER_BYTES <= end && byte(ctx, at) == NEW_SESSION_TICKET && byte(ctx, at + 1) == 0)
    at += HEADER_BYTES + ((byte(ctx, at + 2) << 8) | byte(ctx, at + 3));
  ctx.stored = 0;
  ctx.flags &= ~IN_NVM;
  return at == end;
}

function byte(ctx: Context, at: u32): u32 {
  return ctx.has(IN_NVM) ? nvm.read(TLS_SWAP + at) : load<u8>(ctx.buffer + at);
}
