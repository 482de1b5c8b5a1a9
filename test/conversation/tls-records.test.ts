// Records after the ServerHello: Finished, application data, KeyUpdate, alerts, and what is done to them on the way.
import { randomBytes } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import { EAGAIN, FAST, firmware, personalise, SAFE, TlsCard, type Personality } from "../support/tls-card.ts";
import { RawClient } from "../support/tls-client.ts";
import { AES, CHACHA, message, MESSAGE, RECORD, record, u16, u8 } from "../support/tls-codec.ts";
import { cuts } from "../support/cuts.ts";

let module: WebAssembly.Module;
let personality: Personality;

beforeAll(async () => {
  module = await firmware();
  personality = await personalise(module);
});

const newClient = (suites = [AES, CHACHA]) => {
  const client = new RawClient(new TlsCard(module, personality.cells));
  client.hello.suites = suites;
  return client;
};
const connected = (suites?: number[]) => newClient(suites).connect();

const ALERT = {
  closeNotify: 0,
  unexpectedMessage: 10,
  badRecordMac: 20,
  recordOverflow: 22,
  illegalParameter: 47,
  decodeError: 50,
  decryptError: 51,
  userCanceled: 90,
};
const SELF = -0x100;
const PEER = -0x200;
const ENOTCONN = -3;
const NOT_REQUESTED = message(MESSAGE.keyUpdate, u8(0));
const REQUESTED = message(MESSAGE.keyUpdate, u8(1));

function expectFailure(client: RawClient, result: number, alert: number): void {
  expect(result).toBe(SELF - alert);
  expect(client.alert()).toBe(alert);
  client.card.guard();
}

describe("the client's Finished", () => {
  test("in records of one byte, padded, behind ChangeCipherSpec, in any segments", () => {
    const client = newClient().startHandshake();
    client.tcp.chop = cuts.random(11);
    const result = client.finishHandshake((finished) => {
      for (const byte of finished) {
        client.send(record(RECORD.changeCipherSpec, u8(1)).subarray(0, byte % 4 ? 0 : 6));
        client.sendRecord(RECORD.handshake, u8(byte), byte % 20);
      }
    });
    expect(result).toBe(0);
  });

  const wrong: [string, number, (client: RawClient, finished: Buffer) => unknown][] = [
    [
      "with a wrong bit",
      ALERT.decryptError,
      (c, f) => c.sendRecord(22, Buffer.concat([f.subarray(0, 35), u8(f[35]! ^ 1)])),
    ],
    [
      "of another type",
      ALERT.unexpectedMessage,
      (c, f) => c.sendRecord(22, Buffer.concat([u8(11), f.subarray(1)])),
    ],
    ["of another length", ALERT.decodeError, (c) => c.sendRecord(22, message(20, Buffer.alloc(12)))],
    [
      "with something behind it",
      ALERT.unexpectedMessage,
      (c, f) => c.sendRecord(22, Buffer.concat([f, u8(0)])),
    ],
    ["as application data", ALERT.unexpectedMessage, (c, f) => c.sendRecord(23, f)],
    ["without encryption", ALERT.unexpectedMessage, (c, f) => c.send(record(22, f))],
    ["in an empty record", ALERT.unexpectedMessage, (c) => c.sendRecord(22, u8())],
    ["in a record without a type", ALERT.unexpectedMessage, (c) => c.sendRecord(0, u8(), 30)],
    ["in a record too short for a tag", ALERT.badRecordMac, (c) => c.send(record(23, Buffer.alloc(15)))],
    ["replaced by data", ALERT.unexpectedMessage, (c) => c.sendRecord(23, Buffer.from("GET / HTTP/1.1"))],
  ];
  test.each(wrong)("%s: %i", (_name, alert, deliver) => {
    const client = newClient().startHandshake();
    expectFailure(
      client,
      client.finishHandshake((finished) => void deliver(client, finished)),
      alert,
    );
  });

  test.each([
    ["encrypted", (client: RawClient) => client.sendRecord(RECORD.alert, u8(2, 48))],
    ["not encrypted", (client: RawClient) => client.send(record(RECORD.alert, u8(2, 48)))],
  ])("replaced by an alert, %s", (_name, send) => {
    const client = newClient().startHandshake();
    expect(client.finishHandshake(() => void send(client))).toBe(PEER - 48);
  });
});

