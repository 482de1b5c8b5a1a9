// Our TCP against Linux's over a network that loses, repeats, reorders and spoils packets: what is sent arrives whole and
// in order, or the connection ends with an error. Afterwards every buffer is back.
//
//   application ── Linux's TCP ── TUN device ══ faults ══ a card's IP and TCP ── application
//
// What becomes of the nth packet, and what the applications are up to, follows from a seed; when, from the kernel's clock.
// SEED=n runs that one alone, as often as FUZZ_CASES says; FUZZ_CASES=n alone runs so many seeds, each to its end. The short
// run cuts off what takes long (a card keeps nothing out of order, and Linux's timeouts double), and says how many.
import { type Server, type Socket, connect, createServer } from "node:net";
import { writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect } from "vitest";
import { Tun } from "../../host/ras/tun.ts";
import {
  type Account,
  Application,
  type Behaviour,
  FaultyWire,
  type Weather,
  drawBehaviour,
  drawWeather,
  expectWhole,
  pattern,
} from "../support/faulty-net.ts";
import {
  enterNamespace,
  hasNamespaces,
  ip,
  setReceiveBuffer,
  testInNamespace,
} from "../support/namespace.ts";
import { Stack, netModule } from "../support/net.ts";
import { generator } from "../support/random.ts";

const SEED = process.env["SEED"];
const IS_SHORT = !SEED && !process.env["FUZZ_CASES"];
const CASES = Number(process.env["FUZZ_CASES"] ?? (SEED ? 1 : 100));
/** Connections at the same time, each to a card of its own. */
const PARALLEL = 100;
const TICK_MS = 4;
/** Later a short run is over. In a long one, both ends of a connection have given up long before. */
const END_MS = IS_SHORT ? 10_000 : 1_200_000;
/** So long one end may take to notice that the other has reset, when the RST was lost. */
const GRACE_MS = 5_000;
/** Ms; real ones. */
const DELAYS = [1, 5, 20, 60];
/** How foul the weather gets, of what the virtual clock can wait for. */
const WORST = 0.4;
/** Sends, or windows, that a conversation may take: each is a round trip at least, and a lost one takes seconds. */
const ROUNDS = 25;
const CARD_MOST = 700;
const HOST = "10.78.0.1";
const HOST_NUMBER = 0x0a4e0001;
const MTU = 256;

let tun: Tun;
let card: WebAssembly.Module;
let server: Server;
let serverPort = 0;
/** Those who wait for a card to connect, by its address. */
const awaited = new Map<string, (socket: Socket) => void>();

beforeAll(async () => {
  if (!hasNamespaces) return;
  card = await netModule("card-6k");
  enterNamespace();
  tun = await Tun.open(HOST);
  ip("route", "add", "10.78.0.0/16", "dev", tun.name, "src", HOST, "mtu", String(MTU));
  writeFileSync("/proc/sys/net/ipv4/tcp_retries2", "8"); // of this namespace: give up as a card does
  server = createServer({ allowHalfOpen: true }, (socket) => awaited.get(socket.remoteAddress!)?.(socket));
  serverPort = await new Promise((resolve) => {
    server.listen(0, HOST, () => resolve((server.address() as { port: number }).port));
  });
});
afterAll(async () => {
  server?.close();
  await tun?.close();
});

interface Schedule {
  seed: number;
  weather: Weather;
  card: Behaviour;
  linux: Behaviour;
  /** The card connects, else Linux does. */
  isCardFirst: boolean;
  /** Linux has little room for what is not read. */
  isNarrow: boolean;
  noDelay: boolean;
}

