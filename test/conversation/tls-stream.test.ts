// Records that are made again (tls/stream.ts): whatever is lost and when, a number is never used for two plaintexts. The
// stand-in for TCP throws when the bytes at a position of its stream are not what they were.
import { beforeAll, describe, expect, test } from "vitest";
import { EAGAIN, FAST, firmware, personalise, TlsCard, type Personality } from "../support/tls-card.ts";
import { AES_1_2, CHACHA_1_2, RawClient12 } from "../support/tls-client-1-2.ts";
import { AES, CHACHA, message, MESSAGE, RawClient, RECORD, u8 } from "../support/tls-client.ts";

let module: WebAssembly.Module;
let personality: Personality;

beforeAll(async () => {
  module = await firmware();
  personality = await personalise(module);
});

const newCard = () => new TlsCard(module, personality.cells);
const connected = (suite = AES): RawClient => {
  const client = new RawClient(newCard());
  client.hello.suites = [suite];
  return client.connect();
};
const CONTENT = Buffer.alloc(2000).map((_, i) => (i * 7 + (i >> 8)) & 0xff);

/** The application: sends what is wanted of CONTENT, once. @returns the offset, or what wanted() returned */
function send({ card, ctx }: RawClient, content = CONTENT): number {
  const { exports, bytes } = card;
  const offset = exports.wanted(ctx, content.length);
  if (offset < 0 || offset === content.length) return offset;
  const piece = content.subarray(offset, offset + exports.pieceBytes(ctx));
  bytes.set(piece, exports.sendBuffer(ctx));
  expect(exports.sendPiece(ctx, offset, piece.length, Number(offset + piece.length === content.length))).toBe(
    piece.length,
  );
  return offset;
}

function begin(client: RawClient): void {
  client.tcp.acknowledge(client.card);
  expect(client.card.exports.begin(client.ctx)).toBe(1);
}

/** Sends until nothing is wanted. */
function sendAll(client: RawClient): void {
  while (send(client) !== CONTENT.length);
}

/** Application data that has come. */
function received(client: RawClient): Buffer {
  const parts: Buffer[] = [];
  for (let next = client.receive(); next; next = client.receive())
    if (next.type === RECORD.data) parts.push(next.content);
  return Buffer.concat(parts);
}

describe.each([
  ["AES", () => connected(AES)],
  ["ChaCha20", () => connected(CHACHA)],
  ["TLS 1.2, AES", () => connected12(AES_1_2)],
  ["TLS 1.2, ChaCha20", () => connected12(CHACHA_1_2)],
])("%s", (_name, open) => {
  test("many records are in flight at a time", () => {
    const client = open();
    begin(client);
    sendAll(client);
    expect(client.card.exports.isDelivered(client.ctx)).toBe(0);
    expect(received(client).equals(CONTENT)).toBe(true);
    client.tcp.acknowledgeAll();
    expect(client.card.exports.isDelivered(client.ctx)).toBe(1);
    client.card.guard();
  });

  test("any of them is made again, byte for byte, and the rest follows", () => {
    const client = open();
    begin(client);
    const start = client.tcp.position;
    const starts: number[] = [];
    for (let at = start; send(client) !== CONTENT.length; at = client.tcp.position) starts.push(at);
    for (const lost of [...starts].reverse()) {
      client.tcp.position = lost;
      sendAll(client);
    }
    // What has been acknowledged in the middle of a record: all of it once more; what the peer has kept is skipped.
    client.tcp.position = starts[1]! + 100;
    expect(send(client)).toBe(client.card.exports.pieceBytes(client.ctx));
    client.tcp.position = starts.at(-1)!;
    sendAll(client);
    expect(received(client).equals(CONTENT)).toBe(true);
  });

  test("what comes after has a number of its own", () => {
    const client = open();
    begin(client);
    const start = client.tcp.position;
    sendAll(client);
    expect(received(client).equals(CONTENT)).toBe(true);
    client.tcp.position = start; // all lost, one made again, then acknowledged after all
    send(client);
    client.tcp.acknowledgeAll();
    expect(client.card.write(Buffer.from("next"))).toBe(4);
    expect(client.receive()!.content.toString()).toBe("next");
  });
});

test("a record is a segment", () => {
  const client = connected();
  client.tcp.segmentBytes = 216;
  begin(client);
  client.tcp.sent = [];
  sendAll(client);
  expect(client.tcp.sent.slice(0, -1).every(({ length }) => length === 216)).toBe(true);
});

test("a KeyUpdate that the client asks for goes between two records, when all before it have arrived", () => {
  const client = connected();
  const { card, ctx } = client;
  begin(client);
  send(client);
  const second = client.tcp.position;
  send(client);
  expect(client.receive()!.content.equals(CONTENT.subarray(0, 234))).toBe(true);
  client.sendRecord(RECORD.handshake, message(MESSAGE.keyUpdate, u8(1)));
  expect(card.exports.recv(ctx, FAST)).toBe(EAGAIN);
  expect(send(client)).toBe(EAGAIN); // a new one must wait
  client.tcp.position = second;
  expect(send(client)).toBe(234); // an old one must not
  expect(send(client)).toBe(EAGAIN);
  expect(client.receive()!.content.equals(CONTENT.subarray(234, 468))).toBe(true);
  client.tcp.acknowledgeAll();
  expect(send(client)).toBe(EAGAIN);
  const keyUpdate = client.receive()!;
  expect(keyUpdate).toMatchObject({ type: RECORD.handshake, content: message(MESSAGE.keyUpdate, u8(0)) });
  client.read = client.read!.next();
  expect(send(client)).toBe(EAGAIN);
  client.tcp.acknowledge(card);
  const third = client.tcp.position;
  expect(send(client)).toBe(468);
  send(client);
  client.tcp.position = third;
  sendAll(client);
  expect(received(client).equals(CONTENT.subarray(468))).toBe(true);
});

test.each([1, -1])("an offset that nobody asked for ends the connection (%i record away)", (records) => {
  const client = connected();
  const { card, ctx } = client;
  begin(client);
  send(client);
  const wrong = records > 0 ? 2 * 234 : 100;
  expect(card.exports.sendPiece(ctx, wrong, 234, 0)).toBe(-0x100 - 80);
});

test("a stream begins when nothing else is being sent", () => {
  const client = connected();
  client.tcp.acknowledge(client.card);
  expect(client.card.write(Buffer.from("held"))).toBe(4);
  expect(client.card.exports.begin(client.ctx)).toBe(0);
  client.tcp.acknowledge(client.card);
  expect(client.card.exports.begin(client.ctx)).toBe(1);
});

function connected12(suite: number): RawClient {
  const client = new RawClient12(newCard());
  client.hello.suites = [suite];
  client.connect();
  return client;
}
