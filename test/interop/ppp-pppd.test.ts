// The serial card with Linux as its host: pppd, the kernel's PPP, header compression and TCP, and OpenSSL.
import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect } from "vitest";
import { testWith } from "../support/peers.ts";
import { LONG } from "../support/long.ts";
import { SerialCard } from "../support/serial-card.ts";
import { type Personality, SITE, personality } from "../support/whole-card.ts";
import { PppdGuest, guestImage } from "./peers/pppd-guest.ts";

const RESTARTS = 20;
const PPPD =
  "pppd /dev/ttyS0 115200 10.77.0.1:10.77.0.2 noauth local nocrtscts nodefaultroute +ipv6 debug logfile /log updetach";

let issued: Personality;
let card: SerialCard;
let guest: PppdGuest;
beforeAll(async () => {
  issued = await personality();
  const image = guestImage(issued.ca);
  card = await SerialCard.open(issued);
  const start = performance.now();
  guest = await PppdGuest.boot(image!, card);
  console.log(`booted in ${performance.now() - start}`);
});
afterAll(async () => {
  await guest.stop();
  card.close();
});

const testWithPppd = (name: string, body: () => Promise<void>) =>
  testWith("qemu-system-x86_64", "qemu-system-x86", name, body);

const sha256 = (data: Uint8Array) => createHash("sha256").update(data).digest("hex");

async function expectPage(path: string): Promise<void> {
  const request = `printf 'GET ${path} HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n'`;
  const client =
    "openssl s_client -connect 10.77.0.2:443 -CAfile /ca.pem -verify_return_error -verify_ip 10.77.0.2 -quiet";
  const text = await guest.run(
    `(${request}; sleep 1) | ${client} 2>/tmp/error >/tmp/page; cat /tmp/error; sed '1,/^\\r*$/d' /tmp/page | sha256sum`,
  );
  expect(text).toContain(sha256(SITE.get(path)!.content));
}

testWithPppd("comes up with header compression both ways", async () => {
  console.log(await guest.run(`rm -f /log; ${PPPD}`));
  const log = await guest.run("cat /log");
  console.log(log);
  await guest.run("ping -c 3 10.77.0.2");
  await expectPage("/page");
  console.log(await guest.run("pppstats -v 2>&1 || true; pppstats; ifconfig ppp0"));
});