describe.each([
  ["FAST", FAST],
  ["SAFE", SAFE],
])("application data, %s", (_name, flag) => {
  test.each([
    [AES, 1],
    [CHACHA, 2],
  ])("of any length, padding and content, in any segments (%i)", (suite, seed) => {
    const client = connected([suite]);
    client.tcp.chop = cuts.random(seed);
    for (const length of [1, 2, 4, 5, 6, 7, 16, 17, 200, 255, 256, 257, 1000, 16384]) {
      for (const padding of length === 16384 ? [0] : [0, 1, 5, 300]) {
        for (const data of [randomBytes(length), Buffer.alloc(length), Buffer.alloc(length, 21)]) {
          client.sendRecord(RECORD.data, data, padding);
          const received = client.recvAll(flag);
          expect(received.result).toBe(EAGAIN);
          expect(received.data.equals(data), `${length} + ${padding}`).toBe(true);
          expect(client.card.exports.authenticated(0)).toBe(1);
        }
      }
    }
    client.card.guard();
  });

  test.each([AES, CHACHA])("forged at each of its bytes (%i)", (suite) => {
    const bytes = connected([suite]).write!.seal(RECORD.data, Buffer.alloc(70, 1)).length;
    for (let at = 4; at < bytes; at++) {
      const client = connected([suite]);
      const forged = client.write!.seal(RECORD.data, Buffer.alloc(70, 1));
      forged[at]! ^= 1;
      client.send(forged).send(client.write!.seal(RECORD.data, Buffer.alloc(70)));
      const { data, result } = client.recvAll(flag);
      expectFailure(client, result, ALERT.badRecordMac);
      expect(client.card.exports.authenticated(0)).toBe(0);
      if (flag === SAFE) expect(data.length).toBe(0);
    }
  });

  test("replayed, or out of order", () => {
    const replayed = connected();
    const once = replayed.write!.seal(RECORD.data, u8(1));
    replayed.send(once).send(once);
    expectFailure(replayed, replayed.recvAll(flag).result, ALERT.badRecordMac);
    const swapped = connected();
    const [first, second] = [1, 2].map((byte) => swapped.write!.seal(RECORD.data, u8(byte)));
    swapped.send(second!).send(first!);
    expectFailure(swapped, swapped.recvAll(flag).result, ALERT.badRecordMac);
  });

  test("too long, empty too often, not encrypted", () => {
    const tooLong = connected().send(Buffer.concat([u8(23), u16(0x0303, 16384 + 18)]));
    expectFailure(tooLong, tooLong.recvAll(flag).result, ALERT.recordOverflow);
    const empty = connected();
    for (let i = 0; i < 32; i++) empty.sendRecord(RECORD.data, u8(), i);
    expect(empty.recvAll(flag).result).toBe(EAGAIN);
    empty.sendRecord(RECORD.data, u8());
    expectFailure(empty, empty.recvAll(flag).result, ALERT.unexpectedMessage);
    for (const type of [20, 21, 22, 24]) {
      const plain = connected().send(record(type, u8(1)));
      expectFailure(plain, plain.recvAll(flag).result, ALERT.unexpectedMessage);
    }
  });

  test("ends with close_notify, and nothing behind it is received", () => {
    const client = connected().sendRecord(RECORD.data, u8(1)).sendRecord(RECORD.alert, u8(1, 0));
    client.sendRecord(RECORD.data, u8(2));
    expect(client.recvAll(flag)).toEqual({ data: u8(1), result: 0 });
    expect(client.recvAll(flag)).toEqual({ data: u8(), result: 0 });
  });

  test("ends without close_notify", () => {
    const client = connected().sendRecord(RECORD.data, u8(1));
    client.tcp.ended = true;
    expect(client.recvAll(flag)).toEqual({ data: u8(1), result: -0x300 });
  });
});

