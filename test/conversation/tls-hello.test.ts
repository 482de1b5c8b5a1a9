// ClientHellos, right and wrong, and the answer that RFC 8446 asks for.
import { beforeAll, describe, expect, test } from "vitest";
import { EAGAIN, firmware, personalise, TlsCard, type Personality } from "../support/tls-card.ts";
import { RawClient } from "../support/tls-client.ts";
import {
  CHACHA,
  encodeHello,
  EXTENSION,
  extension,
  P256,
  pskOf,
  RECORD,
  record,
  share,
  u16,
  u8,
  vector16,
  vector8,
  X25519,
} from "../support/tls-codec.ts";
import { cuts } from "../support/cuts.ts";

let module: WebAssembly.Module;
let personality: Personality;

beforeAll(async () => {
  module = await firmware();
  personality = await personalise(module);
});

const newClient = () => new RawClient(new TlsCard(module, personality.cells));

const ALERT = {
  unexpectedMessage: 10,
  recordOverflow: 22,
  handshakeFailure: 40,
  illegalParameter: 47,
  decodeError: 50,
  protocolVersion: 70,
  missingExtension: 109,
  noApplicationProtocol: 120,
};

/** The alert for what `spoil` makes of a good ClientHello. */
function alertFor(spoil: (client: RawClient) => unknown): number {
  const client = newClient();
  spoil(client);
  client.sendHello();
  const result = client.run();
  const alert = client.alert();
  expect(result).toBe(alert < 0 ? EAGAIN : -0x100 - alert);
  client.card.guard();
  return alert;
}

