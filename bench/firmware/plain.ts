// Stands in for firmware/tls/tls.ts: HTTP without TLS, on the same buffer and with the same calls. Its imports are right
// from there too.
import { TLS, TLS_CONTEXT_BYTES } from "../../firmware/chip/ram-map.ts";
import * as socket from "../../firmware/socket/socket.ts";

export const EAGAIN: i32 = -1;
export const RESET_INIT: u32 = 0;
export const RECV_FAST: u32 = 0;
export const COPY_OFF: u32 = 1;
export const CAN_REPEAT: bool = true;
export const COMPUTES: bool = false;
export const SEND_MAX: u32 = TLS_BUFFER;

const PIECE: u32 = 64;
/** Where the chosen piece's offset and length are, behind what is received. */
const CHOSEN: usize = 8 + PIECE;

export function powerOn(): void {}
export function expire(_now: u32): void {}
export function hasHello(_ctx: u32): bool {
  return true;
}
export function compute(): bool {
  return false;
}
export function resetCtx(_ctx: u32, _flag: u32): i32 {
  return 0;
}
export function attach(ctx: u32, s: i32): void {
  store<u32>(at(ctx), s);
}
export function accept(_ctx: u32, _now: u32): i32 {
  return 0;
}
export function recv(ctx: u32, _flag: u32): i32 {
  return socket.recvInto(socketOf(ctx), data(ctx), PIECE);
}
export function data(ctx: u32): usize {
  return at(ctx) + 8;
}
export function authenticated(_ctx: u32): bool {
  return true;
}
export function sendBuffer(ctx: u32): usize {
  return at(ctx) + TLS_CONTEXT_BYTES;
}
export function writable(ctx: u32): bool {
  return socket.outstanding(socketOf(ctx)) == 0;
}
export function send(ctx: u32, source: usize, length: u32, _flag: u32): i32 {
  return socket.send(socketOf(ctx), source, length, 0);
}
export function close(ctx: u32): i32 {
  return socket.outstanding(socketOf(ctx)) ? EAGAIN : 0;
}

function socketOf(ctx: u32): i32 {
  return load<u32>(at(ctx));
}
function at(ctx: u32): usize {
  return TLS + ctx * (TLS_CONTEXT_BYTES + TLS_BUFFER);
}

export function begin(ctx: u32): bool {
  if (!writable(ctx)) return false;
  store<u32>(at(ctx), socket.position(socketOf(ctx)), 4);
  return true;
}
/** Chooses the piece at which TCP is. */
export function wanted(ctx: u32, total: u32): i32 {
  const s = socketOf(ctx);
  if (!(socket.ready(s) & socket.WRITABLE)) return EAGAIN;
  const sent = socket.position(s) - load<u32>(at(ctx), 4);
  if (sent >= total) return total;
  const most = min(SEND_MAX, socket.segmentBytes(s));
  const offset = sent - (sent % most);
  store<u32>(at(ctx), offset, CHOSEN);
  store<u32>(at(ctx), min(most, total - offset), CHOSEN + 4);
  return offset;
}
export function pieceBytes(ctx: u32): u32 {
  return load<u32>(at(ctx), CHOSEN + 4);
}
export function sendPiece(ctx: u32, isLast: bool): i32 {
  const position = load<u32>(at(ctx), 4) + load<u32>(at(ctx), CHOSEN);
  const flags: u32 = isLast ? 0 : socket.MSG_MORE;
  return socket.sendAt(socketOf(ctx), position, sendBuffer(ctx), pieceBytes(ctx), flags);
}
export function isDelivered(ctx: u32): bool {
  return writable(ctx);
}
