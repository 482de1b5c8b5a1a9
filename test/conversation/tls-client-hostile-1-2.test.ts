// A server from hell that speaks TLS 1.2, at the card's client: as in tls-client-hostile.test.ts, with the alerts of RFC 5246.
import { describe, expect, test } from "vitest";
import {
  BAD_RECORD_MAC,
  type Case,
  DECODE_ERROR,
  DECRYPT_ERROR,
  HANDSHAKE_FAILURE,
  HELLO_REQUEST,
  IDLE_MAX,
  ILLEGAL_PARAMETER,
  NO_RENEGOTIATION,
  P384,
  PEER,
  PROTOCOL_VERSION,
  RECORD_OVERFLOW,
  SELF,
  SERVER_NAME,
  UNEXPECTED_MESSAGE,
  UNKNOWN_CA,
  UNSUPPORTED_EXTENSION,
  card,
  close,
  expectAlert,
  expectNext,
  hello,
  leaf,
  lying,
  refuses,
  rsaLeaf,
  stranger,
  tls12,
  tls12Extensions,
  useCards,
} from "../support/hostile-server.ts";
import { EAGAIN } from "../support/tls-card.ts";
import {
  AES,
  AES_1_2,
  CHACHA_1_2,
  ECDSA,
  EXTENSION,
  type Extension,
  message,
  P256,
  RECORD,
  record,
  RSA_AES_1_2,
  RSA_CHACHA_1_2,
  RSA_PKCS1,
  RSA_PSS,
  u16,
  u24,
  u8,
  vector16,
  vector8,
  X25519,
} from "../support/tls-codec.ts";
import { CERTIFICATE, CERTIFICATE_REQUEST, encodeServerHello, RETRY } from "../support/tls-server.ts";
import { RawServer12 } from "../support/tls-server-1-2.ts";

useCards();

/** After ServerKeyExchange. */
const exchanged = () => {
  const server = tls12().sendServerHello();
  return server.sendMessage(server.certificate()).sendMessage(server.keyExchange());
};
const certified12 = () => {
  const server = tls12().sendServerHello();
  return server.sendMessage(server.certificate());
};
const changing = () => tls12().startHandshake();
const changed = () => changing().sendCipherChange();
const connected12 = () => tls12().connect();

describe("ServerHello of TLS 1.2", () => {
  const having = (...list: Extension[]) => hello({ extensions: [...tls12Extensions(), ...list] });
  const downgrade = (version: number) =>
    hello({ random: Buffer.concat([Buffer.alloc(24, 7), Buffer.from("DOWNGRD"), u8(version)]) });

  refuses(tls12, [
    ["of a server that knows TLS 1.3", ILLEGAL_PARAMETER, downgrade(1)],
    ["of one that says it speaks TLS 1.1 only", ILLEGAL_PARAMETER, downgrade(0)],
    ["a suite of TLS 1.3", ILLEGAL_PARAMETER, hello({ suite: AES })],
    ["a suite without forward secrecy", ILLEGAL_PARAMETER, hello({ suite: 0x009c })],
    ["a suite that is none", ILLEGAL_PARAMETER, hello({ suite: 0x00ff })],
    ["TLS 1.1", PROTOCOL_VERSION, hello({ version: 0x0302 })],
    ["compression", ILLEGAL_PARAMETER, hello({ compression: 1 })],
    ["no renegotiation_info", HANDSHAKE_FAILURE, hello({ extensions: [[EXTENSION.extendedMaster, u8()]] })],
    [
      "renegotiation_info of a later handshake",
      HANDSHAKE_FAILURE,
      hello({ extensions: [[EXTENSION.renegotiation, vector8(Buffer.alloc(24))]] }),
    ],
    [
      "renegotiation_info that lies",
      HANDSHAKE_FAILURE,
      hello({ extensions: [[EXTENSION.renegotiation, u8(1)]] }),
    ],
    [
      "no extended_master_secret",
      HANDSHAKE_FAILURE,
      hello({ extensions: [[EXTENSION.renegotiation, u8(0)]] }),
    ],
    ["session_ticket, not offered", UNSUPPORTED_EXTENSION, having([EXTENSION.sessionTicket, u8()])],
    ["ALPN, not offered", UNSUPPORTED_EXTENSION, having([EXTENSION.alpn, u8(0, 3, 2, 104, 50)])],
    ["key_share of TLS 1.3", UNSUPPORTED_EXTENSION, (s) => having(s.keyShare())(s)],
    ["no uncompressed points", ILLEGAL_PARAMETER, having([EXTENSION.pointFormats, u8(1, 1)])],
    ["no extensions", HANDSHAKE_FAILURE, hello({ extensions: null })],
    ["a HelloRetryRequest without a version", HANDSHAKE_FAILURE, hello({ random: RETRY, extensions: [] })],
  ]);

  test("a session that the card will not ask for again, and an answer to the name, do no harm", () => {
    const server = tls12();
    server.answer.session = Buffer.alloc(32, 3);
    server.answer.extensions!.push([SERVER_NAME, u8()]);
    server.connect().exchange();
    close(server);
  });
});

