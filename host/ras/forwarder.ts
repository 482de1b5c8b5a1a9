// Loopback listener: each connection that a client opens here is carried to the card over a connection of the
// gateway's, byte for byte. It sees ciphertext only. Clients beyond the gateway's sockets wait, unharmed.
import { type Server, type Socket, createServer } from "node:net";
import { NetcardError } from "../errors.ts";
import type { Gateway } from "./gateway.ts";
import { Pipe } from "./pipe.ts";

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
