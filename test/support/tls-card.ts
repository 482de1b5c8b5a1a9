// A card's TLS on a TCP that this file plays: what arrives is cut as the test wishes, what is sent must not change
// before it is acknowledged, and nothing may be written where TLS has no business.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Duplex } from "node:stream";
import { MemoryNvm, PowerCut } from "../../host/chip/nvm.ts";
import { LocalCa } from "../../host/issuer/ca.ts";
import { readProfile } from "../../scripts/firmware.mjs";
import { build } from "./firmware.ts";
import { SEED, randomFrom } from "./random.ts";

const WRITABLE = 2;
export const EAGAIN = -1;
export const FAST = 0;
export const SAFE = 1;
export const COPY_ON = 0;
export const COPY_OFF = 1;
export const NVM_BYTES = 262144;

const { ROM_BASE, TLS_BUFFER } = readProfile("card-6k") as { ROM_BASE: number; TLS_BUFFER: number };

interface Exports {
  memory: WebAssembly.Memory;
  powerOn(): void;
  workspace(): number;
  workspaceEnd(): number;
  elsewhere(): number;
  strangersFrom(): number;
  strangersTo(): number;
  restFrom(): number;
  makeKey(): number;
  isKeyIntact(): number;
  putRsaNumber(number: number, length: number): number;
  createFile(nameLength: number, bytes: number): number;
  appendFile(length: number): number;
  commitFile(): number;
  takePacket(): number;
  appendByte(head: number, last: number, byte: number): number;
  freePbufs(): number;
  attach(ctx: number, socket: number): void;
  accept(ctx: number): number;
  acceptOnly(ctx: number): number;
  compute(): number;
  attachClient(ctx: number, socket: number, nameLength: number): void;
  connect(ctx: number): number;
  expire(): void;
  recv(ctx: number, flag: number): number;
  data(ctx: number): number;
  authenticated(ctx: number): number;
  sendBuffer(ctx: number): number;
  writable(ctx: number): number;
  send(ctx: number, source: number, length: number, flag: number): number;
  begin(ctx: number): number;
  pieceBytes(ctx: number): number;
  wanted(ctx: number, total: number): number;
  sendPiece(ctx: number, isLast: number): number;
  isDelivered(ctx: number): number;
  close(ctx: number): number;
  writeSeqAt(ctx: number): number;
  contextAt(ctx: number): number;
  contextBytes(): number;
}

/** How a module comes to life: a test may want to look on. */
export type Instantiate = (
  module: WebAssembly.Module,
  imports: WebAssembly.Imports,
) => { exports: WebAssembly.Exports };

/** Bytes of the next segment that TCP delivers, given how many have arrived. */
export type Chop = (available: number) => number;

/** One end of a TCP connection, as the card's socket sees it. */
export class Tcp {
  #arrived: Buffer = Buffer.alloc(0);
  #region: { address: number; bytes: Buffer } | null = null;
  /** The peer has finished. */
  ended = false;
  /** What the connection has failed with, an errno. */
  failed = 0;
  /** The card has finished. */
  finished = false;
  /** All that the card has sent. */
  sent: Buffer[] = [];
  chop: Chop = (available) => Math.min(available, 216);
  onSent: (bytes: Buffer) => void = () => undefined;

  arrive(bytes: Uint8Array): void {
    this.#arrived = Buffer.concat([this.#arrived, bytes]);
  }
  /** Why there is nothing more to receive. */
  get status(): number {
    if (this.waiting > 0) return EAGAIN;
    return this.failed || (this.ended ? 0 : EAGAIN);
  }
  get waiting(): number {
    return this.#arrived.length;
  }
  take(): Buffer {
    const length = this.#arrived.length === 0 ? 0 : this.chop(this.#arrived.length);
    const segment = this.#arrived.subarray(0, length);
    this.#arrived = this.#arrived.subarray(length);
    return segment;
  }
  send(card: TlsCard, address: number, length: number): number {
    if (this.outstanding > 0) return EAGAIN;
    const bytes = Buffer.from(card.bytes.subarray(address, address + length));
    this.#region = { address, bytes };
    this.position += length;
    this.sent.push(bytes);
    this.onSent(bytes);
    return length;
  }