describe("the suite of TLS 1.2 and the server's key", () => {
  test.each([
    ["ECDHE_ECDSA", CHACHA_1_2, () => rsaLeaf],
    ["ECDHE_ECDSA", AES_1_2, () => rsaLeaf],
    ["ECDHE_RSA", RSA_CHACHA_1_2, () => leaf],
    ["ECDHE_RSA", RSA_AES_1_2, () => leaf],
  ])("%s (%i) with the other kind is refused", (_, suite, identity) => {
    const server = new RawServer12(card, [identity()]);
    server.answer.suite = suite;
    server.sendServerHello().sendMessage(server.certificate());
    expectAlert(server, ILLEGAL_PARAMETER);
  });

  test.each([
    ["ECDHE_ECDSA", AES_1_2, ECDSA, () => leaf],
    ["ECDHE_RSA", RSA_CHACHA_1_2, RSA_PSS, () => rsaLeaf],
    ["ECDHE_RSA", RSA_AES_1_2, RSA_PKCS1, () => rsaLeaf],
  ])("%s (%i) with its own, signed with %i", (_, suite, scheme, identity) => {
    const server = new RawServer12(card, [identity()]);
    server.answer.suite = suite;
    server.sendServerHello().sendMessage(server.certificate());
    server.sendMessage(server.keyExchange(server.parameters(), scheme)).sendMessage(server.helloDone()).run();
    server.receiveKeyExchange().receiveFinished().sendCipherChange().sendMessage(server.finished());
    expect(server.run()).toBe(0);
    server.exchange();
    close(server);
  });
});

describe("Certificate of TLS 1.2", () => {
  refuses(
    () => tls12().sendServerHello(),
    [
      ["empty", DECODE_ERROR, (s) => s.sendMessage(s.certificate([]))],
      ["of somebody else", UNKNOWN_CA, (s) => s.sendMessage(s.certificate([stranger.der]))],
      ["as of TLS 1.3", DECODE_ERROR, (s) => s.sendMessage(message(CERTIFICATE, u8(0, 0, 0, 0)))],
      ["left out", UNEXPECTED_MESSAGE, (s) => s.sendMessage(s.keyExchange())],
      ["ServerHello twice", UNEXPECTED_MESSAGE, (s) => s.sendServerHello()],
      ["ChangeCipherSpec before", UNEXPECTED_MESSAGE, (s) => s.sendRecord(RECORD.changeCipherSpec, u8(1))],
      ["application data before", UNEXPECTED_MESSAGE, (s) => s.sendRecord(RECORD.data, u8(1))],
      ["an empty record before", UNEXPECTED_MESSAGE, (s) => s.sendRecord(RECORD.handshake, u8())],
      [
        "CertificateStatus, not asked for",
        UNEXPECTED_MESSAGE,
        (s) => s.sendMessage(s.certificate(), message(22, u8(1))),
      ],
    ],
  );
});

