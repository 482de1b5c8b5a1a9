// Hostile input to the whole card, at each of its layers: frames of good conversations, changed and sealed anew so that
// they get as far as the layer that is meant. Whatever comes, it does not trap, writes nowhere but in its arena, and
// serves the next client.
//
//   NETCARD_LONG: a million       T=0     Peer I/O  AHDLC    PPP      IP, ICMP, TCP   TLS      HTTP
//   link.test.ts                  90,000  90,000    90,000   180,000
//   net-fuzz.test.ts                                                  200,000
//   tls.test.ts                                                                       231,500
//   http.test.ts                                                                               200,000
//   here, through all of them     60,000  30,000    20,000   30,000   60,000          5,000    200
//
// SEED=n: other cases; they repeat by their seed, but for what the recorded client chose at random.
import { type TLSSocket, connect } from "node:tls";
import { beforeAll, describe, expect, test } from "vitest";
import { NOTHING_LENT } from "../support/card-guard.ts";
import { CardBench, type Moment, record } from "../support/card-bench.ts";
import { build } from "../support/firmware.ts";
import { encode } from "../support/link.ts";
import { cases } from "../support/long.ts";
import { randomFrom } from "../support/random.ts";
import { checksum } from "../support/net-packet.ts";
import { type Personality, WholeCard, personality } from "../support/whole-card.ts";

const SEED = Number(process.env.SEED ?? 1);
/** After so many batches a client comes; after each the memory is looked at. */
const BATCHES = 10;
/** Cases from one good state to the next. */
const RUN = 8;
/** The longest that a peer who has gone can still keep the card busy, ms: TCP's patience. */
const RECOVERY_MS = 600_000;
const [IP, TCP, ICMP] = [0x21, 6, 1];
/** Type of a TLS record. */
const ALERT = 21;
const PAUSES = [1, 40, 1000, 20_000];

let issued: Personality;
let moments: Moment[];
/** IP packets as such, without VJ compression; of these, the ones that carry TLS. */
let packets: Moment[];
let speaking: Moment[];
/** Alerts that the card sent before there were keys. */
const alerts = new Set<number>();
let bench: CardBench;
beforeAll(async () => {
  issued = await personality();
  moments = await record(issued, "/page");
  const gateway = await build("firmware/gateway.ts", { profile: "gateway", use: { VJ_SLOTS: 0 } });
  packets = (await record({ ...issued, gateway }, "/page")).filter(({ frames }) => frames.some(isIp));
  speaking = packets.filter(({ frames }) => frames.some(dataAt));
  expect(speaking.length, "hello, finished and request").toBeGreaterThan(2);
  bench = new CardBench(issued);
});

type Random = ReturnType<typeof randomFrom>;

const bytes = (random: Random, most: number) =>
  Array.from({ length: random() % (most + 1) }, () => random() & 0xff);
const pick = <T>(random: Random, items: readonly T[]) => items[random() % items.length]!;
const oneIn = (random: Random, n: number) => random() % n === 0;

/** One to three changes from `start` on: a bit, a byte, bytes inserted, left out or repeated, the end cut off. */
function mutate(random: Random, input: readonly number[], start = 0): number[] {
  const result = [...input];
  for (let changes = 1 + (random() % 3); changes > 0 && result.length > start; changes--) {
    const at = start + (random() % (result.length - start));
    const few = 1 + (random() % 8);
    const changed: number[][] = [
      [result[at]! ^ (1 << (random() % 8)), ...result.slice(at + 1)],
      [pick(random, [0, 1, 0x7f, 0x80, 0xff, random() & 0xff]), ...result.slice(at + 1)],
      [...bytes(random, few), ...result.slice(at)],
      result.slice(at + few),
      [...result.slice(at, at + few), ...result.slice(at)],
      [],
    ];
    result.splice(at, Infinity, ...pick(random, changed));
  }
  return result;
}

/** Makes the lengths and checksums of an IP packet right again (RFC 791, 793, 792), as far as its header lets us. */
function seal(packet: number[], headerToo = true): number[] {
  const header = (packet[0]! & 15) * 4;
  const put16 = (at: number, value: number) => packet.splice(at, 2, value >> 8, value & 255);
  if (packet.length < 20 || header < 20 || packet.length < header + 8) return packet;
  if (headerToo) {
    put16(2, packet.length);
    put16(10, 0);
    put16(10, checksum(Uint8Array.from(packet.slice(0, header))));
  }
  const at = { [TCP]: 16, [ICMP]: 2 }[packet[9]!];
  if (at === undefined || packet.length < header + at + 2) return packet;
  put16(header + at, 0);
  const length = packet.length - header;
  const pseudo = packet[9] === TCP ? [...packet.slice(12, 20), 0, TCP, length >> 8, length & 255] : [];
  put16(header + at, checksum(Uint8Array.from([...pseudo, ...packet.slice(header)])));
  return packet;
}

