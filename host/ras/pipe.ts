// One connection on this machine and one of the gateway's to the card, joined byte for byte.
import type { Socket } from "node:net";
import { EAGAIN, ETIMEDOUT, type Gateway, isError } from "./gateway.ts";

/** Bytes that may wait for the card, or for the client, before the other side is told to pause. */
const HIGH_WATER = 16_384;

export interface PipeOptions {
  gateway: Gateway;
  /** @returns a socket that begins to connect, null when it is not this client's turn, or a negative error */
  connect: () => number | null;
  /** The card has closed its side. */
  onCardEnded: () => void;
  /** The client is gone. */
  onDone: () => void;
}

/** One client, or the server that stands in its place, and its connection to the card. */
export class Pipe {
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
