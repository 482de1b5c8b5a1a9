// The whole card serves pages: one after the other, through resets and pings, and leaves nothing behind.
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { generator } from "../support/random.ts";
import { CARD_ADDRESS } from "../../host/ras/gateway.ts";
import { type Personality, WholeCard, personality } from "../support/whole-card.ts";

const SEED = Number(process.env.SEED ?? 1);
/** Data bytes of the largest ping that fits LINK_MRU: 256 less the headers of IP and ICMP. */
const PING_MAX = 256 - 20 - 8;

let issued: Personality;
let card: WholeCard;
beforeAll(async () => {
  issued = await personality();
});
afterEach(() => card.close());

test("200 pages in a row, each on a connection of its own", async () => {
  card = await WholeCard.openVirtual(issued);
  const startedMs = performance.now();
  for (let i = 0; i < 199; i++) {
    await card.expectPage(["/none", "/one", "/page"][i % 3]!);
    card.guard.check();
  }
  await card.expectPage("/big");
  const seconds = (performance.now() - startedMs) / 1000;
  console.log(`200 pages in ${seconds.toFixed(1)} s: ${((seconds * 1000) / 200).toFixed(1)} ms each`);
  await card.expectAllFree();
  expect(card.guard.now.retransmitted()).toBe(0);
  await card.clock.sleep(300_000);
  expect(card.guard.now.tcbsInUse(), "after TIME-WAIT").toBe(0);
});

describe("a reader that", () => {
  test("has nothing to say polls an idle card twelve times a second at most", async () => {
    card = await WholeCard.openVirtual(issued);
    await card.expectPage("/one");
    await card.clock.sleep(2000);
    const before = card.peerIo.commands;
    await card.clock.sleep(10_000);
    const polls = card.peerIo.commands - before;
    expect(polls).toBeGreaterThan(50);
    expect(polls).toBeLessThanOrEqual(120);
  });

  test("carries a page asks back to back", async () => {
    card = await WholeCard.openVirtual(issued);
    const [commands, ms] = [card.peerIo.commands, card.clock.now()];
    await card.expectPage("/big");
    expect(card.peerIo.commands - commands).toBeGreaterThan(102_400 / 256);
    // The clock stands still while commands follow one another: what it went on are pauses.
    expect(card.clock.now() - ms).toBeLessThan(500);
  });
});

describe("ping", () => {
  test("of every size that fits is answered", async () => {
    card = await WholeCard.openVirtual(issued);
    for (let length = 0; length <= PING_MAX; length++)
      expect(await card.gateway.ping(CARD_ADDRESS, length), `${length} bytes`).not.toBeNull();
    await card.expectAllFree();
  });

  test("of a size that does not fit is dropped and counted", async () => {
    card = await WholeCard.openVirtual(issued);
    const sizes = [PING_MAX + 1, PING_MAX + 2, 300, 1000, 1400];
    for (const [i, length] of sizes.entries()) {
      expect(await card.gateway.ping(CARD_ADDRESS, length, 20)).toBeNull();
      await card.until(() => card.guard.now.lostFrames() === i + 1, 10_000);
    }
    expect(await card.gateway.ping(CARD_ADDRESS, PING_MAX)).not.toBeNull();
    await card.expectAllFree();
  });
});

describe("serves again after", () => {
  /** Characters from the reader in a whole fetch, about. */
  const FETCH = 1200;

  test.each([
    ["resets between two commands", () => void card.reader.connect()],
    ["power that fails within a command", () => card.contacts.chip.powerOn()],
  ])("%s, at any moment of a handshake", async (_name, reset) => {
    card = await WholeCard.openVirtual(issued);
    const random = generator(SEED);
    let cut = 0;
    for (let i = 0; i < 40; i++) {
      const callOff = card.interrupt(Math.floor(random() * FETCH), reset);
      await card.fetch("/page").catch(() => cut++);
      callOff();
      await card.expectPage("/page");
      card.guard.check();
    }
    expect(cut, "most resets come in time").toBeGreaterThan(20);
    await card.expectAllFree();
  });

  test("a client that goes away in the middle", async () => {
    card = await WholeCard.openVirtual(issued);
    const random = generator(SEED);
    for (let i = 0; i < 40; i++) {
      const gone = new AbortController();
      const callOff = card.interrupt(Math.floor(random() * FETCH), () => setImmediate(() => gone.abort()));
      await card.fetch("/big", { signal: gone.signal }).catch(() => undefined);
      callOff();
    }
    await card.expectPage("/page");
    await card.expectAllFree();
  });
});
