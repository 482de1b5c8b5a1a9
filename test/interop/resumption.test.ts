// Every client, in both versions, fetches the page in a full handshake and again in a resumed one, from cards as
// `netcard run` starts them, with a P-256 key and with an RSA key. A relay reads along and says which it was.
import { Agent, get } from "node:https";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { connect, type ConnectionOptions } from "node:tls";
import type { Browser } from "puppeteer-core";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ROOT } from "../../scripts/firmware.mjs";
import { type RunningCard, startCard, temporaryFolder } from "../support/netcard.ts";
import { LONG } from "../support/long.ts";
import * as peers from "../support/peers.ts";
import { Relay } from "../support/relay.ts";

const page = readFileSync(join(ROOT, "pages/index.html"), "utf8");
const VERSIONS = ["1.3", "1.2"] as const;
type Version = (typeof VERSIONS)[number];

let card: RunningCard;
let relay: Relay;
let target: peers.Target;

describe("the card with a P-256 key", () => {
  withCard();
  describe.each(VERSIONS)(
    "TLS %s: the page, in a full and in a resumed handshake, is fetched by",
    (version) => byEveryClient(version, true),
  );
  describe("whose certificate the client does not trust", distrusted);
});

describe("the card with an RSA key", () => {
  withCard("--card", "rsa");
  describe.each(VERSIONS)(
    "TLS %s: the page, in a full and in a resumed handshake, is fetched by",
    (version) => byEveryClient(version, version === "1.3" || LONG),
  );

  for (const version of VERSIONS) {
    peers.testWith("gnutls-cli", "gnutls-bin", `TLS ${version}: gnutls-cli without ECDSA`, async () => {
      const signatures = "-SIGN-ALL:+SIGN-RSA-PSS-RSAE-SHA256:+SIGN-RSA-SHA256";
      const args = ["--priority", `NORMAL:-VERS-ALL:+VERS-TLS${version}:${signatures}`];
      const { stdout, stderr } = await peers.gnutlsClient(target, "/", args);
      expect(stdout, stderr).toContain(page.slice(-200));
      expect(stdout).toContain("(RSA-PSS-RSAE-SHA256)");
    });
  }

  describe.each(["ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-CHACHA20-POLY1305"])("TLS 1.2, %s", (cipher) => {
    for (const [algorithms, signature] of [
      ["rsa_pss_rsae_sha256", "RSA-PSS"],
      ["RSA+SHA256", "RSA"],
    ] as const) {
      peers.testWith("openssl", "openssl", `openssl s_client that takes ${algorithms} alone`, async () => {
        const args = ["-tls1_2", "-cipher", cipher, "-sigalgs", algorithms];
        const [openssl, all] = peers.opensslCommand(target, args);
        const { stdout, stderr } = await peers.execute(openssl, all, { input: peers.request("/") });
        expect(stdout, stderr).toContain(page.slice(-200));
        expect(stdout).toContain(`Cipher is ${cipher}\n`);
        expect(stdout).toContain(`Peer signature type: ${signature}\n`);
      });
    }
  });
});

function withCard(...args: string[]): void {
  beforeAll(async () => {
    card = await startCard(args);
    relay = new Relay(card.port);
    target = { ca: card.ca, url: `https://localhost:${await relay.listen()}/` };
  });
  beforeEach(() => relay.forget());
  afterAll(async () => {
    relay.close();
    expect(await card.stop()).toBe(0);
  });
}

