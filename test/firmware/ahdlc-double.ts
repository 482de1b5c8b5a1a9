// Stands in for link/ahdlc.ts in tests of the protocols above PPP: a frame is an IP packet in test memory, and a sent one
// stays in its pbufs until the test lets the line transmit it.
import { Pbuf } from "../../firmware/buffer/pbuf.ts";

/** Test memory, behind all that the firmware may touch. */
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

/** Test only: a frame that takeFrame() will return. */
export function arrive(frame: Pbuf): void {
  store<u32>(ARRIVED, u32(changetype<usize>(frame)));
}

/** Test only: the frame that is being sent, null when there is none. */
export function sending(): Pbuf | null {
  return changetype<Pbuf | null>(usize(load<u32>(SENDING)));
}

/** Takes ownership of the frame. @returns false when one is being sent */
export function send(frame: Pbuf | null): bool {
  if (frame && isSending()) return false;
  store<u32>(SENDING, u32(changetype<usize>(frame)));
  return true;
}
