// Stands in for link/ahdlc.ts in tests of the protocols above PPP: a frame is an IP packet that the test has put into
// pbufs, and a sent one stays in its pbufs until the test lets the line transmit it.
import { Pbuf } from "../../firmware/buffer/pbuf.ts";

/** Test memory, behind all that the firmware may touch: addresses of the frame that has arrived, and of the sent one. */
const ARRIVED: usize = 65528;
const SENDING: usize = 65532;

export function takeFrame(): Pbuf | null {
  const frame = changetype<Pbuf | null>(usize(load<u32>(ARRIVED)));
  store<u32>(ARRIVED, 0);
  return frame;
}

export function isSending(): bool {
  return load<u32>(SENDING) != 0;
}

/** Takes ownership of the frame. @returns false when one is being sent */
export function send(frame: Pbuf): bool {
  if (isSending()) return false;
  store<u32>(SENDING, u32(changetype<usize>(frame)));
  return true;
}
