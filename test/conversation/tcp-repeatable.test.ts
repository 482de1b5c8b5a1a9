// Bytes that the application can make again (socket.sendAt): many segments in flight, none of them held.
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { EAGAIN, EINVAL, EPIPE, FAILED, WRITABLE } from "../support/net.ts";
import { type Peer, Stack, established, netModule } from "../support/net.ts";

/** Retransmission timeout after a handshake that took no time: SRTT of 1 ms and TCP_RTO_MIN. */
const RTO = 401;

let module: WebAssembly.Module;
let stack: Stack;
let peer: Peer;
let s: number;
/** Position of the first byte. */
let start: number;

beforeAll(async () => {
  module = await netModule();
});
beforeEach(() => {
  stack = new Stack(module);
  ({ peer, s } = established(stack));
  start = stack.firmware.position(s);
  ack(0);
});
afterEach(() => stack.tearDown());

/** The peer's MSS. */
const SIZE = 256;
const TEXT = Array.from({ length: 2000 }, (_, i) => String.fromCharCode(97 + ((i * 7) % 26))).join("");

const wanted = () => (stack.firmware.position(s) - start) | 0;
const isWritable = () => (stack.firmware.ready(s) & WRITABLE) !== 0;

/** Sends the piece that is wanted; all share one memory. @returns sendAt()'s result */
function sendPiece(offset = wanted() - (wanted() % SIZE)): number {
  const piece = TEXT.slice(offset, offset + SIZE);
  const result = stack.firmware.sendAt(s, start + offset, stack.region(piece), piece.length, 0);
  stack.poll();
  if (isWritable()) stack.region("x".repeat(SIZE)); // nobody keeps it
  return result;
}

/** Sends while something is wanted; expects these offsets on the line. */
function expectPieces(...offsets: number[]): void {
  while (isWritable() && wanted() < TEXT.length) sendPiece();
  for (const offset of offsets)
    peer.expect({ seq: 1 + offset, data: TEXT.slice(offset, Math.min(offset + SIZE, TEXT.length)) });
  stack.expectSilence();
}

/** The peer's window is four pieces. */
const WINDOW = 1024;
const ack = (offset: number, window = WINDOW) => peer.send({ seq: 1, ack: 1 + offset, window });

/** From here on the peer has it all. */
function finish(): void {
  for (let i = 0; stack.firmware.outstanding(s) > 0 || wanted() < TEXT.length; i++) {
    expect(i).toBeLessThan(100);
    while (isWritable() && wanted() < TEXT.length) sendPiece();
    ack(wanted());
  }
  stack.sent.length = 0;
}

test("as many segments are in flight as the window allows", () => {
  expectPieces(0, 256, 512, 768);
  expect(stack.firmware.outstanding(s)).toBe(1024);
  ack(512);
  expectPieces(1024, 1280);
  finish();
  expect(stack.firmware.outstanding(s)).toBe(0);
});

test("the memory is the link's until the segment has left", () => {
  stack.isLineHeld = true;
  sendPiece();
  expect(isWritable()).toBe(false);
  expect(sendPiece(256)).toBe(EAGAIN);
  stack.isLineHeld = false;
  stack.poll();
  expect(isWritable()).toBe(true);
  stack.sent.length = 0;
  finish();
});

test("after a timeout the first missing byte is wanted, and from there on everything", () => {
  expectPieces(0, 256, 512, 768);
  ack(256);
  while (isWritable() && wanted() < TEXT.length) sendPiece();
  stack.sent.length = 0;
  stack.advance(RTO);
  expect(wanted()).toBe(256);
  expectPieces(256);
  ack(512);
  expectPieces(512, 768);
  finish();
});

test("three duplicate ACKs: the hole is wanted; the peer had kept the rest, and it is skipped", () => {
  expectPieces(0, 256, 512, 768);
  for (let i = 0; i < 3; i++) ack(0);
  expect(wanted()).toBe(0);
  expectPieces(0);
  ack(1024);
  expect(wanted()).toBe(1024);
  expectPieces(1024, 1280);
  finish();
});

