// Records that are made again, and are longer than the buffer (tls/stream.ts): whatever is lost and when, a number is never
// used for two plaintexts. The stand-in for TCP throws when the bytes at a position of its stream are not what they were.
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { EAGAIN, FAST, firmware, personalise, TlsCard, type Personality } from "../support/tls-card.ts";
import { RawClient } from "../support/tls-client.ts";
import { RawClient12 } from "../support/tls-client-1-2.ts";
import {
  AES,
  AES_1_2,
  CHACHA,
  CHACHA_1_2,
  extension,
  message,
  MESSAGE,
  RECORD,
  u8,
} from "../support/tls-codec.ts";
import type { Received } from "../support/tls-peer.ts";

/** The card's segments; profile: the longest content of a record. */
const SEGMENT = 244;
const RECORD_SEND = 2048;
const UNFINISHED = -0x400;

let module: WebAssembly.Module;
let personality: Personality;

beforeAll(async () => {
  module = await firmware();
  personality = await personalise(module);
});

const CONTENT = Buffer.alloc(5000).map((_, i) => (i * 7 + (i >> 8)) & 0xff);

function connected(suite = AES, limit = 0): RawClient {
  const client = new RawClient(new TlsCard(module, personality.cells));
  client.hello.suites = [suite];
  if (limit) client.extend(...extension.recordSizeLimit(limit));
  client.connect();
  client.tcp.segmentBytes = SEGMENT;
  client.tcp.acknowledge(client.card);
  return client;
}

function connected12(suite: number): RawClient {
  const client = new RawClient12(new TlsCard(module, personality.cells));
  client.hello.suites = [suite];
  client.connect();
  client.tcp.segmentBytes = SEGMENT;
  client.tcp.acknowledge(client.card);
  return client;
}

/** The application: makes the piece that is wanted of CONTENT. @returns its offset, or what wanted() returned */
function make({ card, ctx }: RawClient, content = CONTENT): number {
  const { exports, bytes } = card;
  const offset = exports.wanted(ctx, content.length);
  if (offset < 0 || offset === content.length) return offset;
  const piece = content.subarray(offset, offset + exports.pieceBytes(ctx));
  bytes.set(piece, exports.sendBuffer(ctx));
  expect(exports.sendPiece(ctx, Number(offset + piece.length === content.length))).toBe(piece.length);
  return offset;
}

/** Makes pieces until one is sent. @returns its offset, or what wanted() returned */
function send(client: RawClient, content = CONTENT): number {
  const before = client.tcp.sent.length;
  for (;;) {
    const offset = make(client, content);
    if (offset < 0 || offset === content.length || client.tcp.sent.length > before) return offset;
  }
}

function begin(client: RawClient): void {
  client.tcp.acknowledge(client.card);
  expect(client.card.exports.begin(client.ctx)).toBe(1);
  client.tcp.sent = [];
}

/** Sends until nothing is wanted. */
function sendAll(client: RawClient, content = CONTENT): void {
  while (send(client, content) !== content.length);
}

/** Where each piece begins, in TCP: sends all. */
function pieceStarts(client: RawClient): number[] {
  const starts: number[] = [];
  for (let at = client.tcp.position; send(client) !== CONTENT.length; at = client.tcp.position)
    starts.push(at);
  return starts;
}

/** Records of application data that have come. */
function records(client: RawClient): Received[] {
  const all: Received[] = [];
  for (let next = client.receive(); next; next = client.receive())
    if (next.type === RECORD.data) all.push(next);
  return all;
}
const received = (client: RawClient) => Buffer.concat(records(client).map(({ content }) => content));

const SUITES: [string, () => RawClient, number][] = [
  ["AES", () => connected(AES), 22],
  ["ChaCha20", () => connected(CHACHA), 22],
  ["TLS 1.2, AES", () => connected12(AES_1_2), 29],
  ["TLS 1.2, ChaCha20", () => connected12(CHACHA_1_2), 21],
];

