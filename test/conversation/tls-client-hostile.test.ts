// A server from hell at the card's client: each of its messages out of order, twice, too long, too short, or with what nobody
// has asked for. The card answers with the alert of RFC 8446, hangs up, gives all back, and connects to the next server as if
// nothing had been. TLS 1.2 has a file of its own.
import { describe, expect, test } from "vitest";
import { cuts } from "../support/cuts.ts";
import {
  BAD_CERTIFICATE,
  BAD_RECORD_MAC,
  CLOSE_NOTIFY,
  type Case,
  DECODE_ERROR,
  DECRYPT_ERROR,
  HANDSHAKE_FAILURE,
  HELLO_REQUEST,
  IDLE_MAX,
  ILLEGAL_PARAMETER,
  MISSING_EXTENSION,
  P384,
  PEER,
  PROTOCOL_VERSION,
  RECORD_OVERFLOW,
  SERVER_NAME,
  TRUNCATED,
  UNEXPECTED_MESSAGE,
  UNKNOWN,
  UNKNOWN_CA,
  UNSUPPORTED_EXTENSION,
  close,
  expectNext,
  hello,
  issued,
  leaf,
  lying,
  refuses,
  root,
  stranger,
  tls12,
  tls12Extensions,
  tls13,
  useCards,
} from "../support/hostile-server.ts";
import { EAGAIN } from "../support/tls-card.ts";
import {
  AES,
  CHACHA_1_2,
  ECDSA,
  EXTENSION,
  type Extension,
  extensionList,
  message,
  P256,
  RECORD,
  record,
  RSA_PKCS1,
  RSA_PSS,
  u16,
  u8,
  vector16,
  vector8,
  X25519,
} from "../support/tls-codec.ts";
import {
  CERTIFICATE,
  CERTIFICATE_REQUEST,
  encodeServerHello,
  type RawServer,
  RETRY,
} from "../support/tls-server.ts";
import { RawServer12 } from "../support/tls-server-1-2.ts";

useCards();

/** ServerHello has been sent. */
const agreed = () => tls13().sendServerHello();
/** After EncryptedExtensions. */
const extended = () => {
  const server = agreed();
  return server.sendMessage(server.encryptedExtensions());
};
const certified = () => {
  const server = extended();
  return server.sendMessage(server.certificate());
};
const proved = () => agreed().sendProof();
const connected = () => tls13().connect();

/** The same with other extensions. */
const extensions = (make: (server: RawServer) => Extension[]) => (server: RawServer) =>
  hello({ extensions: make(server) })(server);

