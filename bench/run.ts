// One figure: a client gets one file from a card, over one link and one network.
//
//   client ── network: delay, loss ── router: PPP ── link ── card
import { personalise } from "../host/issuer/personalise.ts";
import { CharacterLine } from "../host/reader/character-line.ts";
import { T0Reader } from "../host/reader/t0-reader.ts";
import { Card } from "./card.ts";
import { EventClock } from "./clock.ts";
import { type Link, type Wired, wire } from "./links.ts";
import { Network } from "./network.ts";
import { decode } from "./packet.ts";
import { Ras } from "./ras.ts";
import { type MakeStack, type Stack, behindPeerIo } from "./serial-port.ts";
import { TcpClient } from "./tcp-client.ts";
import { TlsClient } from "./tls-client.ts";

export const FILE_BYTES = 65_536;
const PATH = "/file";
/** firmware/profiles/gateway.json. */
const CARD_ADDRESS = 0x0a4d0002;
const PORT = 443;
const CERTIFICATE_BYTES = 433;
const NVM_BYTES = 262_144;
const LIMIT_MS = 3_600_000;
/** What promises need before time goes on: turns of the event loop. */
const TURNS = 4;
/** After PPP has come up, ms: nothing of it is on the line any more. */
const QUIET_MS = 5_000;

export type Protocol = "HTTP" | "HTTPS";

export interface Modules {
  /** The card that is personalised, over T=0. */
  card: WebAssembly.Module;
  ras: WebAssembly.Module;
  /** A card that is a serial port for another stack. */
  serialPort: WebAssembly.Module;
  /** The cards that are measured, by protocol and kind of link. */
  cards: Record<Protocol, Record<Link["kind"], WebAssembly.Module>>;
}

export interface Case {
  link: Link;
  protocol: Protocol;
  rttMs: number;
  /** Share of the packets. */
  loss: number;
  seed: number;
  /** Measured in the card's place; HTTP only. */
  stack?: MakeStack | undefined;
}

/** Times from the client's SYN on, ms. */
export interface Result {
  /** Until the client can send its request. */
  handshakeMs: number;
  /** Until the first byte of the response. */
  firstByteMs: number;
  /** Until the last. */
  lastByteMs: number;
  /** File bytes a second from the request to the last byte. */
  goodput: number;
  /** Characters that crossed the link from the request to the last byte. */
  characters: number;
  lost: number;
  commands: Record<string, number>;
}

/** The file: anything that every run agrees on. */
export const FILE = Uint8Array.from({ length: FILE_BYTES }, (_, i) => (i * 7 + (i >> 8)) & 0xff);

/** @returns the NVM of a card with the file and a certificate of the usual length, the same each time */
export async function personality(module: WebAssembly.Module): Promise<Uint8Array> {
  const card = new Card({ module, cells: new Uint8Array(NVM_BYTES).fill(0xff), clock: new EventClock() });
  const reader = new T0Reader({ line: new CharacterLine(card) });
  await reader.connect();
  const issue = (publicKey: Uint8Array) => {
    const certificate = Buffer.alloc(CERTIFICATE_BYTES);
    certificate.set(publicKey, 100);
    return Promise.resolve(certificate);
  };
  await personalise({
    transmit: (apdu) => reader.transmit(apdu),
    ca: { issue },
    addresses: ["10.77.0.2"],
    files: [{ name: PATH, type: "application/octet-stream", content: FILE }],
  });
  return card.nvm.cells;
}

export async function measure(modules: Modules, cells: Uint8Array, what: Case): Promise<Result> {
  let stack: Stack | undefined;
  const { stack: make } = what;
  const makeStack: MakeStack | undefined = make && ((clock, hasRoom) => (stack = make(clock, hasRoom)));
  try {
    return await transfer(modules, cells, { ...what, stack: makeStack });
  } finally {
    stack?.close?.();
  }
}

