// A client card whose target has a name and no address: what it asks of the name server that its link tells (RFC 1877,
// RFC 1035), and what it makes of the answers.
import { afterEach, beforeAll, expect, test } from "vitest";
import { ASK } from "../../host/issuer/target.ts";
import { clientPersonality } from "../support/client-card.ts";
import { type Message, type Query, addressBytes, dnsMessage, parseQuery } from "../support/dns.ts";
import {
  ACK,
  type Packet,
  RST,
  SYN,
  icmpMessage,
  parseTcp,
  parseUdp,
  tcpSegment,
  udpDatagram,
} from "../support/net-packet.ts";
import { CARD, RoutedCard, type Sent } from "../support/routed-card.ts";
import type { Personality } from "../support/whole-card.ts";

const NAME = "www.example.com";
const PORT = 8443;
const NAME_SERVER = "192.0.2.53";
const NAME_SERVER_ADDRESS = 0xc0000235;
const SERVER = 0xc6336407; // 198.51.100.7
const UDP = 17;
const TCP = 6;
const ICMP = 1;
/** Of the card, in its table of sockets. */
const HTTPS = 443;

let asking: Personality;
let card: RoutedCard;

beforeAll(async () => {
  asking = await clientPersonality({ port: PORT, host: NAME, address: ASK });
});
afterEach(() => card.close());

interface Asked extends Query {
  atMs: number;
  port: number;
  raw: Uint8Array;
}

async function nextQuery(): Promise<Asked> {
  return query(await card.next());
}

function query({ atMs, packet, raw }: Sent): Asked {
  expect([packet.protocol, packet.dest]).toEqual([UDP, NAME_SERVER_ADDRESS]);
  const { sourcePort, destPort, data } = parseUdp(packet);
  expect(destPort).toBe(53);
  const query = parseQuery(data);
  expect([query.name, query.flags, query.type, query.class]).toEqual([NAME, 0x0100, 1, 1]);
  return { ...query, atMs, port: sourcePort, raw };
}

function answer(asked: Asked, message: Partial<Message> = {}): void {
  const data = dnsMessage({ id: asked.id, question: { name: NAME }, ...message });
  const datagram = udpDatagram({ sourcePort: 53, destPort: asked.port, data }, NAME_SERVER_ADDRESS, CARD);
  card.deliver(NAME_SERVER_ADDRESS, UDP, datagram);
}

const address = (value: number) => ({ answers: [{ name: [12], data: addressBytes(value) }] });

/** The card tries to connect, and is refused. */
async function refuseConnection(to: number): Promise<void> {
  refuse((await card.next()).packet, to);
}

function refuse(packet: Packet, to: number): void {
  const { sourcePort, destPort, flags, seq } = parseTcp(packet);
  expect([packet.protocol, packet.dest, destPort, flags]).toEqual([TCP, to, PORT, SYN]);
  send(packet, { sourcePort: destPort, destPort: sourcePort, flags: RST | ACK, ack: seq + 1 });
}

function send(to: Pick<Packet, "dest">, segment: Partial<Parameters<typeof tcpSegment>[0]>): void {
  const template = { sourcePort: 0, destPort: 0, seq: 1, ack: 0, flags: 0, window: 1000, options: [] };
  card.deliver(to.dest, TCP, tcpSegment({ ...template, data: new Uint8Array(), ...segment }, to.dest, CARD));
}

/** The errand is over: the card serves pages. */
async function expectServing(): Promise<void> {
  card.sent.length = 0;
  send({ dest: SERVER }, { sourcePort: 40000, destPort: HTTPS, flags: SYN });
  await card.until(() => card.sent.some(({ packet }) => packet.protocol === TCP));
  const { packet } = card.sent.find((sent) => sent.packet.protocol === TCP)!;
  expect(parseTcp(packet)).toMatchObject({ sourcePort: HTTPS, flags: SYN | ACK });
}

test("the card connects to the address that it is told, under the port of its target", async () => {
  card = await RoutedCard.open(asking, NAME_SERVER);
  answer(await nextQuery(), address(SERVER));
  await refuseConnection(SERVER);
  expect(await card.verdict()).toBe("failed: -6\n");
  await expectServing();
});

