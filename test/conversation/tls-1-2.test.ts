// TLS 1.2, right and wrong, and the answers that RFC 5246, 7627, 5746 and 8446 ask for.
import { beforeAll, describe, expect, test } from "vitest";
import { PowerCut } from "../../host/chip/nvm.ts";
import { SEED } from "../support/random.ts";
import {
  COPY_OFF,
  COPY_ON,
  cutPower,
  EAGAIN,
  firmware,
  personalise,
  remainsOf,
  TlsCard,
  type Personality,
} from "../support/tls-card.ts";
import { RawClient12 } from "../support/tls-client-1-2.ts";
import type { EarlierSession } from "../support/tls-client-earlier.ts";
import {
  AES_1_2,
  CHACHA_1_2,
  EXTENSION,
  extension,
  message,
  MESSAGE,
  P256,
  RECORD,
  record,
  u16,
  u8,
  vector8,
  X25519,
} from "../support/tls-codec.ts";

const ALERT = {
  unexpectedMessage: 10,
  badRecordMac: 20,
  recordOverflow: 22,
  handshakeFailure: 40,
  illegalParameter: 47,
  decodeError: 50,
  decryptError: 51,
  protocolVersion: 70,
  internalError: 80,
  inappropriateFallback: 86,
  noRenegotiation: 100,
  noApplicationProtocol: 120,
};
const HOUR_MS = 3_600_000;
const ENOTCONN = -3;
/** firmware/tls/key-update.ts. */
const RECORDS_MAX = 1 << 22;
/** Of firmware/chip/nvm-map.ts; whole pages. */
const [SESSIONS, SESSIONS_END] = [20160, 20480];

let module: WebAssembly.Module;
let personality: Personality;

beforeAll(async () => {
  module = await firmware();
  personality = await personalise(module);
});

const newCard = () => new TlsCard(module, personality.cells);
const newClient = () => new RawClient12(newCard());

/** Sets the number of the next record, at the address of the card's and in the client. */
function setNumber(client: RawClient12, at: number, protection: { sequence: number }, number: number): void {
  new DataView(client.card.bytes.buffer).setUint32(at, number, true);
  protection.sequence = number;
}

function exchange(client: RawClient12): void {
  for (const size of [1, 200, 3000]) {
    client.sendRecord(RECORD.data, Buffer.alloc(size, size));
    expect(client.recvAll(size & 1).data.equals(Buffer.alloc(size, size))).toBe(true);
    const taken = client.card.write(Buffer.alloc(300, 7));
    expect(taken).toBeGreaterThan(220);
    client.tcp.acknowledge(client.card);
    expect(client.receive()!.content.equals(Buffer.alloc(taken, 7))).toBe(true);
  }
}

describe("a full handshake", () => {
  for (const suite of [AES_1_2, CHACHA_1_2]) {
    for (const groups of [[X25519, P256], [P256]]) {
      for (const isExtended of [true, false]) {
        test(`${suite.toString(16)}, groups ${groups.join()}, extended master secret ${isExtended}`, () => {
          const client = newClient();
          client.hello.suites = [suite];
          client.extend(...extension.groups(...groups));
          if (!isExtended) client.extend(EXTENSION.extendedMaster, null);
          client.connect();
          expect(client.group).toBe(groups[0]);
          expect(client.sessionId.length).toBe(isExtended ? 8 : 0);
          exchange(client);
          client.hangUp();
        });
      }
    }
  }

  test("ServerHello says what was asked, and that TLS 1.3 would have been there", () => {
    const client = newClient();
    client.sendHello().run();
    const hello = client.receiveServerHello();
    expect(hello.subarray(4, 6)).toEqual(u16(0x0303));
    expect(hello.subarray(30, 38).toString("latin1")).toBe("DOWNGRD\u0001");
    expect([...client.answers].map(([type, body]) => [type, body.toString("hex")])).toEqual([
      [EXTENSION.renegotiation, "00"],
      [EXTENSION.extendedMaster, ""],
      [EXTENSION.pointFormats, "0100"],
    ]);
  });

  test("nothing is answered that was not asked; the SCSV asks too; no groups are any group", () => {
    const client = newClient();
    client.hello.extensions = [extension.algorithms(0x0403)];
    client.connect();
    expect(client.answers.size).toBe(0);
    expect(client.group).toBe(P256);
    const second = newClient();
    second.hello.extensions = [extension.algorithms(0x0403)];
    second.hello.suites = [0xc0ff, CHACHA_1_2, 0x00ff];
    second.connect();
    expect([...second.answers.keys()]).toEqual([EXTENSION.renegotiation]);
    expect(second.suite).toBe(CHACHA_1_2);
  });

  test("other compression methods and formats beside those that we know", () => {
    const client = newClient();
    client.hello.compression = u8(1, 0);
    client.extend(EXTENSION.pointFormats, u8(3, 2, 1, 0)).extend(...extension.versions(0x0302, 0x0303));
    client.connect();
    exchange(client);
  });

  test("ClientKeyExchange and Finished in records of one byte", () => {
    const client = newClient().startHandshake();
    const whole = client.keyExchange();
    const { tcp } = client;
    const arrive = tcp.arrive.bind(tcp);
    tcp.arrive = (bytes) => {
      if (!Buffer.from(bytes).equals(record(RECORD.handshake, whole))) return arrive(bytes);
      for (const byte of whole) arrive(record(RECORD.handshake, u8(byte)));
    };
    client.sendKeyExchange().sendCipherChange();
    for (const byte of client.finished()) client.sendRecord(RECORD.handshake, u8(byte));
    client.transcript = Buffer.concat([client.transcript, client.finished()]);
    expect(client.run()).toBe(0);
    client.receiveFinished();
  });
});

