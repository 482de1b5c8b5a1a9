// Loopback listener: each connection that a client opens here is carried to the card over a connection of the
// gateway's, byte for byte. It sees ciphertext only. Clients beyond the gateway's sockets wait, unharmed.
import { type Server, type Socket, createServer } from "node:net";
import { NetcardError } from "../errors.ts";
import { EAGAIN, ETIMEDOUT, type Gateway, isError } from "./gateway.ts";

/** Bytes that may wait for the card, or for the client, before the other side is told to pause. */
const HIGH_WATER = 16_384;
/** More clients than this are not kept, lest they cost memory and descriptors: the silent ones go first. */
const MAX_CLIENTS = 256;

export class Forwarder {
  readonly #server: Server;
  readonly #pipes = new Set<Pipe>();

  /** @param card dotted IPv4 of the card @param port TCP port there */
  constructor(
    readonly gateway: Gateway,
    readonly card: string,
    readonly port: number,
  ) {
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#accept(client));
    this.#server.maxConnections = 2 * MAX_CLIENTS; // none of them silent
    this.#server.on("error", () => undefined); // a client that can't be accepted is no trouble of the others
  }

  /**
   * Listens on loopback only.
   * @param port 0: any free one
   * @returns the port
   * @throws NetcardError when the port is in use or not allowed
   */
  listen(port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", (error: NodeJS.ErrnoException) => reject(listenError(error, port)));
      this.#server.listen(port, "127.0.0.1", () => {
        const address = this.#server.address();
        resolve(typeof address === "object" && address ? address.port : port);
      });
    });
  }

  /** Moves whatever can move: called after each step of the gateway. */
  pump(): void {
    for (const pipe of this.#pipes) pipe.pump();
  }

  /** One client after the other is let in: a card has one or two contexts, and a line is not for SYNs in vain. */
  #mayConnect(pipe: Pipe): boolean {
    return this.gateway.isUp && this.#first() === pipe;
  }

  /** The card may be free: the client whose turn it is asks now, and not when its SYN would be repeated. */
  #next(): void {
    this.#first()?.askAgain();
  }

  /** The client whose turn it is. TLS clients speak first: those that are silent let the others pass. */
  #first(): Pipe | undefined {
    for (const pipe of this.#pipes) if (!pipe.connected && pipe.hasSpoken) return pipe;
    return undefined;
  }

  /** A client that came, and may have to make way for it: one that has never said a word, the oldest first. */
  #makeRoom(): void {
    if (this.#pipes.size < MAX_CLIENTS) return;
    for (const pipe of this.#pipes) if (!pipe.hasSpoken) return pipe.destroy();
  }

  /** Clients connected now. */
  get connections(): number {
    return this.#pipes.size;
  }

  /** Stops listening and resets what is open. */
  close(): Promise<void> {
    const pipes = [...this.#pipes];
    this.#pipes.clear(); // it is nobody's turn any more
    for (const pipe of pipes) pipe.destroy();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #accept(client: Socket): void {
    this.#makeRoom();
    const pipe: Pipe = new Pipe(client, {
      gateway: this.gateway,
      connect: () => (this.#mayConnect(pipe) ? this.gateway.connect(this.card, this.port) : null),
      onCardEnded: () => this.#next(),
      onDone: () => {
        this.#pipes.delete(pipe);
        this.#next();
      },
    });
    this.#pipes.add(pipe);
    pipe.pump();
  }
}

interface PipeOptions {
  gateway: Gateway;
  /** @returns a socket that begins to connect, null when it is not this client's turn, or a negative error */
  connect: () => number | null;
  /** The card has closed its side. */
  onCardEnded: () => void;
  /** The client is gone. */
  onDone: () => void;
}

/** One client and its connection to the card. */
class Pipe {
  /** Socket of the gateway, null before there is a free one and after it was given up. */
  #socket: number | null = null;
  connected = false;
  /** It has sent something; before that nothing is asked of the card. */
  hasSpoken = false;
  #toCard: Buffer[] = [];
  #clientEnded = false;
  #finSent = false;
  #cardEnded = false;
  /** Both directions have ended in order; what is left, the client reads when it likes. */
  #over = false;
  #done = false;

  readonly gateway: Gateway;

  constructor(
    readonly client: Socket,
    readonly options: PipeOptions,
  ) {
    this.gateway = options.gateway;
    client.on("data", (data) => this.#fromClient(data));
    client.on("end", () => this.#onEnd());
    client.on("drain", () => this.pump());
    client.on("error", () => this.destroy());
    client.on("close", () => this.destroy());
  }

  pump(): void {
    if (this.#done || this.#over || !this.#open()) return;
    this.#pumpToCard();
    if (!this.#done) this.#pumpToClient();
    if (!this.#done && this.#cardEnded && this.#finSent) this.#finish();
  }

  /** Asks to be let in now, once more if it has been asking; unless it is connected by now. */
  askAgain(): void {
    const wasAsking = this.#socket !== null;
    this.pump();
    if (!wasAsking || this.#done || this.connected || this.#socket === null) return;
    this.gateway.abort(this.#socket);
    this.#socket = null;
    this.pump();
  }

  /** Resets both sides. */
  destroy(): void {
    if (this.#done) return;
    this.#done = true;
    if (this.#socket !== null) this.gateway.abort(this.#socket);
    if (!this.client.destroyed) this.client.resetAndDestroy();
    this.options.onDone();
  }

  #fromClient(data: Buffer): void {
    this.hasSpoken = true;
    this.#toCard.push(data);
    if (this.#waiting() > HIGH_WATER) this.client.pause();
    this.pump();
  }

  /** A client that leaves before it has said anything does not wait for its turn. */
  #onEnd(): void {
    this.#clientEnded = true;
    if (!this.connected && this.#toCard.length === 0) this.destroy();
    else this.pump();
  }

  #waiting(): number {
    return this.#toCard.reduce((sum, { length }) => sum + length, 0);
  }

  /** @returns true when the connection to the card is open */
  #open(): boolean {
    if (this.connected) return true;
    if (this.#socket === null) {
      const socket = this.options.connect();
      if (socket === null || socket < 0) return false; // not its turn, or no socket is free
      this.#socket = socket;
    }
    const connected = this.gateway.connected(this.#socket);
    if (connected === ETIMEDOUT) {
      // The card has been busy with others all the while: the client waits on, a reset would break its page.
      this.gateway.close(this.#socket);
      this.#socket = null;
    } else if (connected < 0) this.destroy();
    if (connected !== 1) return false;
    this.connected = true;
    return true;
  }

  #pumpToCard(): void {
    const next = this.#toCard[0];
    if (next) {
      const taken = this.gateway.send(this.#socket!, next);
      if (isError(taken)) return this.destroy();
      if (taken <= 0) return;
      if (taken === next.length) this.#toCard.shift();
      else this.#toCard[0] = next.subarray(taken);
      if (this.#waiting() <= HIGH_WATER) this.client.resume();
    } else if (this.#clientEnded && !this.#finSent) {
      this.#finSent = true;
      this.gateway.shutdown(this.#socket!);
    }
  }

  #pumpToClient(): void {
    while (!this.#cardEnded && this.client.writableLength < HIGH_WATER) {
      const data = this.gateway.recv(this.#socket!);
      if (data === null) {
        this.#cardEnded = true;
        this.client.end();
        this.options.onCardEnded();
      } else if (typeof data === "number") {
        if (data !== EAGAIN) this.destroy();
        return;
      } else this.client.write(data);
    }
  }

  #finish(): void {
    this.#over = true;
    this.gateway.close(this.#socket!);
    this.#socket = null;
  }
}

function listenError(error: NodeJS.ErrnoException, port: number): Error {
  if (error.code === "EADDRINUSE")
    return new NetcardError(
      `Port ${port} is in use: stop what listens there, or choose another with --port.`,
    );
  if (error.code === "EACCES")
    return new NetcardError(`Port ${port} needs privileges: choose one from 1024 up with --port.`);
  return new NetcardError(
    `Cannot listen on 127.0.0.1:${port} (${error.code ?? error.message}): choose another port with --port.`,
  );
}