describe("a ClientHello is refused", () => {
  type Spoil = (client: RawClient) => unknown;
  const cases: [string, number, Spoil][] = [
    [
      "without supported_versions or a suite of TLS 1.2",
      ALERT.handshakeFailure,
      (c) => c.extend(EXTENSION.versions, null),
    ],
    ["without any extension", ALERT.handshakeFailure, (c) => (c.hello.extensions = null)],
    [
      "of TLS 1.2 only, without a suite for it",
      ALERT.handshakeFailure,
      (c) => c.extend(...extension.versions(0x0303)),
    ],
    ["of TLS 1.1 only", ALERT.protocolVersion, (c) => c.extend(...extension.versions(0x0302))],
    [
      "of TLS 1.1 in the old way",
      ALERT.protocolVersion,
      (c) => (c.extend(EXTENSION.versions, null).hello.version = 0x0302),
    ],
    ["of SSL 3.0", ALERT.protocolVersion, (c) => (c.hello.version = 0x0300)],
    ["with compression", ALERT.illegalParameter, (c) => (c.hello.compression = u8(1))],
    ["with compression beside none", ALERT.illegalParameter, (c) => (c.hello.compression = u8(0, 1))],
    ["without compression methods", ALERT.decodeError, (c) => (c.hello.compression = u8())],
    ["without a suite of ours", ALERT.handshakeFailure, (c) => (c.hello.suites = [0x1302, 0xc02b])],
    ["without suites", ALERT.decodeError, (c) => (c.hello.suites = [])],
    ["with a long session ID", ALERT.decodeError, (c) => (c.hello.session = Buffer.alloc(33))],
    ["without supported_groups", ALERT.missingExtension, (c) => c.extend(EXTENSION.groups, null)],
    ["without key_share", ALERT.missingExtension, (c) => c.extend(EXTENSION.keyShare, null)],
    ["without signature_algorithms", ALERT.missingExtension, (c) => c.extend(EXTENSION.algorithms, null)],
    ["without ECDSA on P-256", ALERT.handshakeFailure, (c) => c.extend(...extension.algorithms(0x0804))],
    [
      "without a group of ours",
      ALERT.handshakeFailure,
      (c) => c.extend(...extension.groups(24)).extend(...extension.shares(share(24, Buffer.alloc(97)))),
    ],
    [
      "with a share of a group that it does not list",
      ALERT.illegalParameter,
      (c) => c.extend(...extension.groups(P256)),
    ],
    [
      "with a short X25519 share",
      ALERT.illegalParameter,
      (c) => c.extend(...extension.shares(share(X25519, Buffer.alloc(31)))),
    ],
    [
      "with a short P-256 share",
      ALERT.illegalParameter,
      (c) => c.extend(...extension.shares(share(P256, Buffer.alloc(64)))),
    ],
    ["with an empty share", ALERT.decodeError, (c) => c.extend(...extension.shares(share(24, u8())))],
    [
      "with two shares of one group",
      ALERT.illegalParameter,
      (c) => c.extend(...extension.shares(c.share(X25519), c.share(X25519))),
    ],
    [
      "with a point of small order",
      ALERT.illegalParameter,
      (c) => c.extend(...extension.shares(share(X25519, Buffer.alloc(32)))),
    ],
    [
      "with a point off the curve",
      ALERT.illegalParameter,
      (c) => c.extend(...extension.shares(share(P256, Buffer.alloc(65, 4)))),
    ],
    [
      "with a compressed point",
      ALERT.illegalParameter,
      (c) => c.extend(...extension.shares(share(P256, Buffer.alloc(33, 2)))),
    ],
    ["with h2 alone", ALERT.noApplicationProtocol, (c) => c.extend(...extension.alpn("h2", "http/1.0"))],
    ["with an empty protocol name", ALERT.decodeError, (c) => c.extend(...extension.alpn("http/1.1", ""))],
    ["with no protocol name", ALERT.decodeError, (c) => c.extend(...extension.alpn())],
    [
      "with a record limit below 64",
      ALERT.illegalParameter,
      (c) => c.extend(...extension.recordSizeLimit(63)),
    ],
    [
      "with a record limit of one byte",
      ALERT.decodeError,
      (c) => c.extend(EXTENSION.recordSizeLimit, u8(64)),
    ],
    [
      "with an extension twice",
      ALERT.illegalParameter,
      (c) => c.hello.extensions!.push([0x1234, u8()], [0x1234, u8(1)]),
    ],
    [
      "with key_share twice",
      ALERT.illegalParameter,
      (c) => c.hello.extensions!.push(extension.shares(c.share(X25519))),
    ],
    [
      "with something behind pre_shared_key",
      ALERT.illegalParameter,
      (c) => c.hello.extensions!.push(pskOf([u8(1)]), [99, u8()]),
    ],
    ["with pre_shared_key but no modes", ALERT.missingExtension, (c) => c.extend(...pskOf([u8(1)]))],
    ["with pre_shared_key without identities", ALERT.decodeError, (c) => c.extend(...pskOf([]))],
    ["with an empty identity", ALERT.decodeError, (c) => c.offer(null).extend(...pskOf([u8()]))],
    [
      "with more identities than binders",
      ALERT.illegalParameter,
      (c) => c.offer(null).extend(...pskOf([u8(1), u8(2)], 0, 1)),
    ],
    [
      "with more binders than identities",
      ALERT.illegalParameter,
      (c) => c.offer(null).extend(...pskOf([u8(1)], 0, 2)),
    ],
    [
      "with a short binder",
      ALERT.decodeError,
      (c) =>
        c
          .offer(null)
          .extend(
            EXTENSION.preSharedKey,
            Buffer.from("0007000101000000000020" + "1f" + "00".repeat(31), "hex"),
          ),
    ],
    [
      "with bytes behind its binders",
      ALERT.decodeError,
      (c) => c.offer(null).extend(EXTENSION.preSharedKey, Buffer.concat([pskOf([u8(1)])[1], u8(0)])),
    ],
    [
      "with an empty list of PSK modes",
      ALERT.decodeError,
      (c) => c.extend(EXTENSION.pskModes, vector8(u8())),
    ],
    ["with early_data but no PSK", ALERT.illegalParameter, (c) => c.extend(EXTENSION.earlyData, u8())],
    ["with early_data that has a body", ALERT.decodeError, (c) => c.extend(EXTENSION.earlyData, u8(1))],
    [
      "with an odd list of groups",
      ALERT.decodeError,
      (c) => c.extend(EXTENSION.groups, vector16(u8(0, 29, 0))),
    ],
    ["with an empty list of groups", ALERT.decodeError, (c) => c.extend(EXTENSION.groups, vector16(u8()))],
    [
      "with a list longer than its extension",
      ALERT.decodeError,
      (c) => c.extend(EXTENSION.groups, u8(0, 4, 0, 29)),
    ],
    [
      "with a list shorter than its extension",
      ALERT.decodeError,
      (c) => c.extend(EXTENSION.groups, u8(0, 2, 0, 29, 0, 23)),
    ],
    [
      "with an odd list of versions",
      ALERT.decodeError,
      (c) => c.extend(EXTENSION.versions, vector8(u8(3, 4, 3))),
    ],
    [
      "with a share longer than its list",
      ALERT.decodeError,
      (c) => c.extend(EXTENSION.keyShare, vector16(u8(0, 24, 0, 9, 1))),
    ],
  ];
  test.each(cases)("%s: %i", (_name, alert, spoil) => {
    expect(alertFor(spoil)).toBe(alert);
  });

  test("that ends in the midst of each of its fields: decode_error or a wait for more", () => {
    const whole = encodeHello(newClient().hello);
    for (let length = 4; length < whole.length; length++) {
      const client = newClient();
      const cut = Buffer.from(whole.subarray(0, length));
      cut.writeUIntBE(length - 4, 1, 3);
      client.sendMessage(cut).run();
      // What ends behind the compression methods is a whole hello, without extensions.
      const alert = length === 4 + 2 + 32 + 33 + 6 + 2 ? ALERT.handshakeFailure : ALERT.decodeError;
      expect(client.alert(), `${length} bytes`).toBe(alert);
    }
  });

  test("as another message, or with one behind it", () => {
    const client = newClient();
    const hello = encodeHello(client.hello);
    client.sendRecord(RECORD.handshake, Buffer.concat([u8(2), hello.subarray(1)])).run();
    expect(client.alert()).toBe(ALERT.unexpectedMessage);
    const second = newClient();
    second.sendRecord(RECORD.handshake, Buffer.concat([hello, hello])).run();
    expect(second.alert()).toBe(ALERT.unexpectedMessage);
  });
});

