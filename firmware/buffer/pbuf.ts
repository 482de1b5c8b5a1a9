// Packet buffers: a fixed pool, chains, reference counts, no dynamic allocation (seed [156]-[164], fig 13).
//
//   pbuf, 9 bytes, packed              0       2         4        6              8
//                                      ┌───────┬─────────┬────────┬──────────────┬───────────────┐
//                                      │ next  │ payload │ length │ total_length │ flags:4 ref:4 │
//                                      └───────┴─────────┴────────┴──────────────┴───────────────┘
//   POOL    payload in its own PBUF_SIZE bytes; input, and replies made of it
//   HEADER  payload grows downwards from the end of its HEADER_ROOM bytes; the headers of an outgoing packet
//   REF     payload is the application's own memory, chained behind a HEADER (fig 13b)
//
// A packet is a chain whose last pbuf has length == total_length. Packets may be queued one behind the other in the
// same chain of `next`s: the end of each is known by that rule, so a queue costs no field (pbuf.enqueue, dequeue).
// An empty pool is no error: take() returns null and counts.
import {
  HEADER_PAYLOADS,
  HEADER_ROOM,
  PBUF_PAYLOADS,
  PBUF_STATE,
  PBUF_STATE_BYTES,
} from "../chip/ram-map.ts";
import { PBUF_STRUCTS, PBUF_STRUCT_BYTES } from "../chip/ram-map.ts";

export const FLAG_POOL: u32 = 0;
export const FLAG_HEADER: u32 = 1;
export const FLAG_REF: u32 = 2;

@final
@unmanaged
export class Pbuf {
  private nextAt: u16;
  private payloadAt: u16;
  private lengthBytes: u16;
  private totalBytes: u16;
  private flagsAndRef: u8;

  /** The next pbuf of the chain, null at its end. */
  get next(): Pbuf | null {
    return changetype<Pbuf | null>(usize(this.nextAt));
  }
  set next(p: Pbuf | null) {
    this.nextAt = u16(changetype<usize>(p));
  }
  /** Address of the first byte of data. */
  get payload(): usize {
    return this.payloadAt;
  }
  set payload(address: usize) {
    this.payloadAt = u16(address);
  }
  /** Bytes of data in this pbuf. */
  get length(): u32 {
    return this.lengthBytes;
  }
  set length(bytes: u32) {
    this.lengthBytes = u16(bytes);
  }
  /** Bytes of data in this pbuf and in those of the same packet that follow it. */
  get totalLength(): u32 {
    return this.totalBytes;
  }
  set totalLength(bytes: u32) {
    this.totalBytes = u16(bytes);
  }
  get flags(): u32 {
    return this.flagsAndRef >> 4;
  }
  get ref(): u32 {
    return this.flagsAndRef & 15;
  }
  set ref(count: u32) {
    this.flagsAndRef = u8((this.flagsAndRef & 0xf0) | count);
  }
  /** True for the last pbuf of a packet. */
  get isLast(): bool {
    return this.lengthBytes == this.totalBytes;
  }
  /** The next pbuf of the same packet, null at the packet's end. */
  get nextInPacket(): Pbuf | null {
    return this.isLast ? changetype<Pbuf | null>(usize(0)) : this.next;
  }
  reset(flags: u32, payload: usize): void {
    this.nextAt = 0;
    this.payloadAt = u16(payload);
    this.lengthBytes = 0;
    this.totalBytes = 0;
    this.flagsAndRef = u8((flags << 4) | 1);
  }
}

@final
@unmanaged
class PoolState {
  free: u16;
  freeHeader: u16;
  freeCount: u8;
  freeHeaderCount: u8;
  /** take() found the pool empty; packets lost for want of a pbuf. */
  exhausted: u16;
}

/** All pbufs into the pool. @throws at compile time when a structure does not fit its region */
export function powerOn(): void {
  if (offsetof<Pbuf>() != PBUF_STRUCT_BYTES) ERROR("a pbuf is 9 bytes");
  if (offsetof<PoolState>() > PBUF_STATE_BYTES) ERROR("PoolState does not fit PBUF_STATE_BYTES");
  for (let i: u32 = 0; i < u32(PBUF_COUNT); i++) putBack(structAt(i));
  for (let i: u32 = 0; i < u32(HEADER_PBUF_COUNT); i++) putBackHeader(headerAt(i));
}

