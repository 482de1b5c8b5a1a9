// A card of which only the web server is real. The test plays what is below it: the network, TLS and the files, each as
// strict as the real one may be: the stand-ins throw when the server answers what is not authenticated, touches the buffer
// while a record stands in it, or sends more than fits.
import { build } from "./firmware.ts";

const EAGAIN = -1;
const BROKEN = -20;
const UNFINISHED = -0x400;
const SEND_MAX = 234;
/** Bytes of a piece that can be made again; pieces of a record. */
const PIECE_BYTES = 243;
const RECORD_PIECES = 4;
const LISTENER = 0;

/** @param contexts TLS contexts of the card */
export const webServer = (contexts = 1) =>
  build("test/firmware/web.ts", {
    use: { TLS_CONTEXTS: contexts },
    replace: {
      "firmware/socket/socket.ts": "test/firmware/doubles/web-socket.ts",
      "firmware/tls/tls.ts": "test/firmware/doubles/web-tls.ts",
      "firmware/files/files.ts": "test/firmware/doubles/web-files.ts",
    },
  });

interface Exports {
  memory: WebAssembly.Memory;
  powerOn: () => void;
  poll: () => number;
  tlsBuffer: (ctx: number) => number;
  stateAddress: () => number;
  stateBytes: () => number;
  contexts: () => number;
}

export interface StoredFile {
  type: string;
  content: Uint8Array;
  etag: number;
  /** read() finds nothing from this offset on. */
  damagedFrom?: number;
}

/** A client, its TCP and its TLS. */
export class Client {
  /** Records on their way to the card. */
  readonly records: { bytes: Uint8Array; isAuthentic: boolean }[] = [];
  /** Bytes that one recv() gives. */
  chunk = 200;
  /** Calls of accept() that find the handshake unfinished. */
  handshake = 0;
  /** Its ClientHello has come to its end. */
  hasGreeted = true;
  acknowledges = true;
  /** The link is reading a segment for it from the buffer, and goes on when the connection has been reset. */
  isInLink = false;
  /** Bytes that it takes in one record, like RFC 8449's record_size_limit. */
  recordLimit = PIECE_BYTES;

  state: "knocking" | "accepted" | "closed" | "reset" = "knocking";
  /** Plaintext of the records that the card has sent. */
  readonly received: Uint8Array[] = [];
  gotCloseNotify = false;
  gotFin = false;
  outstanding = 0;
  /** Pieces of the response that the card can make again, the one that has to be sent, and the one that was made last. */
  pieces: Uint8Array[] = [];
  wantedPiece = 0;
  madePiece = -1;
  /** Chosen by wanted(): the piece to be made next, its bytes, those of the response. */
  nextPiece = 0;
  pieceLength = 0;
  total = 0;
  /** Pieces that were made though they had not to be sent. */
  madeInVain = 0;
  /** Is a record open that will not be ended? */
  isRecordOpen = false;
  /** Pieces that are in flight until run() acknowledges them. */
  flight = 1;
  delivered = 0;
  isVerified = true;
  hasEnded = false;
  isBroken = false;

  send(text: string | Uint8Array, isAuthentic = true): this {
    const bytes = typeof text === "string" ? Buffer.from(text, "latin1") : text;
    this.records.push({ bytes, isAuthentic });
    return this;
  }

  get text(): string {
    return Buffer.concat(this.received).toString("latin1");
  }

  /** The responses so far. @param heads how many of the first ones answer HEAD */
  responses(heads = 0): Response[] {
    return parseResponses(this.text, heads);
  }
}

export interface Response {
  status: number;
  reason: string;
  fields: Record<string, string>;
  body: string;
}

export class WebCard {
  readonly exports: Exports;
  readonly files = new Map<string, StoredFile>();
  readonly clients: Client[] = [];
  now = 1000;
  /** What the card takes for the state of its files. */
  generation = 1;
  backlog = -1;
  /** When sessions that are too old were looked for. */
  readonly expiries: number[] = [];
  #knocked = false;
  readonly #sockets = new Map<number, Client>();
  readonly #contexts = new Map<number, Client>();
  #marked: Buffer;