describe("KeyUpdate", () => {
  test("is followed, and answered before the next data when that was asked for", () => {
    const client = connected();
    for (let i = 0; i < 100; i++) {
      client.sendRecord(RECORD.handshake, i % 2 ? REQUESTED : NOT_REQUESTED, i % 7);
      client.write = client.write!.next();
      client.sendRecord(RECORD.data, u8(i));
      expect(client.recvAll().data).toEqual(u8(i));
      if (i % 2) {
        expect(client.card.write(u8(1))).toBe(EAGAIN);
        client.tcp.acknowledge(client.card);
        expect(client.receive()!.content).toEqual(NOT_REQUESTED);
        client.read = client.read!.next();
      }
      expect(client.card.write(u8(i))).toBe(1);
      client.tcp.acknowledge(client.card);
      expect(client.receive()!.content).toEqual(u8(i));
    }
  });

  test("in records of one byte", () => {
    const client = connected();
    for (const byte of NOT_REQUESTED) client.sendRecord(RECORD.handshake, u8(byte));
    client.write = client.write!.next();
    client.sendRecord(RECORD.data, u8(5));
    expect(client.recvAll().data).toEqual(u8(5));
  });

  test("does not disturb what is being put into the buffer", () => {
    const client = connected();
    const { exports, bytes } = client.card;
    expect(exports.writable(0)).toBe(1);
    bytes.set(Buffer.from("hello"), exports.sendBuffer(0));
    client.sendRecord(RECORD.handshake, REQUESTED).recvAll();
    expect(exports.send(0, exports.sendBuffer(0), 5, 1)).toBe(EAGAIN);
    client.tcp.acknowledge(client.card);
    expect(client.receive()!.content).toEqual(NOT_REQUESTED);
    client.read = client.read!.next();
    expect(exports.send(0, exports.sendBuffer(0), 5, 1)).toBe(5);
    client.tcp.acknowledge(client.card);
    expect(client.receive()!.content.toString()).toBe("hello");
  });

  test("is sent by the card when its key is worn out", () => {
    const client = connected();
    const writeSeq = client.card.exports.writeSeqAt(0);
    new DataView(client.card.bytes.buffer).setUint32(writeSeq, 1 << 22, true);
    client.read!.sequence = 1 << 22;
    expect(client.card.write(u8(1))).toBe(EAGAIN);
    client.tcp.acknowledge(client.card);
    expect(client.receive()!.content).toEqual(NOT_REQUESTED);
    client.read = client.read!.next();
    expect(client.card.write(u8(1))).toBe(1);
    expect(client.receive()!.content).toEqual(u8(1));
  });

  const wrong: [string, number, (client: RawClient) => unknown][] = [
    ["of neither kind", ALERT.illegalParameter, (c) => c.sendRecord(22, message(24, u8(2)))],
    ["of two bytes", ALERT.decodeError, (c) => c.sendRecord(22, message(24, u8(0, 0)).subarray(0, 5))],
    [
      "twice in a record",
      ALERT.unexpectedMessage,
      (c) => c.sendRecord(22, Buffer.concat([NOT_REQUESTED, NOT_REQUESTED])),
    ],
    [
      "with data in its midst",
      ALERT.unexpectedMessage,
      (c) => c.sendRecord(22, u8(24, 0)).sendRecord(23, u8(1)),
    ],
    [
      "with an alert in its midst",
      ALERT.unexpectedMessage,
      (c) => c.sendRecord(22, u8(24, 0)).sendRecord(21, u8(1, 0)),
    ],
    [
      "over and over",
      ALERT.unexpectedMessage,
      (c) => {
        for (let i = 0; i < 40; i++) {
          c.sendRecord(22, NOT_REQUESTED);
          c.write = c.write!.next();
        }
      },
    ],
    [
      "replaced by a second ClientHello",
      ALERT.unexpectedMessage,
      (c) => c.sendRecord(22, message(1, Buffer.alloc(100))),
    ],
    ["replaced by a short message", ALERT.unexpectedMessage, (c) => c.sendRecord(22, message(11, u8()))],
    ["replaced by nothing", ALERT.unexpectedMessage, (c) => c.sendRecord(22, u8())],
    ["replaced by a record of an unknown type", ALERT.unexpectedMessage, (c) => c.sendRecord(99, u8(1))],
  ];
  test.each(wrong)("%s: %i", (_name, alert, send) => {
    const client = connected();
    send(client);
    expectFailure(client, client.recvAll().result, alert);
    expect(client.recvAll().result).toBe(SELF - alert);
    expect(client.card.write(u8(1))).toBe(EAGAIN);
  });
});