test("an answer to another question is none", async () => {
  card = await RoutedCard.open(asking, NAME_SERVER);
  const asked = await nextQuery();
  answer({ ...asked, id: asked.id ^ 1 }, address(0x01010101));
  answer(asked, { question: { name: "www.example.org" }, ...address(0x01010101) });
  answer(asked, address(SERVER));
  let sent = await card.next();
  if (sent.packet.protocol === UDP) {
    answer(query(sent), address(SERVER)); // all three in one command: there was room for the second alone
    sent = await card.next();
  }
  refuse(sent.packet, SERVER);
  expect(await card.verdict()).toBe("failed: -6\n");
});

test.each([
  ["NXDOMAIN", { flags: 0x8183 }, -13],
  ["no address", {}, -13],
  ["SERVFAIL", { flags: 0x8182 }, -14],
  ["REFUSED", { flags: 0x8185 }, -14],
  ["an address that is no host's", address(0xe0000001), -14],
] as const)("%s ends the errand", async (_, message, error) => {
  card = await RoutedCard.open(asking, NAME_SERVER);
  answer(await nextQuery(), message);
  expect(await card.verdict()).toBe(`failed: ${error}\n`);
  expect(card.sent).toEqual([]);
  await expectServing();
});

test("no name server is known: the errand ends at once", async () => {
  card = await RoutedCard.open(asking);
  const sinceMs = card.clock.now();
  expect(await card.verdict()).toBe("failed: -11\n");
  expect(card.clock.now() - sinceMs).toBeLessThan(1000);
  expect(card.sent).toEqual([]);
});

test("nothing listens at the name server's port", async () => {
  card = await RoutedCard.open(asking, NAME_SERVER);
  const { raw } = await nextQuery();
  card.deliver(NAME_SERVER_ADDRESS, ICMP, icmpMessage(3, 3, [0, 0, 0, 0, ...raw.subarray(0, 28)]));
  expect(await card.verdict()).toBe("failed: -11\n");
});

test("a name server that says nothing is asked four times, in half a minute", async () => {
  card = await RoutedCard.open(asking, NAME_SERVER);
  const asked = [await nextQuery(), await nextQuery(), await nextQuery(), await nextQuery()];
  const times = asked.map(({ atMs }) => (atMs - asked[0]!.atMs) / 1000);
  [0, 2, 6, 14].forEach((seconds, i) => expect(times[i]).toBeCloseTo(seconds, 0));
  expect(new Set(asked.map(({ id, port }) => `${id} ${port}`)).size).toBe(4);
  expect(await card.verdict()).toBe("failed: -5\n");
  expect((card.clock.now() - asked[0]!.atMs) / 1000).toBeCloseTo(30, 0);
  expect(card.sent).toEqual([]);
  await expectServing();
});

test("an answer to the third question is as good as one to the first", async () => {
  card = await RoutedCard.open(asking, NAME_SERVER);
  const [first] = [await nextQuery(), await nextQuery()];
  const third = await nextQuery();
  answer(first, address(0x01010101)); // late: nobody is at its port any more
  expect((await card.next()).packet.protocol).toBe(ICMP);
  answer(third, address(SERVER));
  await refuseConnection(SERVER);
});

test("a link that goes down meanwhile: the errand ends after a minute, and the card serves once it is up", async () => {
  card = await RoutedCard.open(asking, NAME_SERVER);
  await nextQuery();
  card.ras.start(); // asks for LCP anew
  await card.until(() => !card.ras.isUp);
  await card.clock.sleep(20);
  card.isCut = true;
  const sinceMs = card.clock.now();
  expect(await card.verdict()).toBe("failed: -5\n");
  expect(card.clock.now() - sinceMs).toBeGreaterThan(55_000);
  card.isCut = false;
  card.ras.start();
  await card.until(() => card.ras.isUp);
  await expectServing();
});

test("a target with an address needs no name server", async () => {
  const known = await clientPersonality({ port: PORT, host: NAME, address: "198.51.100.7" });
  card = await RoutedCard.open(known, NAME_SERVER);
  await refuseConnection(SERVER);
  expect(await card.verdict()).toBe("failed: -6\n");
});
