// `netcard run --tun --card client --dns`: the card asks Debian's dnsmasq where a server is, and fetches its page by that
// name, all through the kernel's network, in a namespace of this process.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Identity, certificatePem, makeCertificate } from "../support/certificates.ts";
import { enterNamespace, hasNamespaces, ip } from "../support/namespace.ts";
import { netcard, startTunCards, temporaryFolder } from "../support/netcard.ts";
import * as peers from "../support/peers.ts";
import { nginx, opensslServer } from "../support/servers.ts";

const NAME = "www.example.test";
const ALIAS = "alias.example.test";
/** The host's on the TUN device, where dnsmasq is; and where the name leads. */
const HOST = "10.77.0.1";
const SERVER = "198.51.100.7";
const PORT = 9443;
const PAGE = "the page\n".repeat(200);

let leaf: Identity;
let trust: string;
let dnsmasq: ChildProcess | undefined;
let asked = "";

beforeAll(async () => {
  const root = await makeCertificate({ name: "root", ca: true });
  leaf = await makeCertificate({ name: "leaf", names: [NAME, ALIAS], issuer: root });
  trust = join(temporaryFolder("trust"), "trust.pem");
  writeFileSync(trust, certificatePem(root));
  if (!hasNamespaces) return;
  enterNamespace();
  ip("addr", "add", `${SERVER}/32`, "dev", "lo");
  startDnsmasq();
});
afterAll(async () => {
  if (!dnsmasq || dnsmasq.exitCode !== null || !dnsmasq.pid) return;
  dnsmasq.kill();
  await once(dnsmasq, "close");
});

function startDnsmasq(): void {
  const fixed =
    "--keep-in-foreground --conf-file=/dev/null --user=root --group=root --pid-file= --no-resolv --no-hosts";
  const names = [`--host-record=${NAME},${SERVER}`, `--cname=${ALIAS},${NAME}`, "--local=/test/"];
  dnsmasq = spawn("dnsmasq", [...fixed.split(" "), "--log-facility=-", "--log-queries", ...names]);
  dnsmasq.stderr!.on("data", (text) => (asked += String(text)));
  dnsmasq.on("error", () => undefined); // not installed: skipped by name
}

/** @returns what the card has to say of its errand, and its page */
async function run(url: string) {
  const running = await startTunCards(1, [
    "--card",
    "client",
    "--fetch",
    url,
    "--trust",
    trust,
    "--dns",
    HOST,
  ]);
  try {
    const [card] = running.cards;
    const get = async (path: string) => (await peers.curl(card!, path)).stdout;
    return { verdict: await get("/verdict.txt"), page: await get("/fetched.txt") };
  } finally {
    await running.stop();
  }
}

/** Namespaces and devices are root's to make: for anybody else the peers are missing. */
const withPeers = (name: string, body: () => Promise<void>) =>
  peers.testWith(hasNamespaces ? "dnsmasq" : "dnsmasq-in-a-namespace", "dnsmasq-base", name, body);

describe("the card asks dnsmasq, and fetches the page", () => {
  withPeers("from openssl s_server", async () => {
    const server = await opensslServer({ chain: [leaf], pages: { page: PAGE }, port: PORT, address: SERVER });
    try {
      expect(await run(`https://${NAME}:${PORT}/page`)).toEqual({ verdict: "fetched: 200\n", page: PAGE });
      expect(asked).toContain(`query[A] ${NAME} from 10.77.0.2`);
    } finally {
      await server.stop();
    }
  });

  withPeers("from nginx, by an alias", async () => {
    const server = await nginx({ chain: [leaf], pages: { page: PAGE }, port: PORT, address: SERVER });
    try {
      expect(await run(`https://${ALIAS}:${PORT}/page`)).toEqual({ verdict: "fetched: 200\n", page: PAGE });
    } finally {
      await server.stop();
    }
  });
});

withPeers("a name that dnsmasq does not know", async () => {
  expect((await run(`https://none.example.test:${PORT}/page`)).verdict).toBe("failed: -13\n");
});

describe("--dns is refused", () => {
  const fetch = ["--card", "client", "--fetch", `https://${NAME}/`, "--trust", "ca.pem"];
  for (const [what, args, said] of [
    ["without --tun", [...fetch, "--dns", HOST], "--dns needs --tun"],
    ["for other cards", ["--tun", "--dns", HOST], "--dns needs --card client"],
    ["without an address", ["--tun", ...fetch, "--dns", "localhost"], "--dns needs the IPv4 address"],
  ] as const) {
    test(what, async () => {
      const child = netcard(["run", ...args]);
      let text = "";
      child.stderr!.on("data", (part) => (text += String(part)));
      expect(await once(child, "close")).toEqual([1, null]);
      expect(text).toContain(said);
      expect(text.trim().split("\n")).toHaveLength(1);
    });
  }
});
