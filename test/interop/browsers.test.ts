// Do today's browsers load whole pages from the card? Each page has a style sheet, a script and six images; the page
// itself says whether all of them arrived.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { ROOT } from "../../scripts/firmware.mjs";
import { type RunningCard, startCard } from "../support/netcard.ts";
import * as peers from "../support/peers.ts";

const BROWSERS = [
  { kind: "chrome", command: "chromium", debian: "chromium" },
  { kind: "firefox", command: "firefox-esr", debian: "firefox-esr" },
] as const;
const LIMIT_MS = 5_000;

let demo: RunningCard;
let site: RunningCard;

beforeAll(async () => {
  demo = await startCard();
  site = await startCard(["--pages", join(ROOT, "test/fixtures/site")]);
});
afterAll(async () => {
  expect(await demo.stop()).toBe(0);
  expect(await site.stop()).toBe(0);
});

for (const { kind, command, debian } of BROWSERS) {
  describe(command, () => {
    peers.testWith(command, debian, "shows the demo page with its icon and the card's figures", async () => {
      await withBrowser(kind, demo.ca, async (browser) => {
        const page = await browser.newPage();
        await page.goto(demo.url, { waitUntil: "load" });
        expect(await page.$eval("h1", (heading) => heading.textContent)).toBeTruthy();
        expect(await iconLoads(page)).toBe(true);
        mkdirSync(join(ROOT, "build/screenshots"), { recursive: true });
        await page.setViewport({ width: 1200, height: 1600 });
        await page.screenshot({ path: join(ROOT, `build/screenshots/${kind}.png`) });
      });
    });

    peers.testWith(
      command,
      debian,
      "loads a page of nine resources ten times out of ten, each within 5 s",
      async () => {
        const times: number[] = [];
        for (let round = 0; round < 10; round++) {
          // A new profile each time: no cache, no open connection.
          await withBrowser(kind, site.ca, async (browser) => {
            const page = await browser.newPage();
            const started = performance.now();
            await page.goto(site.url, { waitUntil: "load", timeout: 60_000 });
            times.push(performance.now() - started);
            expect(await page.title()).toBe("loaded");
          });
        }
        console.log(`${command}: ${times.map((ms) => Math.round(ms)).join(" ")} ms`);
        expect(Math.max(...times)).toBeLessThan(LIMIT_MS);
      },
    );
  });
}

async function withBrowser(
  kind: "chrome" | "firefox",
  ca: string,
  body: (browser: Browser) => Promise<void>,
): Promise<void> {
  const browser = await peers.launch(kind, ca);
  try {
    await body(browser);
  } finally {
    await browser.close();
  }
}

/** Loads what the page names as its icon. */
function iconLoads(page: Page): Promise<boolean> {
  return page.evaluate(() => {
    const link = document.querySelector<HTMLLinkElement>("link[rel~=icon]");
    const image = new Image();
    image.src = link?.href ?? "/favicon.ico";
    return new Promise<boolean>((resolve) => {
      image.onload = () => resolve(image.naturalWidth > 0);
      image.onerror = () => resolve(false);
    });
  });
}
