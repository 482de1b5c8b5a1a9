// The card of the seed's figure 6c: ISO 7816 T=0, Peer I/O, AHDLC, PPP, IP, TCP, TLS 1.3, HTTPS; in one thread, driven
// by its applications, polling (the single-task model, seed [147]-[148], fig 11). What is not wired here is not in the
// module.
import * as personalisation from "./apps/personalisation.ts";
import * as webServer from "./apps/web-server.ts";
import * as pbuf from "./buffer/pbuf.ts";
import * as clock from "./chip/clock.ts";
import * as ram from "./chip/ram-map.ts";
import * as ct from "./crypto/ct.ts";
import * as drbg from "./crypto/drbg.ts";
import * as files from "./files/files.ts";
import * as keys from "./files/keys.ts";
import * as link from "./link/iso7816.ts";
import * as netServer from "./net/net-server.ts";

const SECRET_BYTES: u32 = 16;

/** Power on, or the reset pin: RAM is cleared, NVM recovered from whatever cut the power, the ATR sent at step(). */
export function powerOn(): void {
  const now = clock.now();
  ram.powerOn();
  pbuf.powerOn();
  drbg.powerOn();
  files.powerOn();
  link.powerOn();
  netServer.powerOn();
  webServer.powerOn(now);
  if (keys.lifeCycle() == keys.OPERATIONAL) openNetwork(now);
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
  netServer.poll(now);
  const web = webServer.poll(now);
  // A status word is given only now that the upper layers have had what arrived: an answer needs no idle poll.
  do netServer.dispatch(now);
  while (link.poll());
  return min(netServer.due(now), web); // last: what was sent has started timers
}

/** A card has no network before its personalisation is over. */
function openNetwork(now: clock.Millis): void {
  drbg.fill(ram.CRYPTO, SECRET_BYTES);
  netServer.open(now, ram.CRYPTO);
  ct.wipe(ram.CRYPTO, SECRET_BYTES);
}
