// Stands in for firmware/socket/socket.ts: the test plays TCP (test/support/tls-card.ts).
// @ts-expect-error -- the compiler finds it from where this file stands in
import { Pbuf } from "../buffer/pbuf.ts";

export const EAGAIN: i32 = -1;
export const ENOTCONN: i32 = -3;
export const MSG_MORE: u32 = 1;
export const WRITABLE: u32 = 2;
export const FAILED: u32 = 4;

// eslint-disable-next-line @typescript-eslint/no-redundant-type-constituents -- neither does the linter
export declare function recv(s: i32): Pbuf | null;
export declare function recvStatus(s: i32): i32;
export declare function send(s: i32, data: usize, length: u32, flags: u32): i32;
export declare function sendAt(s: i32, position: u32, data: usize, length: u32, flags: u32): i32;
export declare function position(s: i32): u32;
export declare function segmentBytes(s: i32): u32;
export declare function ready(s: i32): u32;
export declare function outstanding(s: i32): u32;
export declare function shutdown(s: i32): i32;