async function transfer(modules: Modules, cells: Uint8Array, what: Case): Promise<Result> {
  const { link, protocol, rttMs, loss, seed, stack } = what;
  const clock = new EventClock();
  const network = new Network({ clock, rttMs, loss, seed });
  const sent = new Sent();
  const turns = link.kind === "serial" ? 0 : TURNS;
  const ras: Ras = new Ras({
    module: modules.ras,
    clock,
    onLinkByte: (byte) => wired.write(byte),
    hasLinkRoom: () => wired.hasRoom(),
    onPacket: (packet) => {
      sent.check(packet);
      toClient(packet);
    },
  });
  const toClient = network.path((packet) => client.receive(packet));
  const toCard = network.path((packet) => ras.send(packet));
  const module = modules.cards[protocol][link.kind];
  const wired: Wired = await wire({ link, clock, ras: () => ras }, (hasLinkRoom) => {
    if (!stack) return new Card({ module, cells, clock, ...(hasLinkRoom && { hasLinkRoom }) });
    return hasLinkRoom ? stack(clock, hasLinkRoom) : behindPeerIo(modules.serialPort, clock, stack);
  });
  ras.run();
  await clock.run(() => ras.isUp, turns, LIMIT_MS);
  let isQuiet = false;
  clock.after(QUIET_MS, () => (isQuiet = true));
  await clock.run(() => isQuiet, turns, LIMIT_MS);

  const times = { request: 0, first: 0, last: 0 };
  const characters = { request: 0, last: 0 };
  const body = new Body(protocol);
  let ended = "";
  const request = () => {
    times.request = clock.now();
    characters.request = wired.characters();
    application.write(
      Buffer.from(`GET ${PATH} HTTP/1.1\r\nHost: card\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n`),
    );
  };
  const onData = (data: Uint8Array) => {
    times.first ||= clock.now();
    if (!body.take(data)) return;
    times.last = clock.now();
    characters.last = wired.characters();
  };
  const client: TcpClient = new TcpClient({
    clock,
    address: CARD_ADDRESS,
    port: PORT,
    send: toCard,
    onConnected: () => (protocol === "HTTPS" ? tls.start() : request()),
    onData: (data) => (protocol === "HTTPS" ? tls.receive(data) : onData(data)),
    onEnd: (isReset) => (ended = isReset ? "reset" : "closed"),
  });
  const tls = new TlsClient({ send: (bytes) => client.write(bytes), onSecure: request, onData });
  const application = protocol === "HTTPS" ? tls : client;
  const started = clock.now();
  client.connect();
  await clock.run(() => times.last > 0 || ended !== "", turns, LIMIT_MS);
  if (!times.last) throw new Error(`${link.name}: the connection was ${ended} after ${body.bytes} bytes`);
  return {
    handshakeMs: times.request - started,
    firstByteMs: times.first - started,
    lastByteMs: times.last - started,
    goodput: (FILE_BYTES * 1000) / (times.last - times.request),
    characters: characters.last - characters.request,
    lost: network.lost,
    commands: wired.commands(),
  };
}

/** What the card has sent: a byte of its stream is what it was, however often it is made. */
class Sent {
  readonly #bytes = new Map<number, number>();

  /** @throws Error when it is not */
  check(packet: Uint8Array): void {
    const segment = decode(packet);
    segment?.data.forEach((byte, i) => {
      const at = (segment.seq + i) >>> 0;
      if ((this.#bytes.get(at) ?? byte) !== byte) throw new Error(`byte ${at} of the stream has changed`);
      this.#bytes.set(at, byte);
    });
  }
}

/** The response: head, then the file, byte for byte. */
class Body {
  #head = "";
  #isInBody = false;
  bytes = 0;

  constructor(readonly protocol: Protocol) {}

  /** @returns whether all has come @throws Error when it is not the file */
  take(data: Uint8Array): boolean {
    let content = data;
    if (!this.#isInBody) {
      const before = this.#head.length;
      this.#head += Buffer.from(data).toString("latin1");
      const end = this.#head.indexOf("\r\n\r\n");
      if (end < 0) return false;
      if (!this.#head.startsWith("HTTP/1.1 200")) throw new Error(this.#head.slice(0, 40));
      this.#isInBody = true;
      content = data.subarray(end + 4 - before);
    }
    for (const byte of content)
      if (byte !== FILE[this.bytes++]) throw new Error(`byte ${this.bytes - 1} of the file is wrong`);
    return this.bytes === FILE_BYTES;
  }
}