describe("ServerHello of TLS 1.3", () => {
  refuses(tls13, [
    ["a session that the card did not offer", ILLEGAL_PARAMETER, hello({ session: Buffer.alloc(32) })],
    ["a session that is too long", DECODE_ERROR, hello({ session: Buffer.alloc(33) })],
    ["TLS 1.1", PROTOCOL_VERSION, hello({ version: 0x0302 })],
    ["TLS 1.3 where it must not stand", PROTOCOL_VERSION, hello({ version: 0x0304 })],
    ["a suite that was not offered", ILLEGAL_PARAMETER, hello({ suite: 0x1302 })],
    ["a suite of TLS 1.2", ILLEGAL_PARAMETER, hello({ suite: CHACHA_1_2 })],
    ["compression", ILLEGAL_PARAMETER, hello({ compression: 1 })],
    [
      "supported_versions with TLS 1.2",
      ILLEGAL_PARAMETER,
      extensions((s) => [s.version(0x0303), s.keyShare()]),
    ],
    [
      "supported_versions with what comes next",
      ILLEGAL_PARAMETER,
      extensions((s) => [s.version(0x0305), s.keyShare()]),
    ],
    [
      "supported_versions as a client has it",
      DECODE_ERROR,
      extensions((s) => [[EXTENSION.versions, u8(2, 3, 4)], s.keyShare()]),
    ],
    ["no key_share", MISSING_EXTENSION, extensions((s) => [s.version()])],
    ["an unknown extension", UNSUPPORTED_EXTENSION, extensions((s) => [s.version(), s.keyShare(), UNKNOWN])],
    [
      "pre_shared_key, not offered",
      UNSUPPORTED_EXTENSION,
      extensions((s) => [s.version(), s.keyShare(), [EXTENSION.preSharedKey, u16(0)]]),
    ],
    [
      "server_name, which belongs elsewhere",
      ILLEGAL_PARAMETER,
      extensions((s) => [s.version(), s.keyShare(), [SERVER_NAME, u8()]]),
    ],
    [
      "supported_groups, which belongs elsewhere",
      ILLEGAL_PARAMETER,
      extensions((s) => [s.version(), s.keyShare(), [EXTENSION.groups, vector16(u16(X25519))]]),
    ],
    [
      "signature_algorithms, which is a client's",
      ILLEGAL_PARAMETER,
      extensions((s) => [s.version(), s.keyShare(), [EXTENSION.algorithms, vector16(u16(ECDSA))]]),
    ],
    [
      "extended_master_secret of TLS 1.2",
      ILLEGAL_PARAMETER,
      extensions((s) => [s.version(), s.keyShare(), [EXTENSION.extendedMaster, u8()]]),
    ],
    ["an extension twice", ILLEGAL_PARAMETER, extensions((s) => [s.version(), s.version(), s.keyShare()])],
    ["extensions that end too late", DECODE_ERROR, (s) => s.sendMessage(lyingHello(s, 1))],
    ["extensions that end too early", DECODE_ERROR, (s) => s.sendMessage(lyingHello(s, -1))],
    [
      "an extension that is longer than all",
      DECODE_ERROR,
      (s) => s.sendMessage(lying(encodeServerHello(s.answer), 46, 100)),
    ],
    ["no extensions, so TLS 1.2 with a suite of TLS 1.3", ILLEGAL_PARAMETER, hello({ extensions: null })],
    ["nothing in it", DECODE_ERROR, (s) => s.sendMessage(message(2, u8()))],
    ["cut in the middle", DECODE_ERROR, (s) => s.sendMessage(message(2, Buffer.alloc(36)))],
    [
      "longer than the card has room for",
      HANDSHAKE_FAILURE,
      extensions((s) => [s.version(), s.keyShare(), [0x0a0a, Buffer.alloc(200)]]),
    ],
    ["longer than any", DECODE_ERROR, (s) => s.sendMessage(u8(2, 1, 0, 0))],
    ["a share in the other group", ILLEGAL_PARAMETER, extensions((s) => [s.version(), s.keyShare(P256)])],
    [
      "a share in a group that was not offered",
      ILLEGAL_PARAMETER,
      extensions((s) => [s.version(), s.keyShare(P384, Buffer.alloc(97, 4))]),
    ],
    [
      "a share that is too short",
      ILLEGAL_PARAMETER,
      extensions((s) => [s.version(), s.keyShare(X25519, Buffer.alloc(31, 9))]),
    ],
    [
      "a share that is too long",
      ILLEGAL_PARAMETER,
      extensions((s) => [s.version(), s.keyShare(X25519, Buffer.alloc(33, 9))]),
    ],
    ["an empty key_share", DECODE_ERROR, extensions((s) => [s.version(), [EXTENSION.keyShare, u8()]])],
    [
      "a share of zeros",
      ILLEGAL_PARAMETER,
      extensions((s) => [s.version(), s.keyShare(X25519, Buffer.alloc(32))]),
    ],
    [
      "a share of small order",
      ILLEGAL_PARAMETER,
      extensions((s) => [s.version(), s.keyShare(X25519, Buffer.concat([u8(1), Buffer.alloc(31)]))]),
    ],
    [
      "a message behind it, in the clear",
      UNEXPECTED_MESSAGE,
      (s) => s.sendMessage(encodeServerHello(s.answer), s.encryptedExtensions()),
    ],
    [
      "twice",
      UNEXPECTED_MESSAGE,
      (s) => s.sendServerHello().send(record(RECORD.handshake, encodeServerHello(s.answer))),
    ],
  ]);

  /** The length of the extensions is wrong by so much. */
  function lyingHello(server: RawServer, difference: number): Buffer {
    return lying(encodeServerHello(server.answer), 42, difference);
  }
});

