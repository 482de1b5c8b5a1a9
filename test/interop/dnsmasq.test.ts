// The DHCP client, the resolver and the sockets against dnsmasq and the kernel behind it, on an Ethernet of their own.
import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { BOUND, HARDWARE, IDLE, INFORMED, REBINDING, RENEWING } from "../support/dhcp.ts";
import {
  EAGAIN,
  EAI_FAIL,
  EAI_NONAME,
  ECONNREFUSED,
  EHOSTUNREACH,
  FAILED,
  SYN_SENT,
  Stack,
} from "../support/net.ts";
import { testWith } from "../support/peers.ts";
import { udpModule } from "../support/udp.ts";
import { ALIAS, Dnsmasq, MANY, POOL, PROHIBITED, REAL, SERVER, UNREACHABLE } from "./peers/dnsmasq.ts";

const PATIENCE_MS = 30_000;

let stack: Stack;
let peer: Dnsmasq | undefined;

const isRoot = process.getuid?.() === 0;
const isThere = isRoot && spawnSync("sh", ["-c", "command -v dnsmasq"]).status === 0;
/** Namespaces and devices are root's to make: for anybody else the peer is missing. */
const withDnsmasq = (name: string, body: () => Promise<void>) =>
  testWith(isRoot ? "dnsmasq" : "dnsmasq-run-by-root", "dnsmasq-base", name, body);

beforeAll(async () => {
  if (!isThere) return;
  stack = new Stack(await udpModule(), 0);
  peer = new Dnsmasq(
    HARDWARE,
    () => stack.firmware.localAddress() >>> 0,
    (datagram) => stack.receive(datagram),
  );
});

afterAll(async () => {
  await peer?.stop();
  if (!isThere) return;
  stack.firmware.cancel();
  stack.firmware.dhcpRelease();
  stack.tearDown();
});

