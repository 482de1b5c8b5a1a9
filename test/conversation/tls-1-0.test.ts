// TLS 1.0, right and wrong, and the answers that RFC 2246 asks for; the attacks that it is known for get none.
import { constants, publicEncrypt, randomBytes } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import { SEED } from "../support/random.ts";
import { COPY_ON, EAGAIN, FAST, SAFE, TlsCard, type Personality } from "../support/tls-card.ts";
import { AES_SHA, DES_SHA, firmware, personalise, RawClient10 } from "../support/tls-client-1-0.ts";
import { message, MESSAGE, RECORD, record, u16, u8 } from "../support/tls-codec.ts";

const ALERT = {
  unexpectedMessage: 10,
  badRecordMac: 20,
  recordOverflow: 22,
  handshakeFailure: 40,
  illegalParameter: 47,
  decodeError: 50,
  decryptError: 51,
  protocolVersion: 70,
  noRenegotiation: 100,
};
const HOUR_MS = 3_600_000;
const SUITES = [DES_SHA, AES_SHA];

let module: WebAssembly.Module;
let personality: Personality;
beforeAll(async () => {
  module = await firmware();
  personality = await personalise(module);
});

const newCard = () => new TlsCard(module, personality.cells);
const newClient = (suite = DES_SHA) => new RawClient10(newCard(), suite);

/** Both ways, and the first byte of what the card sends apart from the rest. */
function exchange(client: RawClient10): void {
  for (const size of [1, 200, 427, 428, 449, 3000, 16384]) {
    const data = randomBytes(size);
    client.sendRecord(RECORD.data, data);
    expect(client.recvAll(size & 1).data.equals(data), `${size} bytes`).toBe(true);
    for (const how of [0, COPY_ON]) {
      const taken = client.card.write(data, how);
      expect(taken).toBeGreaterThanOrEqual(Math.min(size, 200));
      client.tcp.acknowledge(client.card);
      expect(client.receive()!.content).toEqual(data.subarray(0, 1));
      if (taken > 1) expect(client.receive()!.content.equals(data.subarray(1, taken))).toBe(true);
    }
  }
}

describe("a handshake", () => {
  test.each(SUITES)("%i, full, with data and an end", (suite) => {
    const client = newClient(suite).connect();
    expect(client.suite).toBe(suite);
    expect(client.sessionId.length).toBe(8);
    exchange(client);
    client.hangUp();
  });

  test("with keys of 2,048 and 1,536 bits", async () => {
    for (const bits of [2048, 1536]) {
      const { cells } = await personalise(module, bits);
      new RawClient10(new TlsCard(module, cells)).connect().hangUp();
    }
  });

  test("AES is chosen when both are offered", () => {
    const client = newClient();
    client.hello.suites = [5, DES_SHA, AES_SHA];
    client.connect();
    expect(client.suite).toBe(AES_SHA);
  });

  test.each([16, 24, 32])("begun in the format of SSL 2.0, challenge of %i bytes", (length) => {
    const client = newClient().sendSsl2Hello(randomBytes(length)).connect();
    expect(client.suite).toBe(DES_SHA);
    exchange(client);
    client.hangUp();
  });

  test("byte by byte, both formats", () => {
    for (const isOld of [false, true]) {
      const client = newClient();
      client.tcp.chop = () => 1;
      if (isOld) client.sendSsl2Hello(randomBytes(16));
      client.connect();
      client.hangUp();
    }
  });

  test("ClientKeyExchange and Finished in records of one byte", () => {
    const client = newClient();
    const whole = client.sendRecord.bind(client);
    client.startHandshake();
    client.sendRecord = (type, content, padding, how) => {
      for (const byte of content) whole(type, u8(byte), padding, how);
      return client;
    };
    client.sendKeyExchange().sendCipherChange().sendMessage(client.finished());
    expect(client.run()).toBe(0);
    client.receiveFinished();
  });

  test("a later version is answered with 3.1, and its number is in the pre-master secret", () => {
    const client = newClient();
    client.hello.version = 0x0303;
    client.hello.extensions = [
      [0x0a0a, u8(1, 2, 3)],
      [0xff01, u8(0)],
    ];
    client.preMaster.writeUInt16BE(0x0303);
    client.connect();
    expect(client.answer.subarray(4, 6)).toEqual(u16(0x0301));
    expect(client.answer.subarray(-7)).toEqual(Buffer.from("0005ff01000100", "hex"));
  });

  test("renegotiation_info is answered to the SCSV, and not unless asked", () => {
    const client = newClient();
    client.hello.suites = [DES_SHA, 0xff];
    client.connect();
    expect(client.answer.subarray(-7)).toEqual(Buffer.from("0005ff01000100", "hex"));
    expect(newClient().connect().answer.length).toBe(4 + 2 + 32 + 9 + 3);
  });
});

