// Does the card serve real clients from a microcontroller with 8 KB of SRAM, over both links, and does it outlive its
// power?
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { boardNames, buildImage, ramBudget } from "../../boards/build.mjs";
import { DIGEST_MARK } from "../../boards/translate.mjs";
import { CARDS } from "../../host/cards.mjs";
import type { BoardContacts } from "../../host/board/contacts.ts";
import type { HostOptions, NetcardHost } from "../../host/netcard-host.ts";
import { ROOT, compile, readProfile } from "../../scripts/firmware.mjs";
import { cases } from "../support/long.ts";
import { startCard, temporaryFolder } from "../support/netcard.ts";
import * as peers from "../support/peers.ts";
import { generator } from "../support/random.ts";

type Card = "iso7816" | "serial";

const BOARD = "lm3s811evb";
const KINDS: Card[] = ["iso7816", "serial"];
const CURL_LOADS = 50;
const CHROMIUM_LOADS = cases(5, 50);

const imageOf = (card: Card, board = BOARD): string =>
  buildImage({ wasm: join(ROOT, CARDS[card].out), board });

/** A card on a board, and its host. */
interface Plugged {
  host: NetcardHost;
  contacts: BoardContacts;
  /** Where and how to reach it. */
  target: peers.Target;
}

/** The host side as it is shipped: it finds the firmware from there. */
async function plugIn(
  card: Card,
  image: string,
  directory: string,
  say?: HostOptions["say"],
): Promise<Plugged> {
  const dist = async <T>(path: string): Promise<T> => (await import(join(ROOT, "dist/host", path))) as T;
  const { NetcardHost } = await dist<typeof import("../../host/netcard-host.ts")>("netcard-host.js");
  const { BoardContacts } = await dist<typeof import("../../host/board/contacts.ts")>("board/contacts.js");
  const contacts = new BoardContacts({ image, folder: directory });
  const host = await NetcardHost.open({ card, directory, contacts, ...(say && { say }) });
  const url = `https://localhost:${await host.listen(0)}/`;
  return { host, contacts, target: { url, ca: host.caFile } };
}

async function expectPage(target: peers.Target): Promise<void> {
  const { code, stdout, stderr } = await peers.curl(target);
  expect(stderr).toBe("");
  expect(code).toBe(0);
  expect(stdout).toContain("</html>");
}

/** It has neither trapped nor used its whole stack. */
async function expectSound({ contacts }: Plugged): Promise<void> {
  const board = await contacts.board;
  expect(await board?.trapped()).toBeUndefined();
  expect(await board?.stack()).toMatchObject({ guardIntact: true });
}

describe.each(boardNames().flatMap((board) => KINDS.map((card) => ({ board, card }))))(
  "the card on $board, link $card",
  ({ board, card }) => {
    let plugged: Plugged;
    beforeAll(async () => {
      plugged = await plugIn(card, imageOf(card, board), temporaryFolder("board"));
      await plugged.host.start();
    });
    afterAll(() => plugged.host.close());

    peers.testWith("curl", "curl", `serves curl ${CURL_LOADS} times in a row`, async () => {
      for (let load = 0; load < CURL_LOADS; load++) await expectPage(plugged.target);
      await expectSound(plugged);
    });

    peers.testWith("chromium", "chromium", `serves Chromium ${CHROMIUM_LOADS} times in a row`, async () => {
      const browser = await peers.launch("chrome", plugged.target.ca);
      try {
        for (let load = 0; load < CHROMIUM_LOADS; load++) {
          const page = await browser.newPage();
          await page.setCacheEnabled(false);
          const response = await page.goto(plugged.target.url, { waitUntil: "load", timeout: 60_000 });
          expect(response?.status()).toBe(200);
          await page.close();
        }
      } finally {
        await browser.close();
      }
      await expectSound(plugged);
    });

    it("runs the very module that Node runs, by digest", () => {
      const elf = readFileSync(join(dirname(imageOf(card, board)), "image.elf"), "latin1");
      const module = readFileSync(join(ROOT, CARDS[card].out));
      expect(elf).toContain(DIGEST_MARK + createHash("sha256").update(module).digest("hex"));
    });
  },
);

it.each(KINDS)("netcard board run --card %s ends at a page", async (card) => {
  const running = await startCard(["--card", card], temporaryFolder("board"), ["board", "run"]);
  await expectPage(running);
  expect(await running.stop()).toBe(0);
});

