// Timing of TLS as a whole: the card's private key, the seeds in NVM and every bit of the random pin are secret, and all
// that is made of them, from the key schedule to the last record. No branch and no address may depend on it, and when the
// connection has been closed nothing of it may be left. See test/support/taint.ts.
import { describe, expect } from "vitest";
import * as rsaCard from "../support/rsa-card.ts";
import {
  DRBG_RANGE,
  NVM_RANGES,
  PRIVATE_KEY_RANGE,
  RSA_KEY_RANGE,
  RSA_NVM_RANGES,
  SEED_RANGES,
} from "../support/secrets.ts";
import { testWith } from "../support/peers.ts";
import {
  isWithin,
  Recording,
  type Case,
  type Range,
  type Subject,
  subject,
  watch,
} from "../support/taint.ts";
import {
  EAGAIN,
  firmware,
  personalise,
  SAFE,
  SOCKET_DOUBLE,
  TlsCard,
  type Personality,
} from "../support/tls-card.ts";
import { RawClient, type Session } from "../support/tls-client.ts";
import { RawClient12 } from "../support/tls-client-1-2.ts";
import {
  AES,
  AES_1_2,
  CHACHA,
  CHACHA_1_2,
  ECDSA,
  extension,
  message,
  MESSAGE,
  P256,
  RECORD,
  RSA_AES_1_2,
  RSA_PKCS1,
  u8,
} from "../support/tls-codec.ts";

const KEY_PAIR = "the card's key pair";

/** A conversation with a card that has just been powered on. */
interface Conversation {
  name: string;
  hold: (card: TlsCard) => void;
  /** The card has no key yet. */
  isNew?: true;
}

const CONVERSATIONS: Conversation[] = [
  {
    name: "TLS 1.3, AES-128-GCM, X25519: a full handshake, an exchange, KeyUpdate, a session resumed",
    hold: (card) => resume(card, [AES], meet(card, [AES])),
  },
  {
    name: "TLS 1.3, ChaCha20-Poly1305, P-256: the same",
    hold: (card) => resume(card, [CHACHA], meet(card, [CHACHA], P256), P256),
  },
  {
    name: "TLS 1.3: a wrong binder",
    hold: (card) => {
      const session = meet(card, [AES]);
      const client = offer(card, [AES], { ...session, psk: Buffer.alloc(32) });
      client.sendHello().run();
      expect(client.alert()).toBe(51); // decrypt_error
      end(client);
    },
  },
  {
    name: "TLS 1.3: a ticket that was tampered with",
    hold: (card) => {
      const session = meet(card, [AES]);
      session.ticket[40]! ^= 1;
      const client = offer(card, [AES], session).connect();
      expect(client.isResumed).toBe(false);
      hangUp(client);
    },
  },
  {
    name: "TLS 1.3: a client that leaves in the midst of the handshake, at each of its steps",
    hold: (card) => {
      const first = new RawClient(card).sendHello();
      card.exports.accept(0);
      end(first);
      end(new RawClient(card).startHandshake());
    },
  },
  {
    name: "TLS 1.3: a wrong Finished, a forged record",
    hold: (card) => {
      const wrong = new RawClient(card).startHandshake();
      wrong.finishHandshake((finished) => {
        finished[20]! ^= 1;
        wrong.sendRecord(RECORD.handshake, finished);
      });
      expect(wrong.alert()).toBe(51); // decrypt_error
      end(wrong);
      const client = new RawClient(card).connect();
      const forged = client.write!.seal(RECORD.data, Buffer.alloc(50, 1));
      forged[20]! ^= 1;
      client.send(forged);
      expect(client.recvAll(SAFE).data.length).toBe(0);
      expect(client.alert()).toBe(20); // bad_record_mac
      end(client);
    },
  },
  { name: "TLS 1.2, AES-128-GCM, X25519: full, resumed", hold: (card) => meetTls12(card, AES_1_2) },
  {
    name: "TLS 1.2, ChaCha20-Poly1305, P-256: full, resumed",
    hold: (card) => meetTls12(card, CHACHA_1_2, P256),
  },
  { name: "TLS 1.2: by ticket", hold: (card) => meetTls12(card, CHACHA_1_2, P256, true) },
  {
    name: KEY_PAIR,
    isNew: true,
    hold: ({ exports }) => {
      exports.makeKey();
      expect(exports.isKeyIntact()).toBe(1);
    },
  },
];

/** With an RSA key, each signature by its own scheme. */
const RSA_CONVERSATIONS: Conversation[] = [
  {
    name: "RSA, TLS 1.3: a full handshake, an exchange, KeyUpdate, a session resumed",
    hold: (card) => resume(card, [CHACHA], meet(card, [CHACHA])),
  },
  {
    name: "RSA, TLS 1.2, PKCS #1 v1.5: full, resumed",
    hold: (card) => meetTls12(card, RSA_AES_1_2, P256),
  },
];

function offer(card: TlsCard, suites: number[], session: Session | null, group?: number): RawClient {
  const client = new RawClient(card);
  client.hello.suites = suites;
  if (group) client.extend(...extension.shares(client.share(group)));
  return client.offer(session);
}

