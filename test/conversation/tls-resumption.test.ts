// Sessions that a client takes up again (RFC 8446 section 2.2), and those that it may not.
import { beforeAll, describe, expect, test } from "vitest";
import { SEED } from "../support/random.ts";
import { firmware, personalise, remainsOf, TlsCard, type Personality } from "../support/tls-card.ts";
import { RawClient, type Session } from "../support/tls-client.ts";
import {
  AES,
  CHACHA,
  encodeHello,
  EXTENSION,
  extension,
  P256,
  pskOf,
  RECORD,
  u8,
  X25519,
} from "../support/tls-codec.ts";

const DECRYPT_ERROR = 51;
const HOUR_MS = 3_600_000;

let module: WebAssembly.Module;
let personality: Personality;

beforeAll(async () => {
  module = await firmware();
  personality = await personalise(module);
});

const newCard = () => new TlsCard(module, personality.cells);

/** A connection that brings the client a session. */
function meet(card: TlsCard): Session {
  const client = new RawClient(card).offer(null).connect();
  const session = client.receiveSession();
  hangUp(client);
  return session;
}

function hangUp(client: RawClient): void {
  client.tcp.acknowledge(client.card);
  client.sendRecord(RECORD.alert, u8(1, 0));
  expect(client.recvAll().result).toBe(0);
  client.card.guard();
}

/** A whole connection. @returns whether the session was resumed, which works either way */
function isResumed(card: TlsCard, session: Session, age = 0, prepare: (c: RawClient) => unknown = () => 0) {
  const client = new RawClient(card).offer(session, age);
  prepare(client);
  client.connect();
  expect(client.receiveSession().lifetimeS).toBe(7200);
  client.tcp.acknowledge(card);
  expect(card.write(Buffer.from("hello"))).toBe(5);
  client.tcp.acknowledge(card);
  expect(client.receive()!.content.toString()).toBe("hello");
  hangUp(client);
  return client.isResumed;
}

describe("a session is resumed", () => {
  test("again and again, by the ticket of each connection, and by an old one", () => {
    const card = newCard();
    const first = meet(card);
    let session = first;
    for (let i = 0; i < 5; i++) {
      const client = new RawClient(card).offer(session).connect();
      expect(client.isResumed).toBe(true);
      session = client.receiveSession();
      hangUp(client);
    }
    expect(isResumed(card, first)).toBe(true);
  });

  test.each([
    ["another suite", (c: RawClient) => (c.hello.suites = [c.hello.suites.includes(CHACHA) ? AES : CHACHA])],
    ["P-256", (c: RawClient) => rebind(c, extension.shares(c.share(P256)))],
    ["the smallest records", (c: RawClient) => rebind(c, extension.recordSizeLimit(64))],
    ["no compatibility mode", (c: RawClient) => (c.hello.session = u8())],
    ["no signature algorithms", (c: RawClient) => without(c, EXTENSION.algorithms)],
  ])("with %s", (_name, prepare) => {
    const card = newCard();
    expect(isResumed(card, meet(card), 0, prepare)).toBe(true);
  });

  test("after a HelloRetryRequest, by the second binder", () => {
    const card = newCard();
    const session = meet(card);
    const client = new RawClient(card).offer(session);
    rebind(client, extension.shares());
    client.sendHello().run();
    const first = client.transcript;
    client.retry(first, client.receiveServerHello());
    rebind(client, extension.shares(client.share(X25519)));
    client.connect();
    expect(client.isResumed).toBe(true);
  });

  test("when other identities stand before and behind it", () => {
    const card = newCard();
    const session = meet(card);
    const client = new RawClient(card).offer(session);
    client.extend(...pskOf([u8(1), session.ticket, Buffer.alloc(72)], session.ageAdd));
    const hello = encodeHello(client.hello);
    client.session = null;
    const key = client.bind(Buffer.concat([hello.subarray(0, -3 * 33 - 2), Buffer.alloc(35)]), session.psk);
    key.copy(hello, hello.length - 2 * 33 + 1);
    client.sendMessage(hello).run();
    const answer = client.receiveMessage();
    expect(answer.toString("hex")).toContain("002900020001");
  });
});

/** Leaves an extension out. */
function without(client: RawClient, type: number): void {
  client.hello.extensions = client.hello.extensions!.filter(([other]) => other !== type);
}

/** Replaces an extension; pre_shared_key stays the last. */
function rebind(client: RawClient, [type, body]: [number, Buffer]): void {
  const psk = client.hello.extensions!.at(-1)!;
  client.extend(EXTENSION.preSharedKey, null).extend(type, body).hello.extensions!.push(psk);
}

