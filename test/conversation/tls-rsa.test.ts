// The card with an RSA key: what it signs in TLS 1.3 and 1.2, and that its secrets survive, in RAM alone, that RSA has needed
// their memory.
import { beforeAll, describe, expect, test } from "vitest";
import { firmware, personalise } from "../support/rsa-card.ts";
import * as tlsCard from "../support/tls-card.ts";
import { EAGAIN, TlsCard, type Personality } from "../support/tls-card.ts";
import { RawClient } from "../support/tls-client.ts";
import { RawClient12 } from "../support/tls-client-1-2.ts";
import {
  AES,
  AES_1_2,
  CHACHA,
  CHACHA_1_2,
  ECDSA,
  EXTENSION,
  extension,
  P256,
  RECORD,
  RSA_AES_1_2,
  RSA_CHACHA_1_2,
  RSA_PKCS1,
  RSA_PSS,
  u8,
  X25519,
} from "../support/tls-codec.ts";

const HANDSHAKE_FAILURE = -0x100 - 40;
const INTERNAL_ERROR = -0x100 - 80;
/** Where NVM has the key's numbers, and a context for the time of a signature, with a mark behind it. */
const KEY = 20480 + 4;
const SWAP = { from: 2816, to: 2816 + 512 };

let module: WebAssembly.Module;
let personality: Personality;
beforeAll(async () => {
  module = await firmware("card-rsa");
  personality = await personalise(module, 2048);
  personality.cells.fill(0xff, SWAP.from, SWAP.to); // where the key was tried, with numbers that are nobody's
});

const newCard = () => new TlsCard(module, personality.cells);

function newClient(card = newCard()): RawClient {
  return new RawClient(card).extend(...extension.algorithms(ECDSA, RSA_PSS));
}

function newClient12(card = newCard()): RawClient12 {
  const client = new RawClient12(card);
  client.hello.suites = [AES_1_2, RSA_AES_1_2];
  client.extend(...extension.algorithms(ECDSA, RSA_PKCS1, RSA_PSS));
  return client;
}

/** Data both ways, the end, and every buffer back. */
function finish(client: RawClient): void {
  const { card, ctx, tcp } = client;
  client.sendRecord(RECORD.data, Buffer.alloc(500, 3));
  expect(client.recvAll().data).toEqual(Buffer.alloc(500, 3));
  client.sendRecord(RECORD.alert, u8(1, 0));
  expect(client.recvAll().result).toBe(0);
  while (card.exports.close(ctx) === EAGAIN) tcp.acknowledge(card);
  card.guard();
  expectNoSecrets(card);
}

function expectNoSecrets({ nvm }: TlsCard): void {
  const cells = nvm.cells.subarray(SWAP.from, SWAP.to);
  expect(Buffer.from(cells)).toEqual(Buffer.alloc(cells.length, 0xff));
}

describe("TLS 1.3", () => {
  test.each([
    ["AES-128-GCM", AES, X25519],
    ["ChaCha20-Poly1305", CHACHA, P256],
  ])("%s: CertificateVerify is signed with rsa_pss_rsae_sha256", (_, suite, group) => {
    const client = newClient();
    client.hello.suites = [suite];
    client.extend(...extension.shares(client.share(group)));
    client.connect();
    expect(client.scheme).toBe(RSA_PSS);
    finish(client);
  });

  test.each([64, 87, 234, 235])("in records of at most %i bytes", (limit) => {
    const client = newClient().extend(...extension.recordSizeLimit(limit));
    finish(client.connect());
  });

  test("a session is resumed without a signature, also by a client that takes none of ours", () => {
    const card = newCard();
    const client = newClient(card).offer(null).connect();
    const session = client.receiveSession();
    finish(client);
    const again = newClient(card)
      .extend(...extension.algorithms(ECDSA))
      .offer(session);
    const before = card.nvm.writes;
    expect(again.connect().isResumed).toBe(true);
    expect(card.nvm.writes).toBe(before);
    again.receiveSession();
    finish(again);
  });

  test.each([
    ["ECDSA alone", ECDSA],
    ["PKCS #1 v1.5, which is for certificates alone", RSA_PKCS1],
    ["PSS keys", 0x0809],
  ])("a client of %s gets handshake_failure", (_, scheme) => {
    expect(
      newClient()
        .extend(...extension.algorithms(scheme))
        .sendHello()
        .run(),
    ).toBe(HANDSHAKE_FAILURE);
  });
});

