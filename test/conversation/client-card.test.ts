// A whole client card and servers that do not do their part, on a virtual clock: whatever they do, the errand ends within its
// minute, nothing of half a page is kept, all is given back, and the card serves pages.
import { once } from "node:events";
import { type Server, type Socket, createServer } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { afterEach, beforeAll, expect, test } from "vitest";
import {
  type Identity,
  certificatePem,
  keyPair,
  makeCertificate,
  privateKeyPem,
} from "../support/certificates.ts";
import { clientPersonality } from "../support/client-card.ts";
import { freePort } from "../support/servers.ts";
import { type Personality, WholeCard } from "../support/whole-card.ts";

const HOST = "www.example.com";
const TIMED_OUT = "failed: -5\n";
const TRUNCATED = "failed: -768\n";
const HEAD = "HTTP/1.1 200 OK\r\n\r\n";
const MINUTE_MS = 60_000;

let port: number;
let leaf: Identity;
let issued: Personality;
let server: Server;

beforeAll(async () => {
  port = await freePort();
  const keys = await keyPair("p256", 1);
  leaf = await makeCertificate({ name: "leaf", names: [HOST], keys });
  issued = await clientPersonality({ port, host: HOST, pins: [leaf] });
});
afterEach(() => server.close());

async function listen(on: Server): Promise<void> {
  on.on("connection", (socket: Socket) => socket.on("error", () => undefined)); // the card may reset it
  server = on.listen(port, "127.0.0.1");
  await once(server, "listening");
}

/** A server that speaks TLS. */
async function listenTls(serve: (socket: Socket) => void): Promise<void> {
  const options = { cert: certificatePem(leaf), key: await privateKeyPem(leaf) };
  await listen(
    createTlsServer(options, (socket) => {
      socket.on("error", () => undefined);
      socket.once("data", () => serve(socket));
    }),
  );
}

/** @returns what the card makes of it, and after how long, on its clock */
async function run() {
  const card = await WholeCard.openVirtual(issued, { allow: [port] });
  try {
    const began = card.clock.now();
    const verdict = (await card.fetch("/verdict.txt")).body.toString();
    const ms = card.clock.now() - began;
    const page = await card.fetch("/fetched.txt");
    await card.expectAllFree();
    return { verdict, ms, page: page.status === 200 ? page.body.toString() : null };
  } finally {
    await card.close();
  }
}

test("one that gives its page", async () => {
  await listenTls((socket) => socket.end(`${HEAD}the page`));
  expect(await run()).toMatchObject({ verdict: "fetched: 200\n", page: "the page" });
});

test("one that does not hear the last word: the verdict stands when patience ends", async () => {
  await listenTls((socket) => socket.end(`${HEAD}the page`));
  const card = await WholeCard.openVirtual(issued, { allow: [port] });
  try {
    const isFetched = () => Buffer.from(card.nvm.cells).includes("fetched: 200");
    const receive = card.gateway.receive.bind(card.gateway);
    card.gateway.receive = (bytes) => {
      if (!isFetched()) receive(bytes);
    };
    await card.until(isFetched, MINUTE_MS);
    await card.clock.sleep(MINUTE_MS + 1000);
    card.gateway.receive = receive;
    expect((await card.fetch("/verdict.txt")).body.toString()).toBe("fetched: 200\n");
    await card.expectAllFree();
  } finally {
    await card.close();
  }
});

test("one that says nothing", async () => {
  await listen(createServer(() => undefined));
  const { verdict, ms } = await run();
  expect(verdict).toBe(TIMED_OUT);
  expect(ms).toBeGreaterThan(MINUTE_MS - 1000);
  expect(ms).toBeLessThan(MINUTE_MS + 10_000);
});

test("one that says nothing after the handshake", async () => {
  await listenTls(() => undefined);
  expect(await run()).toMatchObject({ verdict: TIMED_OUT, page: null });
});

test("one that never comes to an end", async () => {
  await listenTls((socket) => socket.write(`${HEAD}half a page`));
  expect(await run()).toMatchObject({ verdict: TIMED_OUT, page: null });
});

test("one that hangs up at once", async () => {
  await listen(createServer((socket) => socket.end()));
  expect(await run()).toMatchObject({ verdict: TRUNCATED, page: null });
});

test("one that speaks no TLS", async () => {
  await listen(createServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")));
  expect(await run()).toMatchObject({ verdict: "failed: -266\n", page: null }); // unexpected_message
});

test("one that hangs up without close_notify: what there is may be half a page, and is not kept", async () => {
  await listenTls((socket) => {
    const raw = (socket as unknown as { _parent?: Socket })._parent;
    socket.write(`${HEAD}half a page`, () => (raw ?? socket).destroy());
  });
  const { verdict, page } = await run();
  expect(verdict).toMatch(/^failed: -(4|768)\n$/);
  expect(page).toBe(null);
});

test("one that sends more than the card keeps", async () => {
  await listenTls((socket) => socket.end(HEAD + "x".repeat(5000)));
  expect(await run()).toMatchObject({ verdict: "failed: -16\n", page: null });
});

test("one that speaks no HTTP", async () => {
  await listenTls((socket) => socket.end("220 mail.example.com ESMTP\r\n"));
  expect(await run()).toMatchObject({ verdict: "failed: -15\n", page: null });
});