describe("a full handshake takes its place", () => {
  test.each([
    ["a ticket of two hours", 2 * HOUR_MS, 2 * HOUR_MS, false],
    ["one a little younger", 2 * HOUR_MS - 1, 2 * HOUR_MS - 1, true],
    ["a client that counts seconds", 1999, 1000, true],
    ["a ticket used long after it was sent", 60_000, 0, false],
    ["a ticket that claims to be old", 0, 60_000, false],
    ["an age at the edge of tolerance", 10_000, 0, true],
    ["an age beyond it", 10_001, 0, false],
  ])("for %s", (_name, passed, claimed, isTaken) => {
    const card = newCard();
    const session = meet(card);
    card.now = passed;
    expect(isResumed(card, session, claimed)).toBe(isTaken);
  });

  test("when the clock has wrapped between them nothing changes", () => {
    const card = newCard();
    card.now = 0xffffff00;
    const session = meet(card);
    card.now = 1000;
    expect(isResumed(card, session, 1256)).toBe(true);
  });

  test("for each bit of the ticket that is changed", () => {
    const card = newCard();
    const session = meet(card);
    for (let at = 0; at < session.ticket.length; at++) {
      const ticket = Buffer.from(session.ticket);
      ticket[at]! ^= 1 << (at % 8);
      const client = new RawClient(card).offer({ ...session, ticket });
      client.sendHello().run();
      client.receiveServerHello();
      expect(client.isResumed, `byte ${at}`).toBe(false);
    }
  });

  test("for a ticket of another card, and for one from before power failed", () => {
    const card = newCard();
    const session = meet(card);
    expect(isResumed(new TlsCard(module, personality.cells, SEED + 99), session)).toBe(false);
    const again = new TlsCard(module, card.nvm.cells, SEED + 7);
    expect(isResumed(again, session)).toBe(false);
    expect(isResumed(again, meet(again))).toBe(true);
  });

  test("when the certificate has been replaced", async () => {
    const card = newCard();
    const session = meet(card);
    card.storeFile("/.certificate", (await personalise(module)).certificates);
    const client = new RawClient(card).offer(session);
    client.sendHello().run();
    client.receiveServerHello();
    expect(client.isResumed).toBe(false);
  });

  test("when the ticket's key is a day old", () => {
    const card = newCard();
    meet(card);
    card.now = 24 * HOUR_MS - 60_000;
    const session = meet(card);
    expect(isResumed(card, session)).toBe(true);
    card.now += 60_000;
    expect(isResumed(card, session, 60_000)).toBe(false);
    expect(isResumed(card, meet(card))).toBe(true);
  });

  test.each([
    ["none", null, 109], // missing_extension
    ["none that is ours", extension.algorithms(0x0804), 40], // handshake_failure
  ])("but not with a client that takes no signature: %s", (_name, algorithms, alert) => {
    const card = newCard();
    const session = meet(card);
    session.ticket[40]! ^= 1;
    const client = new RawClient(card).offer(session);
    if (algorithms) rebind(client, algorithms);
    else without(client, EXTENSION.algorithms);
    client.sendHello().run();
    expect(client.alert()).toBe(alert);
    card.guard();
  });

  test("when the client has no psk_dhe_ke", () => {
    const card = newCard();
    const session = meet(card);
    const client = new RawClient(card).offer(session);
    rebind(client, [EXTENSION.pskModes, u8(1, 0)]);
    client.connect();
    expect(client.isResumed).toBe(false);
    expect(client.receive()).toBe(null);
  });
});

describe("decrypt_error", () => {
  test("for a binder with one bit changed, or of another length", () => {
    const card = newCard();
    const session = meet(card);
    for (const at of [1, 16, 32]) {
      const client = new RawClient(card).offer(session);
      const hello = encodeHello(client.hello);
      client.bind(hello, session.psk).copy(hello, hello.length - 32);
      hello[hello.length - at]! ^= 1;
      client.sendMessage(hello);
      expect(client.run()).toBe(-0x100 - DECRYPT_ERROR);
      expect(client.alert()).toBe(DECRYPT_ERROR);
    }
  });

  test("for a stolen ticket without its PSK", () => {
    const card = newCard();
    const session = { ...meet(card), psk: Buffer.alloc(32, 1) };
    const client = new RawClient(card).offer(session).sendHello();
    expect(client.run()).toBe(-0x100 - DECRYPT_ERROR);
  });
});

test("power that fails at any byte of a key's making leaves no key that was half made", () => {
  const card = newCard();
  const before = card.nvm.cells.slice();
  const client = new RawClient(card).offer(null).startHandshake();
  const written = [...card.nvm.cells.keys()].filter((i) => card.nvm.cells[i] !== before[i]);
  expect(written.length).toBeGreaterThan(30);
  expect(client.finishHandshake()).toBe(0);
  const session = client.receiveSession();
  for (let cut = 0; cut <= written.length; cut += 5) {
    const cells = before.slice();
    for (const at of written.slice(0, cut)) cells[at] = card.nvm.cells[at]!;
    const again = new TlsCard(module, cells, SEED + 5);
    expect(isResumed(again, session)).toBe(false);
    expect(isResumed(again, meet(again))).toBe(true);
  }
});

test("the key is erased at the next power-on", () => {
  const card = newCard();
  meet(card);
  const key = Buffer.from(card.nvm.cells.subarray(20108, 20140)); // firmware/tls/ticket.ts: TICKET_KEY's key
  const again = new TlsCard(module, card.nvm.cells, 5);
  expect(remainsOf(key, card.nvm.cells)).toBe(true);
  expect(remainsOf(key, again.nvm.cells)).toBe(false);
});

test("no connection writes NVM once there is a key", () => {
  const card = newCard();
  const session = meet(card);
  const cells = Buffer.from(card.nvm.cells);
  isResumed(card, session);
  meet(card);
  expect(cells.equals(Buffer.from(card.nvm.cells))).toBe(true);
});