/** Pbufs left in the pool. */
export function freeCount(): u32 {
  return state().freeCount;
}

/** Header pbufs left. */
export function freeHeaderCount(): u32 {
  return state().freeHeaderCount;
}

/** How often take() found the pool empty. */
export function exhaustedCount(): u32 {
  return state().exhausted;
}

/**
 * Takes one pbuf from the pool, empty, with one reference.
 * @param headroom bytes to leave before the payload, for headers that will be prepended
 * @returns null when the pool is empty, which is counted
 */
export function take(headroom: u32 = 0): Pbuf | null {
  const pool = state();
  const p = changetype<Pbuf | null>(usize(pool.free));
  if (!p) {
    pool.exhausted++;
    return null;
  }
  pool.free = u16(changetype<usize>(p.next));
  pool.freeCount--;
  p.reset(FLAG_POOL, ownPayload(p) + headroom);
  return p;
}

/**
 * Takes a header pbuf for an outgoing packet: prepend() headers to it.
 * @param data   address of the application's data, which must stay as it is until the packet has been sent
 * @param length bytes of data, 0: none
 * @returns null when none is left
 */
export function takeHeader(data: usize, length: u32): Pbuf | null {
  const pool = state();
  const p = changetype<Pbuf | null>(usize(pool.freeHeader));
  if (!p) return null;
  pool.freeHeader = u16(changetype<usize>(p.next));
  pool.freeHeaderCount--;
  p.reset(FLAG_HEADER, headerRoom(p) + HEADER_ROOM);
  if (length == 0) return p;
  const reference = changetype<Pbuf>(changetype<usize>(p) + PBUF_STRUCT_BYTES);
  reference.reset(FLAG_REF, data);
  reference.length = length;
  reference.totalLength = length;
  p.next = reference;
  p.totalLength = length;
  return p;
}

/** One more owner of a packet. At most 15. */
export function retain(p: Pbuf): void {
  p.ref++;
}

/** Gives a packet up: every pbuf of it that nobody else owns goes back to where it came from. */
export function give(head: Pbuf | null): void {
  let p = head;
  while (p) {
    const next = p.nextInPacket;
    if (p.ref > 1) {
      p.ref--;
      return;
    }
    if (p.flags == FLAG_POOL) putBack(p);
    else if (p.flags == FLAG_HEADER) putBackHeader(p);
    p = next;
  }
}

/**
 * Makes room for a header before the payload.
 * @param bytes length of the header; the caller knows that there is room: headroom, or a header stripped before
 * @returns address of the header
 */
export function prepend(p: Pbuf, bytes: u32): usize {
  p.payload -= bytes;
  p.length += bytes;
  p.totalLength += bytes;
  return p.payload;
}

/**
 * Appends one byte to a packet, taking a further pbuf when the last one is full.
 * @param head first pbuf of the packet @param last its last pbuf
 * @returns the new last pbuf, null when the pool is empty (nothing was appended)
 */
export function append(head: Pbuf, last: Pbuf, byte: u32): Pbuf | null {
  let tail = last;
  if (room(tail) == 0) {
    const more = take();
    if (!more) return null;
    tail.next = more;
    tail = more;
  }
  store<u8>(tail.payload + tail.length, byte);
  for (let p: Pbuf | null = head; p; p = p.next) p.totalLength++;
  tail.length++;
  return tail;
}

/** Appends one byte to a packet, whatever its last pbuf is. @returns false when the pool is empty */
export function append8(head: Pbuf, byte: u32): bool {
  let last = head;
  while (!last.isLast) last = last.next!;
  return append(head, last, byte) != null;
}

/** Appends a big-endian number. @returns false when the pool is empty; the packet is of no use then */
export function append16(head: Pbuf, value: u32): bool {
  return append8(head, value >> 8) && append8(head, value);
}

/** Appends a big-endian number. @returns false when the pool is empty; the packet is of no use then */
export function append32(head: Pbuf, value: u32): bool {
  return append16(head, value >> 16) && append16(head, value);
}

/** @returns bytes free before the data of a pool pbuf */
export function headroom(p: Pbuf): u32 {
  return u32(p.payload - ownPayload(p));
}

/** @returns bytes free behind the data of a pool pbuf */
export function room(p: Pbuf): u32 {
  return u32(ownPayload(p) + PBUF_SIZE - p.payload) - p.length;
}