describe("ServerKeyExchange", () => {
  const send = (s: RawServer12, whole: Buffer) => s.sendMessage(whole).sendMessage(s.helloDone());
  const parameters = (make: (s: RawServer12) => Buffer) => (s: RawServer12) =>
    send(s, s.keyExchange(make(s)));
  const key = (group: number, bytes: Buffer) => parameters((s) => s.parameters(group, bytes));

  refuses(certified12, [
    [
      "a curve written out",
      ILLEGAL_PARAMETER,
      parameters((s) => Buffer.concat([u8(1), s.parameters().subarray(1)])),
    ],
    ["a group that was not offered", ILLEGAL_PARAMETER, key(P384, Buffer.alloc(97, 4))],
    ["a group that is none", ILLEGAL_PARAMETER, key(0x0100 + X25519, Buffer.alloc(32, 9))],
    ["a key that is too short", ILLEGAL_PARAMETER, key(X25519, Buffer.alloc(31, 9))],
    [
      "a key of the other group",
      ILLEGAL_PARAMETER,
      parameters((s) => s.parameters(P256, s.publicKey(X25519))),
    ],
    ["a key of zeros", ILLEGAL_PARAMETER, key(X25519, Buffer.alloc(32))],
    ["no point of the curve", ILLEGAL_PARAMETER, key(P256, Buffer.concat([u8(4), Buffer.alloc(64, 1)]))],
    ["rsa_pss of an ECDSA key", ILLEGAL_PARAMETER, (s) => send(s, scheme(s, RSA_PSS))],
    ["ecdsa_sha1, not offered", ILLEGAL_PARAMETER, (s) => send(s, scheme(s, 0x0203))],
    ["another's signature", DECRYPT_ERROR, (s) => send(s, s.keyExchange(s.parameters(), ECDSA, stranger))],
    ["a key that was not signed", DECRYPT_ERROR, (s) => send(s, unsigned(s))],
    ["an earlier connection's signature", DECRYPT_ERROR, (s) => send(s, earlier(s))],
    ["cut short", DECODE_ERROR, (s) => send(s, message(12, u8(3, 0)))],
    ["without a signature", DECODE_ERROR, (s) => send(s, message(12, s.parameters()))],
    ["a length that lies", DECODE_ERROR, (s) => send(s, lying(s.keyExchange(), 4 + 36 + 2, 1))],
    ["left out", UNEXPECTED_MESSAGE, (s) => s.sendMessage(s.helloDone())],
    ["twice", UNEXPECTED_MESSAGE, (s) => s.sendMessage(s.keyExchange()).sendMessage(s.keyExchange())],
    ["Certificate twice", UNEXPECTED_MESSAGE, (s) => s.sendMessage(s.certificate())],
  ]);

  function scheme(server: RawServer12, value: number): Buffer {
    const whole = server.keyExchange();
    whole.writeUInt16BE(value, 4 + server.parameters().length);
    return whole;
  }
  function unsigned(server: RawServer12): Buffer {
    const whole = server.keyExchange();
    whole[20]! ^= 1;
    return whole;
  }
  function earlier(server: RawServer12): Buffer {
    server.hello.random.writeUInt8(server.hello.random[0]! ^ 1);
    return server.keyExchange();
  }
});

describe("ServerHelloDone", () => {
  const more = (what: (s: RawServer12) => Buffer) => (s: RawServer12) =>
    s.sendMessage(s.helloDone(), what(s));

  refuses(exchanged, [
    ["with something in it", DECODE_ERROR, (s) => s.sendMessage(message(14, u8(0)))],
    ["with a message behind it", UNEXPECTED_MESSAGE, more((s) => s.helloDone())],
    ["with a long message behind it", UNEXPECTED_MESSAGE, more((s) => s.certificate())],
    ["with half a message behind it", UNEXPECTED_MESSAGE, more(() => u8(20))],
    ["left out: ChangeCipherSpec", UNEXPECTED_MESSAGE, (s) => s.sendRecord(RECORD.changeCipherSpec, u8(1))],
    ["left out: Finished", UNEXPECTED_MESSAGE, (s) => s.sendMessage(message(20, Buffer.alloc(12)))],
  ]);

  test("all messages in one record, and in records of a byte each", () => {
    for (const piece of [16_000, 1]) {
      const server = tls12();
      const parts = [encodeServerHello(server.answer), server.certificate()];
      const all = Buffer.concat([...parts, server.keyExchange(), server.helloDone()]);
      for (let at = 0; at < all.length; at += piece)
        server.sendRecord(RECORD.handshake, all.subarray(at, at + piece));
      server.transcript = Buffer.concat([server.transcript, all]);
      server.run();
      server.receiveKeyExchange().receiveFinished().sendCipherChange().sendMessage(server.finished());
      expect(server.run()).toBe(0);
      server.exchange();
      close(server);
    }
  });
});

