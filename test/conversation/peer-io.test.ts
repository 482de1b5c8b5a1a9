// Peer I/O (seed [106]-[132]): the client in the card by bare commands, the server against a card made of a script, and
// both against each other with PPP frames of any length.
import { beforeAll, describe, expect, test } from "vitest";
import { Chip } from "../../host/chip/chip.ts";
import { MemoryNvm } from "../../host/chip/nvm.ts";
import { CharacterLine } from "../../host/reader/character-line.ts";
import { VirtualClock } from "../../host/reader/clock.ts";
import { ChipContacts } from "../../host/reader/contacts.ts";
import { PeerIoServer, type ServerState } from "../../host/reader/peer-io-server.ts";
import { type Response, T0Reader } from "../../host/reader/t0-reader.ts";
import { build } from "../support/firmware.ts";
import {
  LCP,
  type Link,
  type LinkExports,
  WIRINGS,
  buildLink,
  decode,
  encode,
  packet,
} from "../support/link.ts";
import { randomFrom } from "../support/random.ts";

let makeCard: () => Link;
let makeGateway: () => Link;
let module: WebAssembly.Module;
beforeAll(async () => {
  makeCard = await buildLink("iso7816");
  makeGateway = await buildLink("gateway");
  module = await build("test/firmware/link.ts", WIRINGS.iso7816);
});

const NO_DATA = [0x90, 0x00];

