// Long records on a TCP that loses, in any order: pieces are wanted anywhere among what has been sent, acknowledgments stop
// anywhere, and in between records come in, and go out, KeyUpdates among them. The stand-in for TCP throws when a position
// of its stream ever gets other bytes than before; what arrives is decrypted by Node. FUZZ_SEED replays one case,
// FUZZ_CASES sets their number.
import { beforeAll, expect, test } from "vitest";
import { generator } from "../support/cuts.ts";
import { LONG } from "../support/long.ts";
import { below, type Random } from "../support/mutate.ts";
import { EAGAIN, FAST, firmware, personalise, TlsCard, type Personality } from "../support/tls-card.ts";
import { RawClient } from "../support/tls-client.ts";
import { RawClient12 } from "../support/tls-client-1-2.ts";
import {
  AES,
  AES_1_2,
  CHACHA,
  CHACHA_1_2,
  extension,
  message,
  MESSAGE,
  RECORD,
  u8,
} from "../support/tls-codec.ts";

const CASES = Number(process.env["FUZZ_CASES"] ?? (LONG ? 1000 : 120));
const FIRST = Number(process.env["FUZZ_SEED"] ?? 1);
const CONTENT = Uint8Array.from({ length: 12_000 }, (_, i) => (i * 7 + (i >> 8)) & 0xff);
const LIMIT_STEPS = 100_000;
const REQUESTED = 1;
const INTERRUPTION = Buffer.from("something else");

let module: WebAssembly.Module;
let personality: Personality;
beforeAll(async () => {
  module = await firmware();
  personality = await personalise(module);
});

class Run {
  readonly client: RawClient;
  readonly random: Random;
  readonly content: Buffer;
  readonly isTls12: boolean;
  readonly #loss: number;
  /** Up to where all has arrived, and up to where anything was sent; in TCP. */
  #acknowledged: number;
  #sent: number;
  #received: Buffer[] = [];
  #interruptions = 0;

  constructor(seed: number) {
    const random = (this.random = generator(seed * 2654435761));
    this.isTls12 = below(random, 2) === 1;
    const card = new TlsCard(module, personality.cells);
    this.client = this.isTls12 ? new RawClient12(card) : new RawClient(card);
    this.client.hello.suites = [
      this.isTls12 ? [AES_1_2, CHACHA_1_2][below(random, 2)]! : [AES, CHACHA][below(random, 2)]!,
    ];
    if (!this.isTls12 && below(random, 3) === 0)
      this.client.extend(...extension.recordSizeLimit(64 + below(random, 3000)));
    this.client.connect();
    this.client.tcp.segmentBytes = below(random, 3) ? 244 : 48 + below(random, 300);
    this.client.tcp.acknowledge(card);
    this.content = Buffer.from(CONTENT.subarray(0, 1 + below(random, CONTENT.length)));
    this.#loss = random() * 0.4;
    this.#acknowledged = this.#sent = this.client.tcp.position;
  }

