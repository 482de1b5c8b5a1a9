// A card that goes out: the same layers as card.ts, and a client that fetches a page over TLS from a server it verifies.
import * as clientCard from "./apps/client-card.ts";
import * as personalisation from "./apps/personalisation.ts";
import * as clock from "./chip/clock.ts";
import * as link from "./link/iso7816.ts";
import * as netServer from "./net/net-server.ts";

/** Power on, or the reset pin: RAM is cleared, NVM recovered from whatever cut the power, the ATR sent at step(). */
export function powerOn(): void {
  clientCard.powerOn();
  link.powerOn();
  clientCard.start(clock.now());
}

/** One character of the reader's, 0..255. Between two calls of step(), never within one: an interrupt queues it. */
export function receive(byte: u32): void {
  link.receive(byte);
}

/** The timer interrupt, every 100 ms or so; this alone may come within step(): keeps the reader waiting (ISO 7816-3). */
export function timer(): void {
  link.timer();
}

/**
 * Does what can be done now, and returns: nothing here blocks.
 * @returns ms until it wants to be called again, 0: at once, FOREVER: after the next character
 */
export function step(): u32 {
  const now = clock.now();
  personalisation.poll();
  const next = clientCard.poll(now);
  do netServer.dispatch(now);
  while (link.poll());
  return min(netServer.due(now), next); // last: what was sent has started timers
}