describe("a ClientHello of TLS 1.2 is refused", () => {
  const cases: [string, number, (c: RawClient12) => unknown][] = [
    ["after a fallback", ALERT.inappropriateFallback, (c) => c.hello.suites.push(0x5600)],
    ["without the null compression", ALERT.illegalParameter, (c) => (c.hello.compression = u8(1, 2))],
    [
      "without uncompressed points",
      ALERT.illegalParameter,
      (c) => c.extend(EXTENSION.pointFormats, u8(1, 1)),
    ],
    ["without formats", ALERT.decodeError, (c) => c.extend(EXTENSION.pointFormats, u8(0))],
    ["with TLS 1.3's suites alone", ALERT.handshakeFailure, (c) => (c.hello.suites = [0x1301, 0x1303])],
    ["without P-256 for certificates", ALERT.handshakeFailure, (c) => c.extend(...extension.groups(X25519))],
    ["without signature_algorithms", ALERT.handshakeFailure, (c) => c.extend(EXTENSION.algorithms, null)],
    ["with RSA alone", ALERT.handshakeFailure, (c) => c.extend(...extension.algorithms(0x0401))],
    ["with h2 alone", ALERT.noApplicationProtocol, (c) => c.extend(...extension.alpn("h2"))],
    [
      "as a renegotiation",
      ALERT.handshakeFailure,
      (c) => c.extend(EXTENSION.renegotiation, vector8(Buffer.alloc(12))),
    ],
    [
      "with a body in extended_master_secret",
      ALERT.decodeError,
      (c) => c.extend(EXTENSION.extendedMaster, u8(0)),
    ],
    ["of TLS 1.1", ALERT.protocolVersion, (c) => (c.hello.version = 0x0302)],
    [
      "when supported_versions has TLS 1.1",
      ALERT.protocolVersion,
      (c) => c.extend(...extension.versions(0x0302)),
    ],
  ];
  test.each(cases)("%s: %i", (_name, alert, spoil) => {
    const client = newClient();
    spoil(client);
    client.sendHello();
    expect(client.run()).toBe(-0x100 - alert);
    expect(client.alert()).toBe(alert);
    client.card.guard();
  });
});

