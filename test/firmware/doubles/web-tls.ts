// Stands in for firmware/tls/tls.ts: the test plays TLS, records and buffer included (test/support/web-card.ts).
export const EAGAIN: i32 = -1;
export const RESET_INIT: u32 = 0;
export const RECV_FAST: u32 = 0;
export const COPY_OFF: u32 = 1;
export const CAN_REPEAT: bool = true;
/** Record header, content type and tag leave this much of the buffer. */
export const SEND_MAX: u32 = TLS_BUFFER - 22;

export declare function resetCtx(ctx: u32, flag: u32): i32;
export declare function attach(ctx: u32, socket: i32): void;
export declare function accept(ctx: u32, now: u32): i32;
export declare function expire(now: u32): void;
export declare function hasHello(ctx: u32): bool;
export declare function recv(ctx: u32, flag: u32): i32;
export declare function data(ctx: u32): usize;
export declare function authenticated(ctx: u32): bool;
export declare function sendBuffer(ctx: u32): usize;
export declare function writable(ctx: u32): bool;
export declare function send(ctx: u32, data: usize, length: u32, flag: u32): i32;
export declare function begin(ctx: u32): bool;
export declare function pieceBytes(ctx: u32): u32;
export declare function wanted(ctx: u32, total: u32): i32;
export declare function sendPiece(ctx: u32, isLast: bool): i32;
export declare function isDelivered(ctx: u32): bool;
export declare function close(ctx: u32): i32;
