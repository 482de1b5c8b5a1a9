// What a card is that is a client first: it fetches its page, and then serves it, with the same TLS context.
import { Millis } from "../chip/clock.ts";
import * as netServer from "../net/net-server.ts";
import * as fetcher from "./fetcher.ts";
import * as networkCard from "./network-card.ts";
import * as webServer from "./web-server.ts";

/** RAM is cleared, NVM recovered from whatever cut the power. The link's powerOn() comes next, then start(). */
export function powerOn(): void {
  networkCard.powerOn();
}

/** Opens the network on a link that has power; who knocks at the web server meanwhile waits. */
export function start(now: Millis): void {
  networkCard.startNetwork(now);
  fetcher.powerOn();
  webServer.powerOn(now, 0);
}

/** Handles what has arrived. @returns ms until the applications want to be called again */
export function poll(now: Millis): Millis {
  netServer.poll(now);
  return fetcher.isDone() ? webServer.poll(now) : fetcher.poll(now);
}
