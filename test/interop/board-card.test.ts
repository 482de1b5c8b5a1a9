// Does the card serve real clients from a microcontroller with 8 KB of SRAM, and does it outlive its power?
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { boardNames, buildImage } from "../../boards/build.mjs";
import { ROOT } from "../../scripts/firmware.mjs";
import { type RunningCard, startCard, temporaryFolder } from "../support/netcard.ts";
import * as peers from "../support/peers.ts";

const PAGE_LOADS = 50;

describe.each(boardNames())("the card on %s", (board) => {
  let card: RunningCard;

  beforeAll(async () => {
    card = await startCard(["--board", board], temporaryFolder("board"), ["board", "run"]);
  });
  afterAll(async () => {
    expect(await card.stop()).toBe(0);
  });

  peers.testWith("curl", "curl", `serves curl ${PAGE_LOADS} times in a row`, async () => {
    for (let load = 0; load < PAGE_LOADS; load++) {
      const { code, stdout, stderr } = await peers.curl(card);
      expect(stderr).toBe("");
      expect(code).toBe(0);
      expect(stdout).toContain("</html>");
    }
  });

  peers.testWith("chromium", "chromium", `serves Chromium ${PAGE_LOADS} times in a row`, async () => {
    const browser = await peers.launch("chrome", card.ca);
    try {
      for (let load = 0; load < PAGE_LOADS; load++) {
        const page = await browser.newPage();
        await page.setCacheEnabled(false);
        const response = await page.goto(card.url, { waitUntil: "load", timeout: 60_000 });
        expect(response?.status()).toBe(200);
        await page.close();
      }
    } finally {
      await browser.close();
    }
  });
});

// Pull the plug at moments drawn from a seed, while the card is personalised, in handshakes, while it sends pages; plug it
// in again: it must come up and serve. NETCARD_SEED replays a run, NETCARD_PULLS lengthens it.
describe("a board whose plug is pulled", () => {
  const { NETCARD_PULLS: pulls = "30", NETCARD_SEED: seed = String(Date.now() % 1e6) } = process.env;

  it(`boots and serves after each of ${pulls} pulls, seed ${seed}`, async () => {
    const random = mulberry32(Number(seed));
    const image = buildImage({ wasm: join(ROOT, "build/card.wasm"), board: "lm3s811evb" });
    for (let pull = 0, directory = ""; pull < Number(pulls); pull++) {
      if (pull % 5 === 0) directory = mkdtempSync(join(tmpdir(), "netcard-plug-")); // a new card: it is personalised first
      await session(image, directory, random() * 600);
      await session(image, directory);
      if (pull % 5 === 4) rmSync(directory, { recursive: true });
    }
  });

  /** One session with the board: up to the page, unless its power is cut after `cutAfterMs`. */
  async function session(image: string, directory: string, cutAfterMs?: number): Promise<void> {
    const { NetcardHost } =
      await fromDist<typeof import("../../host/netcard-host.ts")>("host/netcard-host.js");
    const { BoardContacts } =
      await fromDist<typeof import("../../host/board/contacts.ts")>("host/board/contacts.js");
    const contacts = new BoardContacts({ image, folder: directory });
    const host = await NetcardHost.open({ directory, contacts });
    const url = `https://localhost:${await host.listen(0)}/`;
    const serve = async (): Promise<void> => {
      await host.start();
      const { code, stderr } = await peers.curl({ url, ca: host.caFile });
      expect(stderr).toBe("");
      expect(code).toBe(0);
    };
    try {
      if (cutAfterMs === undefined) {
        await serve();
        expect(await (await contacts.board)?.stack()).toMatchObject({ guardIntact: true });
      } else {
        serve().catch(() => undefined);
        await setTimeout(cutAfterMs);
        await contacts.stop();
      }
    } finally {
      await host.close();
    }
  }
});

/** The host side as it is shipped: it finds the firmware from there. */
async function fromDist<T>(path: string): Promise<T> {
  return (await import(join(ROOT, "dist", path))) as T;
}

/** A small generator of numbers in [0, 1) (Tommy Ettinger's mulberry32). */
function mulberry32(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
