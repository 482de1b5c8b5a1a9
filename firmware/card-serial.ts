// The card of the seed's figure 6a: AHDLC straight on a full-duplex serial line, the rest as in card.ts. The line carries
// no commands: the NVM was personalised by card.ts before, and an NVM that was not makes a card that is mute.
import * as networkCard from "./apps/network-card.ts";
import * as clock from "./chip/clock.ts";
import * as link from "./link/serial.ts";
import * as netServer from "./net/net-server.ts";

/** Power on, or the reset pin: RAM is cleared, NVM recovered from whatever cut the power, PPP begun at step(). */
export function powerOn(): void {
  networkCard.powerOn();
  link.powerOn();
  networkCard.start(clock.now());
}

/** One byte from the line, 0..255. Between two calls of step(), never within one: an interrupt queues it. */
export function receive(byte: u32): void {
  link.receive(byte);
}

/** The timer interrupt: on this line nobody has to be kept waiting. */
export function timer(): void {}

/**
 * Does what can be done now, and returns: nothing here blocks.
 * @returns ms until it wants to be called again, 0: at once, FOREVER: after the next byte
 */
export function step(): u32 {
  const now = clock.now();
  networkCard.receive(now);
  let web: u32;
  do web = networkCard.send(now);
  while (link.poll());
  return min(netServer.due(now), web); // last: what was sent has started timers
}