  constructor(module: WebAssembly.Module) {
    const imports = {
      pins: { clockMs: () => this.now },
      socket: this.#socketCalls(),
      tls: this.#tlsCalls(),
      files: this.#fileCalls(),
    };
    this.exports = new WebAssembly.Instance(module, imports).exports as unknown as Exports;
    this.exports.powerOn();
    this.#marked = this.#foreign();
  }

  bytes(): Uint8Array {
    return new Uint8Array(this.exports.memory.buffer);
  }

  store(
    name: string,
    content: string | Uint8Array,
    type = "text/html; charset=utf-8",
    etag = 0x0123abcd,
  ): void {
    const bytes = typeof content === "string" ? Buffer.from(content) : content;
    this.files.set(name, { type, content: bytes, etag });
  }

  /** A SYN: kept when the backlog has room, dropped otherwise. */
  connect(client = new Client()): Client {
    if (!this.clients.includes(client)) this.clients.push(client);
    const waiting = this.clients.filter((c) => c.state === "knocking" && c !== client).length;
    if (waiting >= this.backlog) {
      this.clients.splice(this.clients.indexOf(client), 1);
      this.#knocked = true;
    }
    return client;
  }

  /** Polls until the card has nothing to do. @returns ms to its next deadline */
  run(): number {
    for (let i = 0; i < 20_000; i++) {
      const wait = this.exports.poll() >>> 0;
      const owing = [...this.#sockets.values()].filter(
        (client) => client.acknowledges && client.outstanding > 0,
      );
      if (wait > 0 && owing.length === 0) return wait;
      for (const client of owing) client.outstanding = 0;
    }
    throw new Error("the server never rests");
  }