describe("resumption", () => {
  test.each(SUITES)("%i: a session is resumed, again and again", (suite) => {
    const card = newCard();
    const { keepsake } = new RawClient10(card, suite).connect();
    for (let i = 0; i < 3; i++) {
      card.now += HOUR_MS / 4;
      const client = new RawClient10(card, suite).keep(keepsake).connect();
      expect(client.isResumed).toBe(true);
      exchange(client);
      client.hangUp();
    }
  });

  test("after two hours, with another suite, of another boot or card, the handshake is a full one", () => {
    const card = newCard();
    const { keepsake } = new RawClient10(card).connect();
    expect(new RawClient10(card, AES_SHA).keep(keepsake).connect().isResumed).toBe(false);
    card.now += 2 * HOUR_MS;
    expect(new RawClient10(card).keep(keepsake).connect().isResumed).toBe(false);
    const other = new TlsCard(module, personality.cells, SEED + 1);
    expect(new RawClient10(other).keep(keepsake).connect().isResumed).toBe(false);
    const rebooted = new TlsCard(module, card.nvm.cells, SEED + 2);
    expect(new RawClient10(rebooted).keep(keepsake).connect().isResumed).toBe(false);
  });

  test("a wrong master secret is told by Finished", () => {
    const card = newCard();
    const { keepsake } = new RawClient10(card).connect();
    const client = new RawClient10(card).keep({ ...keepsake, master: Buffer.alloc(48) });
    client.sendHello().run();
    client.receiveServerHello();
    client.sendCipherChange().sendMessage(client.finished());
    expect(client.run()).toBe(-0x100 - ALERT.badRecordMac);
  });

  test.each([
    ["of ours", (c: RawClient10) => c.sendRecord(99, u8(1))],
    ["of the client's", (c: RawClient10) => c.sendRecord(RECORD.alert, u8(2, 80))],
  ])("no session survives a fatal alert %s (RFC 2246 section 7.2)", (_whose, fail) => {
    const card = newCard();
    const client = new RawClient10(card).connect();
    fail(client);
    expect(client.recvAll().result).toBeLessThan(EAGAIN);
    expect(new RawClient10(card).keep(client.keepsake).connect().isResumed).toBe(false);
  });

  test("a client that leaves before its Finished leaves no session", () => {
    const card = newCard();
    const client = new RawClient10(card).startHandshake();
    client.sendKeyExchange().run();
    expect(new RawClient10(card).keep(client.keepsake).connect().isResumed).toBe(false);
  });
});

describe("a hello that is refused", () => {
  const refuse = (client: RawClient10, alert: number) => {
    client.run();
    expect(client.result).toBe(-0x100 - alert);
    expect(client.alert()).toBe(alert);
  };
  test.each([
    ["SSL 3.0", (c: RawClient10) => (c.hello.version = 0x0300), ALERT.protocolVersion],
    ["no suite of ours", (c: RawClient10) => (c.hello.suites = [5, 0x35]), ALERT.handshakeFailure],
    ["no null compression", (c: RawClient10) => (c.hello.compression = u8(1)), ALERT.illegalParameter],
    ["no compression", (c: RawClient10) => (c.hello.compression = u8()), ALERT.decodeError],
    ["a session ID of 33 bytes", (c: RawClient10) => (c.hello.session = Buffer.alloc(33)), ALERT.decodeError],
    ["no suites", (c: RawClient10) => (c.hello.suites = []), ALERT.decodeError],
  ])("%s", (_, change, alert) => {
    const client = newClient();
    change(client);
    refuse(client.sendHello(), alert);
  });

  test.each([
    ["SSL 2.0 itself", "01 0002 0003 0000 0010 010080", ALERT.protocolVersion],
    ["no suite of ours", "01 0301 0003 0000 0010 010080", ALERT.handshakeFailure],
    ["lengths that don't fill it", "01 0301 0006 0000 0010 000009", ALERT.decodeError],
    ["two bytes of a suite", "01 0301 0002 0000 0011 000009", ALERT.decodeError],
    ["a short challenge", "01 0301 0004 0000 000f 00000900", ALERT.decodeError],
    ["another message", "02 0301 0003 0000 0010 000009", ALERT.unexpectedMessage],
  ])("in the format of SSL 2.0: %s", (_, head, alert) => {
    const body = Buffer.concat([Buffer.from(head.replace(/ /g, ""), "hex"), Buffer.alloc(16, 1)]);
    refuse(newClient().send(Buffer.concat([u16(0x8000 | body.length), body])), alert);
  });

  test("the format of SSL 2.0 is for the first record alone", () => {
    const client = newClient().startHandshake();
    client.send(Buffer.from("801c", "hex"));
    client.send(Buffer.alloc(30));
    expect(client.run()).toBeLessThan(-0xff);
  });
});

