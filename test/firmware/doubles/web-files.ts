// Stands in for firmware/files/files.ts: the test holds the files (test/support/web-card.ts).
export const TYPE_MAX: u32 = 31;

export declare function find(name: usize, length: u32): i32;
export declare function size(handle: i32): u32;
export declare function typeOf(handle: i32, out: usize): u32;
export declare function read(handle: i32, offset: u32, target: usize, length: u32): u32;
export declare function etag(handle: i32): u32;
export declare function freeBytes(): u32;
export declare function generation(): u32;
