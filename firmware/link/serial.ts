// A full-duplex asynchronous line that carries AHDLC straight (seed [78], fig 6a): a card on a serial port, and the
// gateway's end of every link.
import * as pins from "../chip/pins.ts";
import * as ahdlc from "./ahdlc.ts";

export function powerOn(): void {
  ahdlc.powerOn();
}

/** The receive interrupt: one byte, 0..255. */
export function receive(byte: u32): void {
  ahdlc.receive(byte);
}

/**
 * Puts on the line what it takes; last in step(). Where it is full, the chip calls step() again when there is room.
 * @returns true when a frame has left, so that the layers above may send another: then call again
 */
export function poll(): bool {
  if (!ahdlc.isSending()) return false;
  while (ahdlc.isSending() && pins.linkWrite(ahdlc.peek())) ahdlc.advance();
  return !ahdlc.isSending();
}
