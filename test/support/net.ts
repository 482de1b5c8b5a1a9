// A stack under test, at IP-packet level, with a fake clock; and a TCP peer that holds conversations with it. Numbers in
// conversations are relative: 0 is the SYN of either side.
import { expect } from "vitest";
import { build, instantiate } from "./firmware.ts";
import {
  type Packet,
  type Segment,
  flagsOf,
  ipPacket,
  lettersOf,
  parseIp,
  parseTcp,
  tcpSegment,
} from "./net-packet.ts";

export const CARD = 0x0a000002;
export const PEER = 0x0a000001;
const INBOX = 61440;
const OUTBOX = 63488;
const ADDRESS = 65520;
const DOWN = 65524;
const DNS_SERVER = 65516;

/** States of tcb.ts. */
export const CLOSED = 0;
export const SYN_SENT = 1;
export const SYN_RECEIVED = 2;
export const ESTABLISHED = 3;
export const FIN_WAIT_1 = 4;
export const FIN_WAIT_2 = 5;
export const CLOSE_WAIT = 6;
export const CLOSING = 7;
export const LAST_ACK = 8;
export const TIME_WAIT = 9;

export const READABLE = 1;
export const WRITABLE = 2;
export const FAILED = 4;
export const EAGAIN = -1;
export const EBADF = -2;
export const ENOTCONN = -3;
export const ECONNRESET = -4;
export const ETIMEDOUT = -5;
export const ECONNREFUSED = -6;
export const EADDRINUSE = -7;
export const EMFILE = -8;
export const EINVAL = -9;
export const EPIPE = -10;
export const EHOSTUNREACH = -11;
export const EMSGSIZE = -12;
export const EAI_NONAME = -13;
export const EAI_FAIL = -14;

interface NetExports {
  memory: WebAssembly.Memory;
  powerOn(): void;
  deliver(length: number): number;
  transmit(): number;
  poll(): number;
  ping(address: number, id: number, sequence: number, length: number): number;
  pong(): number;
  sipHash(key: number, first: bigint, second: number): bigint;
  freePbufs(): number;
  freeHeaders(): number;
  appMemory(): number;
  appMemoryLength(): number;
  ipRegion(): number;
  tcpRegion(): number;
  stateOf(index: number): number;
  cwndOf(index: number): number;
  rtoOf(index: number): number;
  romBase(): number;
  arenaBytes(): number;
  socket(): number;
  datagramSocket(): number;
  sendto(s: number, data: number, length: number, address: number, port: number): number;
  resolve(length: number): bigint;
  resolveDue(): number;
  cancel(): void;
  setServer(address: number): void;
  dnsServer(): number;
  dhcpStart(): void;
  dhcpInform(): void;
  dhcpRelease(): void;
  dhcpDecline(): void;
  dhcpState(): number;
  subnetMask(): number;
  router(): number;
  localAddress(): number;
  udpRegion(): number;
  dnsRegion(): number;
  dhcpRegion(): number;
  bind(s: number, port: number): number;
  listen(s: number, backlog: number): number;
  deferAccept(s: number): number;
  knocked(s: number): number;
  accept(s: number): number;
  connect(s: number, address: number, port: number): number;
  recv(s: number): number;
  give(packet: number): void;
  lengthOf(packet: number): number;
  recvStatus(s: number): number;
  recvInto(s: number, length: number): number;
  send(s: number, data: number, length: number, flags: number): number;
  sendAt(s: number, position: number, data: number, length: number, flags: number): number;
  position(s: number): number;
  outstanding(s: number): number;
  shutdown(s: number): number;
  close(s: number): number;
  abort(s: number): number;
  ready(s: number): number;
  select(reads: number, writes: number): number;
  peerAddress(s: number): number;
  peerPort(s: number): number;
  tcbsInUse(): number;
}

const modules = new Map<string, Promise<WebAssembly.Module>>();

/** The stack of a profile, compiled once. Its segments are as long as the peer allows. */
export function netModule(
  profile = "card-6k",
  use: Record<string, number> = {},
): Promise<WebAssembly.Module> {
  const key = JSON.stringify([profile, use]);
  const module =
    modules.get(key) ??
    build("test/firmware/net.ts", {
      profile,
      use: { TCP_SEND_MSS: 1460, ...use },
      replace: {
        "firmware/link/ppp/ppp.ts": "test/firmware/doubles/ppp.ts",
        "firmware/link/ahdlc.ts": "test/firmware/ahdlc-double.ts",
      },
    });
  modules.set(key, module);
  return module;
}

/** One stack, on a link that carries packets. */
export class Stack {
  readonly firmware: NetExports;
  /** Ms. */
  now = 1_000_000;
  /** What was sent and not looked at yet. */
  readonly sent: Packet[] = [];
  /** The same as bytes. */
  readonly rawSent: Uint8Array[] = [];
  /** Packets that have arrived. */
  received = 0;
  /** Set: the link accepts a packet but doesn't transmit it. */
  isLineHeld = false;
  readonly #bytes: Uint8Array;
  readonly #rom: Uint8Array;
  readonly #free: [number, number];