function meet(card: TlsCard, suites: number[], group?: number): Session {
  const client = offer(card, suites, null, group).connect();
  const session = client.receiveSession();
  exchange(client);
  client.sendRecord(RECORD.handshake, message(MESSAGE.keyUpdate, u8(1)));
  client.write = client.write!.next();
  exchange(client, (bytes) => {
    if (bytes.type === RECORD.handshake) client.read = client.read!.next();
  });
  hangUp(client);
  return session;
}

function resume(card: TlsCard, suites: number[], session: Session, group?: number): void {
  const client = offer(card, suites, session, group).connect();
  expect(client.isResumed).toBe(true);
  client.receiveSession();
  exchange(client);
  hangUp(client);
}

/** @param byTicket resumes by ticket, not by session ID */
function meetTls12(card: TlsCard, suite: number, group?: number, byTicket = false): void {
  const client = new RawClient12(card);
  client.hello.suites = [suite];
  client.extend(...extension.algorithms(ECDSA, RSA_PKCS1));
  if (group) client.extend(...extension.groups(group));
  if (byTicket) client.keepTicket();
  client.connect();
  exchange(client);
  hangUp(client);
  const second = new RawClient12(card);
  if (byTicket) second.keepTicket(client.keepsake);
  else second.keep(client.keepsake);
  second.hello.suites = [suite];
  second.extend(...extension.algorithms(ECDSA, RSA_PKCS1));
  second.connect();
  expect(second.isResumed).toBe(true);
  exchange(second);
  hangUp(second);
}

/** A record each way, longer than a chunk. @param see what the card sends before it answers */
function exchange(client: RawClient, see?: (received: { type: number }) => void): void {
  const data = Buffer.from("GET / HTTP/1.1\r\nCookie: secret\r\n\r\n".repeat(9));
  client.sendRecord(RECORD.data, data);
  expect(client.recvAll().data).toEqual(data);
  client.tcp.acknowledge(client.card);
  if (see) {
    expect(client.card.exports.writable(client.ctx)).toBe(0);
    see(client.receive()!);
    client.tcp.acknowledge(client.card);
  }
  expect(client.card.write(Buffer.from("answer"))).toBe(6);
  client.tcp.acknowledge(client.card);
  expect(client.receive()!.content.toString()).toBe("answer");
}

function hangUp(client: RawClient): void {
  client.tcp.acknowledge(client.card);
  client.sendRecord(RECORD.alert, u8(1, 0));
  expect(client.recvAll().result).toBe(0);
  end(client);
}

function end({ card, tcp, ctx }: RawClient): void {
  while (card.exports.close(ctx) === EAGAIN) tcp.acknowledge(card);
}

function record(tls: Subject, { cells }: Personality, { name, hold, isNew }: Conversation, key: Range): Case {
  const image = isNew ? new Uint8Array(cells.length).fill(0xff) : cells;
  const secrets = isNew ? [] : [...SEED_RANGES, key];
  const sends = {
    "socket.send": ([, address, length]: number[]): [number, number] => [address!, length!],
  };
  let recording: Recording | null = null;
  const card = new TlsCard(tls.module, image, 1, (_, imports) => {
    recording = new Recording(tls, name, imports as never, image, secrets, sends);
    return recording.recorded;
  });
  hold(card);
  return recording!.end();
}

/** @param key where the private key is in NVM @param kept where NVM may have secrets in the end */
function expectClean(
  tls: Subject,
  personality: Personality,
  conversations: Conversation[],
  key: Range,
  kept: Range[],
): void {
  const cases = conversations.map((conversation) => record(tls, personality, conversation, key));
  const found = watch(tls, cases);
  conversations.forEach(({ name }, i) => {
    const { leaks, log, ram, nvm, secretOutput } = found[i]!;
    expect.soft(leaks, `${name}: ${log}`).toBe(0);
    expect.soft({ name, ram }).toEqual({ name, ram: [DRBG_RANGE] });
    const strays = nvm.filter((range) => !kept.some((known) => isWithin(range, known)));
    expect.soft({ name, strays }).toEqual({ name, strays: [] });
    expect
      .soft(
        nvm.some((range) => isWithin(range, key)),
        name,
      )
      .toBe(true);
    expect.soft(secretOutput > 0 || name === KEY_PAIR, name).toBe(true);
  });
}

describe("no branch and no address depends on a secret, and none is left behind", () => {
  testWith("valgrind", "valgrind", "in TLS", async () => {
    const tls = await subject("test/firmware/tls.ts", { replace: SOCKET_DOUBLE });
    const personality = await personalise(await firmware());
    expectClean(tls, personality, CONVERSATIONS, PRIVATE_KEY_RANGE, NVM_RANGES);
  });

  testWith("valgrind", "valgrind", "in TLS with an RSA key", async () => {
    const profile = "card-rsa";
    const tls = await subject("test/firmware/tls.ts", { profile, replace: SOCKET_DOUBLE });
    const personality = await rsaCard.personalise(await rsaCard.firmware(profile), 2048);
    expectClean(tls, personality, RSA_CONVERSATIONS, RSA_KEY_RANGE, RSA_NVM_RANGES);
  });
});