  /** Lets time pass, waking the card when it asked for it. */
  advance(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const wait = this.run();
      if (this.now + wait > end) break;
      this.now += wait;
    }
    this.now = end;
    this.run();
  }

  /** One exchange on a connection of its own, or on `client`. */
  fetch(request: string, client = this.connect()): Response[] {
    client.send(request);
    this.run();
    return client.responses(request.startsWith("HEAD") ? 1 : 0);
  }

  /** Remembers memory as it is now, for trespass(). */
  mark(): this {
    this.#marked = this.#foreign();
    return this;
  }

  /** Addresses that are not the server's, nor the TLS buffers' content, and have changed since mark(). */
  trespass(): number[] {
    const before = this.#marked;
    const now = this.#foreign();
    if (now.equals(before)) return [];
    return [...now.keys()].filter((at) => now[at] !== before[at]);
  }

  #foreign(): Buffer {
    const memory = Buffer.from(this.bytes());
    const { stateAddress, stateBytes, tlsBuffer, contexts } = this.exports;
    memory.fill(0, stateAddress(), stateAddress() + stateBytes());
    for (let ctx = 0; ctx < contexts(); ctx++)
      memory.fill(0, tlsBuffer(ctx) + 5, tlsBuffer(ctx) + 5 + PIECE_BYTES);
    return memory;
  }

  #socketCalls() {
    const at = (s: number): Client => {
      const client = this.#sockets.get(s);
      if (!client) throw new Error(`socket ${String(s)} is not open`);
      return client;
    };
    return {
      socket: () => LISTENER,
      bind: (_s: number, port: number) => (port === 443 ? 0 : BROKEN),
      listen: (_s: number, backlog: number) => ((this.backlog = backlog), 0),
      deferAccept: () => 0,
      accept: () => {
        const client = this.clients.find((c) => c.state === "knocking");
        if (!client) return EAGAIN;
        client.state = "accepted";
        let s = 1;
        while (this.#sockets.has(s)) s++;
        this.#sockets.set(s, client);
        return s;
      },
      knocked: () => {
        const knocked = this.#knocked;
        this.#knocked = false;
        return knocked ? 1 : 0;
      },
      outstanding: (s: number) => this.#sockets.get(s)?.outstanding ?? 0,
      close: (s: number) => ((at(s).state = "closed"), this.#sockets.delete(s), 0),
      abort: (s: number) => {
        if (at(s).state === "reset") return BROKEN;
        at(s).state = "reset";
        at(s).outstanding = at(s).isInLink ? 1 : 0;
        return 0;
      },
      tcbsInUse: () => this.#sockets.size + 1,
    };
  }

  #tlsCalls() {
    const at = (ctx: number): Client => {
      const client = this.#contexts.get(ctx);
      if (!client) throw new Error(`TLS context ${String(ctx)} has no socket`);
      return client;
    };
    return {
      resetCtx: (ctx: number) => {
        if ((this.#contexts.get(ctx)?.outstanding ?? 0) > 0)
          throw new Error("reset while its buffer is read");
        this.#contexts.delete(ctx);
        return 0;
      },
      attach: (ctx: number, s: number) => void this.#contexts.set(ctx, this.#sockets.get(s) as Client),
      accept: (ctx: number) => (!at(ctx).hasGreeted || at(ctx).handshake-- > 0 ? EAGAIN : 0),
      expire: () => void this.expiries.push(this.now),
      hasHello: (ctx: number) => (at(ctx).hasGreeted ? 1 : 0),
      recv: (ctx: number) => this.#recv(ctx, at(ctx)),
      data: (ctx: number) => this.exports.tlsBuffer(ctx) + 5,
      authenticated: (ctx: number) => (at(ctx).isVerified ? 1 : 0),
      sendBuffer: (ctx: number) => this.exports.tlsBuffer(ctx) + 5,
      writable: (ctx: number) => (at(ctx).outstanding === 0 && !at(ctx).isBroken ? 1 : 0),
      send: (ctx: number, data: number, length: number) => this.#send(at(ctx), ctx, data, length),
      begin: (ctx: number) => this.#begin(at(ctx)),
      pieceBytes: (ctx: number) => at(ctx).pieceLength,
      wanted: (ctx: number, total: number) => this.#wanted(at(ctx), total),
      sendPiece: (ctx: number, isLast: number) => this.#sendPiece(at(ctx), ctx, isLast !== 0),
      isDelivered: (ctx: number) => (at(ctx).outstanding === 0 ? 1 : 0),
      close: (ctx: number) => this.#close(ctx, at(ctx)),
    };
  }

  #recv(ctx: number, client: Client): number {
    const record = client.records[0];
    if (record && client.delivered === record.bytes.length) {
      if (!record.isAuthentic) {
        client.isBroken = true;
        client.isVerified = true;
        return BROKEN;
      }
      client.records.shift();
      client.delivered = 0;
      client.isVerified = true;
    }
    const next = client.records[0];
    if (!next) return this.#nothing(client);
    const piece = next.bytes.subarray(client.delivered, client.delivered + Math.min(client.chunk, SEND_MAX));
    this.bytes().set(piece, this.exports.tlsBuffer(ctx) + 5);
    client.delivered += piece.length;
    client.isVerified = false;
    return piece.length;
  }

  #nothing(client: Client): number {
    return client.hasEnded ? 0 : EAGAIN;
  }

  #send(client: Client, ctx: number, data: number, length: number, most = SEND_MAX): number {
    if (!client.isVerified) throw new Error("answered before the request was authenticated");
    if (client.outstanding > 0) throw new Error("send() would overwrite the record being sent");
    if (data !== this.exports.tlsBuffer(ctx) + 5) throw new Error("not sent from the TLS buffer");
    if (length < 1 || length > most) throw new Error(`a record of ${String(length)} bytes`);
    const taken = Math.min(length, client.recordLimit);
    client.received.push(this.bytes().slice(data, data + taken));
    this.bytes().fill(0xee, data, data + most);
    client.outstanding = taken;
    return taken;
  }

  #begin(client: Client): number {
    if (client.outstanding > 0 || client.isBroken) return 0;
    client.pieces = [];
    client.wantedPiece = 0;
    client.madePiece = -1;
    return 1;
  }

  /** A piece whose forerunner in its record was not the last one made is wanted after all that come before it there. */
  #wanted(client: Client, total: number): number {
    if (client.isBroken) return BROKEN;
    const size = Math.min(PIECE_BYTES, client.recordLimit);
    const offset = client.wantedPiece * size;
    if (client.outstanding > 0 && (offset >= total || client.outstanding >= client.flight * SEND_MAX))
      return EAGAIN;
    if (offset >= total) return total;
    const begin = client.wantedPiece - (client.wantedPiece % RECORD_PIECES);
    const follows = client.madePiece >= begin && client.madePiece < client.wantedPiece;
    client.nextPiece = follows ? client.madePiece + 1 : begin;
    client.pieceLength = Math.min(size, total - client.nextPiece * size);
    client.total = total;
    return client.nextPiece * size;
  }

  /** A piece that has been made before must be what it was: it is sealed under the same nonce. */
  #sendPiece(client: Client, ctx: number, isLast: boolean): number {
    const { nextPiece, pieceLength, total } = client;
    if (pieceLength === 0) throw new Error("a piece that nobody wants");
    if (isLast !== (nextPiece * Math.min(PIECE_BYTES, client.recordLimit) + pieceLength === total))
      throw new Error("the wrong piece is the last");
    const data = this.exports.tlsBuffer(ctx) + 5;
    const piece = this.bytes().slice(data, data + pieceLength);
    const before = client.pieces[nextPiece];
    if (before && !Buffer.from(before).equals(piece)) throw new Error("two plaintexts under one nonce");
    client.pieces[nextPiece] = piece;
    client.madePiece = nextPiece;
    client.pieceLength = 0;
    if (nextPiece < client.wantedPiece) client.madeInVain++;
    else client.wantedPiece++;
    if (before) {
      this.bytes().fill(0xee, data, data + PIECE_BYTES);
      return pieceLength;
    }
    const outstanding = client.outstanding;
    client.outstanding = 0;
    const taken = this.#send(client, ctx, data, pieceLength, PIECE_BYTES);
    client.outstanding += outstanding;
    return taken;
  }

  /** The last words, once they can be sent; done when they are acknowledged. */
  #close(ctx: number, client: Client): number {
    if (client.isRecordOpen) return UNFINISHED;
    if (client.outstanding > 0) return EAGAIN;
    if (client.gotFin) {
      this.#contexts.delete(ctx);
      return 0;
    }
    client.gotCloseNotify = !client.isBroken;
    client.gotFin = true;
    client.outstanding = 24;
    return EAGAIN;
  }

  #fileCalls() {
    const names = (): string[] => [...this.files.keys()];
    const at = (handle: number): StoredFile => {
      const file = this.files.get(names()[handle] ?? "");
      if (!file) throw new Error(`no file has handle ${String(handle)}`);
      return file;
    };
    return {
      find: (name: number, length: number) =>
        names().indexOf(Buffer.from(this.bytes().subarray(name, name + length)).toString("latin1")),
      size: (handle: number) => at(handle).content.length,
      etag: (handle: number) => at(handle).etag,
      typeOf: (handle: number, out: number) => {
        const type = Buffer.from(at(handle).type);
        this.bytes().set(type, out);
        return type.length;
      },
      read: (handle: number, offset: number, target: number, length: number) => {
        const { content, damagedFrom = content.length } = at(handle);
        const piece = content.subarray(offset, Math.min(offset + length, damagedFrom));
        this.bytes().set(piece, target);
        return piece.length;
      },
      freeBytes: () => 123456,
      generation: () => this.generation,
    };
  }
}