describe("the client", () => {
  function cardAfterAtr(): { card: Link; say: (...bytes: number[]) => number[] } {
    const card = makeCard();
    card.run();
    return { card, say: (...bytes) => (card.receive(bytes), card.run()) };
  }

  /** Sends a whole command. @returns what the card says to it, the ACK left out */
  function command(
    say: (...bytes: number[]) => number[],
    ins: number,
    p3: number,
    data: number[] = [],
  ): number[] {
    const first = say(0x12, ins, 0, 0, p3);
    if (first.length === 2) return first;
    expect(first[0]).toBe(ins);
    return first.length > 1 ? first.slice(1) : say(...data);
  }

  const poll = (say: (...bytes: number[]) => number[]) => command(say, 0xe8, 1, [0]);

  test("Initial: the upper layer writes first, the poll is answered READY-WRITE; GET carries it; then NO-DATA", () => {
    const { say } = cardAfterAtr();
    const [sw1, xx] = poll(say);
    expect(sw1).toBe(0x6c);
    expect(poll(say)).toEqual([0x6c, xx]); // it stays in Ready write
    const got = command(say, 0xec, xx!);
    expect(got.slice(-2)).toEqual(NO_DATA);
    expect(decode(got.slice(0, -2))[0]!.slice(0, 3)).toEqual([0xc0, 0x21, 1]);
    expect(poll(say)).toEqual(NO_DATA);
    expect(poll(say)).toEqual(NO_DATA); // it stays in Ready read
  });

  test("PUT: the status already offers the answer, and a GET's status the next frame", () => {
    const { say } = cardAfterAtr();
    command(say, 0xec, poll(say)[1]!);
    const two = [...encode(packet(LCP, 5, 1)), ...encode(packet(LCP, 5, 2))];
    const [sw1, xx] = command(say, 0xea, two.length, two);
    expect(sw1).toBe(0x6c);
    const got = command(say, 0xec, xx!);
    expect(decode(got.slice(0, -2))).toEqual([packet(LCP, 6, 1)]);
    expect(got.at(-2)).toBe(0x6c);
    const next = command(say, 0xec, got.at(-1)!);
    expect(decode(next.slice(0, -2))).toEqual([packet(LCP, 6, 2)]);
    expect(next.slice(-2)).toEqual(NO_DATA);
  });

  test("a frame put byte by byte is a frame", () => {
    const { say } = cardAfterAtr();
    command(say, 0xec, poll(say)[1]!);
    const frame = encode(packet(LCP, 5, 1));
    const statuses = frame.map((byte) => command(say, 0xea, 1, [byte]));
    expect(statuses.slice(0, -1).every((status) => status[0] === 0x90)).toBe(true);
    expect(statuses.at(-1)![0]).toBe(0x6c);
  });

  test("GET in pieces, of too much, of nothing", () => {
    const { say } = cardAfterAtr();
    const xx = poll(say)[1]!;
    expect(say(0x12, 0xec, 0, 0, xx + 1)).toEqual([0x6c, xx]);
    expect(say(0x12, 0xec, 0, 0, 0)).toEqual([0x6c, xx]);
    const bytes: number[] = [];
    for (let left = xx; left > 0; left--) {
      const got = command(say, 0xec, 1);
      bytes.push(got[0]!);
      expect(got.slice(1)).toEqual(left > 1 ? [0x6c, left - 1] : NO_DATA);
    }
    expect(decode(bytes)).toHaveLength(1);
    expect(say(0x12, 0xec, 0, 0, 5)).toEqual(NO_DATA);
  });

  test("more than 256 bytes are announced as 256, xx = 00", () => {
    const { card, say } = cardAfterAtr();
    command(say, 0xec, poll(say)[1]!);
    const frame = encode(packet(LCP, 1, 9, Array.from({ length: 60 }, (_, i) => [99, 4, 1, i]).flat()));
    command(say, 0xea, 255, frame.slice(0, 255));
    expect(frame.length).toBeLessThan(2 * 255);
    expect(command(say, 0xea, frame.length - 255, frame.slice(255))).toEqual([0x6c, 0]);
    const first = command(say, 0xec, 0);
    expect(first).toHaveLength(256 + 2);
    expect(first.at(-2)).toBe(0x6c);
    const second = command(say, 0xec, first.at(-1)!);
    const [reject] = decode([...first.slice(0, -2), ...second.slice(0, -2)]);
    expect(reject!.slice(0, 3)).toEqual([0xc0, 0x21, 4]);
    card.expectAllPbufsFree();
  });

  /** A card that offers one frame of two, of which it has said that the other follows. */
  function cardWithTwoFrames() {
    const conversation = cardAfterAtr();
    const { card, say } = conversation;
    command(say, 0xec, poll(say)[1]!);
    const two = [...encode(packet(LCP, 5, 1)), ...encode(packet(LCP, 5, 2))];
    expect(command(say, 0xea, two.length, two)[0]).toBe(0x6c);
    card.exports.follow();
    return conversation;
  }

  test("a frame that another follows: GET carries both, and flags for what there is not", () => {
    const { card, say } = cardWithTwoFrames();
    expect(poll(say)).toEqual([0x6c, 0]);
    const got = command(say, 0xec, 0);
    expect(got).toHaveLength(256 + 2);
    expect(got.slice(-2)).toEqual(NO_DATA);
    expect(decode(got.slice(0, -2))).toEqual([packet(LCP, 6, 1), packet(LCP, 6, 2)]);
    const padding = got.slice(0, -2).findLastIndex((byte) => byte !== 0x7e);
    expect(padding).toBeLessThan(100);
    card.expectAllPbufsFree();
  });

  test("the same, the line taking three bytes at a time, and a GET ending anywhere in the second frame", () => {
    for (let length = 1; length < 100; length++) {
      const { card, say } = cardWithTwoFrames();
      let room = 0;
      card.takesByte = () => room-- > 0;
      say(0x12, 0xec, 0, 0, length);
      const got: number[] = [];
      for (let i = 0; i < 100; i++) {
        room = 3;
        got.push(...card.run());
      }
      expect(got).toHaveLength(1 + length + 2);
      card.takesByte = () => true;
      const rest = got.at(-2) === 0x6c ? command(say, 0xec, got.at(-1)!).slice(0, -2) : [];
      expect(decode([...got.slice(1, -2), ...rest])).toEqual([packet(LCP, 6, 1), packet(LCP, 6, 2)]);
      card.expectAllPbufsFree();
    }
  });

  test("a timer of the card's gets its opportunity at the next poll", () => {
    const { card, say } = cardAfterAtr();
    command(say, 0xec, poll(say)[1]!);
    expect(poll(say)).toEqual(NO_DATA);
    card.nowMs += 3000;
    expect(poll(say)[0]).toBe(0x6c);
  });

  test("PUT while the card is ready to write: taken, and the offer stands", () => {
    const { say } = cardAfterAtr();
    expect(command(say, 0xea, 2, [0x7e, 0x7e])[0]).toBe(0x6c);
  });

  test("wrong lengths and instructions", () => {
    const { say } = cardAfterAtr();
    expect(say(0x12, 0xe8, 0, 0, 0)).toEqual([0x67, 0]);
    expect(say(0x12, 0xe8, 0, 0, 2)).toEqual([0x67, 0]);
    expect(say(0x12, 0xea, 0, 0, 0)).toEqual([0x67, 0]);
    expect(say(0x12, 0xee, 0, 0, 1)).toEqual([0x6d, 0]);
    expect(poll(say)[0]).toBe(0x6c);
  });
});

