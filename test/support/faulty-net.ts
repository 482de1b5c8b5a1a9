// Faults of a network, and applications that don't care: what a fault schedule is made of. All of it follows from a seed.
import { expect } from "vitest";
import { EAGAIN, FAILED, READABLE, type Stack, WRITABLE } from "./net.ts";
import { checksum } from "./net-packet.ts";

type Random = () => number;

/** What happens to packets on their way; shares of 0..1. */
export interface Weather {
  loss: number;
  repeat: number;
  spoil: number;
  /** Ms: each packet takes from 1 to this, so that later ones may overtake it. */
  delay: number;
  /** The largest window that either end hears of, bytes; default: what was said. */
  window?: number;
}

export const CLEAR: Weather = { loss: 0, repeat: 0, spoil: 0, delay: 1 };

/** Draws weather from fair to foul. @param delays ms to choose from @param worst how foul, 0..1 */
export function drawWeather(random: Random, delays: number[], worst = 1): Weather {
  const share = (most: number) => (random() < 0.4 ? 0 : random() * most * worst);
  return {
    loss: share(0.25),
    repeat: share(0.3),
    spoil: share(0.1),
    delay: delays[Math.floor(random() * delays.length)]!,
    ...(random() < 0.3 && { window: 1 + Math.floor(random() ** 2 * 1000) }),
  };
}

/** One direction of a network. What becomes of the nth packet depends on the seed and on n. */
export class FaultyWire {
  #inFlight: { at: number; bytes: Uint8Array }[] = [];

  constructor(
    readonly weather: Weather,
    readonly random: Random,
    readonly deliver: (bytes: Uint8Array) => void,
  ) {}

  send(now: number, packet: Uint8Array): void {
    const { loss, repeat, spoil, delay, window } = this.weather;
    const isLost = this.random() < loss;
    const copies = this.random() < repeat ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      const bytes = packet.slice();
      if (window !== undefined) clampWindow(bytes, window);
      if (this.random() < spoil)
        bytes[Math.floor(this.random() * bytes.length)]! ^= 1 << Math.floor(this.random() * 8);
      const at = now + 1 + Math.floor(this.random() * delay);
      if (!isLost) this.#inFlight.push({ at, bytes });
    }
  }

  /** When the next packet arrives, Infinity: none is on its way. */
  get next(): number {
    return this.#inFlight.reduce((least, { at }) => Math.min(least, at), Infinity);
  }

  /** Delivers what has arrived by now. */
  arrive(now: number): void {
    const due = this.#inFlight.filter(({ at }) => at <= now);
    if (due.length === 0) return;
    this.#inFlight = this.#inFlight.filter(({ at }) => at > now);
    for (const { bytes } of due) this.deliver(bytes);
  }
}

/** A TCP segment that offers more than `most` bytes offers that, as if its receiver had no more room. */
function clampWindow(packet: Uint8Array, most: number): void {
  const at = (packet[0]! & 15) * 4;
  if (packet[9] !== 6 || packet.length < at + 20) return;
  const view = new DataView(packet.buffer, packet.byteOffset);
  if (view.getUint16(at + 14) <= most) return;
  view.setUint16(at + 14, most);
  view.setUint16(at + 16, 0);
  const pseudo = Uint8Array.of(...packet.subarray(12, 20), 0, 6, 0, 0, ...packet.subarray(at));
  new DataView(pseudo.buffer).setUint16(10, packet.length - at);
  view.setUint16(at + 16, checksum(pseudo));
}

/** The byte at a place of what an application sends; salt tells applications apart. */
export function pattern(index: number, salt: number): number {
  return (Math.imul(index + salt, 2654435761) >>> 24) & 0xff;
}

/** What an application does. */
export interface Behaviour {
  /** Bytes to send. */
  total: number;
  /** The most of a single send, bytes. */
  most: number;
  /** How often it reads when it could, 0..1: a slow one shuts its window. */
  appetite: number;
  /** It says its last word only when the other has: half close the other way round. */
  isPolite: boolean;
  /** It resets the connection when it has received so many bytes; default: never. */
  quitsAfter?: number;
}

/** @param isPolite of the first of two applications; at most one may be */
export function drawBehaviour(random: Random, most: number, isPolite: boolean): Behaviour {
  const total = random() < 0.1 ? 0 : Math.floor(random() ** 2 * 8000);
  return {
    total,
    most: 1 + Math.floor(random() * most),
    appetite: random() < 0.7 ? 0.7 : 0.02 + random() * 0.3,
    isPolite,
    ...(random() < 0.1 && { quitsAfter: Math.floor(random() * 3000) }),
  };
}

/** What one end has seen. */
export interface Account {
  readonly behaviour: Behaviour;
  readonly salt: number;
  readonly received: number[];
  /** The connection ended with an error here. */
  failed: boolean;
  /** The other's orderly end was read. */
  hasEnded: boolean;
  /** It reset the connection itself. */
  hasQuit: boolean;
}

/** The property: what came is what was sent, from its beginning; and all of it when the end came in order. */
export function expectWhole(to: Account, from: Account, seed: number): void {
  const { length } = to.received;
  const wrong = to.received.findIndex((byte, i) => byte !== pattern(i, from.salt));
  expect(wrong, `seed ${seed}: the first wrong byte of ${length}`).toBe(-1);
  expect(length, `seed ${seed}: bytes received`).toBeLessThanOrEqual(from.behaviour.total);
  if (to.hasEnded) expect(length, `seed ${seed}: an orderly end`).toBe(from.behaviour.total);
}

/** An application on a stack of ours, called over and over. */
export class Application implements Account {
  readonly received: number[] = [];
  sent = 0;
  failed = false;
  hasEnded = false;
  hasQuit = false;
  #hasShutDown = false;

  constructor(
    readonly stack: Stack,
    readonly s: number,
    readonly behaviour: Behaviour,
    readonly salt: number,
    readonly random: Random,
  ) {}

  /** Nothing more will happen here. */
  get isOver(): boolean {
    return this.failed || this.hasQuit || (this.hasEnded && this.#hasShutDown);
  }

  step(): void {
    if (this.failed || this.hasQuit) return;
    const bits = this.stack.firmware.ready(this.s);
    if (bits & FAILED) this.failed = true;
    else {
      if (bits & READABLE && this.random() < this.behaviour.appetite) this.#read();
      if (!this.hasQuit && bits & WRITABLE) this.#write();
    }
  }

  #read(): void {
    const bytes = this.stack.readBytes(this.s);
    if (typeof bytes !== "number") this.received.push(...bytes);
    else if (bytes === 0) this.hasEnded = true;
    else if (bytes !== EAGAIN) this.failed = true;
    if (this.received.length < (this.behaviour.quitsAfter ?? Infinity)) return;
    this.hasQuit = true;
    this.stack.firmware.abort(this.s);
  }

  #write(): void {
    const { total, most, isPolite } = this.behaviour;
    if (this.sent === total) {
      if (isPolite && !this.hasEnded) return;
      this.#hasShutDown = true;
      this.stack.firmware.shutdown(this.s);
      return;
    }
    const length = Math.min(total - this.sent, 1 + Math.floor(this.random() * most));
    const data = Uint8Array.from({ length }, (_, i) => pattern(this.sent + i, this.salt));
    const result = this.stack.send(this.s, data);
    if (result === length) this.sent += length;
    else if (result !== EAGAIN) this.failed = true;
  }
}
