// Stands in for firmware/socket/socket.ts: the test plays the network (test/support/web-card.ts).
// @ts-expect-error The compiler reads this in the place of the real file, whose neighbour that is.
import { Pbuf } from "../buffer/pbuf.ts";

export const SOCK_STREAM: u32 = 1;
export const EAGAIN: i32 = -1;

export declare function socket(type: u32): i32;
export declare function bind(s: i32, port: u32): i32;
export declare function listen(s: i32, backlog: u32): i32;
export declare function deferAccept(s: i32): i32;
export declare function accept(s: i32): i32;
export declare function knocked(s: i32): bool;
export function recv(_s: i32): Pbuf {
  return changetype<Pbuf>(usize(0));
}
export declare function outstanding(s: i32): u32;
export declare function close(s: i32): i32;
export declare function abort(s: i32): i32;
export declare function tcbsInUse(): u32;