describe("instead of ServerHello", () => {
  refuses(tls13, [
    ["EncryptedExtensions", UNEXPECTED_MESSAGE, (s) => s.sendMessage(s.encryptedExtensions())],
    ["Certificate", UNEXPECTED_MESSAGE, (s) => s.sendMessage(s.certificate())],
    [
      "CertificateRequest",
      UNEXPECTED_MESSAGE,
      (s) => s.sendMessage(message(CERTIFICATE_REQUEST, u8(0, 0, 0))),
    ],
    ["a ClientHello", UNEXPECTED_MESSAGE, (s) => s.sendMessage(message(1, Buffer.alloc(40)))],
    ["application data", UNEXPECTED_MESSAGE, (s) => s.sendRecord(RECORD.data, Buffer.alloc(30))],
    ["a record of no known type", UNEXPECTED_MESSAGE, (s) => s.sendRecord(99, u8(1))],
    ["no TLS at all", UNEXPECTED_MESSAGE, (s) => s.send(Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n"))],
    ["a record with nothing in it", UNEXPECTED_MESSAGE, (s) => s.sendRecord(RECORD.handshake, u8())],
    ["a record that is too long", RECORD_OVERFLOW, (s) => s.send(u8(22, 3, 3, 0x40, 1))],
    ["ChangeCipherSpec that says 2", UNEXPECTED_MESSAGE, (s) => s.sendRecord(RECORD.changeCipherSpec, u8(2))],
    ["a long ChangeCipherSpec", UNEXPECTED_MESSAGE, (s) => s.sendRecord(RECORD.changeCipherSpec, u8(1, 1))],
    ["an alert of one byte", DECODE_ERROR, (s) => s.sendRecord(RECORD.alert, u8(2))],
    ["two alerts in a record", DECODE_ERROR, (s) => s.sendRecord(RECORD.alert, u8(2, 40, 2, 40))],
    [
      "ChangeCipherSpec over and over",
      UNEXPECTED_MESSAGE,
      (s) => {
        for (let i = 0; i <= IDLE_MAX; i++) s.sendRecord(RECORD.changeCipherSpec, u8(1));
      },
    ],
  ]);
});

describe("HelloRetryRequest", () => {
  const retry = (list: (s: RawServer) => Extension[], change: Partial<RawServer["answer"]> = {}) =>
    hello0((s) => ({ ...s.answer, random: RETRY, ...change, extensions: list(s) }));
  const hello0 = (make: (s: RawServer) => RawServer["answer"]) => (s: RawServer) =>
    s.sendMessage(encodeServerHello(make(s)));
  const group = (value: number): Extension => [EXTENSION.keyShare, u16(value)];

  refuses(tls13, [
    ["for the group that was offered", ILLEGAL_PARAMETER, retry((s) => [s.version(), group(X25519)])],
    ["for a group that was not offered", ILLEGAL_PARAMETER, retry((s) => [s.version(), group(P384)])],
    ["for nothing", ILLEGAL_PARAMETER, retry((s) => [s.version()])],
    ["with a share", ILLEGAL_PARAMETER, retry((s) => [s.version(), s.keyShare(P256)])],
    ["with another session", ILLEGAL_PARAMETER, retry((s) => [s.version(), group(P256)], { session: u8(1) })],
    [
      "with a cookie, which the card has no room for",
      UNSUPPORTED_EXTENSION,
      retry((s) => [s.version(), group(P256), [44, vector16(Buffer.alloc(20))]]),
    ],
    ["twice", UNEXPECTED_MESSAGE, (s) => retry(() => [s.version(), group(P256)])(s.retry())],
    [
      "and then another suite",
      ILLEGAL_PARAMETER,
      (s) => {
        s.retry().answer.suite = AES;
        s.sendServerHello();
      },
    ],
    [
      "and then the first group",
      ILLEGAL_PARAMETER,
      (s) => extensions(() => [s.version(), s.keyShare(X25519)])(s.retry()),
    ],
    [
      "and then TLS 1.2",
      ILLEGAL_PARAMETER,
      (s) => hello({ suite: CHACHA_1_2, extensions: tls12Extensions() })(s.retry()),
    ],
    ...[
      ["no point of the curve", Buffer.concat([u8(4), Buffer.alloc(64, 1)])] as const,
      ["zeros", Buffer.alloc(65)] as const,
      ["a compressed point", Buffer.concat([u8(2), Buffer.alloc(64, 1)])] as const,
      ["coordinates above the prime", Buffer.concat([u8(4), Buffer.alloc(64, 255)])] as const,
    ].map(([what, key]): Case<RawServer> => [
      `and then ${what}`,
      ILLEGAL_PARAMETER,
      (s) => extensions(() => [s.version(), s.keyShare(P256, key)])(s.retry()),
    ]),
  ]);

  test("and then all is well", () => {
    const server = tls13().retry().connect();
    server.exchange();
    close(server);
  });
});

describe("EncryptedExtensions", () => {
  const saying =
    (...list: Extension[]) =>
    (s: RawServer) =>
      s.sendMessage(s.encryptedExtensions(...list));

  refuses(agreed, [
    ["an unknown one", UNSUPPORTED_EXTENSION, saying(UNKNOWN)],
    ["ALPN, not offered", UNSUPPORTED_EXTENSION, saying([EXTENSION.alpn, u8(0, 3, 2, 104, 50)])],
    ["early_data, not offered", UNSUPPORTED_EXTENSION, saying([EXTENSION.earlyData, u8()])],
    ["record_size_limit, not offered", UNSUPPORTED_EXTENSION, saying([EXTENSION.recordSizeLimit, u16(64)])],
    ["key_share, which belongs elsewhere", ILLEGAL_PARAMETER, (s) => saying(s.keyShare())(s)],
    ["supported_versions, which belongs elsewhere", ILLEGAL_PARAMETER, (s) => saying(s.version())(s)],
    ["server_name twice", ILLEGAL_PARAMETER, saying([SERVER_NAME, u8()], [SERVER_NAME, u8()])],
    ["server_name with a name", DECODE_ERROR, saying([SERVER_NAME, vector16(u8(0, 0, 1, 97))])],
    ["shorter than it says", DECODE_ERROR, (s) => s.sendMessage(message(8, u16(4)))],
    ["without its length", DECODE_ERROR, (s) => s.sendMessage(message(8, u8()))],
    ["in the clear", UNEXPECTED_MESSAGE, (s) => s.send(record(22, s.encryptedExtensions()))],
    ["left out: Certificate", UNEXPECTED_MESSAGE, (s) => s.sendMessage(s.certificate())],
    ["left out: Finished", UNEXPECTED_MESSAGE, (s) => s.sendMessage(s.finished())],
    ["left out: application data", UNEXPECTED_MESSAGE, (s) => s.sendRecord(RECORD.data, Buffer.alloc(99, 8))],
    ["a KeyUpdate before", UNEXPECTED_MESSAGE, (s) => s.sendMessage(message(24, u8(0)))],
    ["an empty record before", UNEXPECTED_MESSAGE, (s) => s.sendRecord(RECORD.handshake, u8())],
    ["a record of zeros before", UNEXPECTED_MESSAGE, (s) => s.sendRecord(0, Buffer.alloc(40))],
    [
      "a ChangeCipherSpec under the keys",
      UNEXPECTED_MESSAGE,
      (s) => s.sendRecord(RECORD.changeCipherSpec, u8(1)),
    ],
    ["a record that is too short", BAD_RECORD_MAC, (s) => s.send(record(RECORD.data, Buffer.alloc(15)))],
    ["a record that is too long", RECORD_OVERFLOW, (s) => s.send(u8(23, 3, 3, 0x41, 1))],
    ["a forged record", BAD_RECORD_MAC, (s) => s.send(record(RECORD.data, Buffer.alloc(60)))],
    [
      "a record twice",
      BAD_RECORD_MAC,
      (s) => {
        const sealed = s.write!.seal(RECORD.handshake, s.encryptedExtensions());
        s.send(sealed).send(sealed);
      },
    ],
    [
      "an alert that is too long, under the keys",
      DECODE_ERROR,
      (s) => s.sendRecord(RECORD.alert, u8(2, 40, 0)),
    ],
    ["twice", UNEXPECTED_MESSAGE, (s) => s.sendMessage(s.encryptedExtensions(), s.encryptedExtensions())],
  ]);

  test("may be as the card likes it: an answer to the name, groups, padding, ChangeCipherSpec in between", () => {
    const server = agreed();
    server.send(record(RECORD.changeCipherSpec, u8(1)));
    const list: Extension[] = [
      [SERVER_NAME, u8()],
      [EXTENSION.groups, vector16(u16(P256, X25519, P384))],
    ];
    const first = server.encryptedExtensions(...list);
    server.transcript = Buffer.concat([server.transcript, first]);
    server.sendRecord(RECORD.handshake, first.subarray(0, 3), 300);
    server.send(record(RECORD.changeCipherSpec, u8(1)));
    server.sendRecord(RECORD.handshake, first.subarray(3), 1);
    server.sendMessage(server.certificate()).sendMessage(server.certificateVerify()).sendFinished();
    expect(server.run()).toBe(0);
    server.receiveFinished().exchange();
    close(server);
  });
});

describe("Certificate", () => {
  const chain =
    (...ders: Buffer[]) =>
    (s: RawServer) =>
      s.sendMessage(s.certificate(ders));
  const body = (make: (s: RawServer) => Buffer) => (s: RawServer) =>
    s.sendMessage(message(CERTIFICATE, make(s)));

  refuses(extended, [
    ["empty", DECODE_ERROR, chain()],
    ["with an empty certificate", DECODE_ERROR, chain(u8())],
    ["with an empty one behind a good one", DECODE_ERROR, (s) => chain(leaf.der, u8())(s)],
    ["nothing in it", DECODE_ERROR, body(() => u8())],
    ["a list that is longer than the message", DECODE_ERROR, body(() => u8(0, 0, 1, 0, 0, 0))],
    ["a list that is shorter", DECODE_ERROR, (s) => s.sendMessage(lying(s.certificate(), 6, -1))],
    [
      "a certificate that is longer than the list",
      DECODE_ERROR,
      (s) => s.sendMessage(lying(s.certificate(), 9, 9)),
    ],
    ["a request's context", DECODE_ERROR, (s) => s.sendMessage(withContext(s.certificate()))],
    [
      "an extension that was not asked for",
      UNSUPPORTED_EXTENSION,
      (s) => s.sendMessage(s.certificate([leaf.der], vector16(u8(0, 5, 0, 1, 1)))),
    ],
    ["of somebody else", UNKNOWN_CA, (s) => chain(stranger.der)(s)],
    ["whose issuer is no authority", BAD_CERTIFICATE, (s) => chain(stranger.der, stranger.der)(s)],
    [
      "more than the card follows",
      UNKNOWN_CA,
      (s) => chain(issued.der, ...Array<Buffer>(4).fill(root.der))(s),
    ],
    ["that is none", BAD_CERTIFICATE, chain(Buffer.alloc(300, 0x30))],
    ["in which a bit is wrong", BAD_CERTIFICATE, (s) => chain(Buffer.from(leaf.der).fill(0xff, 0, 1))(s)],
    ["longer than any", DECODE_ERROR, (s) => s.sendRecord(RECORD.handshake, u8(CERTIFICATE, 1, 0, 0))],
    ["left out: CertificateVerify", UNEXPECTED_MESSAGE, (s) => s.sendMessage(s.certificateVerify())],
    ["left out: Finished", UNEXPECTED_MESSAGE, (s) => s.sendMessage(s.finished())],
    ["as of TLS 1.2", DECODE_ERROR, (s) => body(() => s.certificate().subarray(5))(s)],
    ["twice", UNEXPECTED_MESSAGE, (s) => s.sendMessage(s.certificate()).sendMessage(s.certificate())],
    [
      "application data in the middle",
      UNEXPECTED_MESSAGE,
      (s) =>
        s.sendRecord(RECORD.handshake, s.certificate().subarray(0, 50)).sendRecord(RECORD.data, u8(1, 2, 3)),
    ],
    [
      "an alert of no known kind in the middle",
      DECODE_ERROR,
      (s) => s.sendRecord(RECORD.handshake, s.certificate().subarray(0, 50)).sendRecord(RECORD.alert, u8(1)),
    ],
  ]);

  /** certificate_request_context of one byte. */
  function withContext(certificate: Buffer): Buffer {
    return message(CERTIFICATE, Buffer.concat([vector8(u8(7)), certificate.subarray(5)]));
  }
});

describe("CertificateVerify", () => {
  const signed = (change: (signature: Buffer) => Buffer) => (s: RawServer) => {
    const whole = s.certificateVerify();
    const body = Buffer.concat([whole.subarray(4, 6), vector16(change(whole.subarray(8)))]);
    s.sendMessage(message(15, body)).sendFinished();
  };
  const scheme = (value: number) => (s: RawServer) => {
    const whole = s.certificateVerify();
    whole.writeUInt16BE(value, 4);
    s.sendMessage(whole).sendFinished();
  };

  refuses(certified, [
    ["rsa_pss_rsae_sha256 of an ECDSA key", ILLEGAL_PARAMETER, scheme(RSA_PSS)],
    ["rsa_pkcs1_sha256, which TLS 1.3 has no more", ILLEGAL_PARAMETER, scheme(RSA_PKCS1)],
    ["ecdsa_secp384r1_sha384, not offered", ILLEGAL_PARAMETER, scheme(0x0503)],
    ["ecdsa_sha1, not offered", ILLEGAL_PARAMETER, scheme(0x0203)],
    ["ed25519, not offered", ILLEGAL_PARAMETER, scheme(0x0807)],
    ["a signature over something else", DECRYPT_ERROR, (s) => signOther(s)],
    [
      "another's signature",
      DECRYPT_ERROR,
      (s) => s.sendMessage(s.certificateVerify(ECDSA, stranger)).sendFinished(),
    ],
    ["no signature", DECRYPT_ERROR, signed(() => u8())],
    ["a signature of zeros", DECRYPT_ERROR, signed(() => Buffer.alloc(72))],
    ["r and s of zero", DECRYPT_ERROR, signed(() => u8(0x30, 6, 2, 1, 0, 2, 1, 0))],
    ["a byte behind the signature's DER", DECRYPT_ERROR, signed((s) => Buffer.concat([s, u8(0)]))],
    ["a signature of a thousand bytes", DECRYPT_ERROR, signed(() => Buffer.alloc(1000, 0x30))],
    [
      "a length that lies",
      DECODE_ERROR,
      (s) => s.sendMessage(lying(s.certificateVerify(), 6, 1)).sendFinished(),
    ],
    ["cut short", DECODE_ERROR, (s) => s.sendMessage(message(15, u16(ECDSA))).sendFinished()],
    ["empty", DECODE_ERROR, (s) => s.sendMessage(message(15, u8())).sendFinished()],
    ["left out", UNEXPECTED_MESSAGE, (s) => s.sendFinished()],
    [
      "twice",
      UNEXPECTED_MESSAGE,
      (s) => s.sendMessage(s.certificateVerify()).sendMessage(s.certificateVerify()),
    ],
  ]);

  function signOther(server: RawServer): void {
    const { transcript } = server;
    server.transcript = Buffer.concat([transcript, u8(1)]);
    const other = server.certificateVerify();
    server.transcript = transcript;
    server.sendMessage(other).sendFinished();
  }
});

describe("Finished", () => {
  const finished = (change: (whole: Buffer) => Buffer) => (s: RawServer) =>
    s.sendRecord(RECORD.handshake, change(s.finished()));

  refuses(proved, [
    ["a bit is wrong", DECRYPT_ERROR, finished((whole) => (whole.writeUInt8(whole[35]! ^ 1, 35), whole))],
    ["too short", DECODE_ERROR, finished((whole) => message(20, whole.subarray(5)))],
    ["too long", DECODE_ERROR, finished((whole) => message(20, Buffer.concat([whole.subarray(4), u8(0)])))],
    ["empty", DECODE_ERROR, finished(() => message(20, u8()))],
    ["the card's own", DECRYPT_ERROR, (s) => s.sendMessage(s.finished(s.read!.secret))],
    ["something behind it", UNEXPECTED_MESSAGE, finished((whole) => Buffer.concat([whole, u8(4)]))],
    ["twice", UNEXPECTED_MESSAGE, finished((whole) => Buffer.concat([whole, whole]))],
    [
      "application data before",
      UNEXPECTED_MESSAGE,
      (s) => s.sendRecord(RECORD.data, Buffer.from("HTTP/1.1 200 OK")),
    ],
    ["a KeyUpdate before", UNEXPECTED_MESSAGE, (s) => s.sendMessage(message(24, u8(0)))],
    ["a NewSessionTicket before", UNEXPECTED_MESSAGE, (s) => s.sendMessage(message(4, Buffer.alloc(20)))],
    ["in the clear", UNEXPECTED_MESSAGE, (s) => s.send(record(RECORD.handshake, s.finished()))],
  ]);
});

describe("CertificateRequest", () => {
  const anyone = Buffer.concat([u8(0), extensionList([[EXTENSION.algorithms, vector16(u16(ECDSA))]])]);
  const ask = (s: RawServer, body = anyone) => s.sendMessage(message(CERTIFICATE_REQUEST, body));

  refuses(extended, [
    ["with a context", ILLEGAL_PARAMETER, (s) => ask(s, Buffer.concat([u8(1, 1), anyone.subarray(1)]))],
    ["empty", DECODE_ERROR, (s) => ask(s, u8())],
    ["twice", UNEXPECTED_MESSAGE, (s) => ask(ask(s))],
  ]);
  refuses(certified, [["behind Certificate", UNEXPECTED_MESSAGE, (s) => ask(s)]]);
  refuses(agreed, [["before EncryptedExtensions", UNEXPECTED_MESSAGE, (s) => ask(s)]]);

  test.each([
    ["short", anyone],
    [
      "with all the authorities there are",
      Buffer.concat([u8(0), extensionList([[47, vector16(Buffer.alloc(5000))]])]),
    ],
  ])("%s: the card has no certificate, and says so", (_, request) => {
    const server = extended();
    server.sendMessage(message(CERTIFICATE_REQUEST, request)).sendMessage(server.certificate());
    server.sendMessage(server.certificateVerify()).sendFinished();
    expect(server.run()).toBe(0);
    expect(server.receiveMessage()).toEqual(message(CERTIFICATE, u8(0, 0, 0, 0)));
    server.receiveFinished().exchange();
    close(server);
  });
});

describe("a connection", () => {
  const ticket = (length = 120) => {
    const [identity, none] = [vector16(Buffer.alloc(length, 5)), u16(0)];
    return message(4, Buffer.concat([u16(0, 7200, 1, 1), vector8(u8(0)), identity, none]));
  };
  const many =
    (count: number, act: (s: RawServer) => unknown): Case<RawServer>[2] =>
    (s) => {
      for (let i = 0; i < count; i++) act(s);
    };

  refuses(connected, [
    [
      "more tickets than anybody needs",
      UNEXPECTED_MESSAGE,
      many(IDLE_MAX + 1, (s) => s.sendMessage(ticket())),
    ],
    [
      "data of no bytes, over and over",
      UNEXPECTED_MESSAGE,
      many(IDLE_MAX + 1, (s) => s.sendRecord(RECORD.data, u8())),
    ],
    ["KeyUpdate that wants neither", ILLEGAL_PARAMETER, (s) => s.sendMessage(message(24, u8(2)))],
    ["KeyUpdate that is empty", DECODE_ERROR, (s) => s.sendMessage(message(24, u8()))],
    ["a second ServerHello", UNEXPECTED_MESSAGE, (s) => s.sendMessage(encodeServerHello(s.answer))],
    ["a second Finished", UNEXPECTED_MESSAGE, (s) => s.sendMessage(s.finished())],
    [
      "CertificateRequest",
      UNEXPECTED_MESSAGE,
      (s) => s.sendMessage(message(CERTIFICATE_REQUEST, u8(1, 1, 0, 0))),
    ],
    ["HelloRequest of TLS 1.2", UNEXPECTED_MESSAGE, (s) => s.sendMessage(HELLO_REQUEST)],
    ["ChangeCipherSpec", UNEXPECTED_MESSAGE, (s) => s.send(record(RECORD.changeCipherSpec, u8(1)))],
    ["an alert in the clear", UNEXPECTED_MESSAGE, (s) => s.send(record(RECORD.alert, u8(2, 40)))],
    ["a forged record", BAD_RECORD_MAC, (s) => s.send(record(RECORD.data, Buffer.alloc(60)))],
    ["a record that is too long", RECORD_OVERFLOW, (s) => s.send(u8(23, 3, 3, 0x41, 1))],
    ["a ticket that ends too early", UNEXPECTED_MESSAGE, (s) => s.sendMessage(ticket().subarray(0, 60))],
  ]);

  test("tickets, as many as are usual, long ones too, and new keys: the page is there", () => {
    const server = connected();
    for (const length of [10, 200, 400, 1000]) server.sendMessage(ticket(length));
    server.sendMessage(message(24, u8(0)));
    server.write = server.write!.next();
    server.exchange();
    close(server);
  });

  test.each([
    ["an alert", (s: RawServer) => s.sendRecord(RECORD.alert, u8(2, 80)), PEER - 80],
    ["goodbye", (s: RawServer) => s.sendRecord(RECORD.alert, u8(1, 0)), 0],
    ["an end without goodbye", (s: RawServer) => (s.tcp.ended = true), TRUNCATED],
  ])("ends by %s", (_, act, outcome) => {
    const server = connected();
    act(server);
    expect(server.hear()).toEqual({ result: outcome, text: "" });
    expectNext(server);
  });

  test("an end in the middle of a record", () => {
    const server = connected();
    server.send(server.write!.seal(RECORD.data, Buffer.alloc(300, 65)).subarray(0, 200));
    server.tcp.ended = true;
    expect(server.hear()).toEqual({ result: TRUNCATED, text: "" });
    expectNext(server);
  });
});

describe.each([
  ["TLS 1.3", (): RawServer => tls13()],
  ["TLS 1.2", (): RawServer => tls12()],
] as const)("whatever the message, %s", (_, start) => {
  /** The stages of a handshake, each with what has been sent before. */
  const stages: [string, (server: RawServer) => unknown][] = [
    ["ServerHello", () => undefined],
    ["what follows ServerHello", (s) => s.sendServerHello()],
    ["the middle of Certificate", (s) => sendHalf(s.sendServerHello())],
    ["Finished", (s) => (s instanceof RawServer12 ? s.startHandshake() : s.sendServerHello().sendProof())],
  ];

  function sendHalf(server: RawServer): void {
    if (!(server instanceof RawServer12)) server.sendMessage(server.encryptedExtensions());
    server.sendRecord(RECORD.handshake, server.certificate().subarray(0, 100));
  }

  test.each(stages)("an alert instead of %s ends the connection in silence", (_, act) => {
    const server = start();
    act(server);
    server.sendRecord(RECORD.alert, u8(2, HANDSHAKE_FAILURE));
    expect(server.run()).toBe(PEER - HANDSHAKE_FAILURE);
    expect(server.alert()).toBe(-1);
    expectNext(server);
  });

  test.each(stages)("goodbye instead of %s", (_, act) => {
    const server = start();
    act(server);
    server.sendRecord(RECORD.alert, u8(1, CLOSE_NOTIFY));
    expect(server.run()).toBe(PEER);
    expectNext(server);
  });

  test.each(stages)("an end without a word instead of %s", (_, act) => {
    const server = start();
    act(server);
    server.tcp.ended = true;
    expect(server.run()).toBe(TRUNCATED);
    expectNext(server);
  });

  test.each(stages)("silence instead of %s: nothing happens until the card is told to hang up", (_, act) => {
    const server = start();
    act(server);
    expect(server.run()).toBe(EAGAIN);
    expectNext(server);
  });

  test("all of it a byte at a time", () => {
    const server = start();
    server.tcp.chop = cuts.bytewise;
    server.connect().exchange();
    close(server);
  });
});
