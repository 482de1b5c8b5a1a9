// HelloRetryRequest (RFC 8446 section 4.1.4): a ClientHello with a common group but no usable share, and what comes back.
import { beforeAll, describe, expect, test } from "vitest";
import { firmware, personalise, TlsCard, type Personality } from "../support/tls-card.ts";
import { RawClient } from "../support/tls-client.ts";
import {
  AES,
  encodeHello,
  EXTENSION,
  extension,
  P256,
  pskOf,
  RECORD,
  record,
  u8,
  X25519,
} from "../support/tls-codec.ts";

let module: WebAssembly.Module;
let personality: Personality;

beforeAll(async () => {
  module = await firmware();
  personality = await personalise(module);
});

const newClient = () => new RawClient(new TlsCard(module, personality.cells));

const ALERT = { unexpectedMessage: 10, illegalParameter: 47 };

describe("HelloRetryRequest", () => {
  /** Offers groups without a share. @returns the client, which has read the HelloRetryRequest */
  function retried(groups = [X25519, P256], early = false): RawClient {
    const client = newClient();
    client.extend(...extension.groups(...groups)).extend(...extension.shares());
    if (early) {
      client.hello.extensions!.push([EXTENSION.pskModes, u8(1, 1)], [EXTENSION.earlyData, u8()]);
      client.hello.extensions!.push(pskOf([u8(1)]));
    }
    const hello = encodeHello(client.hello);
    client.sendMessage(hello).run();
    client.retry(hello, client.receiveServerHello());
    expect(client.receive()!.type).toBe(RECORD.changeCipherSpec);
    return client;
  }
  const answer = (client: RawClient) => client.extend(...extension.shares(client.share(client.group)));

  test.each([
    [[X25519, P256], X25519],
    [[P256, X25519], X25519],
    [[24, P256], P256],
  ])("offered %j, asked for %i", (groups, group) => {
    const client = retried(groups);
    expect(client.group).toBe(group);
    answer(client).sendHello().run();
    client.receiveServerHello();
    expect(client.receive()!.type).toBe(RECORD.handshake); // no second ChangeCipherSpec
  });

  test("leads to a connection, ChangeCipherSpec and early data passed over", () => {
    const client = retried([X25519], true);
    client.send(record(RECORD.changeCipherSpec, u8(1)));
    for (let i = 0; i < 5; i++) client.send(record(RECORD.data, Buffer.alloc(1000)));
    client.hello.extensions = client.hello.extensions!.filter(([type]) => type !== EXTENSION.earlyData);
    client.hello.extensions = [
      client.hello.extensions.at(-1)!,
      ...client.hello.extensions.slice(0, -1),
    ].reverse();
    answerInPlace(client);
    client.sendHello().run();
    client.receiveServerHello();
    client.receiveFlight();
    expect(client.finishHandshake()).toBe(0);
  });

  test("early data too short to be encrypted is none: it would not be counted", () => {
    for (const bytes of [0, 16]) {
      const client = retried([X25519], true).send(record(RECORD.data, Buffer.alloc(bytes)));
      expect(client.run()).toBe(-0x100 - ALERT.unexpectedMessage);
    }
  });

  function answerInPlace(client: RawClient): void {
    const shares = extension.shares(client.share(client.group));
    client.hello.extensions = client.hello.extensions!.map((e) => (e[0] === EXTENSION.keyShare ? shares : e));
  }

  type Spoil = (client: RawClient) => unknown;
  const wrong: [string, number, Spoil][] = [
    ["no share again", ALERT.illegalParameter, (c) => c.sendHello()],
    [
      "the other share",
      ALERT.illegalParameter,
      (c) => c.extend(...extension.shares(c.share(P256))).sendHello(),
    ],
    [
      "both shares",
      ALERT.illegalParameter,
      (c) => c.extend(...extension.shares(c.share(X25519), c.share(P256))).sendHello(),
    ],
    ["another suite", ALERT.illegalParameter, (c) => ((c.hello.suites = [AES]), answer(c).sendHello())],
    [
      "early data that was not offered",
      ALERT.unexpectedMessage,
      (c) => c.send(record(RECORD.data, Buffer.alloc(20))),
    ],
    [
      "a wrong ChangeCipherSpec",
      ALERT.unexpectedMessage,
      (c) => c.send(record(RECORD.changeCipherSpec, u8(2))),
    ],
    [
      "a long ChangeCipherSpec",
      ALERT.unexpectedMessage,
      (c) => c.send(record(RECORD.changeCipherSpec, u8(1, 1))),
    ],
    [
      "ChangeCipherSpec without end",
      ALERT.unexpectedMessage,
      (c) => {
        for (let i = 0; i < 100; i++) c.send(record(RECORD.changeCipherSpec, u8(1)));
      },
    ],
    [
      "ChangeCipherSpec amid ClientHello",
      ALERT.unexpectedMessage,
      (c) => c.sendRecord(RECORD.handshake, u8(1)).send(record(RECORD.changeCipherSpec, u8(1))),
    ],
  ];
  test.each(wrong)("answered by %s: %i", (_name, alert, spoil) => {
    const client = retried();
    spoil(client);
    expect(client.run()).toBe(-0x100 - alert);
    expect(client.alert()).toBe(alert);
    client.card.guard();
  });
});
