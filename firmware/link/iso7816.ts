// The link of an ISO 7816 card, composed: T=0 at the bottom; on it Peer I/O, which carries AHDLC, and ordinary commands.
// An entry file calls, last in its step(), after the upper layers have handled what arrived:
//
//   do netServer.dispatch(now);
//   while (link.poll());
//
// so that the status of a PUT_PACKET already offers the answer to what was put, and a GET_PACKET's the next frame. Where
// that is known to follow, a GET_PACKET is filled with its beginning: it is built while the reader waits for a character.
// Should it fail to come, flags stand in for it.
import * as ahdlc from "./ahdlc.ts";
import * as apdu from "./apdu.ts";
import * as peerIo from "./peer-io.ts";
import * as t0 from "./t0.ts";

/** Everything to its beginning; the next poll() sends the ATR. RAM is zero before. */
export function powerOn(): void {
  t0.powerOn();
  peerIo.powerOn();
  apdu.powerOn();
  ahdlc.powerOn();
}

/** The receive interrupt: one character from the reader, 0..255. */
export function receive(byte: u32): void {
  const data = t0.receive(byte);
  const isPeerIo = t0.cla() == peerIo.CLASS;
  if (data == t0.NO_DATA) {
    if (!isPeerIo && t0.isHeader()) apdu.header();
  } else if (!isPeerIo) apdu.receive(data);
  else if (t0.ins() == peerIo.PUT_PACKET) ahdlc.receive(data);
}

/** The timer interrupt, every 100 ms or so: keeps the reader waiting, forgets a command that stopped halfway. */
export function timer(): void {
  t0.timer();
}

/**
 * Answers, and sends what the line takes; where it is full, the chip calls step() again when there is room.
 * @returns true when data have left, so that the layers above may act before the status is decided: then call again
 */
export function poll(): bool {
  const isPeerIo = t0.cla() == peerIo.CLASS;
  if (isPeerIo && t0.isAsked()) {
    if (ahdlc.hasFrame()) return false; // the layers above have not had their turn yet
    instruct();
    peerIo.answer();
  }
  t0.poll();
  if (!t0.wantsByte()) return false;
  if (!isPeerIo) apdu.send();
  else if (!sendFrame()) return false;
  t0.poll();
  return isPeerIo || !t0.wantsByte();
}

/** Sends what the line takes of a frame, or one flag in its place. @returns false when the line is full */
function sendFrame(): bool {
  do {
    if (!t0.put(ahdlc.peek())) return false;
    ahdlc.advance();
  } while (t0.wantsByte() && ahdlc.isSending());
  return true;
}

/** Is it not the middle of a command? In there characters follow each other faster than who computes can take them. */
export function isQuiet(): bool {
  return t0.isBetween();
}

/** What the upper layers want: they write when a frame is being sent, else they read. */
function instruct(): void {
  const bytes = ahdlc.pendingBytes(peerIo.MAX_PACKET);
  if (bytes) peerIo.write(bytes);
  else peerIo.read();
}
