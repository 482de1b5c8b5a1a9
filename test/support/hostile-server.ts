// What tests of the card's client against servers from hell have in common: a card that trusts two servers, the numbers of the
// alerts (RFC 8446 section 6), and what has to be the case after each of them.
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { type Identity, keyPair, makeCertificate } from "./certificates.ts";
import { EAGAIN, type TlsCard } from "./tls-card.ts";
import { clientCard, clientFirmware } from "./tls-client-card.ts";
import { EXTENSION, type Extension, message, u8 } from "./tls-codec.ts";
import { encodeServerHello, RawServer } from "./tls-server.ts";
import { RawServer12 } from "./tls-server-1-2.ts";

const POOL = 8;
/** -0x100 - alert: the card has sent it; -0x200 - alert: the server. */
export const SELF = -0x100;
export const PEER = -0x200;
export const TRUNCATED = -0x300;

export const CLOSE_NOTIFY = 0;
export const UNEXPECTED_MESSAGE = 10;
export const BAD_RECORD_MAC = 20;
export const RECORD_OVERFLOW = 22;
export const HANDSHAKE_FAILURE = 40;
export const BAD_CERTIFICATE = 42;
export const ILLEGAL_PARAMETER = 47;
export const UNKNOWN_CA = 48;
export const DECODE_ERROR = 50;
export const DECRYPT_ERROR = 51;
export const PROTOCOL_VERSION = 70;
export const NO_RENEGOTIATION = 100;
export const MISSING_EXTENSION = 109;
export const UNSUPPORTED_EXTENSION = 110;

const HOST = "www.example.com";
export const P384 = 24;
export const SERVER_NAME = 0;
export const UNKNOWN: Extension = [0x0a0a, u8()];
export const HELLO_REQUEST = message(0, u8());
/** Records in a row that may bring nothing. */
export const IDLE_MAX = 32;

let module: WebAssembly.Module;
export let leaf: Identity;
export let rsaLeaf: Identity;
/** Nobody whom the card trusts. */
export let stranger: Identity;
export let root: Identity;
export let issued: Identity;
export let card: TlsCard;

/** For a test file: a new card for each test, which in the end has everything back. */
export function useCards(): void {
  beforeAll(makeAll);
  beforeEach(() => {
    card = clientCard(module, { pins: [leaf, rsaLeaf] });
  });
  afterEach(() => {
    card.guard();
    expect(card.exports.freePbufs()).toBe(POOL);
  });
}

async function makeAll(): Promise<void> {
  module = await clientFirmware();
  leaf = await makeCertificate({ name: "leaf", names: [HOST], keys: await keyPair("p256", 1) });
  rsaLeaf = await makeCertificate({ name: "rsa", names: [HOST], kind: "rsa" });
  stranger = await makeCertificate({ name: "stranger", names: [HOST], keys: await keyPair("p256", 2) });
  root = await makeCertificate({ name: "root", ca: true });
  issued = await makeCertificate({ name: "issued", names: [HOST], keys: stranger.keys, issuer: root });
}

/** Ends what is left of a connection. */
export function close(server: RawServer): void {
  for (let i = 0; card.exports.close(0) === EAGAIN; i++) {
    if (i > 3) throw new Error("the connection does not end");
    server.tcp.acknowledge(card);
  }
  card.guard();
}

/** The card refuses, and says so; then it fetches a page from somebody better. */
export function expectAlert(server: RawServer, alert: number): void {
  const result = server.run() === 0 ? server.hear().result : server.result;
  expect(result).toBe(SELF - alert);
  server.tcp.acknowledge(card);
  expect(server.alert()).toBe(alert);
  expect(server.tcp.finished).toBe(true);
  expectNext(server);
}

export function expectNext(server: RawServer): void {
  close(server);
  expect(card.exports.freePbufs()).toBe(POOL);
  const next = server instanceof RawServer12 ? new RawServer12(card, [leaf]) : new RawServer(card, [leaf]);
  next.connect().exchange();
  close(next);
}

/** What a server does, and what the card says to that. */
export type Case<Server> = [what: string, alert: number, act: (server: Server) => unknown];

export function refuses<Server extends RawServer>(start: () => Server, cases: Case<Server>[]): void {
  test.each(cases)("%s: alert %i", (_, alert, act) => {
    const server = start();
    act(server);
    expectAlert(server, alert);
  });
}

export const tls13 = () => new RawServer(card, [leaf]);
export const tls12 = () => new RawServer12(card, [leaf]);
/** Sends a ServerHello that differs. */
export const hello = (change: Partial<RawServer["answer"]>) => (server: RawServer) => {
  Object.assign(server.answer, change);
  server.sendMessage(encodeServerHello(server.answer));
};
/** A message whose bytes are changed: it is the length in front that lies. */
export function lying(bytes: Buffer, at: number, difference: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt16BE(copy.readUInt16BE(at) + difference, at);
  return copy;
}

/** What the card wants of a ServerHello of TLS 1.2. */
export const tls12Extensions = (): Extension[] => [
  [EXTENSION.renegotiation, u8(0)],
  [EXTENSION.extendedMaster, u8()],
];