describe.each(SUITES)("%s", (name, open, overhead) => {
  /** In TLS 1.2 with AES, the record's head leaves the buffer less than a segment. */
  const piece = name === "TLS 1.2, AES" ? 243 : SEGMENT;
  const first = piece - overhead;
  const further = Math.floor((RECORD_SEND + overhead) / piece) * piece - overhead;
  let client: RawClient;
  beforeEach(() => {
    client = open();
    begin(client);
  });

  test("one record of one segment, then long ones; all segments but the last are full", () => {
    sendAll(client);
    expect(client.card.exports.isDelivered(client.ctx)).toBe(0);
    const sizes = client.tcp.sent.map(({ length }) => length);
    expect(sizes.slice(0, -2)).toEqual(sizes.slice(2).map(() => piece)); // the last but one may make room for the tag
    expect(sizes.at(-2)).toBeGreaterThan(piece - 17);
    const all = records(client);
    expect(all.map(({ content }) => content.length)).toEqual([
      first,
      further,
      further,
      CONTENT.length - first - 2 * further,
    ]);
    expect(Buffer.concat(all.map(({ content }) => content)).equals(CONTENT)).toBe(true);
    client.tcp.acknowledgeAll();
    expect(client.card.exports.isDelivered(client.ctx)).toBe(1);
    client.card.guard();
  });

  test("any piece is made again, byte for byte, and the rest follows", () => {
    const starts = pieceStarts(client);
    for (const lost of [...starts].reverse()) {
      client.tcp.position = lost;
      sendAll(client);
    }
    // What has been acknowledged in the middle of a piece: all of it once more; what the peer has kept is skipped.
    client.tcp.position = starts[1]! + 100;
    expect(send(client)).toBe(first);
    client.tcp.position = starts.at(-1)!;
    sendAll(client);
    expect(received(client).equals(CONTENT)).toBe(true);
  });

  test("it is made after those before it in its record, and no others", () => {
    const starts: number[] = [];
    const offsets: number[] = [];
    for (let i = 0; i < 9; i++) {
      starts.push(client.tcp.position);
      offsets.push(send(client));
    }
    client.tcp.position = starts[4]!;
    expect([1, 2, 3, 4, 5].map(() => make(client))).toEqual(offsets.slice(1, 6));
    client.tcp.position = starts[3]!;
    expect([1, 2, 3].map(() => make(client))).toEqual(offsets.slice(1, 4));
  });

  test("holes are filled one by one, and it goes on where it was", () => {
    const starts: number[] = [];
    for (let i = 0; i < 13; i++) {
      starts.push(client.tcp.position);
      send(client);
      const most = client.tcp.position;
      for (const hole of starts.filter((_, index) => (index * 5 + i) % 3 === 0)) {
        client.tcp.position = hole;
        send(client);
        expect(client.tcp.position).toBe(starts[starts.indexOf(hole) + 1] ?? most);
      }
      client.tcp.position = most;
    }
    sendAll(client);
    expect(received(client).equals(CONTENT)).toBe(true);
  });

  test("whatever the length, the last piece has the whole tag and fits", () => {
    const lengths = [...Array(first + 2 * piece).keys()].map((i) => i + 1);
    for (const length of [...lengths.map((i) => first + further - piece + i), ...lengths]) {
      const content = CONTENT.subarray(0, length);
      client.tcp.acknowledgeAll();
      begin(client);
      sendAll(client, content);
      const { sent } = client.tcp;
      expect(sent.every((bytes) => bytes.length <= piece)).toBe(true);
      expect(sent.at(-1)!.length).toBeGreaterThan(16);
      client.tcp.position -= 1; // the peer lacks one byte
      expect(send(client, content)).toBeGreaterThanOrEqual(0);
      expect(sent.at(-1)!.equals(sent.at(-2)!)).toBe(true);
      expect(received(client).equals(content)).toBe(true);
    }
  });

  test("what comes after has a number of its own", () => {
    const start = client.tcp.position;
    sendAll(client);
    expect(received(client).equals(CONTENT)).toBe(true);
    client.tcp.position = start + 700; // all lost, one made again, then acknowledged after all
    send(client);
    client.tcp.acknowledgeAll();
    expect(client.card.write(Buffer.from("next"))).toBe(4);
    expect(client.receive()!.content.toString()).toBe("next");
  });

  test("nothing is sent in the midst of a record, not even when all of it has arrived so far", () => {
    for (let i = 0; i < 4; i++) send(client);
    client.tcp.acknowledgeAll();
    const { exports } = client.card;
    const { length } = client.tcp.sent;
    expect(exports.writable(client.ctx)).toBe(0);
    expect(exports.begin(client.ctx)).toBe(0);
    expect(exports.send(client.ctx, exports.sendBuffer(client.ctx), 4, 1)).toBe(EAGAIN);
    expect(exports.close(client.ctx)).toBe(UNFINISHED);
    expect(exports.close(client.ctx)).toBe(UNFINISHED);
    expect(client.tcp.sent).toHaveLength(length);
    expect(client.tcp.finished).toBe(false);
  });

  test("not even an alert: the connection has to be reset", () => {
    for (let i = 0; i < 4; i++) send(client);
    client.tcp.acknowledgeAll();
    const { length } = client.tcp.sent;
    client.send = (record) => {
      client.tcp.arrive(Buffer.concat([record.subarray(0, -1), u8(record.at(-1)! ^ 1)]));
      return client;
    };
    client.sendRecord(RECORD.data, Buffer.from("forged"));
    for (;;) {
      const result = client.card.exports.recv(client.ctx, FAST);
      if (result === -0x100 - 20) break; // bad_record_mac
      expect(result).toBeGreaterThan(0);
    }
    expect(client.card.exports.wanted(client.ctx, CONTENT.length)).toBe(-0x100 - 20);
    expect(client.card.exports.close(client.ctx)).toBe(UNFINISHED);
    expect(client.tcp.sent).toHaveLength(length);
  });

  test("records are received in the midst of one", () => {
    send(client);
    send(client);
    client.sendRecord(RECORD.data, Buffer.from("all of it, with a tag"));
    let text = "";
    for (let length = 1; length > 0;) {
      length = client.card.exports.recv(client.ctx, FAST);
      if (length > 0) text += client.card.read(client.ctx, length).toString();
    }
    expect(text).toBe("all of it, with a tag");
    expect(client.card.exports.authenticated(client.ctx)).toBe(1);
    const { length } = client.tcp.sent;
    make(client); // goes on where it was
    expect(client.tcp.sent).toHaveLength(length + 1);
    sendAll(client);
    expect(received(client).equals(CONTENT)).toBe(true);
  });

  test("between two records there is a place for close_notify", () => {
    for (let at = 0; at < first + further; at = client.card.exports.wanted(client.ctx, CONTENT.length))
      send(client);
    client.tcp.acknowledgeAll();
    expect(client.card.exports.close(client.ctx)).toBe(EAGAIN);
    records(client);
    expect(client.tcp.finished).toBe(true);
  });
});