/** Time passes, for the card as for the host, until something is the case. @throws Error when that takes too long */
async function until(what: string, isSo: () => boolean, patienceMs = PATIENCE_MS): Promise<void> {
  const end = Date.now() + patienceMs;
  for (let last = Date.now(); ;) {
    const now = Date.now();
    stack.now += now - last;
    last = now;
    stack.poll();
    stack.sent.length = 0;
    stack.rawSent.splice(0).forEach((datagram) => peer!.send(datagram));
    if (isSo()) return;
    if (now > end) throw new Error(`${what}: not within ${patienceMs} ms. dnsmasq says:\n${peer!.log}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const address = () => stack.firmware.localAddress() >>> 0;

/** @returns the address of a name, or the error */
async function resolve(name: string): Promise<number> {
  let result = EAGAIN;
  await until(`the address of ${name}`, () => (result = stack.resolve(name)) !== EAGAIN);
  return result;
}

async function bind(): Promise<void> {
  if (stack.firmware.dhcpState() === BOUND) return;
  stack.startDhcp(HARDWARE);
  await until("a lease", () => stack.firmware.dhcpState() === BOUND);
}

describe("DHCP", () => {
  withDnsmasq("a lease, with mask, router and name server", async () => {
    await bind();
    expect(address()).toBeGreaterThanOrEqual(POOL[0]);
    expect(address()).toBeLessThanOrEqual(POOL[1]);
    expect(stack.firmware.subnetMask() >>> 0).toBe(0xffffff00);
    expect([stack.firmware.router(), stack.firmware.dnsServer()].map((a) => a >>> 0)).toEqual([
      SERVER,
      SERVER,
    ]);
    expect(peer!.log).toContain("DHCPACK(tap0)");
  });

  withDnsmasq("the lease is renewed, and found again by rebinding", async () => {
    await bind();
    const first = address();
    for (const [seconds, state] of [
      [61, RENEWING],
      [106, REBINDING],
    ] as const) {
      const acks = peer!.log.split("DHCPACK").length;
      stack.now += seconds * 1000;
      stack.firmware.poll();
      expect(stack.firmware.dhcpState()).toBe(state);
      await until("more time", () => stack.firmware.dhcpState() === BOUND);
      expect([address(), peer!.log.split("DHCPACK").length]).toEqual([first, acks + 1]);
    }
  });

  withDnsmasq("an address that somebody else has is declined, another one asked for", async () => {
    await bind();
    const first = address();
    stack.firmware.dhcpDecline();
    await until("DHCPDECLINE", () => peer!.log.includes("DHCPDECLINE"));
    stack.now += 10_000;
    await until("another lease", () => stack.firmware.dhcpState() === BOUND);
    expect(address()).not.toBe(first);
  });

  withDnsmasq("released, and had again", async () => {
    await bind();
    const first = address();
    stack.firmware.dhcpRelease();
    await until("DHCPRELEASE", () => peer!.log.includes("DHCPRELEASE"));
    expect([stack.firmware.dhcpState(), address()]).toEqual([IDLE, 0]);
    await bind();
    expect(address()).toBe(first);
  });

  withDnsmasq("INFORM: a host that has its address learns the name server", async () => {
    const other = new Stack(await udpModule(), 0xc0a84dc8);
    const { receive, address: ownAddress } = peer!;
    Object.assign(peer!, {
      receive: (datagram: Uint8Array) => other.receive(datagram),
      address: () => 0xc0a84dc8,
    });
    const mine = stack;
    stack = other;
    other.startDhcp(HARDWARE, "inform");
    await until("an answer", () => other.firmware.dhcpState() === INFORMED);
    expect([other.firmware.dnsServer() >>> 0, address()]).toEqual([SERVER, 0xc0a84dc8]);
    other.firmware.dhcpRelease();
    other.tearDown();
    stack = mine;
    Object.assign(peer!, { receive, address: ownAddress });
  });
});

describe("DNS", () => {
  withDnsmasq("addresses, aliases, and what has none", async () => {
    await bind();
    expect(await resolve(REAL.name)).toBe(REAL.address);
    expect(await resolve(ALIAS)).toBe(REAL.address);
    expect(await resolve("ALIAS.Test.")).toBe(REAL.address);
    expect(await resolve("none.test")).toBe(EAI_NONAME);
    expect(await resolve("refused.example")).toBe(EAI_FAIL); // dnsmasq knows no other server
  });

  withDnsmasq("an answer cut at 512 bytes", async () => {
    await bind();
    expect((await resolve(MANY)) >>> 8).toBe(0x0a0909);
  });
});

describe("the kernel's ICMP errors", () => {
  withDnsmasq("UDP: a closed port, no way, a forbidden way", async () => {
    await bind();
    for (const [host, error] of [
      [SERVER, ECONNREFUSED],
      [UNREACHABLE, EHOSTUNREACH],
      [PROHIBITED, EHOSTUNREACH],
    ] as const) {
      const s = stack.firmware.datagramSocket();
      stack.firmware.connect(s, host, 9);
      await until("an error", () => {
        if (stack.firmware.ready(s) & FAILED) return true;
        stack.send(s, "anybody?"); // over and over: the kernel complains once a second
        return false;
      });
      expect(stack.firmware.recvStatus(s)).toBe(error);
      stack.firmware.close(s);
    }
  });

  withDnsmasq("TCP: connect() ends with EHOSTUNREACH when it was repeated in vain", async () => {
    await bind();
    const s = stack.firmware.socket();
    expect(stack.firmware.connect(s, UNREACHABLE, 80)).toBe(0);
    for (let i = 0; i < 4 && !(stack.firmware.ready(s) & FAILED); i++) {
      expect(stack.firmware.stateOf(0)).toBe(SYN_SENT);
      const heard = stack.received;
      await until("an ICMP error", () => stack.received > heard);
      stack.now += 1000 << i;
    }
    expect(stack.firmware.recvStatus(s)).toBe(EHOSTUNREACH);
    stack.firmware.close(s);
  });
});