const isIp = (frame: number[]) => frame[0] === 0 && frame[1] === IP;

/** Where the data of a frame's TCP segment start, 0: it has none. */
function dataAt(frame: number[]): number {
  if (!isIp(frame) || frame[11] !== TCP) return 0;
  const at = 2 + 20 + (frame[2 + 20 + 12]! >> 4) * 4;
  return at < frame.length ? at : 0;
}

/** Cases left of the run, and the moment that it has come to. */
let casesLeft = 0;
let place = 0;

/**
 * A run of cases begins where the recorded conversation was at some moment, and follows it, ever more damaged; at its end
 * all that was lent has to come back.
 * @returns the moment of the next case
 */
function nextMoment(random: Random, from: Moment[]): Moment {
  if (casesLeft === 0) {
    expectNothingLent();
    casesLeft = RUN;
    place = random() % from.length;
    bench.restore(from[place]!.state);
  }
  casesLeft--;
  if (oneIn(random, 8)) bench.pass(pick(random, PAUSES));
  return from[place++ % from.length]!;
}

/** Resets and replies may wait for a link that is down; expectToServe() brings it up. */
function expectNothingLent(): void {
  bench.leaveAlone(RECOVERY_MS);
  if (bench.guard.isAllFree) return;
  const { lent } = bench.guard;
  if (bench.guard.now.isUp()) expect(lent).toEqual(NOTHING_LENT);
  else expect(lent).toMatchObject({ headers: 0, sockets: 1 });
}

/** Sends the frames of a moment, one of them changed. @returns what the card answers */
function sendChanged(random: Random, from: Moment[], change: (frame: number[]) => number[]): number[][] {
  const { frames } = nextMoment(random, from);
  const chosen = random() % Math.max(1, frames.length);
  return bench.exchange(frames.flatMap((frame, i) => encode(i === chosen ? change(frame) : frame)));
}

const commands = (random: Random): number[] => {
  const data = bytes(random, 12);
  return pick(random, [
    [0x12, 0xe8, 0, 0, 1, 0],
    [0x12, 0xea, 0, 0, data.length, ...data],
    [0x12, 0xec, 0, 0, random() & 0xff],
    [0, pick(random, [0xca, 0x46, 0xe0, 0xd7, 0x44, 0xe4, 0xc0]), 1, random() % 3, data.length, ...data],
    [0xff, 0x10, 0x97, 0x78],
    data,
  ]);
};

/** A control packet that may be one: known protocols, codes and options. */
function controlPacket(random: Random): number[] {
  const option = () => {
    const value = bytes(random, 6);
    return [random() % 9, oneIn(random, 8) ? random() & 0xff : value.length + 2, ...value];
  };
  const body = oneIn(random, 2) ? [...option(), ...option()] : bytes(random, 40);
  const length = body.length + 4;
  const protocol = pick(random, [
    [0xc0, 0x21],
    [0x80, 0x21],
    [0x80, 0x57],
  ]);
  return [...protocol, random() % 14, random() & 3, 0, length, ...body];
}

interface Layer {
  name: string;
  cases: number;
  /** The least share of the cases that is answered: proof that they get somewhere. */
  answered: number;
  /** @returns what the card said */
  oneCase: (random: Random) => unknown[];
}