/** Reads responses as a client does, strictly. */
export function parseResponses(text: string, heads = 0): Response[] {
  const responses: Response[] = [];
  let rest = text;
  while (rest.length > 0) {
    const end = rest.indexOf("\r\n\r\n");
    if (end < 0) throw new Error(`a response without end: ${rest}`);
    const [statusLine = "", ...lines] = rest.slice(0, end).split("\r\n");
    const match = /^HTTP\/1\.1 (\d{3}) ([A-Za-z ]+)$/.exec(statusLine);
    if (!match) throw new Error(`not a status line: ${statusLine}`);
    const fields: Record<string, string> = {};
    for (const line of lines) {
      const field = /^([A-Za-z-]+): (\S.*)$/.exec(line);
      if (!field?.[1] || !field[2]) throw new Error(`not a field: ${line}`);
      if (field[1] in fields) throw new Error(`twice: ${line}`);
      fields[field[1]] = field[2];
    }
    const status = Number(match[1]);
    const length = status === 304 || heads-- > 0 ? 0 : Number(fields["Content-Length"]);
    const body = rest.slice(end + 4, end + 4 + length);
    if (body.length !== length) throw new Error(`the body ends after ${String(body.length)} bytes`);
    responses.push({ status, reason: match[2] ?? "", fields, body });
    rest = rest.slice(end + 4 + length);
  }
  return responses;
}