  constructor(
    module: WebAssembly.Module,
    readonly address = CARD,
  ) {
    this.firmware = instantiate<NetExports>(module, { clockMs: () => this.now >>> 0 });
    this.#bytes = new Uint8Array(this.firmware.memory.buffer);
    this.#rom = this.#bytes.slice(this.firmware.romBase(), INBOX);
    this.firmware.powerOn();
    this.#word(ADDRESS, address);
    this.#free = [this.firmware.freePbufs(), this.firmware.freeHeaders()];
  }

  set isDown(down: boolean) {
    this.#word(DOWN, Number(down));
  }

  /** The name server that the link tells, host order. */
  set linkDnsServer(address: number) {
    this.#word(DNS_SERVER, address);
  }

  /** dns.resolve() @returns the address, or its negative result */
  resolve(name: string): number {
    const bytes = new TextEncoder().encode(name);
    this.#bytes.set(bytes, INBOX);
    const result = Number(this.firmware.resolve(bytes.length));
    this.poll();
    return result;
  }

  /** Begins to ask for an address (or, with one, for the rest) as the owner of a hardware address. */
  startDhcp(hardware: number[], how: "start" | "inform" = "start"): void {
    this.#bytes.set(hardware, INBOX);
    if (how === "start") this.firmware.dhcpStart();
    else this.firmware.dhcpInform();
    this.poll();
  }

  sendto(s: number, data: Uint8Array | string, address: number, port: number): number {
    const result = this.firmware.sendto(s, this.region(data), data.length, address, port);
    this.poll();
    return result;
  }

  /** A packet arrives. @returns whether the pool held it */
  receive(packet: Uint8Array): boolean {
    this.received++;
    this.#bytes.set(packet, INBOX);
    const taken = this.firmware.deliver(packet.length) !== 0;
    this.poll();
    return taken;
  }

  /** Lets the stack do what it can. @returns ms until it wants to be called again */
  poll(): number {
    let wait = this.firmware.poll() >>> 0;
    while (!this.isLineHeld && this.transmit()) wait = this.firmware.poll() >>> 0;
    return wait;
  }

  /** The line transmits what it holds. @returns whether it held something */
  transmit(): boolean {
    const length = this.firmware.transmit();
    if (length === 0) return false;
    const bytes = this.#bytes.slice(OUTBOX, OUTBOX + length);
    this.rawSent.push(bytes);
    this.sent.push(parseIp(bytes));
    return true;
  }

  /** Time passes, the stack being called when it asked to be. */
  advance(ms: number): void {
    const end = this.now + ms;
    for (let wait = this.poll(); this.now + wait <= end; wait = this.poll()) this.now += Math.max(wait, 1);
    this.now = end;
    this.poll();
  }

  /** Copies a region into the application's memory. @returns its address */
  region(data: Uint8Array | string, offset = 0): number {
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
    expect(offset + bytes.length).toBeLessThanOrEqual(this.firmware.appMemoryLength());
    this.#bytes.set(bytes, this.firmware.appMemory() + offset);
    return this.firmware.appMemory() + offset;
  }