function drawSchedule(seed: number): Schedule {
  const random = generator(seed);
  const polite = Math.floor(random() * 3);
  const weather = drawWeather(random, DELAYS, WORST);
  const brief = (behaviour: Behaviour): Behaviour => {
    const piece = Math.min(behaviour.most, weather.window ?? Infinity);
    return { ...behaviour, total: Math.min(behaviour.total, ROUNDS * piece) };
  };
  return {
    seed,
    weather,
    card: brief(drawBehaviour(random, CARD_MOST, polite === 1)),
    linux: brief(drawBehaviour(random, 4000, polite === 2)),
    isCardFirst: random() < 0.3,
    isNarrow: random() < 0.3,
    noDelay: random() < 0.5,
  };
}

/** An application over a socket of Linux's. */
class LinuxApplication implements Account {
  readonly salt = 1;
  readonly received: number[] = [];
  failed = false;
  hasEnded = false;
  hasQuit = false;
  #sent = 0;
  #hasFinished = false;

  constructor(
    readonly socket: Socket,
    readonly behaviour: Behaviour,
    readonly random: () => number,
  ) {
    socket.on("data", (data) => this.#take(data));
    socket.on("end", () => (this.hasEnded = true));
    socket.on("error", () => (this.failed ||= !this.hasQuit));
    socket.on("finish", () => (this.#hasFinished = true));
  }

  get isOver(): boolean {
    return this.failed || this.hasQuit || (this.hasEnded && this.#hasFinished);
  }

  step(): void {
    if (this.isOver || this.socket.connecting) return;
    if (this.socket.isPaused() && this.random() < this.behaviour.appetite) this.socket.resume();
    const { total, most, isPolite } = this.behaviour;
    if (this.#sent < total && this.socket.writableLength < most) {
      const length = Math.min(total - this.#sent, 1 + Math.floor(this.random() * most));
      this.socket.write(Uint8Array.from({ length }, (_, i) => pattern(this.#sent + i, this.salt)));
      this.#sent += length;
    } else if (this.#sent === total && !this.socket.writableEnded && (!isPolite || this.hasEnded))
      this.socket.end();
  }

  #take(data: Buffer): void {
    this.received.push(...data);
    if (this.random() >= this.behaviour.appetite) this.socket.pause();
    if (this.received.length < (this.behaviour.quitsAfter ?? Infinity)) return;
    this.hasQuit = true;
    this.socket.resetAndDestroy();
  }
}

/** One connection between Linux and a card. */
class Connection {
  readonly stack: Stack;
  readonly wires: FaultyWire[];
  readonly random: () => number;
  readonly started = performance.now();
  #application: Application | undefined;
  #linux: LinuxApplication | undefined;
  #accept: () => number;
  /** When one end was over. */
  #halfOverAt = Infinity;

  constructor(
    readonly schedule: Schedule,
    readonly address: string,
    numberOfAddress: number,
  ) {
    const { seed, weather } = schedule;
    this.random = generator(seed ^ 0x5eed);
    this.stack = new Stack(card, numberOfAddress);
    this.wires = [
      new FaultyWire(weather, generator(seed ^ 0xca4d), (bytes) => tun.write(bytes)),
      new FaultyWire(weather, generator(seed ^ 0x11), (bytes) => this.stack.receive(bytes)),
    ];
    tun.attach(address, (datagram) => this.wires[1]!.send(performance.now(), datagram));
    this.#accept = schedule.isCardFirst ? this.#connectFromCard() : this.#connectToCard();
  }

  /** @returns whether it is over, with what it found checked */
  tick(now: number): boolean {
    this.stack.now = Math.floor(now);
    for (const wire of this.wires) wire.arrive(now);
    this.stack.poll();
    if (!this.#application) {
      const s = this.#accept();
      if (s >= 0) this.#application = new Application(this.stack, s, this.schedule.card, 77, this.random);
    }
    this.#application?.step();
    this.#linux?.step();
    for (const bytes of this.stack.rawSent.splice(0)) this.wires[0]!.send(now, bytes);
    this.stack.sent.length = 0;
    return this.#isOver(now);
  }

  /** Every byte where it belongs, every buffer back. */
  finish(): void {
    const [a, b] = [this.#linux, this.#application];
    if (a && b) {
      // What follows data closely, libuv takes for an orderly end, be it a RST.
      if (b.failed || b.hasQuit) a.hasEnded = false;
      expectWhole(a, b, this.schedule.seed);
      expectWhole(b, a, this.schedule.seed);
    }
    awaited.delete(this.address);
    tun.detach(this.address);
    a?.socket.destroy();
    this.stack.tearDown();
  }

  /** @returns how it ended, for the summary */
  get outcome(): "in order" | "with an error" | "cut off" {
    const [a, b] = [this.#linux, this.#application];
    if (a?.hasEnded && b?.hasEnded) return "in order";
    return [a, b].some((end) => end?.failed || end?.hasQuit) ? "with an error" : "cut off";
  }

  #isOver(now: number): boolean {
    const ends = [this.#linux, this.#application];
    if (ends.every((end) => end?.isOver)) return true;
    if (now - this.started > END_MS) return true;
    // An end that gave up tells the other by a RST, which may be lost, and who has nothing to say never asks.
    if (!ends.some((end) => end?.failed || end?.hasQuit)) return false;
    if (this.#halfOverAt === Infinity) this.#halfOverAt = now;
    return now - this.#halfOverAt > GRACE_MS;
  }

  #connectToCard(): () => number {
    const listener = this.stack.listen(443);
    this.#attend(connect({ host: this.address, port: 443, allowHalfOpen: true }));
    return () => this.stack.firmware.accept(listener);
  }

  #connectFromCard(): () => number {
    awaited.set(this.address, (socket) => this.#attend(socket));
    const s = this.stack.firmware.socket();
    expect(this.stack.firmware.connect(s, HOST_NUMBER, serverPort)).toBe(0);
    return () => s;
  }

  #attend(socket: Socket): void {
    const { isNarrow, noDelay, linux } = this.schedule;
    socket.setNoDelay(noDelay);
    const narrow = () => isNarrow && setReceiveBuffer(socket, 1);
    if (socket.connecting) socket.once("connect", narrow);
    else narrow();
    this.#linux = new LinuxApplication(socket, linux, this.random);
  }
}

/** @returns the nth card's address, dotted and as a number; each connection has one that no segment is still under way to */
function addressOf(n: number): [string, number] {
  const host = 256 + (n % 60_000);
  return [`10.78.${host >> 8}.${host & 255}`, 0x0a4e0000 + host];
}

const name = SEED ? `seed ${SEED}, ${CASES} times` : `${CASES} fault schedules`;

testInNamespace(name, run, 14_400_000);

async function run(): Promise<void> {
  const outcomes = { "in order": 0, "with an error": 0, "cut off": 0 };
  let opened = 0;
  const open = new Set<Connection>();
  for (let done = 0; done < CASES;) {
    while (open.size < PARALLEL && opened < CASES) {
      const schedule = drawSchedule(SEED ? Number(SEED) : opened + 1);
      open.add(new Connection(schedule, ...addressOf(opened++)));
    }
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    for (const connection of open) {
      replayable(connection.schedule, () => {
        if (!connection.tick(performance.now())) return;
        open.delete(connection);
        connection.finish();
        outcomes[connection.outcome]++;
        done++;
      });
    }
  }
  console.log(`${CASES} connections with Linux: ${JSON.stringify(outcomes)}`);
  if (!SEED) expect(outcomes["in order"]).toBeGreaterThan(CASES / 2);
  if (!IS_SHORT) expect(outcomes["cut off"], "connections that never ended").toBe(0);
}

function replayable(schedule: Schedule, body: () => void): void {
  try {
    body();
  } catch (error) {
    const what = `${(error as Error).message}\n${JSON.stringify(schedule)}`;
    throw new Error(`SEED=${schedule.seed} replays this: ${what}`, { cause: error });
  }
}