describe("the server", () => {
  interface Scene {
    server: PeerIoServer;
    states: ServerState[];
    commands: number[][];
    fromCard: number[];
    troubles: (string | null)[];
    resets: number;
    clock: VirtualClock;
  }

  /** A server whose card answers with these responses, then with NO-DATA. */
  function scene(answers: (Response | Error)[] = []): Scene {
    const clock = new VirtualClock();
    const s = { states: [], commands: [], fromCard: [], troubles: [], resets: 0, clock } as unknown as Scene;
    s.server = new PeerIoServer({
      reader: {
        transmit: (apdu) => {
          s.commands.push([...apdu]);
          const answer = answers.shift() ?? status(0x9000);
          return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
        },
        connect: () => Promise.resolve(s.resets++),
      },
      onFromCard: (bytes) => s.fromCard.push(...bytes),
      onState: (state) => s.states.push(state),
      onTrouble: (trouble) => s.troubles.push(trouble && trouble.message),
      clock,
    });
    return s;
  }

  const status = (sw: number, ...data: number[]): Response => ({ data: Uint8Array.from(data), sw });
  const POLL = [0x12, 0xe8, 0, 0, 1, 0];

  async function until(condition: () => boolean): Promise<void> {
    for (let i = 0; i < 10_000 && !condition(); i++) await new Promise((resolve) => setImmediate(resolve));
    expect(condition()).toBe(true);
  }

  test("starts in Polling; READY-WRITE: gets as long as there is more; NO-DATA: checks the RAS, and polls", async () => {
    const s = scene([status(0x6c02), status(0x6c01, 7, 8), status(0x9000, 9)]);
    s.server.start();
    await until(() => s.commands.length >= 4);
    await s.server.stop();
    expect(s.commands.slice(0, 4)).toEqual([POLL, [0x12, 0xec, 0, 0, 2], [0x12, 0xec, 0, 0, 1], POLL]);
    expect(s.fromCard).toEqual([7, 8, 9]);
    expect(s.states.slice(0, 4)).toEqual(["Polling", "Getting from card", "Checking RAS", "Polling"]);
    expect(s.server.state).toBe("Initial");
  });

  test("data of the RAS are put, 255 bytes at a time; READY-WRITE in between is got first", async () => {
    const s = scene([status(0x9000), status(0x6c01), status(0x9000, 5)]);
    const data = Uint8Array.from({ length: 300 }, (_, i) => i);
    s.server.sendToCard(data.subarray(0, 100));
    s.server.sendToCard(data.subarray(100));
    s.server.start();
    await until(() => s.commands.length >= 5);
    await s.server.stop();
    expect(s.commands.slice(0, 4)).toEqual([
      POLL,
      [0x12, 0xea, 0, 0, 255, ...data.subarray(0, 255)],
      [0x12, 0xec, 0, 0, 1],
      [0x12, 0xea, 0, 0, 45, ...data.subarray(255)],
    ]);
    expect(s.states.slice(0, 7)).toEqual([
      "Polling",
      "Checking RAS",
      "Putting to card",
      "Getting from card",
      "Checking RAS",
      "Putting to card",
      "Checking RAS",
    ]);
  });

  test("an idle card is polled ten times a second in the end, and at once when the RAS has data", async () => {
    const s = scene();
    s.server.start();
    await until(() => s.clock.now() > 10_000);
    expect(s.server.commands).toBeLessThan(115);
    expect(s.server.commands).toBeGreaterThan(95);
    const before = s.clock.now();
    s.server.sendToCard(Uint8Array.of(1));
    await until(() => s.commands.some((apdu) => apdu[1] === 0xea));
    expect(s.clock.now() - before).toBeLessThanOrEqual(100);
    await s.server.stop();
  });

  test("a bad status is asked about again; three in a row, or a reader's error: told once, reset, and on", async () => {
    const bad = scene([status(0x6700), status(0x9000), ...[1, 2, 3].map(() => status(0x6f00))]);
    bad.server.start();
    await until(() => bad.resets === 1 && bad.server.state === "Polling");
    await bad.server.stop();
    expect(bad.troubles).toEqual(["The card answers Peer I/O with status 6f00.", null]);
    const mute = scene([new Error("The card is mute.")]);
    mute.server.start();
    await until(() => mute.resets === 1 && mute.commands.length > 2);
    await mute.server.stop();
    expect(mute.troubles).toEqual(["The card is mute.", null]);
  });
});

