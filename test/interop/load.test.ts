// A crowd at the card's door, through Linux's kernel and a TUN device: SYNs from anywhere, connections that are half open or
// never say a word. An honest client still gets its page within 5 s.
import { type Socket, connect } from "node:net";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { ROOT } from "../../scripts/firmware.mjs";
import { RawSocket, enterNamespace, hasNamespaces, testInNamespace } from "../support/namespace.ts";
import { SYN, ipPacket, tcpSegment } from "../support/net-packet.ts";
import { type RunLine, type RunningCards, startTunCards } from "../support/netcard.ts";
import * as peers from "../support/peers.ts";

const CARD = 0x0a4d0002;
/** Nobody's: what is sent there, is lost. */
const NOWHERE = 0x0a630000;
const LIMIT_MS = 5000;
const CROWD = 1000;

const page = readFileSync(join(ROOT, "pages/index.html"), "utf8");
let running: RunningCards;
let card: RunLine;
let raw: RawSocket;
const sockets: Socket[] = [];

beforeAll(async () => {
  if (!hasNamespaces) return;
  enterNamespace();
  running = await startTunCards(1);
  card = running.cards[0]!;
  raw = new RawSocket();
});
afterEach(() => sockets.splice(0).forEach((socket) => socket.destroy()));
afterAll(async () => {
  raw?.close();
  if (running) expect(await running.stop()).toBe(0);
});

/** A SYN of the nth stranger. */
function knock(n: number): void {
  const source = NOWHERE + 1 + (n >> 4);
  const [sourcePort, destPort] = [1024 + ((n * 7919) & 0x7fff), 443];
  const header = { sourcePort, destPort, seq: n * 65_537, ack: 0, flags: SYN, window: 4096 };
  const segment = tcpSegment({ ...header, options: [2, 4, 5, 180], data: new Uint8Array() }, source, CARD);
  raw.send(ipPacket({ source, dest: CARD, payload: segment }), CARD);
}

/** Opens a connection and says nothing. */
function idle(): void {
  const socket = connect({ host: card.card, port: 443 });
  socket.on("error", () => undefined);
  sockets.push(socket);
}

/** The honest client. @returns ms */
async function fetchPage(): Promise<number> {
  const started = performance.now();
  const { stdout, stderr } = await peers.curl(card);
  expect(stdout, stderr).toBe(page);
  return performance.now() - started;
}

async function fetchPages(count: number): Promise<void> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) times.push(await fetchPage());
  console.log(times.map((ms) => Math.round(ms)).join(" "), "ms");
  expect(Math.max(...times)).toBeLessThan(LIMIT_MS);
}

testInNamespace(`${CROWD} half-open connections`, async () => {
  for (let n = 0; n < CROWD; n++) knock(n);
  await fetchPages(3);
});

testInNamespace("a flood of SYNs that goes on", async () => {
  let n = 100_000;
  const flood = setInterval(() => {
    for (let i = 0; i < 10; i++) knock(n++);
  }, 10);
  try {
    await fetchPages(5);
  } finally {
    clearInterval(flood);
  }
});

testInNamespace(`${CROWD} connections that say nothing`, async () => {
  for (let i = 0; i < CROWD; i++) idle();
  await fetchPages(1);
  // To Linux most become connections: their SYNs are answered.
  const open = () => sockets.filter(({ connecting }) => !connecting).length;
  for (let waited = 0; open() < CROWD / 2 && waited < 10_000; waited += 50)
    await new Promise((resolve) => setTimeout(resolve, 50));
  expect(open()).toBeGreaterThanOrEqual(CROWD / 2);
  await fetchPages(3);
});

testInNamespace("one that says nothing for a while gets its page when it speaks", async () => {
  const silent = connect({ host: card.card, port: 443 });
  let error: Error | undefined;
  silent.on("error", (reason) => (error = reason));
  sockets.push(silent);
  await fetchPages(3); // it had to make way
  const answer = new Promise<Buffer>((resolve) => silent.once("data", resolve));
  silent.write(Uint8Array.of(22, 3, 1, 0, 4, 1, 0, 0, 0)); // a ClientHello that is none
  expect((await answer)[0], String(error)).toBe(21); // an alert
});
