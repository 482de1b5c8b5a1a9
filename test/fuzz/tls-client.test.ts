// Hostile bytes at the card's client, at every stage of a handshake and behind it, in both versions: damaged messages, damaged
// records, well-sealed nonsense. Whatever comes, the firmware does not trap, writes nowhere but in its regions, ends with a
// result that there is, keeps no pbuf, never takes for good what has been damaged, and connects to the next server.
import { beforeAll, describe, expect, test } from "vitest";
import { type Identity, keyPair, makeCertificate } from "../support/certificates.ts";
import { generator } from "../support/cuts.ts";
import { cases } from "../support/long.ts";
import { type Random, below, mutate } from "../support/mutate.ts";
import { EAGAIN, type TlsCard } from "../support/tls-card.ts";
import { clientCard, clientFirmware } from "../support/tls-client-card.ts";
import { EXTENSION, message, RECORD, record, u16, u8, vector16 } from "../support/tls-codec.ts";
import { CERTIFICATE_REQUEST, encodeServerHello, RawServer } from "../support/tls-server.ts";
import { RawServer12 } from "../support/tls-server-1-2.ts";

const CASES = Number(process.env["FUZZ_CASES"] ?? cases(500, 1_500));
const SEED = Number(process.env["FUZZ_SEED"] ?? 1);
const ARENA_BYTES = 5120;
const POOL = 8;
/** Cases between two looks at all of the memory. */
const BATCH = 100;
const HOST = "www.example.com";

let module: WebAssembly.Module;
let root: Identity;
let leaf: Identity;

beforeAll(async () => {
  module = await clientFirmware();
  root = await makeCertificate({ name: "root", ca: true });
  leaf = await makeCertificate({ name: "leaf", names: [HOST], keys: await keyPair("p256", 1), issuer: root });
});

/** A point of a connection to which each case returns. */
class Checkpoint {
  readonly #arena: Buffer;
  readonly #nvm: Uint8Array;
  readonly #sequence: number;

