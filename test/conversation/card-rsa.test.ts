// Cards with an RSA key while they compute, which takes seconds on a board: whoever asks has an answer in the meantime, and
// whoever goes away sets the card free. A step lasts as long as on a board here, on a clock of its own.
import { connect } from "node:net";
import { once } from "node:events";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { CARD_ADDRESS } from "../../host/ras/gateway.ts";
import { type Personality, WholeCard, personality } from "../support/whole-card.ts";

/** Milliseconds of a step on a board at 50 MHz, and how many there are at most. */
const STEP_MS = 40;
const STEPS = 80;
/** Where NVM keeps the context meanwhile; RSA's own place behind what it raises. */
const KEPT = { from: 2816, to: 2816 + 420 };
const INTERMEDIATE = { from: 2816 + 768, to: 2816 + 896 };

const LEGACY = { minVersion: "TLSv1", maxVersion: "TLSv1", ciphers: "AES128-SHA:@SECLEVEL=0" } as const;

describe.each([
  ["TLS 1.3, RSA certificate", "rsa", {}],
  ["TLS 1.2, RSA certificate", "rsa", { maxVersion: "TLSv1.2" }],
  ["TLS 1.0, RSA key exchange", "legacy", LEGACY],
] as const)("%s", (_, kind, options) => {
  let issued: Personality;
  let card: WholeCard;
  beforeAll(async () => {
    issued = await personality(undefined, kind);
  });
  afterEach(() => card.close());

  const isLent = () => card.guard.now.isLent() !== 0;
  /** Steps of RSA's so far. */
  let steps = 0;

  async function open(): Promise<void> {
    card = await WholeCard.openVirtual(issued);
    steps = 0;
    const { chip } = card.contacts;
    const step = chip.step.bind(chip);
    chip.step = () => {
      const wasLent = isLent();
      const wait = step();
      if (wasLent && wait === 0) steps++;
      return isLent() && wait === 0 ? STEP_MS : wait;
    };
  }

  function expectNoSecrets(): void {
    const { arena, now } = card.guard;
    expect(arena.subarray(now.secretsFrom(), now.secretsTo()).every((byte) => byte === 0)).toBe(true);
    const places = kind === "rsa" ? [KEPT, INTERMEDIATE] : [INTERMEDIATE];
    for (const { from, to } of places)
      expect(card.nvm.cells.subarray(from, to).every((byte) => byte === 0xff)).toBe(true);
  }

  test("pings are answered meanwhile, and the next client is served when the first has been", async () => {
    await open();
    const page = card.expectPage("/page", options);
    await card.until(isLent, 60_000);
    const next = card.expectPage("/one", options);
    for (let pings = 0; pings < 3; pings++) {
      expect(await card.gateway.ping(CARD_ADDRESS)).not.toBeNull();
      expect(isLent()).toBe(true);
    }
    await page;
    expect(steps).toBeLessThan(STEPS);
    await next;
    await card.expectAllFree();
  });

  test.each([1, 34, 50])(
    "a client that goes away after %i steps sets the card free, and nothing is left",
    async (after) => {
      await open();
      const gone = new AbortController();
      const page = card.fetch("/page", { ...options, signal: gone.signal });
      page.catch(() => undefined);
      await card.until(() => isLent() && steps >= after, 60_000);
      gone.abort();
      await card.until(() => !isLent(), 500);
      expect(steps).toBeLessThan(after + 20);
      await card.expectAllFree();
      expectNoSecrets();
      await card.expectPage("/page", options);
    },
  );

  test("of clients who only knock meanwhile nothing is left either", async () => {
    await open();
    const page = card.expectPage("/page", options);
    await card.until(isLent, 60_000);
    const knocking = Array.from({ length: 6 }, () => connect(card.port, "127.0.0.1"));
    await Promise.all(knocking.map((socket) => once(socket, "connect")));
    await page;
    for (const socket of knocking) socket.destroy();
    await card.expectAllFree();
    expectNoSecrets();
  });
});
