import fc from "fast-check";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Link, buildLink, decode, encode } from "../support/link.ts";

let makeLink: () => Link;
let link: Link;

beforeAll(async () => void (makeLink = await buildLink("serial")));
beforeEach(() => {
  link = makeLink();
});

/** All frames that the receiver has, each from its protocol field on. */
function received(): number[][] {
  const { exports: e } = link;
  const frames: number[][] = [];
  for (let frame = e.takeFrame(); frame; frame = e.takeFrame()) {
    frames.push(Array.from({ length: e.lengthOf(frame) }, (_, i) => e.byteOf(frame, i)));
    e.give(frame);
  }
  return frames;
}

/** @returns for each frame received whether one was lost before it */
function losses(bytes: Iterable<number>): number[] {
  const { exports: e } = link;
  for (const byte of bytes) e.receiveByte(byte);
  const marks: number[] = [];
  for (let frame = e.takeFrame(); frame; frame = e.takeFrame()) {
    marks.push(e.lostBefore());
    e.give(frame);
  }
  return marks;
}

function feed(bytes: Iterable<number>): number[][] {
  for (const byte of bytes) link.exports.receiveByte(byte);
  return received();
}

/** What the sender makes of a frame. */
function send(frame: number[]): { bytes: number[]; announced: number } {
  const { exports: e } = link;
  const at = e.createFrame();
  for (const byte of frame) expect(e.appendByte(at, byte)).toBe(1);
  expect(e.sendFrame(at)).toBe(1);
  const announced = e.pendingBytes();
  const bytes: number[] = [];
  while (e.pendingBytes() > 0) bytes.push(e.nextByte());
  return { bytes, announced };
}

const hex = (text: string) => text.split(" ").map((byte) => parseInt(byte, 16));
const frames = fc.uint8Array({ minLength: 1, maxLength: 250 }).map((body) => [0x80, 0x21, ...body]);

describe("receiving", () => {
  test("the seed's example [169] is unstuffed to [170]", () => {
    const input = hex("7E FF 7D 23 C0 21 7D 21 7D 21 7D 20 7D 24 D1 B5 7E");
    expect(feed(input)).toEqual([hex("C0 21 01 01 00 04")]);
    link.expectAllPbufsFree();
  });

  test("any frame that a correct sender makes, with any character map, is received", () => {
    fc.assert(
      fc.property(frames, fc.boolean(), (frame, acfc) => {
        link.exports.setReceiveAccm(0);
        expect(feed(encode(frame, { accm: 0, acfc }))).toEqual([frame]);
        link.exports.setReceiveAccm(-1);
        expect(feed(encode(frame, { acfc }))).toEqual([frame]);
      }),
      { numRuns: 300, seed: 1662 },
    );
    link.expectAllPbufsFree();
  });

  test("a compressed protocol field comes out expanded", () => {
    const ip = [0x21, 0x45, 0, 0, 20];
    expect(feed(encode(ip, { acfc: true }))).toEqual([[0, ...ip]]);
  });

  test("control characters that the line inserted are dropped", () => {
    const noisy = encode([0x80, 0x21, 1, 2, 3]).flatMap((byte) => [0x11, byte, 0x13]);
    expect(feed(noisy)).toEqual([[0x80, 0x21, 1, 2, 3]]);
  });

  test("one flag between frames, or many, or none to begin with", () => {
    const frame = encode([0x80, 0x21, 1]);
    expect(feed([...frame.slice(1), ...frame.slice(1), 0x7e, 0x7e, ...frame])).toHaveLength(3);
  });

  test("a damaged bit, a lost byte, an abort, a runt: dropped and counted, and the next frame is good", () => {
    const frame = encode([0x80, 0x21, 0x55, 0x66]);
    for (let at = 3; at < frame.length - 1; at++) {
      expect(feed(frame.map((byte, i) => (i === at ? byte ^ 0x40 : byte)))).toEqual([]);
      expect(feed(frame.filter((_, i) => i !== at))).toEqual([]);
    }
    expect(feed([...frame.slice(0, 6), 0x7d, 0x7e])).toEqual([]);
    expect(feed([0x7e, 0x80, 0x21, 0x7e])).toEqual([]);
    expect(link.exports.badFrames()).toBeGreaterThan(10);
    expect(feed(frame)).toHaveLength(1);
    link.expectAllPbufsFree();
  });

  test("a frame says whether one was lost before it, however long they waited together", () => {
    const good = encode([0, 0x2d, 1, 2, 3]);
    const damaged = encode([0, 0x2d, 4]).map((byte, at) => (at === 7 ? byte ^ 1 : byte));
    const long = encode([0, 0x21, ...Array<number>(300).fill(1)]);
    expect(losses([...good, ...good])).toEqual([0, 0]);
    expect(losses([...good, ...damaged, ...good, ...good, ...long, ...good])).toEqual([0, 1, 0, 1]);
    expect(losses(damaged)).toEqual([]);
    expect(link.exports.lostBefore()).toBe(1); // of the frame that was taken last
    expect(losses([...good, ...good])).toEqual([1, 0]);
  });

  test("the longest frame is taken, a longer one dropped", () => {
    const longest = [0, 0x21, ...Array<number>(link.profile.LINK_MRU).fill(0x42)];
    expect(feed(encode(longest))).toEqual([longest]);
    expect(feed(encode([...longest, 1]))).toEqual([]);
    expect(link.exports.lostFrames()).toBe(1);
    link.expectAllPbufsFree();
  });

  test("an empty pool drops frames, and serves again when pbufs are back", () => {
    const frame = encode([0x80, 0x21, 1]);
    for (let i = 0; i < 20; i++) for (const byte of frame) link.exports.receiveByte(byte);
    expect(received()).toHaveLength(link.profile.PBUF_COUNT);
    expect(link.exports.lostFrames()).toBe(20 - link.profile.PBUF_COUNT);
    expect(feed(frame)).toHaveLength(1);
    link.expectAllPbufsFree();
  });
});

