// The card of the seed's figure 6c: ISO 7816 T=0, Peer I/O, AHDLC, PPP, IP, TCP, TLS 1.3, HTTPS; personalised by APDU.
// With an RSA key and certificate, or with the TLS 1.0 of 2004, it is this too: what differs follows from the profile.
import * as networkCard from "./apps/network-card.ts";
import * as personalisation from "./apps/personalisation.ts";
import * as clock from "./chip/clock.ts";
import * as link from "./link/iso7816.ts";
import * as netServer from "./net/net-server.ts";

/** Power on, or the reset pin: RAM is cleared, NVM recovered from whatever cut the power, the ATR sent at step(). */
export function powerOn(): void {
  networkCard.powerOn();
  link.powerOn();
  networkCard.start(clock.now());
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
  networkCard.receive(now);
  // A status word is given only now that the upper layers have had what arrived: an answer needs no idle poll.
  let web: u32;
  do
    do web = networkCard.send(now);
    while (web == 0);
  while (link.poll());
  if (networkCard.COMPUTES && link.isQuiet() && networkCard.compute()) return 0;
  return min(netServer.due(now), web); // last: what was sent has started timers
}
