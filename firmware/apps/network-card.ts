// What a card is on whatever link: its memories, its network, its web server; in one thread, driven by its applications,
// polling (the single-task model, seed [147]-[148], fig 11). An entry file puts a link below it, and whatever else the
// link carries beside it; what is wired in neither is not in the module.
import * as pbuf from "../buffer/pbuf.ts";
import { Millis } from "../chip/clock.ts";
import * as ram from "../chip/ram-map.ts";
import * as ct from "../crypto/ct.ts";
import * as drbg from "../crypto/drbg.ts";
import * as files from "../files/files.ts";
import * as keys from "../files/keys.ts";
import * as netServer from "../net/net-server.ts";
import * as tls from "../tls/tls.ts";
import * as webServer from "./web-server.ts";

const SECRET_BYTES: u32 = 16;

/** RAM is cleared, NVM recovered from whatever cut the power. The link's powerOn() comes next, then start(). */
export function powerOn(): void {
  ram.powerOn();
  pbuf.powerOn();
  drbg.powerOn();
  files.powerOn();
  tls.powerOn();
}

/** Opens network and web server on a link that has power. */
export function start(now: Millis): void {
  startNetwork(now);
  webServer.powerOn(now);
}

/** Opens the network; a card has none before its personalisation is over. */
export function startNetwork(now: Millis): void {
  netServer.powerOn();
  if (keys.lifeCycle() != keys.OPERATIONAL) return;
  drbg.fill(ram.CRYPTO, SECRET_BYTES);
  netServer.open(now, ram.CRYPTO);
  ct.wipe(ram.CRYPTO, SECRET_BYTES);
}

/** Handles what has arrived. */
export function receive(now: Millis): void {
  netServer.poll(now);
}

/** Is there anything that compute() does? */
export const COMPUTES: bool = tls.COMPUTES;

/** A step of what takes long, once what has arrived has been answered. @returns whether there was one: come again at once */
export function compute(): bool {
  return tls.compute();
}

/** Lets the applications go on, and gives the link a frame. @returns ms until they want to be called again */
export function send(now: Millis): Millis {
  const web = webServer.poll(now);
  netServer.dispatch(now);
  return web;
}