  toEnd(): void {
    const { client, content } = this;
    const { exports } = client.card;
    expect(exports.begin(client.ctx)).toBe(1);
    for (let step = 0; step < LIMIT_STEPS; step++) {
      const offset = this.#make();
      if (below(this.random, 30) === 0) this.#receiveRecord();
      if (below(this.random, 5) === 0) this.#interrupt();
      if (offset === EAGAIN) this.#arriveAll();
      else if (offset === content.length) {
        if (client.tcp.position === this.#sent && this.random() > this.#loss) break;
        client.tcp.position = this.#anywhere();
        if (below(this.random, 3) === 0) this.#arriveAll();
      } else if (this.random() < this.#loss) this.#lose();
    }
    this.#read();
    expect(Buffer.concat(this.#received).equals(content)).toBe(true);
    expect(this.#interruptions).toBe(0);
    client.tcp.acknowledgeAll();
    expect(exports.isDelivered(client.ctx)).toBe(1);
    for (let tries = 0; client.card.write(Buffer.from("next")) === EAGAIN; tries++) {
      expect(tries).toBeLessThan(3); // a KeyUpdate goes first
      client.tcp.acknowledge(client.card);
    }
    this.#read();
    expect("next".startsWith(this.#received.at(-1)!.toString())).toBe(true);
    client.card.guard();
  }

  /** The application's turn. @returns what wanted() did */
  #make(): number {
    const { client, content } = this;
    const { exports, bytes } = client.card;
    const offset = exports.wanted(client.ctx, content.length);
    if (offset < 0 || offset === content.length) return offset;
    const piece = content.subarray(offset, offset + exports.pieceBytes(client.ctx));
    expect(piece.length).toBeGreaterThan(0);
    bytes.set(piece, exports.sendBuffer(client.ctx));
    expect(exports.sendPiece(client.ctx, Number(offset + piece.length === content.length))).toBe(
      piece.length,
    );
    this.#sent = Math.max(this.#sent, client.tcp.position);
    return offset;
  }

  /** Back, or on to where it was: after a timeout, a fast retransmission, an acknowledgment of what the peer has kept. */
  #lose(): void {
    const { random, client } = this;
    if (below(random, 3) === 0) this.#acknowledged = this.#anywhere();
    client.tcp.position = below(random, 2) ? this.#anywhere() : this.#sent;
  }

  #anywhere(): number {
    return this.#acknowledged + below(this.random, this.#sent - this.#acknowledged + 1);
  }

  /** The peer has all, and acknowledges it. */
  #arriveAll(): void {
    const { tcp, card } = this.client;
    if (tcp.position !== this.#sent && tcp.outstanding > 0 && !tcp.isHeld) tcp.position = this.#sent;
    this.#read();
    tcp.acknowledgeAll();
    tcp.acknowledge(card);
    this.#acknowledged = this.#sent = tcp.position;
  }

  /** A client's record: data, or one that the card has to answer, with a KeyUpdate or a warning. */
  #receiveRecord(): void {
    const { client } = this;
    const asks = below(this.random, 2) === 1;
    if (!asks) client.sendRecord(RECORD.data, Buffer.alloc(1 + below(this.random, 100)));
    else if (this.isTls12) client.sendRecord(RECORD.handshake, message(MESSAGE.clientHello, u8()));
    else {
      client.sendRecord(RECORD.handshake, message(MESSAGE.keyUpdate, u8(REQUESTED)));
      client.write = client.write!.next();
    }
    for (let result = 1; result !== EAGAIN;) {
      result = client.card.exports.recv(client.ctx, FAST);
      expect(result).toBeGreaterThanOrEqual(EAGAIN);
    }
    if (client.tcp.isHeld) this.#arriveAll();
  }

  /** Something else to send, between two records. */
  #interrupt(): void {
    const { client } = this;
    if (client.card.write(INTERRUPTION) !== EAGAIN) this.#interruptions++;
    if (client.tcp.isHeld) this.#arriveAll(); // a KeyUpdate may have gone in its place
  }

  #read(): void {
    const { client } = this;
    for (let next = client.receive(); next; next = client.receive()) {
      if (next.type === RECORD.data && next.content.equals(INTERRUPTION)) this.#interruptions--;
      else if (next.type === RECORD.data) this.#received.push(next.content);
      else if (next.type === RECORD.handshake && next.content[0] === MESSAGE.keyUpdate)
        client.read = client.read!.next();
    }
  }
}

test(`${CASES} cases from seed ${FIRST} on`, () => {
  for (let seed = FIRST; seed < FIRST + CASES; seed++) {
    try {
      new Run(seed).toEnd();
    } catch (error) {
      throw new Error(`FUZZ_SEED=${seed} FUZZ_CASES=1: ${String(error)}`, { cause: error });
    }
  }
});
