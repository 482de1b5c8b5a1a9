// Hostile input to every layer of the link: no trap, nothing written outside the arena, every pbuf back, and the link
// still serves. Each case is a burst of input; a failure names the seed that replays it.
import { beforeAll, describe, expect, test } from "vitest";
import { IPCP, LCP, type Link, buildLink, decode, encode, packet } from "../support/link.ts";
import { cases } from "../support/long.ts";
import { generator, randomFrom } from "../support/random.ts";
import { buildVj, traffic } from "../support/vj.ts";

/** Five tests of so many cases a seed, two of a third: 510,000 in all with NETCARD_LONG=1. */
const SEEDS = [1, 2, 3];
const CASES = cases(9_000, 30_000);
const CHECK_EVERY = 2_000;

type Random = ReturnType<typeof randomFrom>;

let make: { iso7816: () => Link; serial: () => Link; gateway: () => Link };
let makeCompressor: Awaited<ReturnType<typeof buildVj>>;
beforeAll(async () => {
  makeCompressor = await buildVj("gateway");
  make = {
    iso7816: await buildLink("iso7816"),
    serial: await buildLink("serial"),
    gateway: await buildLink("gateway"),
  };
});

/** Feeds cases to a link, looking after it every now and then. */
function fuzz(link: Link, seed: number, oneCase: (random: Random) => void, count = CASES): void {
  const random = randomFrom(seed);
  for (let i = 1; i <= count; i++) {
    oneCase(random);
    if (random() % 8 === 0) link.nowMs += random() % 4000;
    if (i % CHECK_EVERY === 0) link.expectUnharmed();
  }
}

const bytes = (random: Random, most: number) =>
  Array.from({ length: random() % (most + 1) }, () => random() & 0xff);

/** A value that means something, or any. */
const pick = (random: Random, likely: number[]) =>
  random() % 4 ? likely[random() % likely.length]! : random() & 0xff;

/** Changes, drops, doubles and inserts bytes. */
function mutate(random: Random, input: number[]): number[] {
  return input.flatMap((byte) => {
    switch (random() % 24) {
      case 0:
        return [];
      case 1:
        return [byte ^ (1 << (random() % 8))];
      case 2:
        return [byte, byte];
      case 3:
        return [byte, pick(random, [0x7e, 0x7d, 0, 0xff])];
      default:
        return [byte];
    }
  });
}