describe("the key exchange tells nothing (Bleichenbacher, Klima-Pokorny-Rosa)", () => {
  const pad = (edit: (block: Buffer) => void) => (c: RawClient10) => {
    c.encrypted = (key) => {
      const block = Buffer.concat([u8(0, 2), Buffer.alloc(77, 0xaa), u8(0), c.preMaster]);
      edit(block);
      return publicEncrypt({ key, padding: constants.RSA_NO_PADDING }, block);
    };
  };
  test.each([
    ["another block type", pad((block) => (block[1] = 1))],
    ["a zero in the padding", pad((block) => (block[40] = 0))],
    ["no zero behind it", pad((block) => (block[79] = 1))],
    ["another version", pad((block) => (block[81] = 0))],
    ["a secret of 47 bytes", pad((block) => ((block[79] = 1), (block[80] = 0)))],
    ["nothing that is below the modulus", (c: RawClient10) => (c.encrypted = () => Buffer.alloc(128, 0xff))],
    ["zeros", (c: RawClient10) => (c.encrypted = () => Buffer.alloc(128))],
  ])("%s: refused as late, and as whatever else is encrypted under other keys", (_, change) => {
    const client = newClient().startHandshake();
    change(client);
    client.sendKeyExchange();
    expect(client.run()).toBe(EAGAIN);
    client.sendCipherChange().sendMessage(client.finished());
    expect(client.run()).toBe(-0x100 - ALERT.badRecordMac);
    expect(client.alert()).toBe(ALERT.badRecordMac);
  });

  test("a ciphertext of the wrong length is no message", () => {
    const client = newClient().startHandshake();
    client.encrypted = () => Buffer.alloc(127);
    client.sendKeyExchange();
    expect(client.run()).toBe(-0x100 - ALERT.decodeError);
  });
});

describe("out of order, or not what it should be", () => {
  const fails = (client: RawClient10, alert: number) => expect(client.run()).toBe(-0x100 - alert);

  test("Finished that is wrong", () => {
    const client = newClient().startHandshake().sendKeyExchange().sendCipherChange();
    client.sendMessage(message(MESSAGE.finished, Buffer.alloc(12)));
    fails(client, ALERT.decryptError);
  });
  test("ChangeCipherSpec before ClientKeyExchange", () => {
    const client = newClient().startHandshake();
    client.sendRecord(RECORD.changeCipherSpec, u8(1));
    fails(client, ALERT.unexpectedMessage);
  });
  test("Finished without ChangeCipherSpec", () => {
    const client = newClient().startHandshake().sendKeyExchange();
    client.sendRecord(RECORD.handshake, message(MESSAGE.finished, Buffer.alloc(12)));
    fails(client, ALERT.unexpectedMessage);
  });
  test("data before the end of the handshake", () => {
    const client = newClient().startHandshake();
    client.sendRecord(RECORD.data, u8(1));
    fails(client, ALERT.unexpectedMessage);
  });
  test("a client that hangs up, or says why", () => {
    const client = newClient().startHandshake();
    client.sendRecord(RECORD.alert, u8(2, 42));
    expect(client.run()).toBe(-0x200 - 42);
    const other = newClient().startHandshake();
    other.tcp.ended = true;
    expect(other.run()).toBe(-0x300);
  });
  test("a renegotiation is refused with a warning, and the connection goes on", () => {
    const client = newClient().connect();
    client.sendRecord(RECORD.handshake, message(MESSAGE.clientHello, Buffer.alloc(40)));
    expect(client.recvAll().result).toBe(EAGAIN);
    expect(client.card.exports.writable(0)).toBe(0);
    client.tcp.acknowledge(client.card);
    expect(client.receive()).toMatchObject({ type: RECORD.alert, content: u8(1, ALERT.noRenegotiation) });
    exchange(client);
  });
});