describe("instead of a ClientHello", () => {
  const cases: [string, number, Buffer][] = [
    ["an HTTP request", ALERT.unexpectedMessage, Buffer.from("GET / HTTP/1.1\r\n\r\n")],
    ["application data", ALERT.unexpectedMessage, record(RECORD.data, Buffer.alloc(20))],
    ["ChangeCipherSpec", ALERT.unexpectedMessage, record(RECORD.changeCipherSpec, u8(1))],
    ["an empty record", ALERT.unexpectedMessage, record(RECORD.handshake, u8())],
    ["too long a record", ALERT.recordOverflow, Buffer.concat([u8(22), u16(0x0301, 16385)])],
    ["an alert of three bytes", ALERT.decodeError, record(RECORD.alert, u8(1, 0, 0))],
  ];
  test.each(cases)("%s: %i", (_name, alert, bytes) => {
    const client = newClient().send(bytes);
    expect(client.run()).toBe(-0x100 - alert);
    expect(client.alert()).toBe(alert);
    expect(client.tcp.finished).toBe(true);
  });

  test("a card that has not been personalised answers internal_error", () => {
    const client = new RawClient(new TlsCard(module)).sendHello();
    expect(client.run()).toBe(-0x100 - 80);
    expect(client.alert()).toBe(80);
  });

  test("an alert ends the connection without an answer", () => {
    const client = newClient().send(record(RECORD.alert, u8(2, 40)));
    expect(client.run()).toBe(-0x200 - 40);
    expect(client.tcp.sent).toEqual([]);
  });

  test("the end of TCP is told from a failure", () => {
    const client = newClient().send(u8(22, 3));
    client.tcp.ended = true;
    expect(client.run()).toBe(-0x300);
  });
});