describe("a card with more packet buffers than fit", () => {
  const { ARENA_BYTES = 0, PBUF_COUNT = 0, PBUF_SIZE = 0 } = readProfile("card-6k");
  const build = (entry: string, name: string, use: Record<string, number>): Promise<string> =>
    compile({ entry, out: `build/test/${name}.wasm`, use });

  /** @returns the fewest packet buffers with which the regions need more than `bytes`, and what they need then */
  const tooMany = async (bytes: number): Promise<{ count: number; end: number }> => {
    const map = new WebAssembly.Module(readFileSync(await build("firmware/chip/ram-map.ts", "ram-map", {})));
    const { END, PBUF_STRUCT_BYTES } = new WebAssembly.Instance(map).exports as Record<
      string,
      WebAssembly.Global<"i32">
    >;
    const each = PBUF_SIZE + PBUF_STRUCT_BYTES!.value;
    const more = Math.floor((bytes - END!.value) / each) + 1;
    return { count: PBUF_COUNT + more, end: END!.value + more * each };
  };

  it("is refused by the compiler when the arena stays", async () => {
    const { count } = await tooMany(ARENA_BYTES);
    await expect(build("firmware/card.ts", "card-full", { PBUF_COUNT: count })).rejects.toThrow(
      "the regions of the RAM map do not fit ARENA_BYTES",
    );
  });

  it("is refused by the linker when the arena grows into the stack", async () => {
    const { stack } = JSON.parse(readFileSync(imageOf("iso7816"), "utf8")) as { stack: { bytes: number } };
    const { count, end } = await tooMany(ramBudget() - stack.bytes);
    const use = { PBUF_COUNT: count, ARENA_BYTES: Math.ceil(end / 8) * 8 };
    const wasm = await build("firmware/card.ts", "card-overrun", use);
    expect(() => buildImage({ wasm, board: BOARD, use })).toThrow("the C stack does not fit");
  });
});

// Pull the plug at moments drawn from a seed, in turn while files are written (a new card's personalisation) and in a
// handshake, on either link; plug it in again: it must come up and serve. NETCARD_SEED draws the same moments again, as
// far as two runs keep time alike; NETCARD_PULLS sets how many.
describe("a board whose plug is pulled", () => {
  const { NETCARD_PULLS, NETCARD_SEED } = process.env;
  const pulls = Number(NETCARD_PULLS ?? cases(30, 100));
  const seed = Number(NETCARD_SEED ?? Date.now() % 1e6);
  const random = generator(seed);

  it(`boots and serves after each of ${pulls} pulls, seed ${seed}`, { timeout: 1_200_000 }, async () => {
    const { personalisationMs, pageMs } = await timeUndisturbed();
    console.log(
      `plug pulls: seed ${seed}, within ${personalisationMs} ms of personalisation and ${pageMs} ms of a page`,
    );
    for (let pull = 0, directory = ""; pull < pulls; pull++) {
      const isNew = pull % 2 === 0;
      if (isNew) directory = mkdtempSync(join(tmpdir(), "netcard-plug-"));
      const card = isNew || random() < 0.5 ? "iso7816" : "serial";
      await (isNew
        ? cutPersonalisation(directory, random() * personalisationMs)
        : cutPage(card, directory, random() * pageMs));
      await serve(card, directory);
      if (!isNew) rmSync(directory, { recursive: true });
    }
  });

  /** @returns how long the two take from which the power is cut */
  async function timeUndisturbed(): Promise<{ personalisationMs: number; pageMs: number }> {
    const directory = temporaryFolder("plug");
    const plugged = await plugIn("iso7816", imageOf("iso7816"), directory);
    const started = performance.now();
    await plugged.host.start();
    const up = performance.now();
    await expectPage(plugged.target);
    await plugged.host.close();
    return {
      personalisationMs: Math.round(up - started),
      pageMs: Math.round(performance.now() - up),
    };
  }

  async function cutPersonalisation(directory: string, afterMs: number): Promise<void> {
    const plugged = await plugIn("iso7816", imageOf("iso7816"), directory);
    plugged.host.start().catch(() => undefined);
    await setTimeout(afterMs);
    await pull(plugged);
  }

  async function cutPage(card: Card, directory: string, afterMs: number): Promise<void> {
    const plugged = await plugIn(card, imageOf(card), directory);
    await plugged.host.start();
    const page = peers.curl(plugged.target, "/", ["--max-time", "5"]);
    await setTimeout(afterMs);
    await pull(plugged);
    await page; // whatever became of it
  }

  async function pull({ contacts, host }: Plugged): Promise<void> {
    await contacts.stop();
    await host.close();
  }

  async function serve(card: Card, directory: string): Promise<void> {
    const plugged = await plugIn(card, imageOf(card), directory);
    try {
      await plugged.host.start();
      await expectPage(plugged.target);
      await expectSound(plugged);
    } finally {
      await plugged.host.close();
    }
  }
});
