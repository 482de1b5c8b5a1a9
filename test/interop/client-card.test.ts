// The whole card as a client: over T=0, PPP and the gateway's outlet to servers of other makes.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect } from "vitest";
import { type Identity, certificatePem, keyPair, makeCertificate } from "../support/certificates.ts";
import { clientPersonality, runErrand } from "../support/client-card.ts";
import { startCard, temporaryFolder } from "../support/netcard.ts";
import * as peers from "../support/peers.ts";
import { type RunningServer, freePort, nginx, opensslServer } from "../support/servers.ts";
import type { Personality } from "../support/whole-card.ts";

const HOST = "www.example.com";
const PAGE = "the page\n".repeat(200);

let root: Identity;
let leaf: Identity;
let server: RunningServer | undefined;
let port: number;
let card: Personality;

beforeAll(async () => {
  root = await makeCertificate({ name: "root", ca: true });
  leaf = await leafOf({});
  port = await freePort();
  card = await clientPersonality({ port, host: HOST, anchors: [root] });
});
afterEach(() => server?.stop());

const leafOf = async (options: object) =>
  makeCertificate({ name: "leaf", names: [HOST], issuer: root, keys: await keyPair("p256", 1), ...options });

describe.each(["TLSv1.3", "TLSv1.2"])("nginx, %s", (version) => {
  peers.testWith("nginx", "nginx", "gives its page", async () => {
    server = await nginx({ chain: [leaf], pages: { page: PAGE }, port, args: [`ssl_protocols ${version};`] });
    const report = await runErrand(card, [port]);
    expect(report).toEqual({ verdict: "fetched: 200\n", page: PAGE });
  });
});

describe("openssl s_server", () => {
  peers.testWith("openssl", "openssl", "gives its page", async () => {
    server = await opensslServer({ chain: [leaf], pages: { page: PAGE }, port });
    const report = await runErrand(card, [port]);
    expect(report).toEqual({ verdict: "fetched: 200\n", page: PAGE });
  });

  const refusals: [string, string, () => Promise<Identity>][] = [
    ["a wrong name", "certificate_unknown", () => leafOf({ names: ["www.example.org"] })],
    ["an expired certificate", "certificate_expired", () => leafOf({ notAfter: "2025-12-31" })],
    ["an untrusted certificate", "unknown_ca", () => leafOf({ issuer: undefined })],
    [
      "a bad signature",
      "bad_certificate",
      async () => {
        const damaged = await leafOf({});
        damaged.der[damaged.der.length - 1]! ^= 1;
        return damaged;
      },
    ],
  ];
  for (const [what, alert, made] of refusals) {
    peers.testWith("openssl", "openssl", `is refused for ${what}`, async () => {
      server = await opensslServer({ chain: [await made()], pages: { page: PAGE }, port });
      const report = await runErrand(card, [port]);
      expect(report).toEqual({ verdict: `refused: ${alert}\n`, page: null });
      expect(server.said()).toContain(`alert ${alert.replaceAll("_", " ")}`);
    });
  }

  peers.testWith("openssl", "openssl", "is not reached where that was not allowed", async () => {
    server = await opensslServer({ chain: [leaf], pages: { page: PAGE }, port });
    const report = await runErrand(card, []);
    expect(report).toEqual({ verdict: "failed: -6\n", page: null });
  });
});

describe("netcard", () => {
  const runs = [
    ["run", "openssl", "openssl"],
    ["board run", "qemu-system-arm", "qemu-system-arm"],
  ] as const;
  for (const [command, peer, debianPackage] of runs) {
    peers.testWith(peer, debianPackage, `${command} --card client`, async () => {
      const folder = temporaryFolder("client");
      const trust = join(folder, "trust.pem");
      writeFileSync(trust, certificatePem(root));
      server = await opensslServer({ chain: [leaf], pages: { page: PAGE } });
      const fetch = `https://${HOST}:${server.port}/page`;
      const options = ["--card", "client", "--fetch", fetch, "--trust", trust];
      const run = await startCard(options, temporaryFolder("data"), command.split(" "));
      try {
        expect((await peers.curl(run, "/verdict.txt")).stdout).toBe("fetched: 200\n");
        expect((await peers.curl(run, "/fetched.txt")).stdout).toBe(PAGE);
      } finally {
        await run.stop();
      }
    });
  }
});
