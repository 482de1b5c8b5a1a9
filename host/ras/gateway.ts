// The RAS of the seed's figures, in user space: gateway.wasm is PPP server, IP and TCP; this class is its host's view.
import { Engine, type Ras, type RasOptions } from "./engine.ts";

interface GatewayExports {
  isUp(): number;
  connect(address: number, port: number): number;
  listen(port: number, backlog: number): number;
  accept(socket: number): number;
  sendBuffer(socket: number): number;
  send(socket: number, length: number): number;
  outstanding(socket: number): number;
  receiveBuffer(): number;
  recv(socket: number): number;
  ready(socket: number): number;
  shutdown(socket: number): number;
  close(socket: number): number;
  abort(socket: number): number;
  ping(address: number, id: number, sequence: number, length: number): number;
  pong(): number;
}

/** Addresses of firmware/profiles/gateway.json. */
export const GATEWAY_ADDRESS = "10.77.0.1";
export const CARD_ADDRESS = "10.77.0.2";

/** Bytes of a socket's send region, as in firmware/profiles/gateway.json. */
const SEND_BYTES = 704;

/** Nothing there yet: try again later (firmware/socket/socket.ts). */
export const EAGAIN = -1;
/** The peer never answered. */
export const ETIMEDOUT = -5;
const WRITABLE = 2;
const FAILED = 4;
/** The peer refused, reset or never answered. */
export const isError = (result: number) => result < 0 && result !== EAGAIN;

export interface GatewayOptions extends RasOptions {
  /** Called after each step(): sockets may have moved. */
  onProgress: () => void;
}

/** PPP server and router in user space, of build/gateway.wasm. Nothing happens before start(). */
export class Gateway implements Ras {
  readonly #engine: Engine<GatewayExports>;
  readonly #exports: Engine<GatewayExports>["exports"];

  constructor(options: GatewayOptions) {
    this.#engine = new Engine(options, options.onProgress);
    this.#exports = this.#engine.exports;
  }

  start(): void {
    this.#engine.powerOn();
    this.wake();
  }

  stop(): void {
    this.#engine.stop();
  }

  receive(bytes: Uint8Array): void {
    this.#engine.receive(bytes);
  }

  wake(): void {
    this.#engine.wake();
  }

  get isUp(): boolean {
    return this.#exports.isUp() === 1;
  }

  /** Begins to open a connection. @param address dotted IPv4 @returns the socket, or a negative error */
  connect(address: string, port: number): number {
    this.wake();
    return this.#exports.connect(parseAddress(address), port);
  }

  /** Lets the card open connections to this port of the gateway's. @returns the listening socket, or a negative error */
  listen(port: number, backlog: number): number {
    return this.#exports.listen(port, backlog);
  }

  /** @returns a socket for the next connection of the card's, or a negative error: EAGAIN when there is none */
  accept(listener: number): number {
    return this.#exports.accept(listener);
  }

  /** @returns 1 connected, 0 not yet, negative, once: the connection failed, and so */
  connected(socket: number): number {
    const ready = this.#exports.ready(socket);
    if (ready & FAILED) return this.#exports.recv(socket);
    return ready & WRITABLE ? 1 : 0;
  }

  /** Sends what fits at once. @returns bytes taken, 0 while earlier ones are not acknowledged, or a negative error */
  send(socket: number, data: Uint8Array): number {
    if (this.#exports.outstanding(socket) > 0) return 0;
    const part = data.subarray(0, SEND_BYTES);
    new Uint8Array(this.#exports.memory.buffer).set(part, this.#exports.sendBuffer(socket));
    this.wake();
    return this.#exports.send(socket, part.length);
  }

  /** @returns what has arrived; null at the peer's orderly end; a negative error, EAGAIN when there is nothing */
  recv(socket: number): Uint8Array | number | null {
    const length = this.#exports.recv(socket);
    if (length < 0) return length;
    if (length === 0) return null;
    this.wake(); // the window has opened
    const at = this.#exports.receiveBuffer();
    return new Uint8Array(this.#exports.memory.buffer).slice(at, at + length);
  }

  /** @returns bytes handed to send() that the card has not acknowledged */
  outstanding(socket: number): number {
    return this.#exports.outstanding(socket);
  }

  shutdown(socket: number): void {
    this.#exports.shutdown(socket);
    this.wake();
  }

  close(socket: number): void {
    this.#exports.close(socket);
    this.wake();
  }

  abort(socket: number): void {
    this.#exports.abort(socket);
    this.wake();
  }

  /**
   * ICMP Echo (RFC 792).
   * @param length data bytes
   * @returns the round trip in ms, null when no intact reply came within `timeoutMs`
   */
  async ping(address: string, length = 56, timeoutMs = 2000): Promise<number | null> {
    const id = 1 + Math.floor(Math.random() * 0xfffe);
    const started = performance.now();
    this.#exports.pong();
    this.#exports.ping(parseAddress(address), id, 1, length);
    this.wake();
    while (performance.now() - started < timeoutMs) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      if (this.#exports.pong() >>> 16 === id) return performance.now() - started;
    }
    return null;
  }
}

/** @param text dotted IPv4 @returns its value in host order */
export function parseAddress(text: string): number {
  return text.split(".").reduce((value, part) => ((value << 8) | Number(part)) >>> 0, 0);
}