  /** recvInto() @returns what was received as text, or its negative result */
  read(s: number, length = 2000): string | number {
    const result = this.firmware.recvInto(s, length);
    return result > 0 ? new TextDecoder().decode(this.#bytes.slice(OUTBOX, OUTBOX + result)) : result;
  }

  /** recvInto() as bytes. */
  readBytes(s: number): Uint8Array | number {
    const result = this.firmware.recvInto(s, 2000);
    return result > 0 ? this.#bytes.slice(OUTBOX, OUTBOX + result) : result;
  }

  send(s: number, data: Uint8Array | string, flags = 0, offset = 0): number {
    const at = this.region(data, offset);
    const result = this.firmware.send(s, at, data.length, flags);
    this.poll();
    return result;
  }

  /** @returns a listening socket */
  listen(port = 443, backlog = 2): number {
    const s = this.firmware.socket();
    expect(s).toBeGreaterThanOrEqual(0);
    expect(this.firmware.bind(s, port)).toBe(0);
    expect(this.firmware.listen(s, backlog)).toBe(0);
    return s;
  }

  /** @returns the counters, u16, of a region from a byte offset, as an array */
  counters(region: number, from: number, count: number): number[] {
    const view = new DataView(this.firmware.memory.buffer);
    return Array.from({ length: count }, (_, i) => view.getUint16(region + from + 2 * i, true));
  }

  /** The next packet that was sent. */
  take(): Packet {
    const packet = this.sent.shift();
    if (!packet) throw new Error("nothing was sent");
    return packet;
  }

  expectSilence(): void {
    this.poll();
    expect(
      this.sent.map((packet) => (packet.protocol === 6 ? describe(parseTcp(packet)) : packet)),
      "nothing is to be sent",
    ).toEqual([]);
  }

  /** Nothing was written where nothing may be. */
  expectIntact(): void {
    const end = this.firmware.romBase();
    expect(Buffer.compare(this.#bytes.subarray(end, INBOX), this.#rom), "ROM is changed").toBe(0);
    const beyond = this.#bytes.subarray(this.firmware.arenaBytes(), end);
    expect(
      beyond.findIndex((byte) => byte !== 0),
      "a byte beyond the arena",
    ).toBe(-1);
  }

  /** Everything is given up, then every pbuf, block and socket must be back. */
  tearDown(): void {
    this.isLineHeld = false;
    this.isDown = false;
    for (let s = 0; s < 32; s++) this.firmware.close(s);
    this.advance(400_000);
    const states = [0, 1, 2, 3, 4].map((i) => this.firmware.stateOf(i));
    expect(this.firmware.tcbsInUse(), `control blocks in use, states ${states.join()}`).toBe(0);
    expect([this.firmware.freePbufs(), this.firmware.freeHeaders()], "free pbufs").toEqual(this.#free);
    this.expectIntact();
  }

  #word(address: number, value: number): void {
    new DataView(this.firmware.memory.buffer).setUint32(address, value, true);
  }
}

/** A segment, as conversations write it; what is left out is not compared, or has its usual value. */
export interface Template {
  /** Letters of F S R P A. */
  flags?: string;
  seq?: number;
  ack?: number;
  window?: number;
  data?: string;
  /** Data given as its length. */
  length?: number;
  options?: number[];
}

/** The other end of one connection. */
export class Peer {
  /** Absolute numbers of both SYNs; the stack's is learned from its SYN. */
  iss = 5_000_000;
  stackIss = 0;
  window = 4096;

  constructor(
    readonly stack: Stack,
    readonly port = 40000,
    public stackPort = 443,
    readonly address = PEER,
  ) {}

  /** Sends a segment; default: an ACK of nothing new. */
  send(template: Template): void {
    const flags = flagsOf(template.flags ?? "A");
    const segment: Segment = {
      sourcePort: this.port,
      destPort: this.stackPort,
      seq: (this.iss + (template.seq ?? 0)) >>> 0,
      ack: template.ack === undefined ? 0 : (this.stackIss + template.ack) >>> 0,
      flags,
      window: template.window ?? this.window,
      options: template.options ?? [],
      data: dataOf(template),
    };
    this.stack.receive(this.wrap(tcpSegment(segment, this.address, this.stack.address)));
  }

  wrap(payload: Uint8Array): Uint8Array {
    return ipPacket({ source: this.address, dest: this.stack.address, payload });
  }

  /** The next packet sent is a segment of this connection like the template. */
  expect(template: Template): Segment {
    this.stack.poll();
    const packet = this.stack.take();
    expect([packet.source, packet.dest, packet.protocol]).toEqual([this.stack.address, this.address, 6]);
    const segment = parseTcp(packet);
    if (segment.flags & 2) {
      this.stackIss = segment.seq;
      this.stackPort = segment.sourcePort;
    }
    expect([segment.sourcePort, segment.destPort]).toEqual([this.stackPort, this.port]);
    const seen = this.relative(segment);
    const wanted = { ...template, ...(template.flags && { flags: lettersOf(flagsOf(template.flags)) }) };
    expect(Object.fromEntries(Object.keys(wanted).map((key) => [key, seen[key as keyof Template]]))).toEqual(
      wanted,
    );
    return segment;
  }

  relative(segment: Segment): Required<Template> {
    return {
      flags: lettersOf(segment.flags),
      seq: (segment.seq - this.stackIss) | 0,
      ack: segment.flags & 16 ? (segment.ack - this.iss) | 0 : 0,
      window: segment.window,
      data: new TextDecoder().decode(segment.data),
      length: segment.data.length,
      options: segment.options,
    };
  }

  /** The three-way handshake, from here. */
  open(options: number[] = [2, 4, 1, 0]): void {
    this.send({ flags: "S", seq: 0, options });
    this.expect({ flags: "SA", seq: 0, ack: 1 });
    this.send({ flags: "A", seq: 1, ack: 1 });
  }
}

function dataOf(template: Template): Uint8Array {
  if (template.data !== undefined) return new TextEncoder().encode(template.data);
  return new Uint8Array(template.length ?? 0).map((_, i) => 97 + (i % 26));
}

function describe(segment: Segment): string {
  return `${lettersOf(segment.flags)} ${segment.seq}:${segment.data.length}`;
}

/** @returns an established connection: the peer, and the stack's socket */
export function established(stack: Stack, port = 40000): { peer: Peer; s: number; listener: number } {
  const listener = stack.listen();
  const peer = new Peer(stack, port);
  peer.open();
  const s = stack.firmware.accept(listener);
  expect(s).toBeGreaterThanOrEqual(0);
  return { peer, s, listener };
}