describe("instead of what is expected", () => {
  type Step = (client: RawClient12) => unknown;
  const finishedOf = (client: RawClient12) => client.sendKeyExchange().sendCipherChange().finished();
  const point = (body: Buffer) => (c: RawClient12) =>
    c.sendMessage(message(MESSAGE.clientKeyExchange, vector8(body)));
  const cases: [string, number, Step][] = [
    ["ChangeCipherSpec before ClientKeyExchange", ALERT.unexpectedMessage, (c) => c.sendRecord(20, u8(1))],
    ["data before ClientKeyExchange", ALERT.unexpectedMessage, (c) => c.sendRecord(23, u8(1))],
    ["another message", ALERT.unexpectedMessage, (c) => c.sendMessage(message(15, Buffer.alloc(9)))],
    ["a short point", ALERT.decodeError, point(Buffer.alloc(31))],
    ["a point of small order", ALERT.illegalParameter, point(Buffer.alloc(32))],
    [
      "a message behind ClientKeyExchange",
      ALERT.unexpectedMessage,
      (c) => c.sendRecord(22, Buffer.concat([c.keyExchange(), u8(20)])),
    ],
    [
      "ChangeCipherSpec in its midst",
      ALERT.unexpectedMessage,
      (c) => c.sendRecord(22, c.keyExchange().subarray(0, 9)).sendRecord(20, u8(1)),
    ],
    [
      "Finished without ChangeCipherSpec",
      ALERT.unexpectedMessage,
      (c) => c.sendKeyExchange().sendRecord(22, c.finished()),
    ],
    [
      "ChangeCipherSpec of two bytes",
      ALERT.unexpectedMessage,
      (c) => c.sendKeyExchange().sendRecord(20, u8(1, 1)),
    ],
    ["ChangeCipherSpec 2", ALERT.unexpectedMessage, (c) => c.sendKeyExchange().sendRecord(20, u8(2))],
    [
      "ChangeCipherSpec twice",
      ALERT.unexpectedMessage,
      (c) =>
        c
          .sendKeyExchange()
          .sendCipherChange()
          .send(record(20, u8(1))),
    ],
    ["data before Finished", ALERT.unexpectedMessage, (c) => (finishedOf(c), c.sendRecord(23, u8(1)))],
    ["Finished in the clear", ALERT.badRecordMac, (c) => c.send(record(22, finishedOf(c)))],
    [
      "a record shorter than its tag",
      ALERT.badRecordMac,
      (c) => (finishedOf(c), c.send(record(22, Buffer.alloc(23)))),
    ],
    [
      "too long a record",
      ALERT.recordOverflow,
      (c) => (finishedOf(c), c.send(Buffer.concat([u8(22), u16(0x0303, 16384 + 25)]))),
    ],
    [
      "a wrong Finished",
      ALERT.decryptError,
      (c) => {
        const finished = finishedOf(c);
        finished[15]! ^= 1;
        c.sendRecord(22, finished);
      },
    ],
    [
      "another message than Finished",
      ALERT.unexpectedMessage,
      (c) => (finishedOf(c), c.sendRecord(22, message(1, Buffer.alloc(12)))),
    ],
    [
      "a long Finished",
      ALERT.decodeError,
      (c) => (finishedOf(c), c.sendRecord(22, message(20, Buffer.alloc(13)))),
    ],
    [
      "bytes behind Finished",
      ALERT.unexpectedMessage,
      (c) => c.sendRecord(22, Buffer.concat([finishedOf(c), u8(0)])),
    ],
    [
      "a Finished with a forged tag",
      ALERT.badRecordMac,
      (c) => {
        const finished = finishedOf(c);
        const sealed = c.sealer!.seal(22, finished);
        sealed[sealed.length - 1]! ^= 1;
        c.send(sealed);
      },
    ],
  ];
  test.each(cases)("%s: %i", (_name, alert, spoil) => {
    const client = newClient().startHandshake();
    spoil(client);
    expect(client.run()).toBe(-0x100 - alert);
    expect(client.alert()).toBe(alert);
    client.card.guard();
  });

  test("a point off the curve", () => {
    const client = newClient();
    client.extend(...extension.groups(P256)).startHandshake();
    client.sendMessage(message(MESSAGE.clientKeyExchange, vector8(Buffer.alloc(65, 4))));
    expect(client.run()).toBe(-0x100 - ALERT.illegalParameter);
  });

  test("empty records, but for a few: they are counted", () => {
    const client = newClient().startHandshake().sendKeyExchange().sendCipherChange();
    for (let i = 0; i < 20; i++) client.sendRecord(RECORD.handshake, u8());
    expect(client.run()).toBe(EAGAIN);
    for (let i = 0; i < 13; i++) client.sendRecord(RECORD.handshake, u8());
    expect(client.run()).toBe(-0x100 - ALERT.unexpectedMessage);
  });

  test("close_notify is answered with close_notify, in the clear and encrypted (RFC 5246 section 7.2.1)", () => {
    const plain = newClient().startHandshake().sendRecord(RECORD.alert, u8(1, 0));
    expect(plain.run()).toBe(-0x200);
    expect(plain.receive()).toMatchObject({ type: RECORD.alert, content: u8(1, 0) });
    expect(plain.tcp.finished).toBe(true);
    const sealed = newClient().startHandshake().sendKeyExchange().sendCipherChange();
    sealed.sendRecord(RECORD.alert, u8(1, 0));
    expect(sealed.run()).toBe(-0x200);
    expect(sealed.receive()).toMatchObject({ type: RECORD.alert, content: u8(1, 0) });
  });

  test("an alert ends the handshake, in the clear and encrypted", () => {
    const plain = newClient().startHandshake().sendRecord(RECORD.alert, u8(2, 42));
    expect(plain.run()).toBe(-0x200 - 42);
    const sealed = newClient().startHandshake();
    sealed.sendKeyExchange().sendCipherChange().sendRecord(RECORD.alert, u8(2, 42));
    expect(sealed.run()).toBe(-0x200 - 42);
  });
});