  constructor(readonly server: RawServer) {
    server.run();
    server.tcp.acknowledge(server.card);
    this.#arena = Buffer.from(server.card.bytes.subarray(0, ARENA_BYTES));
    this.#nvm = server.card.nvm.cells.slice();
    this.#sequence = this.#sealer?.sequence ?? 0;
  }
  get #sealer() {
    return this.server instanceof RawServer12 ? this.server.sealer : this.server.write;
  }
  restore(): void {
    const { card, tcp } = this.server;
    card.bytes.set(this.#arena);
    card.nvm.cells.set(this.#nvm);
    tcp.forget();
    tcp.ended = false;
    if (this.#sealer) this.#sealer.sequence = this.#sequence;
  }
}

/** What comes next at a stage: the good messages, which are then damaged. */
type Stage = [what: string, prepare: (server: RawServer) => Buffer[]];

const tls13: Stage[] = [
  ["ServerHello", (s) => [encodeServerHello(s.answer)]],
  ["ServerHello after a retry", (s) => [encodeServerHello(s.retry().answer)]],
  [
    "EncryptedExtensions",
    (s) => [s.sendServerHello().encryptedExtensions([0, u8()], [EXTENSION.groups, vector16(u16(23, 29))])],
  ],
  ["Certificate", (s) => [extended(s).certificate(), request]],
  ["CertificateVerify", (s) => [extended(s).sendMessage(s.certificate()).certificateVerify()]],
  ["Finished", (s) => [s.sendServerHello().sendProof().finished()]],
];
const tls12 = (make: (server: RawServer12) => Buffer[]) => (s: RawServer) => make(s as RawServer12);
const stages12: Stage[] = [
  ["ServerHello", (s) => [encodeServerHello(s.answer)]],
  ["Certificate", (s) => [s.sendServerHello().certificate()]],
  ["ServerKeyExchange", tls12((s) => [certified12(s).keyExchange(), s.helloDone()])],
  ["ServerHelloDone", tls12((s) => [certified12(s).sendMessage(s.keyExchange()).helloDone(), request])],
  ["ChangeCipherSpec", tls12((s) => [s.startHandshake() && u8(1)])],
  ["Finished", tls12((s) => [s.startHandshake().sendCipherChange().finished()])],
];
const request = message(CERTIFICATE_REQUEST, Buffer.concat([u8(0), u16(6, 13, 2, 0x0403)]));

function extended(server: RawServer): RawServer {
  server.sendServerHello();
  return server.sendMessage(server.encryptedExtensions());
}
function certified12(server: RawServer12): RawServer12 {
  return server.sendServerHello().sendMessage(server.certificate());
}

/** Runs the cases of a stage. @param attempt plays one, and is given the numbers that decide it */
function fuzz(server: RawServer, attempt: (random: Random) => void): void {
  const checkpoint = new Checkpoint(server);
  const { card } = server;
  for (let seed = SEED; seed < SEED + CASES; seed++) {
    checkpoint.restore();
    try {
      attempt(generator(seed * 2654435761));
      endAll(server);
      if (seed % BATCH === 0) card.guard();
    } catch (error) {
      throw new Error(`FUZZ_CASES=1 FUZZ_SEED=${seed}: ${(error as Error).message}`, { cause: error });
    }
  }
  card.guard();
  checkpoint.restore();
  endAll(server);
  const next = server instanceof RawServer12 ? new RawServer12(card, [leaf]) : new RawServer(card, [leaf]);
  next.connect().exchange();
}

/** Hangs up. @throws Error when something is not given back */
function endAll({ card, tcp }: RawServer): void {
  for (let i = 0; card.exports.close(0) === EAGAIN; i++) {
    if (i > 3) throw new Error("the connection does not end");
    tcp.acknowledge(card);
  }
  if (card.exports.freePbufs() !== POOL) throw new Error(`${POOL - card.exports.freePbufs()} pbufs are lost`);
}

/** @returns what connect() or recv() comes to; @throws Error when it is none of the results that there are */
function listen(server: RawServer, step: () => number): number {
  const { card, tcp } = server;
  for (let calls = 0; calls < 60; calls++) {
    const result = step();
    const isFinal = result <= -0x100 || result === 0;
    if (result !== EAGAIN && !isFinal && result < 0) throw new Error(`result ${result}`);
    if (result > 0 && card.exports.data(0) + result > ARENA_BYTES) throw new Error("data outside the arena");
    const isMoving = tcp.acknowledge(card) || tcp.waiting > 0;
    if (isFinal || (result === EAGAIN && !isMoving)) return result;
  }
  return EAGAIN;
}

interface Damaged {
  bytes: Buffer;
  /** It is what the card waits for, after all. */
  isGood: boolean;
}

/** A record: of a message damaged or not, of the right type or not, sealed or not, whole or not. */
function damaged(server: RawServer, messages: Buffer[], random: Random): Damaged {
  const contents = [
    ...messages,
    u8(1 + below(random, 2), below(random, 120)),
    Buffer.alloc(below(random, 300)),
  ];
  const chosen = below(random, 4) ? messages[0]! : contents[below(random, contents.length)]!;
  const content = below(random, 8) ? mutate(chosen, random) : chosen;
  const type = below(random, 8) ? RECORD.handshake : 19 + below(random, 6);
  const isPlain = below(random, 8) === 0;
  const whole = isPlain ? record(type, content) : sealed(server, type, content);
  const bytes = below(random, 8) ? whole : mutate(whole, random);
  return { bytes, isGood: type === RECORD.handshake && bytes.equals(whole) && content.equals(messages[0]!) };
}

function sealed(server: RawServer, type: number, content: Buffer): Buffer {
  const sealer = server instanceof RawServer12 ? server.sealer : server.write;
  return sealer ? sealer.seal(type, content) : record(type, content);
}

/** @returns what it comes to, and whether anything good was among it */
function play(server: RawServer, messages: Buffer[], random: Random, step: () => number) {
  const { tcp } = server;
  tcp.chop = (available) => Math.min(available, 1 + below(random, 400));
  const records = Array.from({ length: 1 + below(random, 3) }, () => damaged(server, messages, random));
  for (const { bytes } of records) tcp.arrive(bytes);
  tcp.ended = below(random, 8) === 0;
  return { result: listen(server, step), isGood: records.some(({ isGood }) => isGood) };
}

describe.each([
  ["TLS 1.3", tls13, (card: TlsCard): RawServer => new RawServer(card, [leaf])],
  ["TLS 1.2", stages12, (card: TlsCard): RawServer => new RawServer12(card, [leaf])],
] as const)("%s: monkeys write", (_, stages, start) => {
  test.each(stages)("instead of %s", (_, prepare) => {
    const server = start(clientCard(module, { anchors: [root] }));
    const messages = prepare(server);
    const outcomes = new Set<number>();
    fuzz(server, (random) => {
      const { result, isGood } = play(server, messages, random, () => server.card.exports.connect(0));
      if (result === 0 && !isGood) throw new Error("damage is taken for good");
      outcomes.add(result);
    });
    expect(outcomes.size).toBeGreaterThan(CASES >= 500 ? 4 : 0);
  });

  test("on a connection", () => {
    const server = start(clientCard(module, { anchors: [root] })).connect();
    const ticket = message(4, Buffer.alloc(40));
    const messages = [message(24, u8(1)), ticket, message(0, u8()), Buffer.from("HTTP/1.1 200 OK\r\n")];
    const outcomes = new Set<number>();
    fuzz(server, (random) => {
      const flag = below(random, 2);
      const step = () => server.card.exports.recv(0, flag);
      outcomes.add(play(server, messages, random, step).result);
      if (below(random, 8) === 0) server.card.write(u8(1));
    });
    expect(outcomes.size).toBeGreaterThan(CASES >= 500 ? 4 : 0);
  });
});
