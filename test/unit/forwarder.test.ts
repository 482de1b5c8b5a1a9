// The loopback listener against a router made of a script: who waits, who is let in, and what is left when it ends.
import { once } from "node:events";
import { Socket, connect } from "node:net";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Forwarder } from "../../host/ras/forwarder.ts";
import { EAGAIN, ETIMEDOUT, type Gateway } from "../../host/ras/gateway.ts";

const ECONNREFUSED = -6;
const MAX_CLIENTS = 256;

/** What the forwarder asks of its gateway, as far as a connection goes. */
class Router {
  isUp = true;
  /** Sockets that were asked for, and those given up since. */
  opened = 0;
  closed = 0;
  aborted = 0;
  /** What connected() says. */
  outcome = 0;
  sent = "";

  wake(): void {
    // The test pumps.
  }
  connect(): number {
    return this.opened++;
  }
  connected(): number {
    return this.outcome;
  }
  send(_socket: number, data: Uint8Array): number {
    this.sent += Buffer.from(data).toString();
    return data.length;
  }
  recv(): Uint8Array | number | null {
    return EAGAIN;
  }
  shutdown(): void {
    // The card is told.
  }
  close(): void {
    this.closed++;
  }
  abort(): void {
    this.aborted++;
  }
}

let router: Router;
let forwarder: Forwarder;
let port: number;
const clients: Socket[] = [];

beforeEach(async () => {
  router = new Router();
  forwarder = new Forwarder(router as unknown as Gateway, "10.77.0.2", 443);
  port = await forwarder.listen(0);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await forwarder.close();
  for (const client of clients.splice(0)) client.destroy();
});

/** @param first what it says at once */
async function client(first = "hello"): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  clients.push(socket);
  socket.on("error", () => undefined);
  const before = forwarder.connections;
  await once(socket, "connect");
  if (first) socket.write(first);
  await until(() => forwarder.connections > before || forwarder.connections === MAX_CLIENTS);
  return socket;
}

/** Pumps, as the gateway's steps would, until something is the case. */
async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 5000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`nothing for 5 s: ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
    forwarder.pump();
  }
}

test("a client whose connection was never answered waits on", async () => {
  const socket = await client();
  let isGone = false;
  socket.on("close", () => (isGone = true));
  router.outcome = ETIMEDOUT;
  await until(() => router.closed === 3);
  expect(isGone).toBe(false);
  router.outcome = 1;
  await until(() => router.sent === "hello");
});

test("a client whose connection was refused is reset", async () => {
  const socket = await client();
  router.outcome = ECONNREFUSED;
  await until(() => socket.destroyed);
});

test("a client that leaves while it waits gives its turn up", async () => {
  const first = await client();
  await client();
  await until(() => router.opened === 1);
  first.resetAndDestroy();
  await until(() => router.aborted === 1 && forwarder.connections === 1);
});

test("clients that say nothing let the others pass, and make way when there are too many", async () => {
  router.outcome = 1;
  const silent = await Promise.all(Array.from({ length: MAX_CLIENTS }, () => client("")));
  expect(router.opened).toBe(0);
  await client("I speak");
  await until(() => router.sent === "I speak");
  expect(router.opened).toBe(1);
  await until(() => silent.filter(({ destroyed }) => destroyed).length === 1);
  expect(forwarder.connections).toBe(MAX_CLIENTS);
});

test("when the card has ended a connection, the next client asks at once", async () => {
  router.outcome = 1;
  await client();
  await until(() => router.opened === 1);
  router.outcome = 0;
  await client();
  await until(() => router.opened === 2);
  router.recv = () => null;
  await until(() => router.opened === 3);
  expect(router.aborted).toBe(1);
});

test("what clients say while they wait is kept, and is the card's when their turn comes", async () => {
  const socket = await client("");
  socket.end("said early");
  await until(() => router.opened === 1);
  router.outcome = 1;
  await until(() => router.sent === "said early");
});

test("closing does not wait for a client that has ended and reads nothing", async () => {
  const write = vi.spyOn(Socket.prototype, "write");
  const socket = await client();
  socket.pause();
  socket.end("bye");
  // The card goes on until this process has to keep something, and ends.
  router.recv = () => {
    const toClient = write.mock.contexts.at(-1) as Socket | undefined;
    return toClient && toClient !== socket && toClient.writableLength > 0 ? null : new Uint8Array(15_000);
  };
  router.outcome = 1;
  await until(() => router.closed === 1);
  const closed = forwarder.close().then(() => "closed");
  const late = new Promise((resolve) => setTimeout(() => resolve("late"), 2000).unref());
  expect(await Promise.race([closed, late])).toBe("closed");
});
