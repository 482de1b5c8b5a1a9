// A card as card.ts whose key is an RSA key, and its certificate with it: for those who have one. What differs follows from
// the profile card-rsa.
import * as card from "./card.ts";

/** Power on, or the reset pin. */
export function powerOn(): void {
  if (!TLS_RSA) ERROR("card-rsa.ts wants the profile card-rsa");
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