describe("CertificateRequest of TLS 1.2", () => {
  const anyone = Buffer.concat([vector8(u8(64, 1)), vector16(u16(ECDSA)), vector16(u8())]);
  const ask = (s: RawServer12, body = anyone) => s.sendMessage(message(CERTIFICATE_REQUEST, body));

  refuses(exchanged, [
    ["twice", UNEXPECTED_MESSAGE, (s) => ask(ask(s))],
    ["empty", DECODE_ERROR, (s) => ask(s, u8())],
  ]);
  refuses(certified12, [["before ServerKeyExchange", UNEXPECTED_MESSAGE, (s) => ask(s)]]);

  test.each([X25519, P256])("the card has no certificate, and says so (group %i)", (group) => {
    const server = tls12();
    server.group = group;
    server.sendServerHello().sendMessage(server.certificate()).sendMessage(server.keyExchange());
    ask(server, Buffer.concat([anyone.subarray(0, -2), vector16(Buffer.alloc(3000))]));
    server.sendMessage(server.helloDone()).run();
    expect(server.receiveMessage()).toEqual(message(CERTIFICATE, u24(0)));
    server.receiveKeyExchange().receiveFinished().sendCipherChange().sendMessage(server.finished());
    expect(server.run()).toBe(0);
    server.exchange();
    close(server);
  });
});

describe("the end of the handshake of TLS 1.2", () => {
  refuses(changing, [
    ["ChangeCipherSpec left out", UNEXPECTED_MESSAGE, (s) => s.sendMessage(s.finished())],
    ["ChangeCipherSpec that says 2", UNEXPECTED_MESSAGE, (s) => s.sendRecord(RECORD.changeCipherSpec, u8(2))],
    ["a long ChangeCipherSpec", UNEXPECTED_MESSAGE, (s) => s.sendRecord(RECORD.changeCipherSpec, u8(1, 1))],
    ["ServerHelloDone once more", UNEXPECTED_MESSAGE, (s) => s.sendMessage(s.helloDone())],
    [
      "NewSessionTicket, not asked for",
      UNEXPECTED_MESSAGE,
      (s) => s.sendMessage(message(4, Buffer.alloc(10))),
    ],
    ["application data", UNEXPECTED_MESSAGE, (s) => s.sendRecord(RECORD.data, u8(1))],
  ]);
  refuses(changed, [
    ["ChangeCipherSpec twice", UNEXPECTED_MESSAGE, (s) => s.send(record(RECORD.changeCipherSpec, u8(1)))],
    ["Finished in the clear", BAD_RECORD_MAC, (s) => s.send(record(RECORD.handshake, s.finished()))],
    ["a bit of Finished is wrong", DECRYPT_ERROR, (s) => s.sendMessage(message(20, Buffer.alloc(12, 1)))],
    ["the card's own Finished", DECRYPT_ERROR, (s) => s.sendMessage(message(20, s.verifyData("client")))],
    ["a Finished that is too short", DECODE_ERROR, (s) => s.sendMessage(message(20, Buffer.alloc(11)))],
    ["a Finished that is too long", DECODE_ERROR, (s) => s.sendMessage(message(20, Buffer.alloc(32)))],
    ["something behind Finished", UNEXPECTED_MESSAGE, (s) => s.sendMessage(s.finished(), u8(0))],
    [
      "application data before Finished",
      UNEXPECTED_MESSAGE,
      (s) => s.sendRecord(RECORD.data, Buffer.from("HTTP")),
    ],
    ["a forged record", BAD_RECORD_MAC, (s) => s.send(record(RECORD.handshake, Buffer.alloc(40)))],
  ]);

  test("Finished in records of a byte each, and of none", () => {
    const server = changed();
    const whole = server.finished();
    for (let at = 0; at < whole.length; at++)
      server.sendRecord(RECORD.handshake, u8()).sendRecord(RECORD.handshake, whole.subarray(at, at + 1));
    expect(server.run()).toBe(0);
    server.exchange();
    close(server);
  });
});

