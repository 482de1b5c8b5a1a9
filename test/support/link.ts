// The link's test module (test/firmware/link.ts) on a clock of the test's, and PPP frames made and read independently of
// the firmware.
import { readFileSync } from "node:fs";
import { expect } from "vitest";
import { build, instantiate } from "./firmware.ts";
import { SEED, randomFrom } from "./random.ts";

export interface LinkExports {
  memory: WebAssembly.Memory;
  powerOn(): void;
  receive(byte: number): void;
  step(): number;
  timer(): void;
  transmit(length: number): number;
  follow(): void;
  close(): void;
  isUp(): number;
  localAddress(): number;
  peerAddress(): number;
  peerMru(): number;
  dnsServer(): number;
  freePbufs(): number;
  badFrames(): number;
  lostFrames(): number;
  pendingBytes(): number;
  takeFrame(): number;
  lostBefore(): number;
  lengthOf(frame: number): number;
  byteOf(frame: number, at: number): number;
  give(frame: number): void;
  createFrame(): number;
  appendByte(frame: number, byte: number): number;
  sendFrame(frame: number): number;
  nextByte(): number;
  receiveByte(byte: number): void;
  setSendOptions(accm: number, compression: number): void;
  setReceiveAccm(accm: number): void;
  setCredentials(at: number, nameLen: number, secretLen: number): void;
  lcpFsm(): number;
  lcpEvent(event: number): number;
}

export interface Profile {
  name: string;
  ARENA_BYTES: number;
  ROM_BASE: number;
  PBUF_COUNT: number;
  LINK_MRU: number;
}

export function profile(name: string): Profile {
  const constants = JSON.parse(readFileSync(`firmware/profiles/${name}.json`, "utf8")) as Profile;
  return { ...constants, name };
}

/** How a link is wired. */
export const WIRINGS = {
  /** The card in a reader. */
  iso7816: { profile: "card-6k", use: { CARD: 1 } },
  /** The card on a serial line. */
  serial: { profile: "card-6k", use: { CARD: 0 } },
  /** The same, to peers that demand to know who it is. */
  authenticated: { profile: "card-6k", use: { CARD: 0, PPP_AUTH: 1 } },
  /** The same, asking after peers that are silent for 10 s. */
  watchful: { profile: "card-6k", use: { CARD: 0, LCP_ECHO_MS: 10_000 } },
  /** The gateway on a serial line. */
  gateway: { profile: "gateway", use: { CARD: 0 } },
};

export async function buildLink(
  wiring: keyof typeof WIRINGS,
  use: Record<string, number> = {},
): Promise<() => Link> {
  const { profile: name, use: own } = WIRINGS[wiring];
  const module = await build("test/firmware/link.ts", { profile: name, use: { ...own, ...use } });
  let seed = 1000 * SEED; // peers must not draw the same magic numbers
  return () =>
    new Link(module, profile(WIRINGS[wiring].profile), ++seed ^ (wiring === "gateway" ? 0x5eed : 0));
}

/** One end of a link. */
export class Link {
  readonly exports: LinkExports;
  /** What it has put on its line. */
  output: number[] = [];
  nowMs = 0;
  /** The line takes bytes only while this says so. */
  takesByte = (): boolean => true;
  readonly #rom: Uint8Array;

  constructor(
    module: WebAssembly.Module,
    readonly profile: Profile,
    seed: number,
  ) {
    this.exports = instantiate<LinkExports>(module, {
      linkWrite: (byte) => {
        if (!this.takesByte()) return 0;
        this.output.push(byte & 0xff);
        return 1;
      },
      clockMs: () => this.nowMs >>> 0,
      random32: randomFrom(seed),
    });
    this.#rom = this.#bytes().slice(profile.ROM_BASE);
    this.exports.powerOn();
  }

  receive(bytes: Iterable<number>): void {
    for (const byte of bytes) this.exports.receive(byte);
  }

  /** Steps until there is nothing to do at once. @returns what it sent */
  run(): number[] {
    for (let i = 0; i < 1000 && this.exports.step() === 0; i++);
    return this.output.splice(0);
  }

  /** Time goes on by `ms`. @returns what it sent */
  after(ms: number): number[] {
    this.nowMs += ms;
    return this.run();
  }

  /** ROM untouched, nothing written outside the arena. */
  expectUnharmed(): void {
    const bytes = this.#bytes();
    const { ARENA_BYTES, ROM_BASE } = this.profile;
    expect(bytes.subarray(ARENA_BYTES, ROM_BASE).every((byte) => byte === 0)).toBe(true);
    expect(Buffer.compare(bytes.subarray(ROM_BASE), this.#rom)).toBe(0);
  }

  expectAllPbufsFree(): void {
    expect(this.exports.freePbufs()).toBe(this.profile.PBUF_COUNT);
  }

  #bytes(): Uint8Array {
    return new Uint8Array(this.exports.memory.buffer);
  }
}

/** FCS-16 by the definition: bit by bit. */
export function fcs16(bytes: Iterable<number>): number {
  let fcs = 0xffff;
  for (const byte of bytes)
    for (let bit = 0; bit < 8; bit++) {
      const carry = (fcs ^ (byte >> bit)) & 1;
      fcs = (fcs >> 1) ^ (carry ? 0x8408 : 0);
    }
  return fcs ^ 0xffff;
}

export interface Framing {
  /** Control characters to escape; default: all. */
  accm?: number;
  /** Leave out FF 03. */
  acfc?: boolean;
}

/** A whole frame as it travels: `frame` from the protocol field on. */
export function encode(frame: Iterable<number>, { accm = 0xffffffff, acfc = false }: Framing = {}): number[] {
  const covered = [...(acfc ? [] : [0xff, 0x03]), ...frame];
  const fcs = fcs16(covered);
  const stuffed = [...covered, fcs & 0xff, fcs >> 8].flatMap((byte) =>
    byte === 0x7d || byte === 0x7e || (byte < 0x20 && (accm >>> byte) & 1) ? [0x7d, byte ^ 0x20] : [byte],
  );
  return [0x7e, ...stuffed, 0x7e];
}

/** The good frames in a stream of bytes, from the (expanded) protocol field to before the FCS. */
export function decode(stream: Iterable<number>): number[][] {
  const frames: number[][] = [];
  let current: number[] = [];
  let escaped = false;
  for (const byte of stream) {
    if (byte === 0x7e) {
      if (current.length > 3 && fcs16(current) === (0xf0b8 ^ 0xffff)) frames.push(strip(current));
      current = [];
      escaped = false;
    } else if (byte === 0x7d) escaped = true;
    else {
      current.push(escaped ? byte ^ 0x20 : byte);
      escaped = false;
    }
  }
  return frames;
}

function strip(frame: number[]): number[] {
  const body = frame.slice(frame[0] === 0xff && frame[1] === 0x03 ? 2 : 0, -2);
  return body[0]! & 1 ? [0, ...body] : body;
}

export const LCP = 0xc021;
export const IPCP = 0x8021;
export const IP = 0x0021;

/** A control packet from its protocol field on. */
export function packet(protocol: number, code: number, id: number, data: Iterable<number> = []): number[] {
  const body = [...data];
  const length = body.length + 4;
  return [protocol >> 8, protocol & 0xff, code, id, length >> 8, length & 0xff, ...body];
}