  /** Where the card would send next; a test that loses something turns it back. */
  position = 1000;
  /** Most bytes of a segment. */
  segmentBytes = 1460;
  /** What sendAt() has taken since all was acknowledged, from this position on. */
  #repeatable = Buffer.alloc(0);
  #repeatableFrom = 0;

  /** The bytes of a position never change: they are sealed under one nonce. */
  sendAt(card: TlsCard, position: number, address: number, length: number): number {
    if (this.#region) return EAGAIN;
    if (this.#repeatable.length === 0) this.#repeatableFrom = position;
    const bytes = Buffer.from(card.bytes.subarray(address, address + length));
    card.bytes.fill(0xee, address, address + length); // nobody keeps it
    const from = position - this.#repeatableFrom;
    const known = this.#repeatable.subarray(from, from + length);
    if (!known.equals(bytes.subarray(0, known.length))) throw new Error("two records under one number");
    this.#repeatable = Buffer.concat([this.#repeatable, bytes.subarray(known.length)]);
    this.position = position + length;
    this.sent.push(bytes);
    if (known.length === 0) this.onSent(bytes);
    return length;
  }
  /** The peer has all that can be made again. */
  acknowledgeAll(): void {
    this.#repeatable = Buffer.alloc(0);
  }
  get outstanding(): number {
    return this.#repeatable.length || (this.#region?.bytes.length ?? 0);
  }
  /** A region of send() waits for its acknowledgment. */
  get isHeld(): boolean {
    return this.#region !== null;
  }
  /** Forgets what has arrived, and the region: the card's memory is being turned back. */
  forget(): void {
    this.#arrived = Buffer.alloc(0);
    this.#region = null;
    this.sent = [];
    this.finished = false;
  }
  /** The peer has the region; it must be as it was sent. */
  acknowledge(card: TlsCard): boolean {
    if (!this.#region) return false;
    const { address, bytes } = this.#region;
    const now = card.bytes.subarray(address, address + bytes.length);
    if (!bytes.equals(now)) throw new Error("the card changed a region that was not acknowledged");
    this.#region = null;
    return true;
  }
}

export interface Personality {
  cells: Uint8Array;
  ca: string;
  /** The file of the card's certificates. */
  certificates: Buffer;
}

export class TlsCard {
  readonly exports: Exports;
  readonly nvm: MemoryNvm;
  readonly bytes: Uint8Array;
  readonly rom: Buffer;
  readonly tcps: Tcp[] = [];
  /** The card's clock, ms. */
  now = 0;

  constructor(
    module: WebAssembly.Module,
    cells: Uint8Array | number = NVM_BYTES,
    seed = SEED,
    instantiate: Instantiate = (module, imports) => new WebAssembly.Instance(module, imports),
  ) {
    this.nvm = new MemoryNvm(typeof cells === "number" ? cells : Uint8Array.from(cells));
    const instance = instantiate(module, {
      pins: {
        nvmRead: (address: number) => this.nvm.read(address >>> 0),
        nvmWrite: (address: number, byte: number) => this.nvm.write(address >>> 0, byte & 0xff),
        clockMs: () => this.now,
        random32: randomFrom(seed),
      },
      socket: {
        recv: (s: number) => this.#recv(this.tcps[s]!),
        recvStatus: (s: number) => this.tcps[s]!.status,
        send: (s: number, address: number, length: number) => this.tcps[s]!.send(this, address, length),
        sendAt: (s: number, position: number, address: number, length: number) =>
          this.tcps[s]!.sendAt(this, position, address, length),
        position: (s: number) => this.tcps[s]!.position,
        segmentBytes: (s: number) => this.tcps[s]!.segmentBytes,
        ready: (s: number) => (this.tcps[s]!.isHeld ? 0 : WRITABLE),
        outstanding: (s: number) => this.tcps[s]!.outstanding,
        shutdown: (s: number) => ((this.tcps[s]!.finished = true), 0),
      },
    });
    this.exports = instance.exports as unknown as Exports;
    this.bytes = new Uint8Array(this.exports.memory.buffer);
    this.rom = Buffer.from(this.bytes.subarray(ROM_BASE));
    this.exports.powerOn();
  }

  /** Opens a connection on context `ctx`, with the socket of the same number. */
  connect(ctx = 0): Tcp {
    const tcp = new Tcp();
    this.tcps[ctx] = tcp;
    this.exports.attach(ctx, ctx);
    return tcp;
  }

  /** Opens a connection to the server that the file `name` describes. */
  connectTo(name: string, ctx = 0): Tcp {
    const tcp = new Tcp();
    this.tcps[ctx] = tcp;
    this.bytes.set(Buffer.from(name), this.exports.workspace());
    this.exports.attachClient(ctx, ctx, name.length);
    return tcp;
  }

  /** Plaintext that recv() has just returned. */
  read(ctx: number, length: number): Buffer {
    const at = this.exports.data(ctx);
    return Buffer.from(this.bytes.subarray(at, at + length));
  }

  /** Sends through the buffer, or from elsewhere. @returns bytes taken, or EAGAIN */
  write(data: Uint8Array, how = COPY_OFF, ctx = 0): number {
    if (!this.exports.writable(ctx)) return EAGAIN;
    const at = how === COPY_OFF ? this.exports.sendBuffer(ctx) : this.exports.elsewhere();
    const part = data.subarray(0, TLS_BUFFER - 22);
    this.bytes.set(part, at);
    const taken = this.exports.send(ctx, at, part.length, how);
    if (how === COPY_ON) this.bytes.fill(0, at, at + part.length);
    return taken;
  }

  storeFile(name: string, content: Uint8Array): void {
    const at = this.exports.workspace();
    this.bytes.set(Buffer.from(name), at);
    check(this.exports.createFile(name.length, content.length));
    for (let i = 0; i < content.length; i += 128) {
      const part = content.subarray(i, i + 128);
      this.bytes.set(part, at);
      check(this.exports.appendFile(part.length));
    }
    check(this.exports.commitFile());
    this.bytes.fill(0, at, at + 128); // where a context will be
  }

  /** @throws when something was written outside the regions that are TLS's or below it */
  guard(): void {
    if (!this.rom.equals(this.bytes.subarray(ROM_BASE))) throw new Error("ROM was written to");
    this.#expectZeros(this.exports.strangersFrom(), this.exports.strangersTo());
    this.#expectZeros(this.exports.restFrom(), ROM_BASE);
  }

  #expectZeros(from: number, to: number): void {
    const at = this.bytes.subarray(from, to).findIndex((byte) => byte !== 0);
    if (at >= 0) throw new Error(`address ${from + at} was written to`);
  }

  #recv(tcp: Tcp): number {
    const segment = tcp.take();
    if (segment.length === 0) return 0;
    const head = this.exports.takePacket();
    let last = head;
    for (const byte of segment) {
      last = this.exports.appendByte(head, last, byte);
      if (!last) throw new Error("the pool is empty: a pbuf was not given back");
    }
    return head;
  }
}

/** From now on, power fails after so many writes to NVM. */
export function cutPower({ nvm }: TlsCard, after: number): void {
  const until = nvm.writes + after;
  const write = nvm.write.bind(nvm);
  nvm.write = (address, byte) => {
    if (nvm.writes >= until) throw new PowerCut("power failed");
    write(address, byte);
  };
}

/** A part of the secret, as long as could not be there by chance. */
export function remainsOf(secret: Buffer, cells: Uint8Array): boolean {
  const image = Buffer.from(cells);
  for (let at = 0; at + 6 <= secret.length; at++)
    if (image.includes(secret.subarray(at, at + 6))) return true;
  return false;
}

function check(result: number): void {
  if (result < 0) throw new Error(`the card answers ${result}`);
}

/** TLS on a socket that the test plays. */
export const SOCKET_DOUBLE = { "firmware/socket/socket.ts": "test/firmware/doubles/tls-socket.ts" };

/** @param use constants that replace the profile's */
export function firmware(use: Record<string, number> = {}): Promise<WebAssembly.Module> {
  return build("test/firmware/tls.ts", {
    use,
    replace: SOCKET_DOUBLE,
  });
}

/** Makes a key on a card, and a certificate for it from a new CA, whose own certificate is sent along. */
export async function personalise(module: WebAssembly.Module): Promise<Personality> {
  const folder = mkdtempSync(join(tmpdir(), "netcard-ca-"));
  const ca = await LocalCa.open(folder);
  rmSync(folder, { recursive: true });
  const card = new TlsCard(module);
  const point = card.exports.makeKey();
  const leaf = await ca.issue(Buffer.from(card.bytes.subarray(point, point + 65)));
  const certificates = Buffer.concat([entry(leaf), entry(ca.certificate.raw)]);
  card.storeFile("/.certificate", certificates);
  return { cells: card.nvm.cells, ca: ca.certificate.toString(), certificates };
}

function entry(der: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0, der.length >> 8, der.length & 255]), der]);
}

