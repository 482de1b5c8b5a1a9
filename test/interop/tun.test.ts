// Cards as hosts of the kernel's network, `netcard run --tun`: Linux's own IP and TCP, ping, curl and Chromium reach each by
// its address. All in a network namespace of this process.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { ROOT } from "../../scripts/firmware.mjs";
import { enterNamespace, hasNamespaces, ip, testInNamespace } from "../support/namespace.ts";
import { type RunningCards, netcard, startTunCards, temporaryFolder } from "../support/netcard.ts";
import * as peers from "../support/peers.ts";

/** The longest IP datagram that a card takes, less the headers of IP and ICMP. */
const MOST_PING = 256 - 28;
const ADDRESSES = ["10.77.0.2", "10.77.0.3"];

const page = readFileSync(join(ROOT, "pages/index.html"), "utf8");
const data = temporaryFolder("tun");
let running: RunningCards;

beforeAll(async () => {
  if (!hasNamespaces) return;
  enterNamespace();
  running = await startTunCards(2, [], data);
});
afterAll(async () => {
  if (running) expect(await running.stop()).toBe(0);
});

/** `ping`, three times. @returns what it says */
async function ping(address: string, bytes: number): Promise<string> {
  const command = ["-n", "-c", "3", "-i", "0.02", "-W", "2", "-s", String(bytes), address];
  return (await peers.execute("ping", command)).stdout;
}

describe.each([0, 1])("card %i", (index) => {
  testInNamespace("has its own address, in its certificate too", () => {
    const card = running.cards[index]!;
    expect(card.card).toBe(ADDRESSES[index]);
    expect(card.url).toBe(`https://${card.card}/`);
    expect(card.fingerprint).not.toBe(running.cards[1 - index]!.fingerprint);
  });

  testInNamespace("answers ping, whatever the size, in fragments where its link takes no more", async () => {
    for (const bytes of [0, 1, 2, 15, 16, 56, 99, 127, MOST_PING - 1, MOST_PING, MOST_PING + 1, 700, 1400])
      expect(await ping(ADDRESSES[index]!, bytes), `${bytes} bytes`).toContain("3 received");
  });

  testInNamespace("lets the kernel know how long a datagram may be", async () => {
    const { stdout, stderr } = await peers.execute("ping", [
      "-c1",
      "-Mdo",
      `-s${MOST_PING + 1}`,
      ADDRESSES[index]!,
    ]);
    expect(stdout + stderr).toMatch(/mtu ?= ?256/);
  });

  testInNamespace("serves the page to curl, byte for byte", async () => {
    const { stdout, stderr } = await peers.curl(running.cards[index]!);
    expect(stdout, stderr).toBe(page);
  });

  testInNamespace("is not taken for the other one", async () => {
    const { url, ca } = running.cards[index]!;
    const other = `${ADDRESSES[index]!}:443:${ADDRESSES[1 - index]!}:443`;
    const { code } = await peers.execute("curl", ["-sS", "--cacert", ca, "--connect-to", other, url]);
    expect(code).toBe(60);
  });
});

testInNamespace("Chromium shows the pages of both", async () => {
  const browser = await peers.launch("chrome", running.cards[0]!.ca);
  try {
    for (const { url } of running.cards) {
      const tab = await browser.newPage();
      await tab.goto(url, { waitUntil: "load" });
      expect(await tab.$eval("h1", (heading) => heading.textContent)).toBeTruthy();
      expect(new URL(tab.url()).href).toBe(url);
    }
  } finally {
    await browser.close();
  }
});

testInNamespace("both serve at once, again and again", async () => {
  const fetches = Array.from({ length: 10 }, (_, i) => peers.curl(running.cards[i % 2]!));
  for (const { stdout, stderr } of await Promise.all(fetches)) expect(stdout, stderr).toBe(page);
});

describe("the interface", () => {
  testInNamespace("is one for all cards, with a route to each and no more", () => {
    expect(ip("-o", "link", "show", "type", "tun").trim().split("\n")).toHaveLength(1);
    const routes = ip("route", "show").trim().split("\n");
    expect(routes.map((route) => route.split(" ")[0])).toEqual(ADDRESSES);
  });

  testInNamespace("carries one netcard: a second one is told so", async () => {
    const { said, code } = await end(["run", "--tun", "--data", temporaryFolder("data")]);
    expect(said).toBe("netcard: There is another route to 10.77.0.2: end what uses it first.\n");
    expect(code).toBe(1);
  });

  testInNamespace("goes with the process, however it ends, and comes with the next one", async () => {
    for (const signal of ["SIGINT", "SIGKILL"] as const) {
      await running.stop(signal);
      expect(ip("link", "show")).not.toContain("netcard");
      running = await startTunCards(2, [], data);
    }
    const { stdout, stderr } = await peers.curl(running.cards[1]!);
    expect(stdout, stderr).toBe(page);
  });
});

/** Runs the command to its end. */
async function end(args: string[]): Promise<{ said: string; code: number | null }> {
  const child = netcard(args);
  let said = "";
  child.stderr!.on("data", (text) => (said += String(text)));
  const [code] = (await once(child, "close")) as [number | null];
  return { said, code };
}
