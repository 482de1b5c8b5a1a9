// Two stacks back to back through a pipe that loses, repeats, reorders and spoils packets, on a virtual clock: what is
// sent arrives whole and in order, or the connection ends with an error. Afterwards every buffer is back.
import { beforeAll, describe, expect, test } from "vitest";
import { CARD, EAGAIN, FAILED, PEER, READABLE, Stack, WRITABLE, netModule } from "../support/net.ts";
import { generator } from "../support/net-random.ts";

interface Weather {
  loss: number;
  repeat: number;
  spoil: number;
  /** Ms: each packet takes from 1 to this. */
  delay: number;
}

let card: WebAssembly.Module;
let gateway: WebAssembly.Module;

beforeAll(async () => {
  card = await netModule("card-6k");
  gateway = await netModule("gateway");
});

/** Carries packets between two stacks, one virtual millisecond after the other. */
class Pipe {
  #inFlight: { at: number; to: Stack; bytes: Uint8Array }[] = [];
  readonly random: () => number;

  constructor(
    readonly ends: [Stack, Stack],
    readonly weather: Weather,
    seed: number,
  ) {
    this.random = generator(seed);
  }

  /** Goes on to the next moment at which something happens. */
  step(): void {
    const wait = Math.min(...this.ends.map((end) => end.poll()));
    this.ends.forEach((end, i) => this.#collect(end, this.ends[1 - i]!));
    const now = this.ends[0].now;
    const arrival = Math.min(...this.#inFlight.map(({ at }) => at));
    const next = Math.max(now + 1, Math.min(now + wait, arrival, now + 1000));
    for (const end of this.ends) end.now = next;
    const due = this.#inFlight.filter(({ at }) => at <= next);
    this.#inFlight = this.#inFlight.filter(({ at }) => at > next);
    for (const { to, bytes } of due) to.receive(bytes);
  }

  #collect(from: Stack, to: Stack): void {
    for (const bytes of from.rawSent.splice(0)) {
      if (this.random() < this.weather.loss) continue;
      const copies = this.random() < this.weather.repeat ? 2 : 1;
      for (let i = 0; i < copies; i++) this.#launch(from.now, to, bytes.slice());
    }
    from.sent.length = 0;
  }

  #launch(now: number, to: Stack, bytes: Uint8Array): void {
    if (this.random() < this.weather.spoil)
      bytes[Math.floor(this.random() * bytes.length)]! ^= 1 << Math.floor(this.random() * 8);
    this.#inFlight.push({ at: now + 1 + Math.floor(this.random() * this.weather.delay), to, bytes });
  }
}

/** Sends `total` bytes in regions of up to `most`, reads what comes, both as the socket allows. */
class Application {
  readonly received: number[] = [];
  sent = 0;
  failed = false;
  hasEnded = false;

  constructor(
    readonly stack: Stack,
    readonly s: number,
    readonly total: number,
    readonly most: number,
    readonly salt: number,
  ) {}

  step(random: () => number): void {
    const bits = this.stack.firmware.ready(this.s);
    if (bits & FAILED) this.failed = true;
    else {
      if (bits & READABLE && random() < 0.7) this.#read();
      if (bits & WRITABLE) this.#write(random);
    }
  }

  #read(): void {
    const bytes = this.stack.readBytes(this.s);
    if (typeof bytes !== "number") this.received.push(...bytes);
    else if (bytes === 0) this.hasEnded = true;
    else if (bytes !== EAGAIN) this.failed = true;
  }

  #write(random: () => number): void {
    if (this.sent === this.total) {
      this.stack.firmware.shutdown(this.s);
      return;
    }
    const length = Math.min(this.total - this.sent, 1 + Math.floor(random() * this.most));
    const data = Uint8Array.from({ length }, (_, i) => pattern(this.sent + i, this.salt));
    const result = this.stack.send(this.s, data);
    if (result === length) this.sent += length;
    else if (result !== EAGAIN) this.failed = true;
  }
}

function pattern(index: number, salt: number): number {
  return (Math.imul(index + salt, 2654435761) >>> 24) & 0xff;
}

function run(weather: Weather, seed: number, clientProfile: WebAssembly.Module): void {
  const server = new Stack(card, CARD);
  const client = new Stack(clientProfile, PEER);
  const pipe = new Pipe([server, client], weather, seed);
  const listener = server.listen(443);
  const c = client.firmware.socket();
  expect(client.firmware.connect(c, CARD, 443)).toBe(0);
  const a = new Application(client, c, 5000, clientProfile === gateway ? 4000 : 700, 1);
  let b: Application | undefined;
  for (let steps = 0; steps < 40_000; steps++) {
    pipe.step();
    if (!b) {
      const s = server.firmware.accept(listener);
      if (s >= 0) b = new Application(server, s, 6000, 700, 77);
    }
    b?.step(pipe.random);
    a.step(pipe.random);
    if (a.failed || b?.failed || (a.hasEnded && b?.hasEnded)) break;
  }
  for (const [to, from] of [[a, b] as const, [b, a] as const]) {
    if (!to || !from) continue;
    expect(to.received).toEqual(Array.from({ length: to.received.length }, (_, i) => pattern(i, from.salt)));
    if (to.hasEnded && !from.failed) expect(to.received.length).toBe(from.total);
  }
  expect(a.failed || b?.failed || (a.hasEnded && b?.hasEnded), "it ends").toBe(true);
  if (weather.loss < 0.2) expect(a.failed || b?.failed, `seed ${seed} fails`).toBe(false);
  client.tearDown();
  server.tearDown();
}

const MILD: Weather = { loss: 0, repeat: 0, spoil: 0, delay: 20 };

describe.each([
  ["a card as the client", () => card],
  ["the gateway as the client", () => gateway],
])("%s", (_name, client) => {
  test("a clear day", () => run({ ...MILD, delay: 1 }, 1, client()));
  test.each([1, 2, 3])("reordering, seed %i", (seed) => run(MILD, seed, client()));
  test.each([1, 2, 3, 4, 5])("loss, seed %i", (seed) => run({ ...MILD, loss: 0.1 }, seed, client()));
  test.each([1, 2, 3])("repetition, seed %i", (seed) => run({ ...MILD, repeat: 0.3 }, seed, client()));
  test.each([1, 2, 3])("corruption, seed %i", (seed) => run({ ...MILD, spoil: 0.1 }, seed, client()));
  test.each([1, 2, 3, 4, 5])("a storm, seed %i", (seed) =>
    run({ loss: 0.3, repeat: 0.2, spoil: 0.1, delay: 300 }, seed, client()),
  );
});