describe("records", () => {
  test.each(SUITES)("%i: every padding", (suite) => {
    const client = newClient(suite).connect();
    const block = suite === DES_SHA ? 8 : 16;
    for (const size of [0, 5, 300, 1000]) {
      const least = block - 1 - ((size + 20) % block);
      for (let padding = least; padding < 256; padding += block) {
        const data = randomBytes(size);
        client.sendRecord(RECORD.data, data, 0, { padding });
        client.sendRecord(RECORD.data, u8(1));
        expect(client.recvAll(padding & 16 ? FAST : SAFE).data).toEqual(Buffer.concat([data, u8(1)]));
      }
    }
  });

  const LONG = 5000;
  test.each([
    ["the content's first byte", 0],
    ["its middle", LONG / 2],
    ["its last byte", LONG - 1],
    ["the MAC", LONG + 10],
    ["the padding", LONG + 21],
  ])("a forgery at %s: SAFE gives nothing, FAST nothing of the end, both one alert", (_, at) => {
    for (const flag of [SAFE, FAST]) {
      const client = newClient().connect();
      client.sendRecord(RECORD.data, Buffer.alloc(LONG, 7), 0, {
        padding: 11,
        spoil: (plain) => (plain[at]! ^= 1),
      });
      const { data, result } = client.recvAll(flag);
      expect(result).toBe(-0x100 - ALERT.badRecordMac);
      expect(client.alert()).toBe(ALERT.badRecordMac);
      expect(data.length).toBeLessThanOrEqual(flag === SAFE ? 0 : LONG - 234);
      if (flag === FAST) expect(data.length).toBeGreaterThan(0);
      client.card.guard();
    }
  });

  test("FAST says which of it may be believed", () => {
    const client = newClient().connect();
    client.tcp.chop = () => 100;
    client.sendRecord(RECORD.data, Buffer.alloc(2000, 3));
    const seen = new Set<number>();
    let total = 0;
    while (total < 2000) {
      const bytes = client.card.exports.recv(0, FAST);
      if (bytes > 0) total += bytes;
      seen.add(client.card.exports.authenticated(0));
    }
    expect([...seen]).toEqual([0, 1]);
  });

  test.each([
    ["no whole number of blocks", 41, ALERT.badRecordMac],
    ["no room for a MAC", 16, ALERT.badRecordMac],
    ["nothing", 0, ALERT.badRecordMac],
    ["too much", 16704, ALERT.recordOverflow],
  ])("with %s", (_, length, alert) => {
    const client = newClient().connect();
    client.send(record(RECORD.data, Buffer.alloc(length), 0x0301));
    expect(client.recvAll().result).toBe(-0x100 - alert);
  });

  test("no more than 2^14 bytes of content, whatever the padding", () => {
    const client = newClient().connect();
    client.sendRecord(RECORD.data, Buffer.alloc(16392));
    expect(client.recvAll(SAFE).result).toBe(-0x100 - ALERT.recordOverflow);
  });

  test("empty ones are passed over, until there are too many in a row", () => {
    const client = newClient().connect();
    for (let i = 0; i < 20; i++) client.sendRecord(RECORD.data, u8());
    client.sendRecord(RECORD.data, u8(1));
    expect(client.recvAll().data).toEqual(u8(1));
    for (let i = 0; i < 40; i++) client.sendRecord(RECORD.data, u8());
    expect(client.recvAll().result).toBe(-0x100 - ALERT.unexpectedMessage);
  });

  test("nothing is received into a buffer that is outstanding", () => {
    const client = newClient().connect();
    client.card.write(Buffer.alloc(300, 9));
    client.sendRecord(RECORD.data, Buffer.alloc(600, 4));
    expect(client.card.exports.recv(0, FAST)).toBe(EAGAIN);
    expect(client.tcp.acknowledge(client.card)).toBe(true); // which checks that the region is as it was
    expect(client.recvAll().data).toEqual(Buffer.alloc(600, 4));
  });
});
