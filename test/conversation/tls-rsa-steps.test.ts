// RSA's private operation between its steps, when context and buffer are not in RAM: nothing can be done with the context but
// to wait, or to break it off; then it leaves nothing behind. And power that fails, at NVM's every write of a handshake.
import { beforeAll, describe, expect, test } from "vitest";
import { PowerCut } from "../../host/chip/nvm.ts";
import { firmware, personalise } from "../support/rsa-card.ts";
import { COPY_ON, cutPower, EAGAIN, FAST, type Personality, TlsCard } from "../support/tls-card.ts";
import { RawClient10 } from "../support/tls-client-1-0.ts";
import { RawClient12 } from "../support/tls-client-1-2.ts";
import { RawClient } from "../support/tls-client.ts";
import { ECDSA, extension, RSA_AES_1_2, RSA_PSS } from "../support/tls-codec.ts";

/** Of a modulus of 2,048 bits: two powers by 33 words of exponent, two steps more each; the rest; the beginning. */
const STEPS = 2 * 35 + 6 + 1;
const SOME = [1, 2, 34, 36, 37, 38, 70, 71, 72, 75, STEPS - 1];
/** How many of a handshake's writes power fails at; "all" takes some minutes. */
const CUTS = process.env["NETCARD_CUTS"] ?? "24";

const POOL = 8;
const ECONNRESET = -4;
const TRUNCATED = -0x300;
/** NVM: the context and its mark; what RSA keeps behind what it raises. */
const KEPT = { from: 2816, to: 2816 + 512 };
const INTERMEDIATE = { from: 2816 + 768, to: 2816 + 896 };

const modules = new Map<string, WebAssembly.Module>();
const personalities = new Map<string, Personality>();
beforeAll(async () => {
  for (const kind of ["card-rsa", "card-legacy"] as const) {
    const module = await firmware(kind);
    modules.set(kind, module);
    const personality = await personalise(module, 2048);
    personality.cells.fill(0xff, KEPT.from, INTERMEDIATE.to); // where the key was tried
    personalities.set(kind, personality);
  }
});

/** A protocol, and how far its client goes before the card has to compute. */
interface Protocol {
  name: string;
  kind: "card-rsa" | "card-legacy";
  newClient: (card: TlsCard) => RawClient;
  approach: (client: RawClient) => void;
}

const PROTOCOLS: Protocol[] = [
  {
    name: "TLS 1.3",
    kind: "card-rsa",
    newClient: (card) => new RawClient(card).extend(...extension.algorithms(ECDSA, RSA_PSS)),
    approach: (client) => client.sendHello(),
  },
  {
    name: "TLS 1.2",
    kind: "card-rsa",
    newClient: (card) => {
      const client = new RawClient12(card).extend(...extension.algorithms(RSA_PSS));
      client.hello.suites = [RSA_AES_1_2];
      return client;
    },
    approach: (client) => client.sendHello(),
  },
  {
    name: "TLS 1.0",
    kind: "card-legacy",
    newClient: (card) => new RawClient10(card),
    approach: (client) => (client as RawClient10).startHandshake().sendKeyExchange(),
  },
];

