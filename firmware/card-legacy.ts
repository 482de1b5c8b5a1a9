// The card of 2004: the seed's TLS 1.0 behind the same link, network and web server as card.ts. Obsolete, and for study: DES,
// SHA-1 and TLS 1.0 keep no secrets today. What differs follows from the profile card-legacy.
import * as card from "./card.ts";

/** Power on, or the reset pin. */
export function powerOn(): void {
  if (!TLS10) ERROR("card-legacy.ts wants the profile card-legacy");
  card.powerOn();
}

/** One character of the reader's, 0..255. */
export function receive(byte: u32): void {
  card.receive(byte);
}

/** The timer interrupt, every 100 ms or so. */
export function timer(): void {
  card.timer();
}

/** Does what can be done now. @returns ms until it wants to be called again */
export function step(): u32 {
  return card.step();
}
