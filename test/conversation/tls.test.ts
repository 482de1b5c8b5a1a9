// A card's TLS against Node's client, over a TCP that cuts as it likes.
import { randomBytes } from "node:crypto";
import { connect, type ConnectionOptions, type TLSSocket } from "node:tls";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { cuts } from "../support/cuts.ts";
import {
  CardStream,
  COPY_ON,
  echo,
  FAST,
  firmware,
  personalise,
  SAFE,
  TlsCard,
  type Personality,
} from "../support/tls-card.ts";

let module: WebAssembly.Module;
let personality: Personality;
let card: TlsCard;

beforeAll(async () => {
  module = await firmware();
  personality = await personalise(module);
});

afterEach(async () => {
  await new Promise((resolve) => setTimeout(resolve, 10)); // the last acknowledgements
  card.guard();
  expect(card.exports.freePbufs()).toBe(8);
});

function newCard(): TlsCard {
  return (card = new TlsCard(module, personality.cells));
}

function open(
  stream: CardStream,
  options: ConnectionOptions = {},
  keep: (session: Buffer) => void = () => undefined,
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const trust = { ca: personality.ca, servername: "localhost" };
    const socket = connect({ socket: stream, ...trust, ...options }, () => resolve(socket));
    socket.on("session", keep);
    socket.on("error", reject);
    stream.on("error", (error) => socket.destroy(error));
  });
}

/** Sends, and waits until as much has come back. */
async function exchange(socket: TLSSocket, data: Buffer): Promise<Buffer> {
  const echoed: Buffer[] = [];
  let bytes = 0;
  return new Promise((resolve, reject) => {
    socket.on("error", reject);
    socket.on("data", (part: Buffer) => {
      echoed.push(part);
      bytes += part.length;
      if (bytes >= data.length) resolve(Buffer.concat(echoed));
    });
    socket.write(data);
  });
}

function close(socket: TLSSocket): Promise<void> {
  return new Promise((resolve) => {
    socket.on("close", () => resolve());
    socket.end();
  });
}

/** A whole conversation: handshake, an exchange, an orderly end. */
async function converse(stream: CardStream, options: ConnectionOptions, data: Buffer) {
  const socket = await open(stream, options);
  const met = {
    suite: socket.getCipher().name,
    authorized: socket.authorized,
    protocol: socket.alpnProtocol,
  };
  expect((await exchange(socket, data)).equals(data)).toBe(true);
  await close(socket);
  expect(stream.result).toBe(0);
  return met;
}

const SUITES = ["TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"];
const GROUPS = {
  X25519: "X25519",
  "P-256": "P-256",
  "X25519 after HelloRetryRequest": "P-384:X25519",
  "P-256 after HelloRetryRequest": "P-384:P-256",
};

describe.each(SUITES)("%s", (ciphers) => {
  test.each(Object.entries(GROUPS))("%s", async (_name, ecdhCurve) => {
    const met = await converse(new CardStream(newCard()), { ciphers, ecdhCurve }, randomBytes(1000));
    expect(met.suite).toBe(ciphers);
    expect(met.authorized).toBe(true);
  });

  test.each([
    ["FAST", FAST],
    ["SAFE", SAFE],
  ])("records of 16 KB, %s", async (_name, flag) => {
    const options = { ciphers, maxVersion: "TLSv1.3" as const };
    await converse(new CardStream(newCard(), echo(flag)), options, randomBytes(40_000));
  });
});

test("ChaCha20-Poly1305 is taken when both are offered", async () => {
  const met = await converse(new CardStream(newCard()), {}, randomBytes(10));
  expect(met.suite).toBe("TLS_CHACHA20_POLY1305_SHA256");
});

test("http/1.1 is chosen of the protocols offered", async () => {
  const met = await converse(
    new CardStream(newCard()),
    { ALPNProtocols: ["h2", "http/1.1"] },
    Buffer.from("x"),
  );
  expect(met.protocol).toBe("http/1.1");
});

test("another protocol alone is refused", async () => {
  await expect(open(new CardStream(newCard()), { ALPNProtocols: ["h2"] })).rejects.toThrow(
    "alert number 120",
  );
});

test.each([
  ["one byte", cuts.bytewise],
  ["random", cuts.random(1)],
  ["random", cuts.random(2)],
  ["random", cuts.random(3)],
])("segments cut to %s", async (_name, chop) => {
  await converse(new CardStream(newCard(), echo(), chop), {}, randomBytes(3000));
});

test.each([FAST, SAFE])("zeros, whatever stands around them (%i)", async (flag) => {
  for (const [lead, zeros, tail] of [
    [0, 300, 0],
    [1, 5, 0],
    [1, 5, 1],
    [4, 600, 4],
    [0, 1, 0],
    [5, 0, 0],
    [6, 0, 0],
  ] as const) {
    const data = Buffer.concat([Buffer.alloc(lead, 1), Buffer.alloc(zeros), Buffer.alloc(tail, 2)]);
    await converse(new CardStream(newCard(), echo(flag), cuts.random(zeros)), {}, data);
  }
});

test("data sent from elsewhere, COPY_ON", async () => {
  await converse(new CardStream(newCard(), echo(FAST, COPY_ON)), {}, randomBytes(3000));
});

test.each(["TLSv1.3", "TLSv1.2"] as const)(
  "%s: a session is resumed, again and again",
  async (maxVersion) => {
    newCard();
    let session: Buffer | undefined;
    for (const isReused of [false, true, true]) {
      const stream = new CardStream(card, echo(), cuts.random(4));
      const socket = await open(stream, { session, maxVersion }, (bytes) => (session = bytes));
      expect((await exchange(socket, Buffer.from("x"))).toString()).toBe("x");
      expect(socket.isSessionReused()).toBe(isReused);
      await close(socket);
    }
  },
);

describe.each(["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"])(
  "TLS 1.2, %s",
  (ciphers) => {
    const options = { ciphers, maxVersion: "TLSv1.2" as const };
    test.each(["X25519:P-256", "P-256"])("%s", async (ecdhCurve) => {
      const met = await converse(new CardStream(newCard()), { ...options, ecdhCurve }, randomBytes(1000));
      expect(met).toMatchObject({ suite: ciphers, authorized: true });
    });

    test.each([
      ["FAST", FAST],
      ["SAFE", SAFE],
    ])("records of 16 KB, %s", async (_name, flag) => {
      await converse(new CardStream(newCard(), echo(flag), cuts.random(3)), options, randomBytes(40_000));
    });

    test("segments of one byte, http/1.1, COPY_ON", async () => {
      const stream = new CardStream(newCard(), echo(SAFE, COPY_ON), cuts.bytewise);
      const met = await converse(stream, { ...options, ALPNProtocols: ["http/1.1"] }, randomBytes(700));
      expect(met.protocol).toBe("http/1.1");
    });
  },
);

test("TLS 1.1 alone is refused", async () => {
  const options = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "ALL:@SECLEVEL=0" } as const;
  await expect(open(new CardStream(newCard()), options)).rejects.toThrow("alert number 70");
});

test("two connections at once, and one place for a long record", async () => {
  const both = await firmware({ TLS_CONTEXTS: 2 });
  card = new TlsCard(both, personality.cells);
  const streams = [0, 1].map((ctx) => new CardStream(card, echo(SAFE), cuts.random(ctx + 7), ctx));
  const data = [randomBytes(20_000), randomBytes(20_000)];
  await Promise.all(streams.map((stream, i) => converse(stream, {}, data[i]!)));
});