describe("a ClientHello is accepted", () => {
  const SPLIT: [string, (hello: Buffer) => Buffer[]][] = [
    ["in one record", (hello) => [hello]],
    ["in records of one byte", (hello) => [...hello].map((byte) => u8(byte))],
    ["in two records", (hello) => [hello.subarray(0, 3), hello.subarray(3)]],
  ];
  test.each(SPLIT)("%s", (_name, split) => {
    const client = newClient();
    const hello = encodeHello(client.hello);
    client.transcript = hello;
    for (const part of split(hello)) client.sendRecord(RECORD.handshake, part);
    client.run();
    client.receiveServerHello();
    client.receiveFlight();
    expect(client.finishHandshake()).toBe(0);
  });

  test("of 60 KB, with extensions in any order, GREASE and names that nobody knows", () => {
    const client = newClient();
    const grease: [number, Buffer][] = [0x0a0a, 0x1a1a, 0xfe0d].map((type) => [
      type,
      Buffer.alloc(15_000, type),
    ]);
    client.hello.extensions = [...grease, ...client.hello.extensions!.reverse(), [21, Buffer.alloc(9000)]];
    client.hello.suites = [0x2a2a, CHACHA, 0x1302];
    const hello = encodeHello(client.hello);
    client.transcript = hello;
    for (let at = 0; at < hello.length; at += 16384) {
      client.sendRecord(RECORD.handshake, hello.subarray(at, at + 16384));
    }
    client.tcp.chop = cuts.random(5);
    client.run();
    client.receiveServerHello();
    client.receiveFlight();
    expect(client.finishHandshake()).toBe(0);
  });

  test("with P-256 alone, with both shares in either order, with none but a common group", () => {
    const shares = (c: RawClient, ...groups: number[]) =>
      c.extend(...extension.shares(...groups.map((g) => c.share(g))));
    for (const [groups, chosen] of [
      [[P256], P256],
      [[P256, X25519], X25519],
      [[X25519, P256], X25519],
    ] as const) {
      const client = newClient();
      shares(client, ...groups).connect();
      expect(client.group).toBe(chosen);
    }
  });

  test("and the session ID echoed; without one there is no ChangeCipherSpec", () => {
    const client = newClient();
    client.sendHello().run();
    expect(client.receiveServerHello().subarray(39, 71).equals(client.hello.session)).toBe(true);
    expect(client.receive()!.type).toBe(RECORD.changeCipherSpec);
    const bare = newClient();
    bare.hello.session = u8();
    bare.sendHello().run();
    expect(bare.receiveServerHello()[38]).toBe(0);
    expect(bare.receive()!.type).toBe(RECORD.handshake);
  });

  test("with record_size_limit, answered and obeyed", () => {
    for (const limit of [64, 65, 100, 16385]) {
      const client = newClient().extend(...extension.recordSizeLimit(limit));
      client.sendHello().run();
      client.receiveServerHello();
      expect(client.receiveFlight().toString("hex")).toContain("001c00020200");
      expect(client.finishHandshake()).toBe(0);
      const data = Buffer.alloc(600, 5);
      expect(client.card.write(data)).toBe(Math.min(limit - 1, 234));
      client.tcp.acknowledge(client.card);
      expect(client.receive()!.bytes).toBeLessThanOrEqual(5 + limit + 16);
      client.sendRecord(RECORD.data, Buffer.alloc(512));
      expect(client.recvAll().result).toBe(-0x100 - ALERT.recordOverflow);
    }
  });

  test("with a PSK of which we know nothing, its early data skipped", () => {
    for (const bytes of [0, 1000, 20_000]) {
      const client = newClient();
      client.hello.extensions!.push([EXTENSION.pskModes, u8(1, 1)], [EXTENSION.earlyData, u8()]);
      client.hello.extensions!.push(pskOf([Buffer.alloc(60)]));
      client.sendHello();
      for (let at = 0; at < bytes; at += 1000) client.send(record(RECORD.data, Buffer.alloc(1000, at)));
      client.run();
      client.receiveServerHello();
      client.receiveFlight();
      if (bytes <= 16384) expect(client.finishHandshake()).toBe(0);
      else expect(client.run()).toBe(-0x100 - 20);
    }
  });
});