describe("server and client", () => {
  interface Pair {
    gateway: Link;
    /** The card's exports. */
    card: LinkExports;
    server: PeerIoServer;
    clock: VirtualClock;
    line: CharacterLine;
    received: number[];
    settle: (done: () => boolean) => Promise<void>;
    stop: () => Promise<void>;
  }

  async function pair(baud?: number): Promise<Pair> {
    const clock = new VirtualClock();
    const gateway = makeGateway();
    const contacts = new ChipContacts(
      (onLinkByte) => new Chip({ module, nvm: new MemoryNvm(0), onLinkByte, clock: () => clock.now() }),
    );
    const line = new CharacterLine(contacts, { clock, ...(baud && { baud }) });
    const reader = new T0Reader({ line });
    const received: number[] = [];
    const server = new PeerIoServer({
      reader,
      clock,
      onFromCard: (bytes) => {
        received.push(...bytes);
        gateway.receive(bytes);
      },
    });
    const settle = async (done: () => boolean) => {
      for (let i = 0; !done(); i++) {
        if (i === 20_000) throw new Error("it does not happen");
        gateway.nowMs = Math.floor(clock.now());
        const sent = gateway.run();
        if (sent.length > 0) server.sendToCard(Uint8Array.from(sent));
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    await reader.connect();
    server.start();
    const card = contacts.chip.exports as unknown as LinkExports;
    const stop = () => server.stop().then(() => contacts.stop());
    return { gateway, card, server, clock, line, received, settle, stop };
  }

  test("bring PPP up in a fraction of a second, and echo IP packets of any length", async () => {
    const p = await pair();
    await p.settle(() => p.gateway.exports.isUp() === 1 && p.card.isUp() === 1);
    expect(p.clock.now()).toBeLessThan(500);
    const random = randomFrom(4);
    for (let i = 0; i < 100; i++) {
      const length = 1 + (random() % 256);
      p.received.length = 0;
      await p.settle(() => p.gateway.exports.transmit(length) === 1);
      await p.settle(() => decode([0x7e, ...p.received]).length === 1);
      expect(decode([0x7e, ...p.received])[0]).toEqual([
        0,
        0x21,
        ...Array.from({ length }, (_, at) => at & 0xff),
      ]);
    }
    await p.stop();
    expect(p.card.freePbufs()).toBe(8);
    p.gateway.expectUnharmed();
  });

  test("at 115,200 bit/s the line is used to more than nine tenths for the data of long frames", async () => {
    const p = await pair(115_200);
    await p.settle(() => p.gateway.exports.isUp() === 1 && p.card.isUp() === 1);
    const [before, characters] = [p.clock.now(), p.line.sent + p.line.received];
    let echoed = 0;
    for (let i = 0; i < 40; i++) {
      p.received.length = 0;
      await p.settle(() => p.gateway.exports.transmit(240) === 1);
      await p.settle(() => decode([0x7e, ...p.received]).length === 1);
      echoed += 2 * 240;
    }
    const ms = p.clock.now() - before;
    const used = p.line.sent + p.line.received - characters;
    expect(ms).toBeGreaterThanOrEqual((used * 12) / 115.2);
    expect(echoed / used).toBeGreaterThan(0.9);
    await p.stop();
  });
});