const LAYERS: Layer[] = [
  {
    name: "T=0: characters at any time",
    cases: cases(15_000, 60_000),
    answered: 0.2,
    oneCase(random) {
      if (oneIn(random, 8)) nextMoment(random, moments);
      if (oneIn(random, 6)) bench.tick();
      if (oneIn(random, 200)) bench.settle();
      bench.receive(oneIn(random, 2) ? mutate(random, commands(random)) : commands(random));
      return oneIn(random, 4) ? [] : bench.run();
    },
  },
  {
    name: "Peer I/O: any command with any stream",
    cases: cases(10_000, 30_000),
    answered: 0.05,
    oneCase(random) {
      const { frames } = nextMoment(random, moments);
      if (oneIn(random, 50)) bench.settle();
      if (oneIn(random, 4)) bench.command(0xec, random() & 0xff);
      if (oneIn(random, 8)) bench.command(random() & 0xff, random() & 0xff, bytes(random, 255));
      const stream = oneIn(random, 4) ? bytes(random, 200) : frames.flatMap((frame) => encode(frame));
      const data = oneIn(random, 2) ? mutate(random, stream) : stream;
      const part = data.slice(0, 1 + (random() % 255));
      const said = bench.command(0xea, part.length, part);
      return oneIn(random, 2) ? bench.take(said) : [];
    },
  },
  {
    name: "AHDLC: damaged frames",
    cases: cases(5_000, 20_000),
    answered: 0.05,
    oneCase(random) {
      const { frames } = nextMoment(random, moments);
      const stream = frames.flatMap((frame) => encode(frame));
      return bench.exchange(oneIn(random, 8) ? bytes(random, 600) : mutate(random, stream));
    },
  },
  {
    name: "PPP: frames with a right FCS",
    cases: cases(10_000, 30_000),
    answered: 0.3,
    oneCase(random) {
      if (oneIn(random, 2)) return sendChanged(random, moments, (frame) => mutate(random, frame));
      nextMoment(random, moments);
      return bench.exchange(encode(controlPacket(random)));
    },
  },
  {
    name: "IP, ICMP and TCP: packets with right checksums",
    cases: cases(15_000, 60_000),
    answered: 0.3,
    oneCase(random) {
      const end = pick(random, [20, 20, 40, 44, 80]);
      return sendChanged(random, packets, ([high, low, ...packet]) => {
        if (oneIn(random, 8)) packet[9] = pick(random, [ICMP, 17, random() & 0xff]);
        const start = oneIn(random, 2) ? 20 : 0;
        const changed = [...mutate(random, packet.slice(0, end), start), ...packet.slice(end)];
        return [high!, low!, ...(oneIn(random, 8) ? changed : seal(changed, !oneIn(random, 8)))];
      });
    },
  },
  {
    name: "TLS: records in good segments",
    cases: cases(2_000, 5_000),
    answered: 0.4,
    oneCase(random) {
      const answers = sendChanged(random, speaking, (frame) => {
        const at = dataAt(frame);
        return at ? [0, IP, ...seal(mutate(random, frame, at).slice(2))] : frame;
      });
      for (const frame of answers) if (frame[dataAt(frame)] === ALERT) alerts.add(frame[dataAt(frame) + 6]!);
      return answers;
    },
  },
];

/** A client that comes when all this is over: nothing of it may be left. */
async function expectToServe(): Promise<void> {
  bench.settle();
  bench.guard.check();
  const card = await WholeCard.openVirtual(issued, { resume: bench.state });
  await card.clock.sleep(120_000);
  await card.expectPage("/page");
  await card.expectAllFree();
  await card.close();
}

describe.each(LAYERS)("$name", (layer) => {
  test(`${layer.cases} cases`, async () => {
    const random = randomFrom(SEED);
    bench.restore(moments.at(-1)!.state);
    casesLeft = 0;
    let answered = 0;
    for (let done = 1; done <= layer.cases; done++) {
      try {
        if (layer.oneCase(random).length > 0) answered++;
        if (done % 1000 === 0) bench.guard.check();
        if (done % (layer.cases / BATCHES) === 0) await expectToServe();
      } catch (error) {
        throw new Error(`case ${done} of SEED=${SEED}`, { cause: error });
      }
    }
    expect(answered).toBeGreaterThan(layer.answered * layer.cases);
  });
});

test("TLS was reached: alerts of many kinds came back", () => {
  expect(alerts.size).toBeGreaterThan(4);
});

describe("HTTP: requests of clients that do TLS right", () => {
  test("200 cases", async () => {
    const random = randomFrom(SEED);
    const card = await WholeCard.openVirtual(issued);
    const good = [...Buffer.from("GET /one HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")];
    const statuses = new Set<string>();
    for (let i = 0; i < 200; i++) {
      const said = await say(card, oneIn(random, 4) ? bytes(random, 600) : mutate(random, good));
      statuses.add(/^HTTP\/1.1 (\d+)/.exec(said)?.[1] ?? "none");
    }
    expect(statuses.size).toBeGreaterThan(3);
    await card.expectPage("/page");
    await card.expectAllFree();
    await card.close();
  });
});

/** @returns all that the card answers until it ends the connection */
function say({ port }: WholeCard, request: number[]): Promise<string> {
  return new Promise((resolve) => {
    const socket: TLSSocket = connect({ host: "127.0.0.1", port, ca: issued.ca }, () =>
      socket.write(Uint8Array.from(request)),
    );
    let said = "";
    socket.on("data", (data) => (said += String(data)));
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(said));
  });
}