test("while the hole is being filled, sending goes on behind what was in flight", () => {
  ack(0, 4096);
  expectPieces(0, 256, 512, 768, 1024, 1280, 1536, 1792);
  for (let i = 0; i < 3; i++) ack(0, 4096);
  expectPieces(0);
  expect(wanted()).toBe(TEXT.length);
  ack(1024, 4096); // the peer keeps what it gets, and there is another hole
  expectPieces(1024);
  expect(wanted()).toBe(TEXT.length);
  finish();
});

test("a peer that keeps nothing behind a hole is sent everything again from there, with half the window", () => {
  ack(0, 4096);
  expectPieces(0, 256, 512, 768, 1024, 1280, 1536, 1792);
  for (let i = 0; i < 3; i++) ack(0, 4096);
  expectPieces(0);
  ack(256, 4096);
  expectPieces(256, 512, 768, 1024, 1280);
  finish();
});

test("a region that became stale before it could be sent is forgotten", () => {
  expectPieces(0, 256, 512, 768);
  ack(1024, 100); // a window that holds no piece
  stack.isLineHeld = false;
  expect(sendPiece()).toBe(SIZE); // waits for the window
  stack.expectSilence();
  ack(1024);
  peer.expect({ seq: 1025, data: TEXT.slice(1024, 1280) });
  finish();
});

test("an ACK in the middle of a piece", () => {
  expectPieces(0, 256, 512, 768);
  ack(300);
  stack.sent.length = 0;
  stack.advance(RTO);
  expect(wanted()).toBe(300);
  expect(sendPiece()).toBe(SIZE);
  peer.expect({ seq: 301, data: TEXT.slice(300, 512) });
  finish();
});

test("a closed window is probed with the next piece", () => {
  expectPieces(0, 256, 512, 768);
  ack(1024, 0);
  expect(isWritable()).toBe(true);
  sendPiece();
  stack.expectSilence();
  stack.advance(RTO);
  peer.expect({ flags: "A", seq: 1024, length: 0 });
  ack(1024);
  peer.expect({ seq: 1025, data: TEXT.slice(1024, 1280) });
  finish();
});

test("a position that is not wanted is refused", () => {
  expect(sendPiece(256)).toBe(EINVAL);
  sendPiece();
  expect(sendPiece(0)).toBe(EINVAL);
  stack.sent.length = 0;
  finish();
});

test("held bytes wait until all that is not held has arrived", () => {
  sendPiece();
  peer.expect({ seq: 1 });
  expect(stack.send(s, "held")).toBe(EAGAIN);
  ack(256);
  expect(stack.send(s, "held")).toBe(4);
  peer.expect({ seq: 257, data: "held" });
  expect(sendPiece(256)).toBe(EAGAIN);
  ack(260);
  expect(stack.firmware.outstanding(s)).toBe(0);
  expect(stack.firmware.position(s)).toBe((start + 260) | 0);
});

test("an orderly end after all has arrived", () => {
  sendPiece();
  peer.expect({ seq: 1 });
  ack(256);
  expect(stack.firmware.shutdown(s)).toBe(0);
  stack.poll();
  peer.expect({ flags: "FA", seq: 257 });
  peer.send({ flags: "FA", seq: 1, ack: 258 });
  peer.expect({ flags: "A", seq: 258, ack: 2 });
});

test("closed while bytes are in flight that nobody holds: reset", () => {
  sendPiece();
  peer.expect({ seq: 1 });
  expect(stack.firmware.shutdown(s)).toBeLessThan(0);
  stack.firmware.close(s);
  stack.poll();
  peer.expect({ flags: "RA", seq: 257 });
  expect(stack.firmware.outstanding(s)).toBe(0);
});

test("reset by the peer: told, and nothing is wanted any more", () => {
  sendPiece();
  peer.expect({ seq: 1 });
  peer.send({ flags: "R", seq: 1 });
  expect(stack.firmware.ready(s) & (FAILED | WRITABLE)).toBe(FAILED);
  expect(sendPiece(0)).toBeLessThan(0);
  expect(sendPiece(0)).not.toBe(EPIPE);
});