describe("alerts", () => {
  test("of the peer end the connection, whatever their level", () => {
    for (const level of [1, 2]) {
      const client = connected().sendRecord(RECORD.alert, u8(level, 46));
      expect(client.recvAll().result).toBe(PEER - 46);
      expect(client.alert()).toBe(-1);
    }
  });

  test("user_canceled is no error", () => {
    const client = connected().sendRecord(RECORD.alert, u8(1, ALERT.userCanceled)).sendRecord(23, u8(7));
    expect(client.recvAll()).toEqual({ data: u8(7), result: EAGAIN });
  });

  test.each([u8(2), u8(2, 0, 0), u8()])("of a wrong length: decode_error", (content) => {
    const client = connected().sendRecord(RECORD.alert, content);
    expectFailure(client, client.recvAll().result, ALERT.decodeError);
  });

  test("wait for the socket, and come before the end of the connection", () => {
    const client = connected();
    expect(client.card.write(Buffer.alloc(100, 3))).toBe(100);
    client.sendRecord(99, u8(1));
    expect(client.card.exports.recv(0, FAST)).toBe(SELF - ALERT.unexpectedMessage);
    expect(client.card.exports.close(0)).toBe(EAGAIN);
    expect(client.tcp.acknowledge(client.card)).toBe(true);
    expect(client.receive()!.content).toEqual(Buffer.alloc(100, 3));
    expect(client.card.exports.close(0)).toBe(EAGAIN);
    expect(client.alert()).toBe(ALERT.unexpectedMessage);
    client.tcp.acknowledge(client.card);
    expect(client.card.exports.close(0)).toBe(0);
  });
});

describe("close()", () => {
  test("sends close_notify and FIN, then leaves no byte of the context", () => {
    const client = connected();
    expect(client.card.exports.close(0)).toBe(EAGAIN);
    expect(client.receive()).toMatchObject({ type: RECORD.alert, content: u8(1, 0) });
    expect(client.tcp.finished).toBe(true);
    expect(client.card.exports.recv(0, FAST)).toBe(ENOTCONN);
    client.tcp.acknowledge(client.card);
    expect(client.card.exports.close(0)).toBe(0);
    const at = client.card.exports.contextAt(0);
    expect(
      client.card.bytes.subarray(at, at + client.card.exports.contextBytes()).every((byte) => byte === 0),
    ).toBe(true);
  });

  test("in the midst of the handshake", () => {
    const client = newClient();
    client.sendHello().run();
    expect(client.card.exports.close(0)).toBe(EAGAIN);
    client.tcp.acknowledge(client.card);
    expect(client.card.exports.close(0)).toBe(0);
    expect(client.card.exports.accept(0)).toBe(ENOTCONN);
  });
});

test("after the handshake neither the master secret, nor a private key, nor a handshake secret is in RAM", () => {
  const client = newClient().startHandshake();
  const handshake = [client.read!.secret, client.write!.secret];
  expect(client.finishHandshake()).toBe(0);
  const arena = Buffer.from(client.card.bytes.subarray(0, 5120));
  for (const secret of handshake) expect(arena.includes(secret)).toBe(false);
  const key = Buffer.from(client.card.nvm.cells.subarray(116, 148)); // firmware/files/keys.ts: the private key
  expect(arena.includes(key)).toBe(false);
  expect(key.some((byte) => byte !== 0xff)).toBe(true);
});