/**
 * Removes bytes from the front of a packet; emptied pbufs go back to the pool, but the last one stays.
 * @param bytes at most the packet's total length
 * @returns the packet's new first pbuf
 */
export function trimHead(head: Pbuf, bytes: u32): Pbuf {
  let p = head;
  let left = bytes;
  while (left >= p.length && !p.isLast) {
    left -= p.length;
    const next = p.next!;
    p.totalLength = p.length; // ends the chain here for give()
    give(p);
    p = next;
  }
  p.payload += left;
  p.length -= left;
  p.totalLength -= left;
  return p;
}

/** Shortens a packet to `total` bytes from its front; what is behind goes back to the pool. */
export function trimTail(head: Pbuf, total: u32): void {
  let p = head;
  let left = total;
  while (left > p.length) {
    p.totalLength = left;
    left -= p.length;
    p = p.next!;
  }
  const rest = p.nextInPacket;
  p.length = left;
  p.totalLength = left;
  p.next = null;
  give(rest);
}

/** Joins two packets into one: `tail` continues `head`, and belongs to it. */
export function concat(head: Pbuf, tail: Pbuf): void {
  let p = head;
  const more = tail.totalLength;
  while (!p.isLast) {
    p.totalLength += more;
    p = p.next!;
  }
  p.totalLength += more;
  p.next = tail;
}

/** Puts a packet at the end of a queue. @returns the queue's first packet */
export function enqueue(queue: Pbuf | null, packet: Pbuf): Pbuf {
  if (!queue) return packet;
  let p = queue;
  while (p.next) p = p.next!;
  p.next = packet;
  return queue;
}

/** Unlinks the first packet of a queue from the rest. @returns what stands behind it */
export function dequeue(queue: Pbuf): Pbuf | null {
  let p = queue;
  while (!p.isLast) p = p.next!;
  const rest = p.next;
  p.next = null;
  return rest;
}

/** @returns the byte at `offset` of a packet; offset below its total length */
export function byteAt(head: Pbuf, offset: u32): u32 {
  return load<u8>(addressAt(head, offset));
}

/** @returns the address of the byte at `offset` of a packet; offset below its total length */
export function addressAt(head: Pbuf, offset: u32): usize {
  let p = head;
  let at = offset;
  while (at >= p.length) {
    at -= p.length;
    p = p.next!;
  }
  return p.payload + at;
}

/** Copies `length` bytes from `offset` of a packet to `target`; they must be there. */
export function copyOut(head: Pbuf, offset: u32, target: usize, length: u32): void {
  let p = head;
  let at = offset;
  let done: u32 = 0;
  while (done < length) {
    if (at >= p.length) {
      at -= p.length;
      p = p.next!;
      continue;
    }
    const run = min(p.length - at, length - done);
    memory.copy(target + done, p.payload + at, run);
    done += run;
    at += run;
  }
}

function state(): PoolState {
  return changetype<PoolState>(PBUF_STATE);
}

function structAt(index: u32): Pbuf {
  return changetype<Pbuf>(PBUF_STRUCTS + index * PBUF_STRUCT_BYTES);
}

/** Header pbufs lie behind the pool's, each followed by its REF. */
function headerAt(index: u32): Pbuf {
  return structAt(PBUF_COUNT + 2 * index);
}

function indexOf(p: Pbuf): u32 {
  return u32(changetype<usize>(p) - PBUF_STRUCTS) / PBUF_STRUCT_BYTES;
}

function ownPayload(p: Pbuf): usize {
  return PBUF_PAYLOADS + indexOf(p) * PBUF_SIZE;
}

function headerRoom(p: Pbuf): usize {
  return HEADER_PAYLOADS + ((indexOf(p) - PBUF_COUNT) >> 1) * HEADER_ROOM;
}

function putBack(p: Pbuf): void {
  const pool = state();
  p.next = changetype<Pbuf | null>(usize(pool.free));
  p.ref = 0;
  pool.free = u16(changetype<usize>(p));
  pool.freeCount++;
}

function putBackHeader(p: Pbuf): void {
  const pool = state();
  p.next = changetype<Pbuf | null>(usize(pool.freeHeader));
  p.ref = 0;
  pool.freeHeader = u16(changetype<usize>(p));
  pool.freeHeaderCount++;
}
