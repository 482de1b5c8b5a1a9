// Hostile bytes at the card's TLS: mutated ClientHellos, mutated records and well-sealed nonsense, before the handshake, in
// it and after it. Whatever comes, the firmware does not trap, writes nowhere but in its regions, answers with EAGAIN,
// data or a final error, and keeps no pbuf. So does the card with an RSA key, in whose computation a new client may come at
// any step: FUZZ_CASES cases a test.
import { beforeAll, describe, expect, test } from "vitest";
import { generator } from "../support/cuts.ts";
import { cases } from "../support/long.ts";
import { type Random, below, mutate } from "../support/mutate.ts";
import * as rsaCard from "../support/rsa-card.ts";
import { EAGAIN, firmware, personalise, TlsCard, type Personality } from "../support/tls-card.ts";
import { RawClient } from "../support/tls-client.ts";
import { RawClient12 } from "../support/tls-client-1-2.ts";
import {
  AES_1_2,
  CHACHA_1_2,
  ECDSA,
  encodeHello,
  EXTENSION,
  extension,
  pskOf,
  RECORD,
  record,
  RSA_PKCS1,
  RSA_PSS,
  u8,
  X25519,
  RSA_AES_1_2,
  RSA_CHACHA_1_2,
} from "../support/tls-codec.ts";

const ARENA_BYTES = 5120;
const POOL = 8;
/** Cases between two looks at all of the memory. */
const BATCH = 500;

const RSA_CASES = Number(process.env["FUZZ_CASES"] ?? 1_000);
/** More than an RSA signature takes. */
const STEPS = 100;

/** A kind of card. */
interface Kind {
  key: string;
  suites12: number[];
  /** How many cases a test has: `part` of `whole`, or all. */
  cases: typeof cases;
  make: () => Promise<{ module: WebAssembly.Module; personality: Personality }>;
}

const KINDS: Kind[] = [
  {
    key: "a P-256 key",
    suites12: [AES_1_2, CHACHA_1_2],
    cases,
    make: async () => {
      const module = await firmware();
      return { module, personality: await personalise(module) };
    },
  },
  {
    key: "an RSA key",
    suites12: [RSA_AES_1_2, RSA_CHACHA_1_2],
    cases: () => RSA_CASES,
    make: async () => {
      const module = await rsaCard.firmware("card-rsa");
      return { module, personality: await rsaCard.personalise(module, 2048) };
    },
  },
];

/** Runs `count` cases. @param attempt plays one of them, and is given the numbers that decide it */
function fuzz(card: TlsCard, count: number, attempt: (random: Random) => void): void {
  for (let seed = 1; seed <= count; seed++) {
    try {
      attempt(generator(seed * 2654435761));
      if (seed % BATCH === 0 || seed === count) card.guard();
    } catch (error) {
      throw new Error(`case ${seed}: ${(error as Error).message}`, { cause: error });
    }
  }
}

/** What accept() or recv() may return. */
function check(card: TlsCard, result: number): void {
  const final = result <= -0x100 || result === 0;
  if (result !== EAGAIN && !final && result < 0) throw new Error(`result ${result}`);
  if (result > 0 && card.exports.data(0) + result > ARENA_BYTES) throw new Error("data outside the arena");
}

