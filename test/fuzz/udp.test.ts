// Hostile answers: random, mutated and contrived DNS and DHCP messages, and datagrams and ICMP errors of all kinds, against
// the stack while it resolves, asks for a lease and has sockets. It never traps, writes nothing outside its regions, loses
// no buffer, believes no address that no host can have, and does its work afterwards. FUZZ_SEED and FUZZ_CASES replay a run.
import { beforeAll, describe, expect, test } from "vitest";
import {
  ACK,
  BOUND,
  HARDWARE,
  IDLE,
  LEASED,
  NAK,
  OFFER,
  type Options,
  SERVER,
  dhcpMessage,
  parseDhcp,
  u32,
} from "../support/dhcp.ts";
import { type Name, type Record as Answer, addressBytes, dnsMessage, parseQuery } from "../support/dns.ts";
import { cases } from "../support/long.ts";
import { CARD, EAGAIN, PEER, Stack } from "../support/net.ts";
import {
  type Datagram,
  icmpMessage,
  ipPacket,
  parseIp,
  parseUdp,
  udpDatagram,
} from "../support/net-packet.ts";
import { generator } from "../support/random.ts";
import { receive, udpModule } from "../support/udp.ts";

const SEED = Number(process.env["FUZZ_SEED"] ?? process.env["SEED"] ?? 20_260_501);
const CASES = Number(process.env["FUZZ_CASES"] ?? cases(20_000, 100_000));
const NAME = "www.example.com";
const RIGHT = 0xc0a80107;
const PAUSES = [0, 0, 1, 500, 2000, 9000, 70_000];

let module: WebAssembly.Module;
beforeAll(async () => {
  module = await udpModule();
});

/** Choices that a seed determines. */
class Choices {
  constructor(readonly random: () => number) {}

  int(limit: number): number {
    return Math.floor(this.random() * limit);
  }
  pick<T>(items: readonly T[]): T {
    return items[this.int(items.length)]!;
  }
  often(share: number): boolean {
    return this.random() < share;
  }
  bytes(limit: number): Uint8Array {
    return Uint8Array.from({ length: this.int(limit) }, () => this.int(256));
  }
  /** Changes, cuts or lengthens bytes. */
  mutate(data: Uint8Array): Uint8Array {
    const changed = this.often(0.3) ? data.slice(0, this.int(data.length + 1)) : data.slice();
    for (let i = this.int(4); i > 0 && changed.length > 0; i--)
      changed[this.int(changed.length)] = this.int(256);
    return this.often(0.1) ? Uint8Array.of(...changed, ...this.bytes(300)) : changed;
  }
}

/** Names that lead nowhere, in circles, too far, or to the right place. */
function hostileName(choose: Choices): Name {
  return choose.pick<() => Name>([
    () => [12],
    () => NAME,
    () => [choose.int(80)],
    () => ["www", choose.int(600)],
    () => Uint8Array.of(choose.pick([0x40, 0x80, 0xbf]), ...choose.bytes(4)),
    () => Array.from({ length: choose.int(140) }, () => "a"),
    () => choose.bytes(20),
    () => "b.example.com",
  ])();
}

function hostileAnswers(choose: Choices): Answer[] {
  return Array.from({ length: choose.int(6) }, () => {
    const type = choose.pick([1, 1, 5, 5, 28, 41]);
    const data =
      type === 5 ? [...choose.bytes(12)] : addressBytes(choose.pick([RIGHT, 0, 0x7f000001, 0xe0000005]));
    return {
      name: hostileName(choose),
      type,
      ttl: choose.often(0.01) ? 0x7fffffff : choose.pick([0, 0, 1, 10, 0xffffffff]),
      data: type === 5 && choose.often(0.7) ? [0xc0, choose.pick([12, choose.int(90)])] : data,
      ...(choose.often(0.1) && { length: choose.int(0x10000) }),
    };
  });
}

function hostileOptions(choose: Choices): Options {
  const options: Options = {
    53: [choose.pick([OFFER, ACK, NAK, choose.int(256)])],
    54: u32(SERVER),
    51: u32(choose.pick([0, 1, 60, 0xffffffff, choose.int(2 ** 32)])),
  };
  for (let i = choose.int(5); i > 0; i--)
    options[choose.pick([1, 3, 6, 51, 52, 53, 54, 58, 59, choose.int(255)])] = [...choose.bytes(9)];
  return options;
}

/** What the stack has sent last, of each kind. */
interface Seen {
  query?: Datagram;
  dhcp?: Datagram;
  raw?: Uint8Array;
  /** Whom the query went to. */
  server?: number;
}

function learn(stack: Stack, seen: Seen): void {
  for (const raw of stack.rawSent.splice(0)) {
    const packet = parseIp(raw);
    seen.raw = raw;
    if (packet.protocol !== 17) continue;
    const datagram = parseUdp(packet);
    if (datagram.destPort === 53) [seen.query, seen.server] = [datagram, packet.dest];
    if (datagram.destPort === 67) seen.dhcp = datagram;
  }
  stack.sent.length = 0;
}

function dnsAnswer(choose: Choices, query: Datagram): Datagram {
  const { id } = parseQuery(query.data);
  const message = dnsMessage({
    id: choose.often(0.1) ? choose.int(0x10000) : id,
    flags: choose.pick([0x8180, 0x8180, 0x8180, 0x8380, 0x8183, choose.int(0x10000)]),
    question: { name: choose.often(0.9) ? NAME : hostileName(choose) },
    answers: hostileAnswers(choose),
    ...(choose.often(0.1) && { counts: [1, choose.int(0x10000), 0, 0] as [number, number, number, number] }),
  });
  const data = (choose.often(0.4) ? choose.mutate(message) : message).slice(0, 700);
  return { sourcePort: 53, destPort: query.sourcePort, data };
}