/** A control packet that is nearly right. */
function controlPacket(random: Random): number[] {
  const options = () => {
    const type = pick(random, [1, 2, 3, 4, 5, 7, 8, 129]);
    const value = bytes(random, 6);
    return [type, random() % 8 ? value.length + 2 : random() & 0xff, ...value];
  };
  const body = random() % 2 ? [...options(), ...options(), ...options()] : bytes(random, 60);
  const frame = packet(
    random() % 8 ? (pick(random, [0, 1]) % 2 ? IPCP : LCP) : 0x8057,
    pick(random, [1, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
    random() % 6,
    body,
  );
  return random() % 6 ? frame : mutate(random, frame);
}

const COMPRESSION = [2, 6, 0, 0x2d, 15, 1];

/** All that is going on comes to its end. */
function settleSerial(link: Link): void {
  link.receive([0x7e]);
  link.run();
  link.expectAllPbufsFree();
  link.expectUnharmed();
}

/** A peer that accepts everything, and asks once a second until it is answered. */
function expectToOpen(link: Link): void {
  const address = link.profile.name === "gateway" ? [10, 77, 0, 2] : [10, 0, 0, 1];
  for (let seconds = 0; seconds < 60 && !link.exports.isUp(); seconds++) {
    const asked = new Set<number>();
    for (let round = 0; round < 20; round++)
      for (const frame of decode([0x7e, ...link.run()])) {
        const protocol = (frame[0]! << 8) | frame[1]!;
        if (frame[2] !== 1) continue;
        link.receive(encode(packet(protocol, 2, frame[3]!, frame.slice(6))));
        if (asked.has(protocol)) continue;
        asked.add(protocol);
        const options = [...COMPRESSION, 3, 6, ...address];
        link.receive(encode(packet(protocol, 1, 1, protocol === IPCP ? options : [])));
      }
    link.nowMs += 1000;
  }
  expect(link.exports.isUp()).toBe(1);
}

describe.each(SEEDS)("seed %i", (seed) => {
  test("T=0: any character at any time", () => {
    const card = make.iso7816();
    fuzz(card, seed, (random) => {
      const likely = [0x12, 0x80, 0xe8, 0xea, 0xec, 0xff, 0, 1, 5, 0x10, 0xc0, 0xca];
      card.receive(Array.from({ length: 1 + (random() % 12) }, () => pick(random, likely)));
      if (random() % 3) card.exports.step();
      if (random() % 5 === 0) card.exports.timer();
      card.output.length = 0;
    });
    for (let tick = 0; tick < 60; tick++) {
      card.run();
      card.exports.timer();
    }
    card.output.length = 0;
    card.receive([0x80, 0x20, 0, 0, 0]);
    expect(card.run()).toEqual([0x90, 0]);
    card.exports.powerOn();
    card.expectAllPbufsFree();
    card.expectUnharmed();
  });

  test("Peer I/O: commands of any length carrying any stream", () => {
    const card = make.iso7816();
    card.run();
    let stream: number[] = [];
    const say = (...input: number[]) => (card.receive(input), card.run());
    const command = (ins: number, p3: number, data: number[]) => {
      const said = say(0x12, ins, 0, 0, p3);
      return said.length === 1 && said[0] === ins ? say(...data) : said;
    };
    fuzz(card, seed, (random) => {
      if (stream.length === 0) stream = encode(controlPacket(random));
      if (random() % 16 === 0) stream = mutate(random, stream);
      const data = stream.splice(0, 1 + (random() % 80));
      const ready = command(0xea, data.length, data);
      if (ready[0] === 0x6c && random() % 4) command(0xec, random() % 8 ? ready[1]! : random() & 0xff, []);
      if (random() % 16 === 0) command(pick(random, [0xe8, 0xec]), random() & 0xff, bytes(random, 300));
      if (random() % 64 === 0) for (let tick = 0; tick < 50; tick++) card.exports.timer();
    });
    for (let tick = 0; tick < 60; tick++) card.exports.timer();
    for (let said = command(0xea, 1, [0x7e]); said.at(-2) === 0x6c;) said = command(0xec, said.at(-1)!, []);
    card.expectAllPbufsFree();
    card.expectUnharmed();
  });

  test("AHDLC: damaged frames and noise", () => {
    const link = make.serial();
    fuzz(link, seed, (random) => {
      const input = random() % 2 ? encode([0, 0x21, ...bytes(random, 40)]) : bytes(random, 40);
      link.receive(random() % 4 ? mutate(random, input) : input);
      if (random() % 4) link.run();
    });
    settleSerial(link);
    expectToOpen(link);
    settleSerial(link);
  });

  test.each(["serial", "gateway"] as const)(
    "PPP on the %s: control packets of every kind, nearly right",
    (wiring) => {
      const link = make[wiring]();
      fuzz(link, seed, (random) => {
        link.receive(encode(controlPacket(random)));
        if (random() % 200 === 0 && !link.exports.isUp()) expectToOpen(link);
        if (random() % 3) link.run();
      });
      settleSerial(link);
      expectToOpen(link);
      settleSerial(link);
    },
  );

  test.each(["serial", "gateway"] as const)(
    "PPP on the %s: compressed headers that come damaged, in any order, or are none",
    (wiring) => {
      const link = make[wiring]();
      expectToOpen(link);
      const next = traffic(generator(seed), 3);
      const compressor = makeCompressor(16, true);
      let sent = 0;
      fuzz(
        link,
        seed,
        (random) => {
          const { protocol, bytes: good } = compressor.compress(next());
          const body = random() % 8 ? [...good] : bytes(random, 60);
          const frame = [0, random() % 8 ? protocol : pick(random, [0x2d, 0x2f, 0x21]), ...body];
          const line = encode(random() % 4 ? frame : mutate(random, frame));
          link.receive(random() % 16 ? line : mutate(random, line));
          if (random() % 3) sent += link.run().length;
        },
        CASES / 3,
      );
      expect(sent).toBeGreaterThan(CASES); // some were good, and came back
      settleSerial(link);
      expect(link.exports.isUp()).toBe(1);
    },
  );
});
