// What `npm run bench -- link` measures: goodput at the physical limit, and the same figures each time.
import { beforeAll, describe, expect, test } from "vitest";
import { Card } from "../../bench/card.ts";
import { EventClock } from "../../bench/clock.ts";
import { LINKS, rateOf } from "../../bench/links.ts";
import { boundOf } from "../../bench/main.ts";
import { ACK, SYN, type Segment, decode, encode } from "../../bench/packet.ts";
import { type Case, type Modules, type Protocol, measure, personality } from "../../bench/run.ts";
import type { MakeStack } from "../../bench/serial-port.ts";
import { TcpClient } from "../../bench/tcp-client.ts";
import { benchModules } from "../../scripts/bench-modules.mjs";

let modules: Modules;
let cells: Uint8Array;

beforeAll(async () => {
  modules = await benchModules();
  cells = await personality(modules.card);
});

const [serial, t0] = ["serial, 115200", "TA1 = 97"].map((name) => LINKS.find((l) => l.name.includes(name))!);
const run = (link: Case["link"], protocol: Protocol, more: Partial<Case> = {}) =>
  measure(modules, cells, { link, protocol, rttMs: 0, loss: 0, seed: 1, ...more });
const shareOf = async (...args: Parameters<typeof run>) => (await run(...args)).goodput / rateOf(args[0]);

describe("goodput, of what the line carries", () => {
  test("at least 93 % on a full-duplex line", async () => {
    expect(await shareOf(serial!, "HTTP")).toBeGreaterThan(0.93);
  });

  test("of it within TLS, at least 94 %", async () => {
    expect(await shareOf(serial!, "HTTPS")).toBeGreaterThan(0.94);
  });

  test("at least 88 % over Peer I/O", async () => {
    expect(await shareOf(t0!, "HTTP")).toBeGreaterThan(0.88);
  });

  test("at least 60 % of the bound with a round trip of 200 ms", async () => {
    for (const protocol of ["HTTP", "HTTPS"] as const)
      expect(await shareOf(serial!, protocol, { rttMs: 200 })).toBeGreaterThan(
        0.6 * boundOf(serial!, protocol),
      );
  });
});

test.each([1, 2, 3, 4, 5, 6, 7, 8])(
  "a file arrives within TLS when every fifteenth packet is lost, seed %i",
  async (seed) => {
    await run(serial!, "HTTPS", { rttMs: 200, loss: 1 / 15, seed }); // throws when a byte is not what it was, or should be
  },
);

test.each([serial!, t0!])("$name: figures repeat, loss or not", async (link) => {
  for (const loss of [0, 0.05]) {
    const what = { rttMs: 20, loss };
    expect(await run(link, "HTTPS", what)).toEqual(await run(link, "HTTPS", what));
  }
});

describe("another stack in the card's place: our own serial card", () => {
  const stack: MakeStack = (clock, hasLinkRoom) =>
    new Card({ module: modules.cards.HTTP.serial, cells, clock, hasLinkRoom });

  test("on a serial line is the card", async () => {
    expect(await run(serial!, "HTTP", { stack })).toEqual(await run(serial!, "HTTP"));
  });

  // A GET carries what waits in a serial port, and of ours one frame and as much of the next as there is room for.
  test("behind Peer I/O answers at the same moment, and is as quick, in as many commands", async () => {
    const [ported, ours] = [await run(t0!, "HTTP", { stack }), await run(t0!, "HTTP")];
    expect(ported.handshakeMs).toBe(ours.handshakeMs);
    expect(Math.abs(ported.goodput / ours.goodput - 1)).toBeLessThan(0.0005);
    expect(ours.commands.GET).toBeLessThanOrEqual(ported.commands.GET!);
  });
});

test("the client repeats what nobody acknowledges, had the server's SYN come twice or not", async () => {
  const clock = new EventClock();
  const requests: Segment[] = [];
  const ends = { source: 1, dest: 2, sourcePort: 443, destPort: 40_000, window: 1000, mss: 244 };
  const send = (packet: Uint8Array) => {
    const { seq, flags, data } = decode(packet)!;
    const answer = { ...ends, seq: 5, ack: seq + 1, flags: SYN | ACK, data: new Uint8Array(0) };
    if (flags === SYN) for (const ms of [1, 2]) clock.after(ms, () => client.receive(encode(answer, 0)));
    if (data.length > 0) requests.push(decode(packet)!);
  };
  const [onData, onEnd] = [() => undefined, () => undefined];
  const onConnected = () => client.write(Uint8Array.of(1, 2, 3));
  const client: TcpClient = new TcpClient({ clock, address: 1, port: 443, send, onConnected, onData, onEnd });
  client.connect();
  await clock.run(() => requests.length === 2, 0, 10_000);
  expect(requests[1]).toEqual(requests[0]);
});
