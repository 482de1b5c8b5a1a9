// Peers that demand to know who the card is: PAP (RFC 1334) and CHAP with MD5 (RFC 1994), as the one who is asked.
import { createHash } from "node:crypto";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { IPCP, LCP, type Link, buildLink, decode, encode, packet } from "../support/link.ts";
import { randomFrom } from "../support/random.ts";

const PAP = 0xc023;
const CHAP = 0xc223;
const PAP_OPTION = [3, 4, 0xc0, 0x23];
const CHAP_OPTION = [3, 5, 0xc2, 0x23, 5];
/** Test memory, outside the arena. */
const AT = 60_000;

let make: () => Link;
let card: Link;
beforeAll(async () => {
  make = await buildLink("authenticated");
});
beforeEach(() => begin());

const ascii = (text: string) => [...Buffer.from(text)];

function begin(name = "card", secret = "sesame"): void {
  card = make();
  new Uint8Array(card.exports.memory.buffer).set(ascii(name + secret), AT);
  card.exports.setCredentials(AT, name.length, secret.length);
}

function tell(frame: number[]): number[][] {
  card.receive(encode(frame));
  return decode([0x7e, ...card.run()]);
}

/** Brings LCP up, with what the peer demands. @returns what the card then says */
function openLcp(option: number[]): number[][] {
  const [lcp = []] = decode(card.run());
  tell(packet(LCP, 2, lcp[3]!, lcp.slice(6)));
  const [ack, ...rest] = tell(packet(LCP, 1, 1, option));
  expect(ack).toEqual(packet(LCP, 2, 1, option));
  return rest;
}

const isIpcp = (frame: number[] | undefined) => frame?.[0] === 0x80 && frame[1] === 0x21;
const md5 = (...parts: number[][]) => [...createHash("md5").update(Buffer.from(parts.flat())).digest()];

describe("PAP", () => {
  const request = (id: number) => packet(PAP, 1, id, [4, ...ascii("card"), 6, ...ascii("sesame")]);

  test("name and secret go out at once; IPCP begins when the peer says yes", () => {
    const [first] = openLcp(PAP_OPTION);
    const id = first![3]!;
    expect(first).toEqual(request(id));
    expect(tell(packet(IPCP, 1, 1, [3, 6, 10, 0, 0, 1]))).toEqual([]);
    const [ipcp] = tell(packet(PAP, 2, id, [0]));
    expect(isIpcp(ipcp)).toBe(true);
    card.expectAllPbufsFree();
  });

  test("the request is repeated until it is answered, by the right identifier", () => {
    const [first] = openLcp(PAP_OPTION);
    expect(tell(packet(PAP, 2, first![3]! + 1, [0]))).toEqual([]);
    expect(tell(packet(PAP, 3, first![3]!, [0]))).toEqual([]); // no: the peer will hang up
    for (let i = 0; i < 3; i++) expect(decode([0x7e, ...card.after(3000)])).toEqual([first]);
    expect(isIpcp(tell(packet(PAP, 2, first![3]!, [0]))[0])).toBe(true);
    expect(decode([0x7e, ...card.after(2900)])).toEqual([]);
  });
});

describe("CHAP", () => {
  const challenge = (id: number, value: number[]) =>
    packet(CHAP, 1, id, [value.length, ...value, ...ascii("ras")]);
  const response = (id: number, value: number[], secret = "sesame", name = "card") =>
    packet(CHAP, 2, id, [16, ...md5([id], ascii(secret), value), ...ascii(name)]);

  test("a challenge is answered; IPCP begins with the peer's Success", () => {
    expect(openLcp(CHAP_OPTION)).toEqual([]);
    expect(tell(packet(CHAP, 3, 0))).toEqual([]); // nothing has been proved yet
    const value = ascii("0123456789abcdef");
    expect(tell(challenge(7, value))).toEqual([response(7, value)]);
    expect(decode([0x7e, ...card.after(3000)])).toEqual([response(7, value)]);
    expect(tell(packet(CHAP, 3, 8))).toEqual([]);
    expect(isIpcp(tell(packet(CHAP, 3, 7, ascii("welcome")))[0])).toBe(true);
    card.expectAllPbufsFree();
  });

  test("challenged again later: answered, and the link stays as it is", () => {
    openLcp(CHAP_OPTION);
    tell(challenge(1, [1, 2, 3]));
    tell(packet(CHAP, 3, 1));
    const asked = tell(challenge(2, [4, 5, 6]));
    expect(asked).toEqual([response(2, [4, 5, 6])]);
    expect(tell(packet(CHAP, 3, 2))).toEqual([]);
  });

  test("secrets and challenges of any length", () => {
    const random = randomFrom(1994);
    for (let i = 0; i < 60; i++) {
      const secret = "s".repeat(random() % 49);
      const name = "n".repeat(random() % 49);
      begin(name, secret);
      openLcp(CHAP_OPTION);
      const value = Array.from({ length: 1 + (random() % 200) }, () => random() & 0xff);
      const id = random() & 0xff;
      expect(tell(challenge(id, value))).toEqual([response(id, value, secret, name)]);
    }
  });

  test.each([
    ["no value", []],
    ["an empty value", [0]],
    ["less than it says", [5, 1, 2, 3, 4]],
  ])("a challenge with %s is dropped", (_, data) => {
    openLcp(CHAP_OPTION);
    expect(tell(packet(CHAP, 1, 1, data))).toEqual([]);
    expect(tell(packet(CHAP, 3, 1))).toEqual([]);
    card.expectAllPbufsFree();
  });

  test("Failure: nothing opens", () => {
    openLcp(CHAP_OPTION);
    tell(challenge(1, [1]));
    expect(tell(packet(CHAP, 4, 1))).toEqual([]);
    expect(card.exports.isUp()).toBe(0);
  });
});

describe("what the peer may demand", () => {
  test("CHAP with another algorithm: with MD5, please", () => {
    card.run();
    expect(tell(packet(LCP, 1, 3, [3, 5, 0xc2, 0x23, 0x81]))).toEqual([packet(LCP, 3, 3, CHAP_OPTION)]);
  });

  test.each([
    ["EAP", [3, 4, 0xc2, 0x27]],
    ["PAP with more", [3, 5, 0xc0, 0x23, 1]],
    ["CHAP with less", [3, 4, 0xc2, 0x23]],
    ["nothing", [3, 2]],
  ])("%s is rejected", (_, option) => {
    card.run();
    expect(tell(packet(LCP, 1, 3, option))).toEqual([packet(LCP, 4, 3, option)]);
  });

  test("nothing: IPCP begins at once", () => {
    expect(isIpcp(openLcp([])[0])).toBe(true);
  });

  test("renegotiated without it: as if it had never been", () => {
    openLcp(PAP_OPTION);
    const frames = tell(packet(LCP, 1, 9, []));
    const request = frames.find((frame) => frame[2] === 1)!;
    expect(isIpcp(tell(packet(LCP, 2, request[3]!, request.slice(6)))[0])).toBe(true);
    expect(decode([0x7e, ...card.after(2900)])).toEqual([]);
  });
});