/** @param browsers those too, which take longest */
function byEveryClient(version: Version, browsers: boolean): void {
  const fullThenResumed = [
    { version, resumed: false },
    { version, resumed: true },
  ];

  peers.testWith("curl", "curl", "curl", async () => {
    const args = ["--tls-max", version, "--header", "Connection: close", target.url];
    const { stdout, stderr } = await peers.curl(target, "/", args);
    expect(stdout, stderr).toBe(page + page);
    expect(relay.handshakes).toEqual(fullThenResumed);
  });

  peers.testWith("openssl", "openssl", "openssl s_client", async () => {
    const session = join(temporaryFolder("session"), "session.pem");
    for (const option of ["-sess_out", "-sess_in"]) {
      const [openssl, args] = peers.opensslCommand(target, [
        version === "1.2" ? "-tls1_2" : "-tls1_3",
        option,
        session,
      ]);
      const { stdout, stderr } = await peers.execute(openssl, args, { input: peers.request("/") });
      expect(stdout, stderr).toContain(page.slice(-200));
      expect(stdout).toContain(option === "-sess_in" ? "Reused, TLSv" : "New, TLSv");
    }
    expect(relay.handshakes).toEqual(fullThenResumed);
  });

  peers.testWith("gnutls-cli", "gnutls-bin", "gnutls-cli", async () => {
    const args = [
      ...["--resume", "--waitresumption"],
      ...["--priority", `NORMAL:-VERS-ALL:+VERS-TLS${version}`],
    ];
    const { stdout, stderr } = await peers.gnutlsClient(target, "/", args);
    expect(stdout, stderr).toContain(page.slice(-200));
    expect(stdout).toContain("This is a resumed session");
    expect(relay.handshakes).toEqual(fullThenResumed);
  });

  peers.testWith("java", "openjdk-17-jdk-headless", "Java 17", async () => {
    const args = ["-Dhttp.keepAlive=false", `-Djdk.tls.client.protocols=TLSv${version}`];
    const { stdout, stderr } = await peers.java(target, "/", args, 2);
    expect(stdout, stderr).toBe(page + page);
    expect(relay.handshakes).toEqual(fullThenResumed);
  });

  test("Node", async () => {
    const agent = new Agent({
      keepAlive: false,
      ca: readFileSync(target.ca),
      minVersion: `TLSv${version}`,
      maxVersion: `TLSv${version}`,
    });
    for (let i = 0; i < 2; i++) expect(await fetchWith(agent)).toBe(page);
    expect(relay.handshakes).toEqual(fullThenResumed);
  });

  if (!browsers) return;
  peers.testWith("chromium", "chromium", "Chromium", () => browse("chrome", version));
  peers.testWith("firefox-esr", "firefox-esr", "Firefox ESR", () => browse("firefox", version));
}

function distrusted(): void {
  for (const [kind, command] of [
    ["chrome", "chromium"],
    ["firefox", "firefox-esr"],
  ] as const) {
    peers.testWith(command, command, `stops ${command}, and the card serves the next one`, async () => {
      const browser = await peers.launch(kind, null);
      try {
        const tab = await browser.newPage();
        await expect(tab.goto(target.url)).rejects.toThrow(/CERT_AUTHORITY_INVALID|UNKNOWN_ISSUER/);
        expect(await fetchWith(new Agent({ keepAlive: false, ca: readFileSync(target.ca) }))).toBe(page);
      } finally {
        await browser.close();
      }
    });
  }

  test.each(VERSIONS)(
    "TLS %s: a client that asks its user about it after the handshake, and comes back with the session",
    async (version) => {
      const agent = { minVersion: `TLSv${version}`, maxVersion: `TLSv${version}` } as const;
      const first = connect(options(agent));
      const session = await new Promise<Buffer>((resolve) => first.once("session", resolve));
      first.destroy(); // without a word
      const again = connect(options({ ...agent, session }));
      again.write(peers.request("/"));
      expect(await text(again)).toContain(page);
      expect(relay.handshakes.map(({ resumed }) => resumed)).toEqual([false, true]);
    },
  );
}

function options(more: ConnectionOptions): ConnectionOptions {
  const port = Number(new URL(target.url).port);
  return { port, host: "127.0.0.1", servername: "localhost", rejectUnauthorized: false, ...more };
}

/** Loads the page, and again over new connections. */
async function browse(kind: "chrome" | "firefox", version: Version): Promise<void> {
  const browser = await peers.launch(kind, target.ca, version);
  try {
    expect(await load(browser)).toMatch(/^netcard/);
    expect(relay.handshakes[0]).toEqual({ version, resumed: false });
    if (kind === "chrome") await relay.settled(); // the icon's connection may be on its way with the only ticket
    relay.hangUp();
    expect(await load(browser)).toMatch(/^netcard/);
    expect(relay.handshakes).toContainEqual({ version, resumed: true });
  } finally {
    await browser.close();
  }
}

async function load(browser: Browser): Promise<string> {
  const tab = await browser.newPage();
  await tab.goto(`${target.url}?${Math.random()}`, { waitUntil: "load" });
  const title = await tab.title();
  await tab.close();
  return title;
}

function fetchWith(agent: Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    get(target.url, { agent }, (response) => {
      let received = "";
      response.on("data", (part) => (received += String(part)));
      response.on("end", () => resolve(received));
    }).on("error", reject);
  });
}