/** A point of a connection to which each case returns. */
class Checkpoint {
  readonly #arena: Buffer;
  readonly #sequence: number;
  constructor(readonly client: RawClient) {
    client.tcp.acknowledge(client.card);
    this.#arena = Buffer.from(client.card.bytes.subarray(0, ARENA_BYTES));
    this.#sequence = client.write!.sequence;
  }
  restore(): RawClient {
    const { card, tcp } = this.client;
    card.bytes.set(this.#arena);
    tcp.forget();
    this.client.write!.sequence = this.#sequence;
    return this.client;
  }
}

describe.each(KINDS)("monkeys, at a card with $key,", ({ suites12, cases, make }) => {
  let module: WebAssembly.Module;
  let personality: Personality;
  beforeAll(async () => {
    ({ module, personality } = await make());
  });

  const newClient = (card = new TlsCard(module, personality.cells)) =>
    new RawClient(card).extend(...extension.algorithms(ECDSA, RSA_PSS));
  const newClient12 = (card = new TlsCard(module, personality.cells)) =>
    new RawClient12(card).extend(...extension.algorithms(ECDSA, RSA_PKCS1, RSA_PSS));

  /** accept(), with a part of what it takes to compute. */
  function accept({ exports }: TlsCard, random: Random): number {
    let result = exports.acceptOnly(0);
    const steps = below(random, 16) ? below(random, 8) : STEPS;
    for (let step = 0; step < steps && result === EAGAIN && exports.compute(); step++)
      result = exports.acceptOnly(0);
    return result;
  }

  test("write ClientHellos", () => {
    const card = new TlsCard(module, personality.cells);
    const client = newClient(card);
    client.extend(...extension.shares()).extend(...extension.alpn("h2", "http/1.1"));
    client.extend(...extension.recordSizeLimit(4000)).extend(0x0a0a, u8());
    client.extend(EXTENSION.pskModes, u8(1, 1)).extend(...pskOf([Buffer.alloc(72)]));
    const hello = encodeHello(client.hello);
    const outcomes = new Set<number>();
    fuzz(card, cases(50_000, 150_000), (random) => {
      const tcp = card.connect();
      tcp.chop = (available) => Math.min(available, 1 + below(random, 400));
      const body = below(random, 10) ? record(RECORD.handshake, mutate(hello, random)) : record(22, hello);
      tcp.arrive(below(random, 4) ? body : mutate(body, random));
      const result = accept(card, random);
      check(card, result);
      outcomes.add(result);
    });
    card.connect();
    expect(card.exports.freePbufs()).toBe(POOL);
    expect(outcomes.size).toBeGreaterThan(8); // EAGAIN, and each alert there is
  });

  test("write ClientHellos with shares, and second ones", () => {
    const card = new TlsCard(module, personality.cells);
    const whole = encodeHello(newClient(card).hello);
    const bare = newClient(card).extend(...extension.shares());
    const first = encodeHello(bare.hello);
    const second = encodeHello(bare.extend(...extension.shares(bare.share(X25519))).hello);
    fuzz(card, cases(1_500, 1_500), (random) => {
      const tcp = card.connect();
      const retried = below(random, 2) === 1;
      if (retried) {
        tcp.arrive(record(RECORD.handshake, first));
        check(card, accept(card, random));
        tcp.acknowledge(card);
      }
      tcp.arrive(record(RECORD.handshake, mutate(retried ? second : whole, random)));
      check(card, accept(card, random));
    });
  });

  test.each([
    ["instead of Finished", false],
    ["on a connection", true],
  ])("write records %s", (_name, isConnected) => {
    const client = newClient().startHandshake();
    const finished = client.finished();
    if (isConnected) client.finishHandshake();
    const checkpoint = new Checkpoint(client);
    const { card, tcp } = client;
    const outcomes = new Set<number>();
    fuzz(card, cases(10_000, 40_000), (random) => {
      checkpoint.restore();
      tcp.chop = (available) => Math.min(available, 1 + below(random, 400));
      for (let records = 1 + below(random, 3); records > 0; records--)
        tcp.arrive(nonsense(client, finished, random));
      const flag = below(random, 2);
      for (let calls = 0; calls < 50; calls++) {
        const result = isConnected ? card.exports.recv(0, flag) : card.exports.accept(0);
        check(card, result);
        outcomes.add(Math.min(result, 1));
        if (result <= 0) break;
      }
      if (below(random, 8) === 0) card.write(u8(1));
      if (below(random, 8) === 0) card.exports.close(0);
    });
    checkpoint.restore();
    card.connect();
    expect(card.exports.freePbufs()).toBe(POOL);
    expect(outcomes.size).toBeGreaterThan(5);
  });

  test("write ClientHellos of TLS 1.2", () => {
    const card = new TlsCard(module, personality.cells);
    const client = newClient12(card).extend(...extension.alpn("http/1.1"));
    client.hello.session = Buffer.alloc(8);
    client.hello.suites = [...suites12, 0x00ff];
    const hello = encodeHello(client.hello);
    const outcomes = new Set<number>();
    fuzz(card, cases(3_000, 3_000), (random) => {
      const tcp = card.connect();
      tcp.chop = (available) => Math.min(available, 1 + below(random, 400));
      tcp.arrive(record(RECORD.handshake, mutate(hello, random)));
      const result = accept(card, random);
      check(card, result);
      outcomes.add(result);
    });
    expect(outcomes.size).toBeGreaterThan(5);
  });

  for (const suite of suites12) {
    for (const stage of ["instead of ClientKeyExchange", "instead of Finished", "on a connection"]) {
      test(`write records ${stage}, ${suite.toString(16)}`, () => {
        const client = newClient12();
        client.hello.suites = [suite];
        const isConnected = stage === "on a connection";
        if (isConnected) client.connect();
        else client.startHandshake();
        const messages = [client.sealer ? u8(1) : client.keyExchange()];
        if (stage === "instead of Finished") {
          client.sendKeyExchange().sendCipherChange().run();
          messages.push(client.finished());
        }
        const { card, tcp } = client;
        tcp.acknowledge(card);
        const arena = Buffer.from(card.bytes.subarray(0, ARENA_BYTES));
        const sequence = client.sealer?.sequence ?? 0;
        const outcomes = new Set<number>();
        fuzz(
          card,
          stage === "instead of ClientKeyExchange" ? cases(500, 2_000) : cases(5_000, 20_000),
          (random) => {
            card.bytes.set(arena);
            tcp.forget();
            if (client.sealer) client.sealer.sequence = sequence;
            tcp.chop = (available) => Math.min(available, 1 + below(random, 400));
            for (let records = 1 + below(random, 3); records > 0; records--)
              tcp.arrive(nonsense12(client, messages, random));
            const flag = below(random, 2);
            for (let calls = 0; calls < 50; calls++) {
              const result = isConnected ? card.exports.recv(0, flag) : card.exports.accept(0);
              check(card, result);
              outcomes.add(Math.min(result, 1));
              if (result <= 0) break;
              tcp.acknowledge(card);
            }
            if (below(random, 8) === 0) card.write(u8(1));
            if (below(random, 8) === 0) card.exports.close(0);
          },
        );
        card.bytes.set(arena);
        card.connect();
        expect(card.exports.freePbufs()).toBe(POOL);
        expect(outcomes.size).toBeGreaterThan(3);
      });
    }
  }
});

/** As nonsense(), of TLS 1.2. */
function nonsense12(client: RawClient12, messages: Buffer[], random: Random): Buffer {
  const contents = [
    ...messages,
    u8(1),
    u8(1 + below(random, 2), below(random, 120)),
    Buffer.alloc(below(random, 300)),
  ];
  const chosen = contents[below(random, contents.length)]!;
  const content = below(random, 2) ? mutate(chosen, random) : chosen;
  const type = below(random, 8) ? 20 + below(random, 5) : below(random, 256);
  if (!client.sealer || below(random, 4) === 0) return record(type, content);
  const sealed = client.sealer.seal(type, content);
  return below(random, 2) ? mutate(sealed, random) : sealed;
}

/** A record, of which the tag is right as often as not. */
function nonsense(client: RawClient, finished: Buffer, random: Random): Buffer {
  const contents = [
    finished,
    u8(24, 0, 0, 1, below(random, 3)),
    u8(1, below(random, 2)),
    Buffer.alloc(below(random, 300), below(random, 3)),
  ];
  const chosen = contents[below(random, contents.length)]!;
  const content = below(random, 2) ? mutate(chosen, random) : chosen;
  const type = below(random, 8) ? 20 + below(random, 5) : below(random, 256);
  if (below(random, 4) === 0) return record(type, content);
  const sealed = client.write!.seal(type, content, below(random, 3) ? 0 : below(random, 300));
  return below(random, 2) ? mutate(sealed, random) : sealed;
}