test.each([64, 300, 466, 512, 1000, 2049, 16385])("a record size limit of %i is obeyed", (limit) => {
  const client = connected(AES, limit);
  begin(client);
  sendAll(client);
  const all = records(client);
  const longest = Math.max(...all.map(({ content }) => content.length));
  expect(longest + 1).toBeLessThanOrEqual(limit);
  if (limit > 488) expect(longest + 1).toBeGreaterThan(Math.min(limit, RECORD_SEND) - SEGMENT);
  expect(Buffer.concat(all.map(({ content }) => content)).equals(CONTENT)).toBe(true);
});

test("a peer with small segments gets long records too", () => {
  const client = connected12(AES_1_2);
  client.tcp.segmentBytes = 32;
  begin(client);
  sendAll(client);
  expect(client.tcp.sent.every(({ length }) => length <= 32)).toBe(true);
  const all = records(client);
  expect(all.map(({ content }) => content.length)).toEqual([3, 2019, 2019, 959]);
  expect(Buffer.concat(all.map(({ content }) => content)).equals(CONTENT)).toBe(true);
});

/** What the first long record of connected() holds, and the first record. */
const FIRST = SEGMENT - 22;
const FURTHER = 8 * SEGMENT - 22;

test("a KeyUpdate that the client asks for goes between two records, when all before it have arrived", () => {
  const client = connected();
  const { card, ctx } = client;
  begin(client);
  for (let i = 0; i < 3; i++) send(client);
  const middle = client.tcp.position;
  client.sendRecord(RECORD.handshake, message(MESSAGE.keyUpdate, u8(1)));
  expect(card.exports.recv(ctx, FAST)).toBe(EAGAIN);
  for (let i = 3; i < 9; i++) expect(send(client)).toBeGreaterThan(FIRST); // the record is brought to its end
  expect(send(client)).toBe(EAGAIN); // a new one must wait
  client.tcp.position = middle;
  for (let i = 3; i < 9; i++) expect(send(client)).toBeGreaterThan(FIRST); // an old one must not
  expect(send(client)).toBe(EAGAIN);
  expect(received(client).equals(CONTENT.subarray(0, FIRST + FURTHER))).toBe(true);
  client.tcp.acknowledgeAll();
  expect(send(client)).toBe(EAGAIN);
  const keyUpdate = client.receive()!;
  expect(keyUpdate).toMatchObject({ type: RECORD.handshake, content: message(MESSAGE.keyUpdate, u8(0)) });
  client.read = client.read!.next();
  expect(send(client)).toBe(EAGAIN);
  client.tcp.acknowledge(card);
  const third = client.tcp.position;
  expect(send(client)).toBe(FIRST + FURTHER);
  send(client);
  client.tcp.position = third;
  sendAll(client);
  expect(received(client).equals(CONTENT.subarray(FIRST + FURTHER))).toBe(true);
});