describe("a connection of TLS 1.2", () => {
  const many =
    (count: number, act: (s: RawServer12) => unknown): Case<RawServer12>[2] =>
    (s) => {
      for (let i = 0; i < count; i++) act(s);
    };

  refuses(connected12, [
    ["a ServerHello", UNEXPECTED_MESSAGE, (s) => s.sendMessage(encodeServerHello(s.answer))],
    ["a ClientHello", UNEXPECTED_MESSAGE, (s) => s.sendMessage(message(1, u8(3, 3)))],
    ["a NewSessionTicket", UNEXPECTED_MESSAGE, (s) => s.sendMessage(message(4, Buffer.alloc(60)))],
    ["ChangeCipherSpec", UNEXPECTED_MESSAGE, (s) => s.sendRecord(RECORD.changeCipherSpec, u8(1))],
    ["KeyUpdate of TLS 1.3", UNEXPECTED_MESSAGE, (s) => s.sendMessage(message(24, u8(0)))],
    [
      "a handshake record with nothing in it",
      UNEXPECTED_MESSAGE,
      (s) => s.sendRecord(RECORD.handshake, u8()),
    ],
    [
      "data of no bytes, over and over",
      UNEXPECTED_MESSAGE,
      many(IDLE_MAX + 1, (s) => s.sendRecord(RECORD.data, u8())),
    ],
    [
      "warnings, over and over",
      UNEXPECTED_MESSAGE,
      many(IDLE_MAX + 1, (s) => s.sendRecord(RECORD.alert, u8(1, 90))),
    ],
    ["a forged record", BAD_RECORD_MAC, (s) => s.send(record(RECORD.data, Buffer.alloc(60)))],
    ["a record that is too short", BAD_RECORD_MAC, (s) => s.send(record(RECORD.data, Buffer.alloc(15)))],
    ["a record that is too long", RECORD_OVERFLOW, (s) => s.send(u8(23, 3, 3, 0x40, 0x11))],
  ]);

  test("a warning amid the handshake does not end it, too many do (RFC 6066 section 3)", () => {
    const server = tls12();
    for (let i = 0; i < 3; i++) server.sendRecord(RECORD.alert, u8(1, 112));
    expect(server.connect().result).toBe(0);
    expectNext(server);
    const endless = tls12();
    for (let i = 0; i <= IDLE_MAX; i++) endless.sendRecord(RECORD.alert, u8(1, 112));
    expectAlert(endless, UNEXPECTED_MESSAGE);
  });

  test("HelloRequest is answered with a warning, and the connection goes on", () => {
    const server = connected12();
    server.sendMessage(HELLO_REQUEST);
    expect(server.hear()).toEqual({ result: EAGAIN, text: "" });
    expect(server.alert()).toBe(NO_RENEGOTIATION);
    server.tcp.acknowledge(card);
    server.exchange();
    close(server);
  });

  test("HelloRequest over and over is too much", () => {
    const server = connected12();
    for (let i = 0; i <= IDLE_MAX; i++) server.sendMessage(HELLO_REQUEST);
    let result = EAGAIN;
    for (let i = 0; i <= IDLE_MAX && result === EAGAIN; i++) {
      ({ result } = server.hear());
      server.tcp.acknowledge(card);
    }
    expect(result).toBe(SELF - UNEXPECTED_MESSAGE);
    expectNext(server);
  });

  test("a warning does not end it, an alert does", () => {
    const server = connected12();
    server.sendRecord(RECORD.alert, u8(1, 90)).sendRecord(RECORD.alert, u8(2, 80));
    expect(server.hear()).toEqual({ result: PEER - 80, text: "" });
    expectNext(server);
  });
});