describe("TLS 1.2", () => {
  describe.each([
    ["AES-128-GCM", RSA_AES_1_2],
    ["ChaCha20-Poly1305", RSA_CHACHA_1_2],
  ])("%s", (_, suite) => {
    test.each([
      ["PSS, though both are offered", [RSA_PKCS1, RSA_PSS], [X25519, P256], RSA_PSS],
      ["PSS alone, on X25519 alone", [RSA_PSS], [X25519], RSA_PSS],
      ["PKCS #1 v1.5, on P-256", [RSA_PKCS1], [P256], RSA_PKCS1],
    ])("ServerKeyExchange is signed with %s", (_, schemes, groups, scheme) => {
      const client = newClient12();
      client.hello.suites = [AES_1_2, CHACHA_1_2, suite];
      client.extend(...extension.algorithms(...schemes)).extend(...extension.groups(...groups));
      client.connect();
      expect(client).toMatchObject({ suite, scheme, group: groups[0] });
      finish(client);
    });
  });

  test.each([true, false])("a session is resumed without a signature; by ticket: %s", (byTicket) => {
    const card = newCard();
    const client = newClient12(card);
    if (byTicket) client.keepTicket();
    finish(client.connect());
    const again = newClient12(card);
    if (byTicket) again.keepTicket(client.keepsake);
    else again.keep(client.keepsake);
    const before = card.nvm.writes;
    expect(again.connect().isResumed).toBe(true);
    expect(card.nvm.writes).toBe(before);
    finish(again);
  });

  test.each([
    ["ECDHE_ECDSA alone", [AES_1_2, CHACHA_1_2], [ECDSA, RSA_PSS, RSA_PKCS1]],
    ["ECDSA signatures alone", [RSA_AES_1_2], [ECDSA]],
    ["SHA-1 and SHA-512 alone", [RSA_AES_1_2], [0x0201, 0x0601, 0x0806]],
  ])("a client of %s gets handshake_failure", (_, suites, schemes) => {
    const client = newClient12();
    client.hello.suites = suites;
    expect(
      client
        .extend(...extension.algorithms(...schemes))
        .sendHello()
        .run(),
    ).toBe(HANDSHAKE_FAILURE);
  });

  test("a client that names no signatures, which means SHA-1, gets handshake_failure", () => {
    expect(newClient12().extend(EXTENSION.algorithms, null).sendHello().run()).toBe(HANDSHAKE_FAILURE);
  });
});

test("a card with a P-256 key refuses ECDHE_RSA, and RSA signatures", async () => {
  const module = await tlsCard.firmware();
  const { cells } = await tlsCard.personalise(module);
  const client12 = new RawClient12(new TlsCard(module, cells));
  client12.hello.suites = [RSA_AES_1_2, RSA_CHACHA_1_2];
  expect(client12.sendHello().run()).toBe(HANDSHAKE_FAILURE);
  const client = new RawClient(new TlsCard(module, cells)).extend(
    ...extension.algorithms(RSA_PSS, RSA_PKCS1),
  );
  expect(client.sendHello().run()).toBe(HANDSHAKE_FAILURE);
});

describe.each([
  ["TLS 1.3", newClient],
  ["TLS 1.2", newClient12],
])("%s", (_, newClient) => {
  test("a fault in a number of the key: no signature leaves the card, and the next client is served", () => {
    const card = newCard();
    for (const number of [0, 1, 2, 3, 4]) {
      const at = KEY + 128 * number + 60;
      card.nvm.cells[at]! ^= 4;
      const client = newClient(card);
      expect(client.sendHello().run()).toBe(INTERNAL_ERROR);
      while (card.exports.close(0) === EAGAIN) client.tcp.acknowledge(card);
      expectNoSecrets(card);
      expect(card.nvm.cells.subarray(SWAP.to, SWAP.to + 256).every((byte) => byte === 0)).toBe(true);
      card.nvm.cells[at]! ^= 4;
    }
    finish(newClient(card).connect());
  });
});