test("in TLS 1.2 a client that wants to renegotiate is refused between two records", () => {
  const client = connected12(AES_1_2);
  const { card, ctx } = client;
  begin(client);
  for (let i = 0; i < 3; i++) send(client);
  client.tcp.acknowledgeAll();
  const { length } = client.tcp.sent;
  client.sendRecord(RECORD.handshake, message(MESSAGE.clientHello, Buffer.alloc(0)));
  expect(card.exports.recv(ctx, FAST)).toBe(EAGAIN);
  expect(client.tcp.sent).toHaveLength(length);
  for (let i = 3; i < 9; i++) send(client);
  expect(received(client)).toHaveLength(243 - 29 + 8 * 243 - 29);
  client.tcp.acknowledgeAll();
  expect(send(client)).toBe(EAGAIN);
  expect(client.receive()).toMatchObject({ type: RECORD.alert, content: u8(1, 100) });
  client.tcp.acknowledge(card);
  sendAll(client);
  expect(received(client)).toHaveLength(CONTENT.length - (243 - 29 + 8 * 243 - 29));
});

test("a piece that nobody asked for ends the connection", () => {
  const client = connected();
  begin(client);
  send(client);
  expect(client.card.exports.sendPiece(client.ctx, 0)).toBe(-0x100 - 80);
});

test("a piece whose number something else has taken ends the connection", () => {
  const client = connected();
  begin(client);
  send(client);
  client.tcp.acknowledgeAll();
  expect(client.card.exports.wanted(client.ctx, CONTENT.length)).toBe(FIRST);
  expect(client.card.write(Buffer.from("between"))).toBe(7);
  expect(client.card.exports.sendPiece(client.ctx, 0)).toBe(-0x100 - 80);
});

test("something else may be sent between two records, and the stream goes on behind it", () => {
  const client = connected();
  begin(client);
  send(client);
  client.tcp.acknowledgeAll();
  expect(client.card.write(Buffer.from("between"))).toBe(7);
  client.tcp.acknowledge(client.card);
  sendAll(client);
  const all = records(client).map(({ content }) => content);
  expect(all[1]!.toString()).toBe("between");
  expect(Buffer.concat(all.filter((_, i) => i !== 1)).equals(CONTENT)).toBe(true);
});

test("a stream begins when nothing else is being sent", () => {
  const client = connected();
  expect(client.card.write(Buffer.from("held"))).toBe(4);
  expect(client.card.exports.begin(client.ctx)).toBe(0);
  client.tcp.acknowledge(client.card);
  expect(client.card.exports.begin(client.ctx)).toBe(1);
});