function dhcpAnswer(choose: Choices, sent: Datagram): Datagram {
  const message = {
    ...parseDhcp(sent.data),
    op: 2,
    yiaddr: choose.pick([LEASED, LEASED, 0, choose.int(2 ** 32)]),
    options: hostileOptions(choose),
  };
  const data = dhcpMessage(message, [...choose.bytes(20)]);
  if (choose.often(0.3)) data.set(choose.bytes(60), choose.pick([44, 108]));
  return {
    sourcePort: 67,
    destPort: 68,
    data: (choose.often(0.4) ? choose.mutate(data) : data).slice(0, 700),
  };
}

function hostileDatagram(choose: Choices, seen: Seen): Datagram {
  const kind = choose.random();
  if (kind < 0.45 && seen.query) return dnsAnswer(choose, seen.query);
  if (kind < 0.9 && seen.dhcp) return dhcpAnswer(choose, seen.dhcp);
  return {
    sourcePort: choose.int(65536),
    destPort: choose.pick([5000, 68, 53, choose.int(65536)]),
    data: choose.bytes(400),
  };
}

function attack(stack: Stack, choose: Choices, seen: Seen): void {
  if (seen.raw && choose.often(0.05)) {
    const quoted = choose.often(0.5) ? seen.raw.slice(0, 28) : choose.mutate(seen.raw.slice(0, 28));
    const payload = icmpMessage(choose.pick([3, 11, 12, choose.int(20)]), choose.int(16), [
      0,
      0,
      0,
      0,
      ...quoted,
    ]);
    stack.receive(ipPacket({ source: PEER, dest: stack.firmware.localAddress(), protocol: 1, payload }));
    return;
  }
  const datagram = hostileDatagram(choose, seen);
  const source = choose.pick([PEER, PEER, seen.server ?? PEER, 0x0a000099]);
  const dest = choose.pick([0xffffffff, stack.firmware.localAddress() >>> 0]);
  const payload = udpDatagram(datagram, source, dest);
  if (choose.often(0.05)) payload[choose.int(8)] = choose.int(256);
  stack.receive(ipPacket({ source, dest, protocol: 17, payload: payload.slice(0, 780) }));
}

/** Something that an application, or the clock, might do. */
function act(stack: Stack, choose: Choices): void {
  const { firmware } = stack;
  const s = choose.int(7) - 1;
  const action = choose.int(12);
  if (action === 0 && (firmware.dhcpState() === IDLE || choose.often(0.1)))
    stack.startDhcp(HARDWARE, choose.pick(["start", "start", "inform"]));
  else if (action === 1 && choose.often(0.2)) firmware.dhcpRelease();
  else if (action === 2 && choose.often(0.2)) firmware.dhcpDecline();
  else if (action === 3 && choose.often(0.2)) firmware.cancel();
  else if (action === 4) firmware.bind(firmware.datagramSocket(), choose.pick([5000, 5001]));
  else if (action === 5) firmware.connect(s, choose.pick([PEER, 0]), choose.int(100));
  else if (action === 6) firmware.sendto(s, firmware.appMemory(), choose.int(600), PEER, 9);
  else if (action === 7) firmware.recvInto(s, choose.int(600));
  else if (action === 8) firmware.close(s);
  else if (action === 10) firmware.setServer(PEER);
  else if (action === 9) stack.isLineHeld = choose.often(0.1);
  else stack.resolve(choose.often(0.9) ? NAME : "b.example.com");
}

describe(`seed ${SEED}`, () => {
  test(`${CASES} cases`, { timeout: 600_000 }, () => {
    const choose = new Choices(generator(SEED));
    const stack = new Stack(module);
    stack.firmware.setServer(PEER);
    const seen: Seen = {};
    let leases = 0;
    let addresses = 0;
    for (let i = 0; i < CASES; i++) {
      if (choose.often(0.3)) act(stack, choose);
      attack(stack, choose, seen);
      if (choose.often(0.2)) stack.now += choose.pick(PAUSES);
      const address = stack.resolve(NAME);
      if (address >= 0) {
        const net = address >>> 24;
        expect(net > 0 && net !== 127 && net < 224, `case ${i}: an address that no host has`).toBe(true);
        addresses++;
      }
      leases += Number(stack.firmware.dhcpState() === BOUND);
      stack.poll();
      learn(stack, seen);
      if (i % 1000 === 0) stack.expectIntact();
    }
    expect(Math.min(leases, addresses), "the cases reach far enough to succeed now and then").toBeGreaterThan(
      CASES / 1000,
    );
    expectAlive(stack);
  });
});

/** After all that: everything given back, a lease and an address as ever. */
function expectAlive(stack: Stack): void {
  stack.isLineHeld = false;
  stack.firmware.dhcpRelease();
  stack.firmware.cancel();
  stack.tearDown();
  stack.sent.length = stack.rawSent.length = 0;
  expect(stack.firmware.localAddress()).toBe(CARD);
  stack.firmware.setServer(PEER);
  expect(stack.resolve("last.example.com")).toBe(EAGAIN);
  const { sourcePort, data } = parseUdp(stack.take());
  const answer = dnsMessage({
    id: parseQuery(data).id,
    question: { name: "last.example.com" },
    answers: [{ name: [12], data: addressBytes(RIGHT) }],
  });
  receive(stack, { sourcePort: 53, destPort: sourcePort, data: answer });
  expect(stack.resolve("last.example.com")).toBe(RIGHT);
  stack.tearDown();
}