describe("on a connection", () => {
  test("another handshake is refused, and the connection goes on", () => {
    const client = newClient().connect();
    client.sendRecord(RECORD.handshake, message(MESSAGE.clientHello, Buffer.alloc(150)));
    expect(client.recvAll().result).toBe(EAGAIN);
    expect(client.receive()).toMatchObject({ type: RECORD.alert, content: u8(1, ALERT.noRenegotiation) });
    exchange(client);
    client.hangUp();
  });

  test("no record's number wraps: a worn-out key is the end, at the next record (RFC 5246 section 6.1)", () => {
    for (const how of [COPY_OFF, COPY_ON]) {
      const client = newClient().connect();
      setNumber(client, client.card.exports.writeSeqAt(0), client.opener!, RECORDS_MAX - 1);
      expect(client.card.write(u8(1), how)).toBe(1);
      client.tcp.acknowledge(client.card);
      expect(client.receive()!.content).toEqual(u8(1));
      expect(client.card.write(u8(2), how)).toBe(ENOTCONN);
      client.card.exports.close(0);
      expect(client.receive()).toMatchObject({ type: RECORD.alert, content: u8(1, 0) });
      expect(client.receive()).toBeNull();
    }
  });

  test("nor does the number of one that is received (RFC 5246 section 6.1)", () => {
    const client = newClient().connect();
    setNumber(client, client.card.exports.writeSeqAt(0) + 4, client.sealer!, 0xffffffff);
    client.sendRecord(RECORD.data, u8(1));
    expect(client.recvAll().result).toBe(-0x100 - ALERT.internalError);
  });

  test("warnings are passed over, and empty records, but not for ever", () => {
    const client = newClient().connect();
    for (let i = 0; i < 10; i++) client.sendRecord(RECORD.alert, u8(1, 112)).sendRecord(RECORD.data, u8());
    exchange(client);
    for (let i = 0; i < 33; i++) client.sendRecord(RECORD.data, u8());
    expect(client.recvAll().result).toBe(-0x100 - ALERT.unexpectedMessage);
  });

  const cases: [string, number, (c: RawClient12) => unknown][] = [
    ["ChangeCipherSpec", -0x100 - ALERT.unexpectedMessage, (c) => c.sendRecord(20, u8(1))],
    ["HelloRequest", -0x100 - ALERT.unexpectedMessage, (c) => c.sendRecord(22, message(0, u8()))],
    ["an alert of one byte", -0x100 - ALERT.decodeError, (c) => c.sendRecord(21, u8(1))],
    ["a fatal alert", -0x200 - 80, (c) => c.sendRecord(21, u8(2, 80))],
    [
      "a record again",
      -0x100 - ALERT.badRecordMac,
      (c) => (c.sendRecord(23, u8(1)), c.sealer!.sequence--, c.sendRecord(23, u8(1))),
    ],
    [
      "a record that claims another type",
      -0x100 - ALERT.badRecordMac,
      (c) => {
        const sealed = c.sealer!.seal(23, u8(1, 0));
        sealed[0] = 21;
        c.send(sealed);
      },
    ],
  ];
  test.each(cases)("%s: %i", (_name, result, spoil) => {
    for (const suite of [AES_1_2, CHACHA_1_2]) {
      const client = newClient();
      client.hello.suites = [suite];
      client.connect();
      spoil(client);
      expect(client.recvAll().result).toBe(result);
      client.card.guard();
    }
  });

  test("AES-GCM takes the nonce that the record brings", () => {
    const client = newClient().connect();
    client.send(client.sealer!.seal(RECORD.data, Buffer.from("x"), Buffer.from("whatever")));
    expect(client.recvAll().data.toString()).toBe("x");
  });
});