/**
 * What a card does with a connection: called whenever it may have something to do.
 * @returns more than 0 when it did something, EAGAIN when not; 0 or an error ends the connection
 */
export type Application = (card: TlsCard, ctx: number) => number;

/** Sends back what it receives, and closes when the client does. */
export function echo(flag = FAST, how = COPY_OFF): Application {
  let pending = Buffer.alloc(0);
  return (card, ctx) => {
    if (pending.length > 0) {
      const taken = card.write(pending, how, ctx);
      if (taken > 0) pending = pending.subarray(taken);
      return taken;
    }
    const length = card.exports.recv(ctx, flag);
    if (length > 0) pending = Buffer.concat([pending, card.read(ctx, length)]);
    return length;
  };
}

/** A card at one end of a stream, a client at the other. */
export class CardStream extends Duplex {
  /** EAGAIN during the handshake, then 0, then what the connection came to. */
  result = EAGAIN;
  readonly tcp: Tcp;
  #scheduled = false;
  #closing = false;
  /** The card is through with the connection. */
  isDone = false;

  constructor(
    readonly card: TlsCard,
    readonly application: Application = echo(),
    chop?: Chop,
    readonly ctx = 0,
  ) {
    super();
    this.tcp = card.connect(ctx);
    if (chop) this.tcp.chop = chop;
    this.tcp.onSent = (bytes) => this.push(bytes);
  }

  override _read(): void {}
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.tcp.arrive(chunk);
    this.#schedule();
    done();
  }
  override _final(done: () => void): void {
    this.tcp.ended = true;
    this.#schedule();
    done();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      try {
        if (this.#step()) this.#schedule();
      } catch (error) {
        this.destroy(error as Error);
      }
    });
  }

  #step(): boolean {
    const busy = this.#closing ? this.#close() : this.#serve();
    const acknowledged = this.tcp.acknowledge(this.card);
    return busy || acknowledged || (this.tcp.waiting > 0 && !this.isDone);
  }

  #serve(): boolean {
    const { card, ctx } = this;
    if (this.result === EAGAIN) {
      this.result = card.exports.accept(ctx);
      if (this.result === EAGAIN) return false;
    }
    if (this.result === 0) {
      const done = this.application(card, ctx);
      if (done > 0 || done === EAGAIN) return done > 0;
      this.result = done;
    }
    return (this.#closing = true);
  }

  #close(): boolean {
    if (this.isDone || this.card.exports.close(this.ctx) === EAGAIN) return false;
    this.isDone = true;
    this.push(null);
    return false;
  }
}
