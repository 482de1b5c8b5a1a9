// The serial card with Linux as its host: pppd, the kernel's PPP, header compression and TCP, and OpenSSL.
import { createHash } from "node:crypto";
import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, expect } from "vitest";
import { testWith } from "../support/peers.ts";
import { AUTHENTICATED_CARD, RESOLVING_CARD, SerialCard } from "../support/serial-card.ts";
import { type Personality, SITE, personality } from "../support/whole-card.ts";
import { PppdGuest, guestImage, guestParts } from "./peers/pppd-guest.ts";

const RESTARTS = 20;
/** Returns when the link is up, and goes on in the background. */
const PPPD = "pppd /dev/ttyS0 115200 10.77.0.1:10.77.0.2 local nocrtscts +ipv6 debug logfile /log updetach";
const SIZES = [...Array.from({ length: 38 }, (_, i) => 1 + i * 37), 228, 229, 1399, 1400];

const QEMU = "qemu-system-x86_64";
const parts = guestParts();
const isThere = parts && spawnSync(QEMU, ["--version"]).status === 0;

let issued: Personality;
let card: SerialCard;
let guest: PppdGuest;
beforeAll(async () => {
  if (!isThere) return;
  issued = await personality();
  card = await SerialCard.open(issued);
  guest = await PppdGuest.boot(guestImage(parts, issued.ca), card);
});
afterAll(async () => {
  await guest?.stop();
  card?.close();
});

// Without Debian's packages, a command that nobody has stands for them.
const testWithPppd = (name: string, body: () => Promise<void>) =>
  parts
    ? testWith(QEMU, "qemu-system-x86", name, body)
    : testWith("pppd-guest", "ppp and linux-image-amd64, by apt-get download", name, body);

const sha256 = (data: Uint8Array) => createHash("sha256").update(data).digest("hex");

async function expectPage(path: string): Promise<void> {
  const request = `printf 'GET ${path} HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n'`;
  const verify = "-CAfile /ca.pem -verify_return_error -verify_ip 10.77.0.2";
  await guest.run(
    `${request} | openssl s_client -connect 10.77.0.2:443 ${verify} -quiet >/page 2>/error; true`,
  );
  const text = await guest.run("sed '1,/^\\r*$/d' /page | sha256sum; cat /error");
  expect(text).toContain(sha256(SITE.get(path)!.content));
}

/** Starts pppd, and waits until the link is up. @returns its log */
async function connect(options = "noauth"): Promise<string> {
  await guest.run(`rm -f /log; ${PPPD} ${options} || { cat /log; false; }`);
  return guest.run("cat /log");
}

const end = (signal: string) =>
  guest.run(`kill -${signal} $(pidof pppd); while pidof pppd; do usleep 10000; done; true`);

testWithPppd("comes up with header compression both ways; IPv6 is refused", async () => {
  const log = await connect();
  expect(log).toMatch(/rcvd \[IPCP ConfAck .*<compress VJ 0f 01>/);
  expect(log).toMatch(/sent \[IPCP ConfAck .*<compress VJ 01 01>/);
  expect(log).toContain("Protocol-Reject for 'IPv6 Control Protocol'");
  for (const path of ["/none", "/one", "/page"]) await expectPage(path);
  const { received, sent } = await statistics();
  const [packetsIn, compressedIn, , errorsIn] = received as [number, number, number, number];
  const [packetsOut, compressedOut] = sent as [number, number];
  expect(compressedIn).toBeGreaterThan(packetsIn * 0.5);
  expect(compressedOut).toBeGreaterThan(packetsOut * 0.4);
  expect(errorsIn).toBe(0);
});

/** @returns packets there were each way, how many had compressed headers, and of those received how many were bad */
async function statistics(): Promise<{ received: number[]; sent: number[] }> {
  const [, numbers = ""] = (await guest.run("pppstats")).trim().split("\n");
  const columns = numbers.match(/\d+/g)!.map(Number);
  return { received: columns.slice(1, 5), sent: columns.slice(6, 10) };
}

testWithPppd("pings of 1 to 1,400 bytes come back unchanged", async () => {
  const ping = "ping -c 1 -W 10 -s $size 10.77.0.2 > /pings 2>&1";
  const isGood = "grep -q ' 0% packet loss' /pings && ! grep -q wrong /pings";
  await guest.run(
    `for size in ${SIZES.join(" ")}; do { ${ping}; ${isGood}; } || { cat /pings; break; }; done; ${isGood}`,
  );
});

testWithPppd(`${RESTARTS} restarts: half in order, half without a word`, async () => {
  for (let i = 0; i < RESTARTS; i++) {
    await end(i % 2 ? "TERM" : "KILL");
    await connect();
    await guest.run("ping -c 1 -W 10 10.77.0.2");
    if (i % 4 < 2) await expectPage("/page");
  }
});

testWithPppd("pppd that demands CHAP or PAP of the card", async () => {
  await end("TERM");
  const authenticated = await SerialCard.open(issued, AUTHENTICATED_CARD);
  guest.insert(authenticated);
  await guest.run(`for way in chap pap; do echo 'card pppd "open sesame" *' > /etc/ppp/$way-secrets; done`);
  for (const [way, yes] of [
    ["chap", "sent [CHAP Success"],
    ["pap", "sent [PAP AuthAck"],
  ] as const) {
    expect(await connect(`auth require-${way} name pppd`)).toContain(yes);
    await guest.run("ping -c 1 -W 10 10.77.0.2");
    await end("TERM");
  }
  await guest.run(`echo 'card pppd wrong *' > /etc/ppp/chap-secrets`);
  await expect(connect("auth require-chap name pppd")).rejects.toThrow("sent [CHAP Failure");
  authenticated.close();
});

testWithPppd("pppd that knows a name server, and one that knows none", async () => {
  await guest.run("pidof pppd && kill -TERM $(pidof pppd); while pidof pppd; do usleep 10000; done; true");
  const resolving = await SerialCard.open(issued, RESOLVING_CARD);
  guest.insert(resolving);
  expect(await connect("noauth ms-dns 10.77.0.53")).toMatch(/sent \[IPCP ConfAck .*<ms-dns1 10\.77\.0\.53>/);
  await guest.run("ping -c 1 -W 10 10.77.0.2");
  await end("TERM");
  expect(await connect("noauth")).toMatch(/sent \[IPCP ConfRej .*<ms-dns1 /);
  await guest.run("ping -c 1 -W 10 10.77.0.2");
  resolving.close();
});