describe.each(PROTOCOLS)("$name", ({ kind, newClient, approach }) => {
  const newCard = (seed?: number) => new TlsCard(modules.get(kind)!, personalities.get(kind)!.cells, seed);

  /** A client for whom the card has done `steps` steps. */
  function begin(card: TlsCard, steps: number): RawClient {
    const client = newClient(card);
    approach(client);
    do expect(card.exports.acceptOnly(0)).toBe(EAGAIN);
    while (client.tcp.acknowledge(card));
    for (let step = 0; step < steps; step++) expect(card.exports.compute()).toBe(1);
    return client;
  }

  function expectNothingLeft({ bytes, exports, nvm }: TlsCard): void {
    const ram = bytes.subarray(exports.workspace(), exports.workspaceEnd());
    expect(ram.findIndex((byte) => byte !== 0)).toBe(-1);
    expectNoSecretsIn(nvm.cells);
    expect(exports.freePbufs()).toBe(POOL);
  }

  /** Of TLS 1.0 the context in NVM has no secrets. */
  function expectNoSecretsIn(cells: Uint8Array): void {
    for (const { from, to } of kind === "card-rsa" ? [KEPT, INTERMEDIATE] : [INTERMEDIATE])
      expect(cells.subarray(from, to).findIndex((byte) => byte !== 0xff)).toBe(-1);
  }

  test("it takes so many steps, at none of which the context can be used", () => {
    const card = newCard();
    const { tcp } = begin(card, 0);
    const sent = tcp.sent.length;
    let steps = 0;
    while (card.exports.compute()) {
      if (++steps === STEPS) break;
      expect(card.exports.acceptOnly(0)).toBe(EAGAIN);
      expect(card.exports.recv(0, FAST)).toBe(EAGAIN);
      expect(card.exports.writable(0)).toBe(0);
      expect(card.exports.send(0, card.exports.elsewhere(), 1, COPY_ON)).toBe(EAGAIN);
      if (kind === "card-rsa") expect(card.exports.wanted(0, 1)).toBe(EAGAIN);
      expect(tcp.sent.length).toBe(sent);
    }
    expect(steps).toBe(STEPS);
    expect(card.exports.compute()).toBe(0);
    card.guard();
  });

  const over = (client: RawClient, result: number) => {
    expect(client.card.exports.acceptOnly(0)).toBe(result);
    expect(client.card.exports.compute()).toBe(0);
    while (client.card.exports.close(0) === EAGAIN) client.tcp.acknowledge(client.card);
  };
  const ends: [string, (client: RawClient) => void][] = [
    [
      "the peer resets the connection",
      (client) => ((client.tcp.failed = ECONNRESET), over(client, ECONNRESET)),
    ],
    ["the peer ends it", (client) => ((client.tcp.ended = true), over(client, TRUNCATED))],
    [
      "the card closes it, which the peer is told",
      (client) => {
        const before = client.tcp.sent.length;
        while (client.card.exports.close(0) === EAGAIN) client.tcp.acknowledge(client.card);
        expect(client.tcp.sent.length).toBe(before + 1);
        expect(client.tcp.finished).toBe(true);
      },
    ],
    [
      "the context is given to another connection",
      ({ card }) => {
        card.connect();
        expect(card.exports.close(0)).toBe(EAGAIN);
        card.tcps[0]!.acknowledge(card);
        expect(card.exports.close(0)).toBe(0);
      },
    ],
  ];
  test.each(ends)("%s: nothing is left, and the next client is served", (_, end) => {
    const card = newCard();
    for (const steps of SOME) {
      end(begin(card, steps));
      expectNothingLeft(card);
      card.guard();
    }
    newClient(card).connect();
  });

  test("what comes meanwhile waits", () => {
    const card = newCard();
    const client = begin(card, 20);
    client.tcp.arrive(Buffer.from([22, 3, 1, 0, 1, 0xee])); // no message that is due, in either version
    client.run();
    expect(client.result).toBeLessThanOrEqual(-0x100);
    while (card.exports.close(0) === EAGAIN) client.tcp.acknowledge(card);
    expectNothingLeft(card);
  });

  test("power that fails at NVM's writes: the card comes up without secrets of it, and serves", () => {
    const uncut = newCard();
    const atBoot = uncut.nvm.writes;
    newClient(uncut).connect();
    // A byte that is there already is not written: random numbers make it a few more or less.
    const writes = uncut.nvm.writes - atBoot - 20;
    const stride = CUTS === "all" ? 1 : Math.ceil(writes / Number(CUTS));
    for (let left = 0; left < writes; left += stride) {
      const card = newCard();
      cutPower(card, left);
      expect(() => newClient(card).connect(), `after ${left} writes`).toThrow(PowerCut);
      const next = new TlsCard(modules.get(kind)!, card.nvm.cells, left + 3);
      if (kind === "card-rsa") expectNoSecretsIn(next.nvm.cells);
      newClient(next).connect();
      next.guard();
    }
    console.log(`${writes} writes, power failed at every ${stride}th`);
  });
});