describe("sending", () => {
  test("before any option, everything is escaped and nothing compressed", () => {
    expect(send([0, 0x21, 0x45, 0x11]).bytes).toEqual(encode([0, 0x21, 0x45, 0x11]));
  });

  test("the length is known beforehand, and a correct receiver reads every frame", () => {
    fc.assert(
      fc.property(
        frames,
        fc.integer({ min: 0, max: 0xffffffff }),
        fc.integer({ min: 0, max: 3 }),
        (frame, accm, compression) => {
          link.exports.setSendOptions(accm, compression);
          const { bytes, announced } = send(frame);
          expect(announced).toBe(bytes.length);
          expect(decode([0x7e, ...bytes])).toEqual([frame]);
          const naked = bytes.filter((byte) => byte < 0x20 && (accm >>> byte) & 1);
          expect(naked).toEqual([]);
        },
      ),
      { numRuns: 300, seed: 1662 },
    );
    link.expectAllPbufsFree();
  });

  test("with all options an IP packet costs four bytes", () => {
    link.exports.setSendOptions(0, 3);
    send([0, 0x21, 0x45]);
    const { bytes } = send([0, 0x21, ...Array<number>(40).fill(0x45)]);
    expect(bytes).toHaveLength(44);
    expect(bytes[0]).toBe(0x21);
  });

  test("LCP goes as if nothing had been agreed", () => {
    link.exports.setSendOptions(0, 3);
    const frame = [0xc0, 0x21, 9, 1, 0, 4];
    expect(send(frame).bytes).toEqual(encode(frame));
  });

  test("one frame at a time", () => {
    const { exports: e } = link;
    const [first, second] = [e.createFrame(), e.createFrame()];
    for (const frame of [first, second]) for (const byte of [0, 0x21]) e.appendByte(frame, byte);
    expect(e.sendFrame(first)).toBe(1);
    expect(e.sendFrame(second)).toBe(0);
  });
});