describe("a session", () => {
  function meet(card: TlsCard): EarlierSession {
    const client = new RawClient12(card).connect();
    client.hangUp();
    return client.keepsake;
  }
  function isResumed(
    card: TlsCard,
    session: EarlierSession,
    prepare: (c: RawClient12) => unknown = () => 0,
  ): boolean {
    const client = new RawClient12(card).keep(session);
    prepare(client);
    client.connect();
    exchange(client);
    client.hangUp();
    return client.isResumed;
  }

  const isOfSessions = (address: number) => address >= SESSIONS && address < SESSIONS_END;
  const writesToSessions = ({ nvm }: TlsCard) =>
    [...nvm.wear.keys()].reduce((sum, page) => sum + (isOfSessions(64 * page) ? nvm.wear[page]! : 0), 0);
  /** Boots, until power fails after so many writes to the sessions. */
  function bootUntil(cells: Uint8Array, writes: number): void {
    let left = writes;
    new TlsCard(module, cells, 3, (module, imports) => {
      imports.pins!.nvmWrite = (address: number, byte: number) => {
        if (isOfSessions(address) && left-- === 0) throw new PowerCut("power failed");
        cells[address] = byte;
      };
      return new WebAssembly.Instance(module, imports);
    });
  }

  test("is resumed, again and again, and by no other ID", () => {
    const card = newCard();
    const session = meet(card);
    for (let i = 0; i < 3; i++) expect(isResumed(card, session)).toBe(true);
    const other = Buffer.from(session.id);
    other[7]! ^= 1;
    expect(isResumed(card, { ...session, id: other })).toBe(false);
    expect(isResumed(card, { ...session, id: Buffer.alloc(32) })).toBe(false);
  });

  test("is resumed by ticket, which goes before the session ID, and takes no new one", () => {
    const card = newCard();
    const client = new RawClient12(card).keepTicket().connect();
    client.hangUp();
    const session = client.keepsake;
    expect(session.id).toHaveLength(8);
    for (let i = 0; i < 2; i++) {
      const again = new RawClient12(card).keepTicket(session).connect();
      exchange(again);
      again.hangUp();
      expect(again.isResumed).toBe(true);
      expect(again.answers.has(EXTENSION.sessionTicket)).toBe(false);
    }
    expect(isResumed(card, session)).toBe(true);
    const other = { ...session, id: Buffer.alloc(8, 7) };
    for (const unknown of [other, { ...session, id: Buffer.alloc(180) }]) {
      const full = new RawClient12(card).keepTicket(unknown).connect();
      expect(full.isResumed).toBe(false);
      expect(full.sessionId).toHaveLength(8);
      full.hangUp();
    }
  });

  test("is one of four, of which the oldest goes first", () => {
    const card = newCard();
    const sessions: EarlierSession[] = [];
    for (let i = 0; i < 5; i++) {
      card.now += 1000;
      sessions.push(meet(card));
    }
    const newestFirst = sessions.reverse();
    expect(newestFirst.map((session) => isResumed(card, session))).toEqual([true, true, true, true, false]);
  });

  test("is not resumed with another suite, after two hours, or after power has failed", () => {
    const card = newCard();
    const session = meet(card);
    expect(isResumed(card, session, (c) => (c.hello.suites = [CHACHA_1_2]))).toBe(false);
    card.now = 2 * HOUR_MS - 1;
    expect(isResumed(card, session)).toBe(true);
    card.now = 2 * HOUR_MS;
    expect(isResumed(card, session)).toBe(false);
    const again = new TlsCard(module, card.nvm.cells, SEED + 3);
    expect(isResumed(again, session)).toBe(false);
  });

  test("is not resumed without extended master secret, nor kept", () => {
    const card = newCard();
    const session = meet(card);
    const client = new RawClient12(card).keep(session);
    client.extend(EXTENSION.extendedMaster, null).sendHello();
    expect(client.run()).toBe(-0x100 - ALERT.handshakeFailure);
    const cells = Buffer.from(card.nvm.cells);
    new RawClient12(card).extend(EXTENSION.extendedMaster, null).connect();
    expect(cells.equals(Buffer.from(card.nvm.cells))).toBe(true);
  });

  test("of which the client has a wrong secret ends with bad_record_mac", () => {
    const card = newCard();
    const session = { ...meet(card), master: Buffer.alloc(48) };
    const client = new RawClient12(card).keep(session).sendHello();
    client.run();
    client.receiveServerHello();
    client.sendCipherChange().sendMessage(client.finished());
    expect(client.run()).toBe(-0x100 - ALERT.badRecordMac);
  });

  test("is erased at the next power-on, which writes nothing when there is none (RFC 5246 appendix F.1.4)", () => {
    const card = newCard();
    const { master } = meet(card);
    expect(remainsOf(master, card.nvm.cells)).toBe(true);
    const again = new TlsCard(module, card.nvm.cells, 3);
    expect(remainsOf(master, again.nvm.cells)).toBe(false);
    expect(writesToSessions(again)).toBeGreaterThan(0);
    expect(writesToSessions(new TlsCard(module, again.nvm.cells, 4))).toBe(0);
  });

  test("leaves no part of its secret, whenever power fails while it is written and while it is erased", () => {
    const uncut = newCard();
    const atBoot = uncut.nvm.writes;
    const { master } = meet(uncut);
    const writes = uncut.nvm.writes - atBoot;
    for (let left = 0; left < writes; left += 3) {
      const card = newCard();
      cutPower(card, left);
      expect(() => meet(card)).toThrow(PowerCut);
      const whole = new TlsCard(module, card.nvm.cells, 3);
      expect(remainsOf(master, whole.nvm.cells)).toBe(false);
    }
    for (let left = 0; left < 49; left += 3) {
      const cells = Uint8Array.from(uncut.nvm.cells);
      expect(() => bootUntil(cells, left)).toThrow(PowerCut);
      expect(remainsOf(master, new TlsCard(module, cells, 3).nvm.cells)).toBe(false);
    }
  });

  const failures: [string, (c: RawClient12) => unknown][] = [
    ["of ours", (c) => (c.sealer!.sequence++, c.sendRecord(RECORD.data, u8(1)))],
    ["of the client's", (c) => c.sendRecord(RECORD.alert, u8(2, 80))],
  ];
  test.each(failures)(
    "does not survive a fatal alert %s, new or resumed (RFC 5246 section 7.2)",
    (_whose, fail) => {
      for (const old of [false, true]) {
        const card = newCard();
        const session = meet(card);
        const client = new RawClient12(card);
        if (old) client.keep(session);
        client.connect();
        fail(client);
        expect(client.recvAll().result).toBeLessThan(EAGAIN);
        card.exports.close(0);
        client.tcp.acknowledge(card);
        expect(card.exports.close(0)).toBe(0);
        expect(remainsOf(client.master, card.nvm.cells)).toBe(false);
        expect(isResumed(card, client.keepsake)).toBe(false);
        expect(isResumed(card, session)).toBe(!old);
      }
    },
  );

  test("is erased when it is too old, and does not become young when the clock wraps", () => {
    const card = newCard();
    const { master } = meet(card);
    card.now = 2 * HOUR_MS - 1;
    card.exports.expire();
    expect(remainsOf(master, card.nvm.cells)).toBe(true);
    card.now = 2 * HOUR_MS;
    card.exports.expire();
    expect(remainsOf(master, card.nvm.cells)).toBe(false);
    const writes = card.nvm.writes;
    card.exports.expire();
    expect(card.nvm.writes).toBe(writes);
  });

  test("survives TCP's end without close_notify (RFC 5246 section 7.2.1)", () => {
    const card = newCard();
    const client = new RawClient12(card).connect();
    client.tcp.ended = true;
    expect(client.recvAll().result).toBe(-0x300);
    expect(card.exports.close(0)).toBe(0);
    expect(isResumed(card, client.keepsake)).toBe(true);
  });

  test("is not kept before the client's Finished, and power that fails while it is written leaves none", () => {
    const card = newCard();
    const before = Buffer.from(card.nvm.cells);
    const client = new RawClient12(card).startHandshake();
    client.sendKeyExchange().run();
    expect(before.equals(Buffer.from(card.nvm.cells))).toBe(true);
    client.sendCipherChange().sendMessage(client.finished());
    expect(client.run()).toBe(0);
    const written = [...before.keys()].filter((at) => before[at] !== card.nvm.cells[at]);
    expect(written.length).toBeGreaterThan(60);
    for (let cut = 0; cut <= written.length; cut += 9) {
      const cells = Uint8Array.from(before);
      for (const at of written.slice(0, cut)) cells[at] = card.nvm.cells[at]!;
      const again = new TlsCard(module, cells, SEED + 5);
      expect(isResumed(again, client.keepsake)).toBe(false);
      expect(isResumed(again, meet(again))).toBe(true);
    }
  });
});
