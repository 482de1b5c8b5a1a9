// The serial card with lwIP as its host: PPP, header compression, pings and pages, and restarts of either kind.
import { afterEach, beforeAll, beforeEach, expect } from "vitest";
import { testWith } from "../support/peers.ts";
import { SerialCard, fetchPage } from "../support/serial-card.ts";
import { type Personality, SITE, personality } from "../support/whole-card.ts";
import { LwipHost, buildLwipHost } from "./peers/lwip-host.ts";
import { lwipSource } from "./peers/lwip.ts";

const RESTARTS = 20;
const UP = ["10.77.0.1", "10.77.0.2", "256", "1", "1"];

const source = lwipSource();
let program: string;
let issued: Personality;
let card: SerialCard;
let host: LwipHost;
beforeAll(async () => {
  issued = await personality();
  if (source) program = buildLwipHost(source);
});
beforeEach(async () => {
  card = await SerialCard.open(issued);
});
afterEach(async () => {
  await host.kill();
  card.close();
});

// Without lwIP's source, a command that nobody has stands for it.
const [command, debian] = source ? ["gcc", "gcc"] : ["lwip-source", "lwip, by apt-get source"];
const testWithLwip = (name: string, body: () => Promise<void>) => testWith(command, debian, name, body);

async function expectPage(path: string): Promise<void> {
  const { status, body } = await fetchPage(host.port, path, issued.ca);
  expect(status).toBe(200);
  expect(body.equals(SITE.get(path)!.content)).toBe(true);
}

const ping = async (length: number) =>
  expect(await host.ask(`ping ${length}`, "pong")).toEqual([`${length}`]);

testWithLwip("comes up with header compression both ways, which pages then have", async () => {
  host = await LwipHost.start(program, card);
  expect(await host.ask("connect", "up")).toEqual(UP);
  for (const path of ["/none", "/one", "/page", "/big"]) await expectPage(path);
  const [packets, compressed, whole, compressedIn, tossed] = (await host.ask("stats", "stats")).map(Number);
  expect(compressed!).toBeGreaterThan(packets! * 0.8);
  expect(compressedIn!).toBeGreaterThan(400); // /big alone has as many segments
  expect(whole!).toBeLessThan(20);
  expect(tossed).toBe(0);
});

testWithLwip(`${RESTARTS} restarts: half in order, half without a word`, async () => {
  host = await LwipHost.start(program, card);
  for (let i = 0; i < RESTARTS; i++) {
    expect(await host.ask("connect", "up")).toEqual(UP);
    await ping(56);
    await expectPage("/page");
    if (i % 2) await host.ask("close", "down");
    else {
      await host.kill();
      host = await LwipHost.start(program, card);
    }
  }
});

testWithLwip("the card is reset, and met again", async () => {
  host = await LwipHost.start(program, card);
  expect(await host.ask("connect", "up")).toEqual(UP);
  card.reset();
  expect(await host.told("up")).toEqual(UP);
  await expectPage("/page");
});

testWithLwip("pings of 1 to 1,400 bytes come back unchanged", async () => {
  host = await LwipHost.start(program, card);
  expect(await host.ask("connect", "up")).toEqual(UP);
  for (let length = 1; length <= 1400; length += length < 300 ? 1 : 29) await ping(length);
  await ping(1400);
  await expectPage("/page");
});
