// Hostile bytes at the TLS 1.0 card: ClientHellos of both formats, key exchanges, and records well sealed and not. Whatever
// comes, the firmware does not trap, writes nowhere but in its regions, answers with EAGAIN, data or a final error, and keeps
// no pbuf.
import { beforeAll, expect, test } from "vitest";
import { generator } from "../support/cuts.ts";
import { LONG } from "../support/long.ts";
import { EAGAIN, TlsCard, type Personality } from "../support/tls-card.ts";
import { AES_SHA, DES_SHA, firmware, personalise, RawClient10 } from "../support/tls-client-1-0.ts";
import { encodeHello, RECORD, record } from "../support/tls-codec.ts";

const POOL = 8;
const ARENA_BYTES = 5120;
/** FUZZ_SEED replays a run, FUZZ_CASES sets how many cases each test has. */
const SEED = Number(process.env["FUZZ_SEED"] ?? 1);
const CASES = Number(process.env["FUZZ_CASES"] ?? (LONG ? 4_000 : 2_000));

let module: WebAssembly.Module;
let personality: Personality;
beforeAll(async () => {
  module = await firmware();
  personality = await personalise(module);
});

type Random = () => number;
const below = (random: Random, limit: number) => Math.floor(random() * limit);

/** One to four small changes: a bit, a byte, a piece cut out, a piece twice, an end cut off. */
function mutate(bytes: Buffer, random: Random): Buffer {
  let result = Buffer.from(bytes);
  for (let changes = 1 + below(random, 4); changes > 0 && result.length > 0; changes--) {
    const at = below(random, result.length);
    const end = at + 1 + below(random, 8);
    const parts = [
      () => ((result[at]! ^= 1 << below(random, 8)), result),
      () => ((result[at] = below(random, 2) ? below(random, 256) : 255 * below(random, 2)), result),
      () => Buffer.concat([result.subarray(0, at), result.subarray(end)]),
      () => Buffer.concat([result.subarray(0, end), result.subarray(at)]),
      () => result.subarray(0, at),
    ];
    result = parts[below(random, parts.length)]!();
  }
  return result;
}

/** Plays the cases on one card. @param play gets the numbers that decide a case, and returns accept()'s or recv()'s result */
function fuzz(card: TlsCard, cases: number, play: (random: Random) => number): Set<number> {
  const outcomes = new Set<number>();
  for (let i = 0; i < cases; i++) {
    const seed = SEED + i;
    try {
      const result = play(generator(seed * 2654435761));
      if (result !== EAGAIN && result < 0 && result > -0x100) throw new Error(`result ${result}`);
      if (result > 0 && card.exports.data(0) + result > ARENA_BYTES)
        throw new Error("data outside the arena");
      outcomes.add(result);
      if (i % 200 === 0 || i === cases - 1) card.guard();
    } catch (error) {
      throw new Error(`FUZZ_SEED=${seed} FUZZ_CASES=1: ${(error as Error).message}`, { cause: error });
    }
  }
  card.connect();
  expect(card.exports.freePbufs()).toBe(POOL);
  return outcomes;
}

test("ClientHellos of both formats", () => {
  const card = new TlsCard(module, personality.cells);
  const modern = new RawClient10(card);
  modern.hello.extensions = [
    [0xff01, Buffer.from([0])],
    [0x0a0a, Buffer.alloc(20)],
  ];
  modern.hello.session = Buffer.alloc(8, 3);
  const hello = encodeHello(modern.hello);
  const old = new RawClient10(card);
  old.sendSsl2Hello(Buffer.alloc(24, 5));
  const outcomes = fuzz(card, 10 * CASES, (random) => {
    const tcp = card.connect();
    tcp.chop = (available) => Math.min(available, 1 + below(random, 100));
    if (below(random, 2)) {
      const body = below(random, 4) ? mutate(old.transcript, random) : old.transcript;
      const head = Buffer.from([0x80 | (body.length >> 8), body.length & 255]);
      tcp.arrive(
        below(random, 4) ? Buffer.concat([head, body]) : mutate(Buffer.concat([head, body]), random),
      );
    } else {
      const body = record(RECORD.handshake, mutate(hello, random), 0x0301);
      tcp.arrive(below(random, 4) ? body : mutate(body, random));
    }
    return card.exports.accept(0);
  });
  expect(outcomes.size).toBeGreaterThan(6); // EAGAIN, and each alert there is
});

test("what stands where ClientKeyExchange, ChangeCipherSpec and Finished belong", () => {
  const card = new TlsCard(module, personality.cells);
  const outcomes = fuzz(card, CASES / 10, (random) => {
    const client = new RawClient10(card, below(random, 2) ? DES_SHA : AES_SHA).startHandshake();
    const message = client.keyExchange();
    client.send(record(RECORD.handshake, below(random, 3) ? mutate(message, random) : message, 0x0301));
    const rest = [
      record(RECORD.changeCipherSpec, Buffer.from([1]), 0x0301),
      record(RECORD.handshake, Buffer.alloc(40), 0x0301),
    ];
    for (const bytes of rest) client.send(below(random, 3) ? bytes : mutate(bytes, random));
    return client.run();
  });
  expect(outcomes.size).toBeGreaterThan(3);
});

test.each([DES_SHA, AES_SHA])("records on a connection, suite %i", (suite) => {
  const card = new TlsCard(module, personality.cells);
  const client = new RawClient10(card, suite).connect();
  const arena = Buffer.from(card.bytes.subarray(0, ARENA_BYTES));
  const { sequence, iv } = client.sealer!;
  const outcomes = fuzz(card, CASES, (random) => {
    card.bytes.set(arena);
    client.tcp.forget();
    Object.assign(client.sealer!, { sequence, iv });
    client.tcp.chop = (available) => Math.min(available, 1 + below(random, 400));
    for (let i = 1 + below(random, 3); i > 0; i--) {
      const type = [RECORD.data, RECORD.data, RECORD.alert, RECORD.handshake, RECORD.changeCipherSpec][
        below(random, 5)
      ]!;
      const content = Buffer.alloc(
        below(random, 2) ? below(random, 4) : below(random, 1200),
        below(random, 3),
      );
      const spoil = (plain: Buffer) =>
        void (plain[plain.length - 1 - below(random, 30)] = below(random, 256));
      const sealed = client.sealer!.seal(type, content, below(random, 4) ? {} : { spoil });
      client.send(below(random, 3) ? sealed : mutate(sealed, random));
    }
    let result = 1;
    for (let calls = 0; result > 0 || (result === EAGAIN && client.tcp.waiting > 0); calls++) {
      if (calls > 10_000) throw new Error("no end");
      result = card.exports.recv(0, below(random, 2));
      client.tcp.acknowledge(card);
    }
    return result;
  });
  expect(outcomes.size).toBeGreaterThan(4);
});
