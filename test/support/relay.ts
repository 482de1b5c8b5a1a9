// A TCP relay on loopback that reads along in a handshake: which version was chosen, was a session offered and resumed?
// What tells is sent in the clear: the hellos, and in TLS 1.2 whether a Certificate follows.
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

const HANDSHAKE = 22;
const SERVER_HELLO = 2;
const CERTIFICATE = 11;
const PRE_SHARED_KEY = 41;
const SUPPORTED_VERSIONS = 43;

export interface Handshake {
  version: "1.2" | "1.3";
  resumed: boolean;
}

export class Relay {
  readonly handshakes: Handshake[] = [];
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  /** Connections whose handshake has not been seen. */
  readonly #pending = new Set<Socket>();
  #onSettled: () => void = () => undefined;

  constructor(port: number) {
    this.#server = createServer((client) => this.#relay(client, connect(port, "127.0.0.1")));
  }

  /** Listens on loopback. @returns the port */
  async listen(): Promise<number> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return (this.#server.address() as AddressInfo).port;
  }

  /** Ends all connections, as a card does that has been idle. */
  hangUp(): void {
    for (const socket of this.#open) socket.end();
  }

  /** Resolves when the card has answered on every connection that there is. */
  async settled(): Promise<void> {
    while (this.#pending.size > 0) await new Promise<void>((resolve) => (this.#onSettled = resolve));
  }

  /** Forgets the handshakes it has seen. */
  forget(): void {
    this.handshakes.length = 0;
  }

  close(): void {
    for (const socket of this.#open) socket.destroy();
    this.#server.close();
  }

  #relay(client: Socket, card: Socket): void {
    this.#open.add(client);
    this.#pending.add(client);
    client.on("close", () => (this.#open.delete(client), this.#settle(client), card.destroy()));
    card.on("close", () => client.end());
    for (const socket of [client, card]) socket.on("error", () => socket.destroy());
    let start = Buffer.alloc(0);
    card.on("data", (part) => {
      if (start.length >= 4096) return;
      start = Buffer.concat([start, part]);
      const seen = readHandshake(start);
      if (!seen) return;
      this.handshakes.push(seen);
      this.#settle(client);
      start = Buffer.alloc(4096);
    });
    client.pipe(card).pipe(client);
  }

  #settle(client: Socket): void {
    this.#pending.delete(client);
    this.#onSettled();
  }
}

/** @param bytes what the server has sent so far @returns undefined while that does not tell */
function readHandshake(bytes: Buffer): Handshake | undefined {
  const { messages, rest } = plaintextMessages(bytes);
  const hello = messages.find(({ type, body }) => type === SERVER_HELLO && !isRetry(body));
  if (!hello) return undefined;
  const extensions = extensionsOf(hello.body);
  if (extensions.has(SUPPORTED_VERSIONS)) return { version: "1.3", resumed: extensions.has(PRE_SHARED_KEY) };
  if (messages.some(({ type }) => type === CERTIFICATE)) return { version: "1.2", resumed: false };
  return rest ? { version: "1.2", resumed: true } : undefined;
}

/** The handshake messages up to the first record of another type; rest: there is one. */
function plaintextMessages(bytes: Buffer): { messages: { type: number; body: Buffer }[]; rest: boolean } {
  const parts: Buffer[] = [];
  let at = 0;
  while (bytes.length >= at + 5 && bytes[at] === HANDSHAKE) {
    const end = at + 5 + bytes.readUInt16BE(at + 3);
    parts.push(bytes.subarray(at + 5, end));
    at = end;
  }
  const stream = Buffer.concat(parts);
  const messages = [];
  for (let from = 0; from + 4 <= stream.length;) {
    const end = from + 4 + stream.readUIntBE(from + 1, 3);
    const isWhole = end <= stream.length;
    const type = stream[from]!;
    if (isWhole || type === CERTIFICATE) messages.push({ type, body: stream.subarray(from + 4, end) });
    from = end;
  }
  return { messages, rest: bytes.length > at && bytes[at] !== HANDSHAKE };
}

/** A HelloRetryRequest's random is the SHA-256 of its name (RFC 8446 section 4.1.3). */
function isRetry(hello: Buffer): boolean {
  return hello.subarray(2, 6).toString("hex") === "cf21ad74";
}

function extensionsOf(hello: Buffer): Set<number> {
  const found = new Set<number>();
  let at = 34 + 1 + hello[34]! + 3 + 2; // version, random, session ID, suite, compression, length
  while (at + 4 <= hello.length) {
    found.add(hello.readUInt16BE(at));
    at += 4 + hello.readUInt16BE(at + 2);
  }
  return found;
}
