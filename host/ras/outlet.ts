// The card's way out: what it opens to a port of the gateway's own address is carried to the same port of this machine's
// loopback, byte for byte, for ports that were allowed and no others. To those the gateway answers with a reset.
import { connect } from "node:net";
import { NetcardError } from "../errors.ts";
import { type Gateway, isError } from "./gateway.ts";
import { Pipe } from "./pipe.ts";

/** Connections that may wait at each port. */
const BACKLOG = 2;

export class Outlet {
  /** Ports, and the gateway's listeners at them. */
  readonly #listeners = new Map<number, number>();
  readonly #pipes = new Set<Pipe>();

  /** @param ports TCP ports of 127.0.0.1 that the card may reach */
  constructor(
    readonly gateway: Gateway,
    readonly ports: number[],
  ) {}

  /** The gateway has power. @throws NetcardError when it has no sockets for so many ports */
  open(): void {
    for (const port of this.ports) {
      const listener = this.gateway.listen(port, BACKLOG);
      if (listener < 0)
        throw new NetcardError(`The card can't be allowed port ${port}: these are too many ports.`);
      this.#listeners.set(port, listener);
    }
  }

  /** Moves whatever can move: called after each step of the gateway. */
  pump(): void {
    for (const [port, listener] of this.#listeners) {
      const socket = this.gateway.accept(listener);
      if (!isError(socket) && socket >= 0) this.#dial(port, socket);
    }
    for (const pipe of this.#pipes) pipe.pump();
  }

  /** Resets what is open. */
  close(): void {
    for (const pipe of this.#pipes) pipe.destroy();
  }

  #dial(port: number, socket: number): void {
    const server = connect({ host: "127.0.0.1", port, allowHalfOpen: true, noDelay: true });
    const pipe: Pipe = new Pipe(server, {
      gateway: this.gateway,
      connect: () => socket,
      onCardEnded: () => undefined,
      onDone: () => this.#pipes.delete(pipe),
    });
    this.#pipes.add(pipe);
    pipe.pump();
  }
}
