// A peer that vanishes: after a silence it is asked (RFC 1661 section 5.8), and when it does not answer, looked for anew.
import { beforeAll, beforeEach, expect, test } from "vitest";
import { IPCP, LCP, type Link, buildLink, decode, encode, packet } from "../support/link.ts";

let make: () => Link;
let card: Link;
let magic: number[];
beforeAll(async () => {
  make = await buildLink("watchful");
});
beforeEach(() => {
  card = make();
  const [lcp = []] = decode(card.run());
  magic = lcp.slice(18, 22);
  tell(packet(LCP, 2, lcp[3]!, lcp.slice(6)));
  const [, ipcp = []] = tell(packet(LCP, 1, 1, [7, 2, 8, 2]));
  tell(packet(IPCP, 2, ipcp[3]!, ipcp.slice(6)));
  tell(packet(IPCP, 1, 1, [3, 6, 10, 0, 0, 1]));
  expect(card.exports.isUp()).toBe(1);
});

function tell(frame: number[]): number[][] {
  card.receive(encode(frame));
  return decode([0x7e, ...card.run()]);
}

const after = (ms: number) => decode([0x7e, ...card.after(ms)]);

test("a peer that answers is asked once every ten seconds", () => {
  for (let i = 0; i < 20; i++) {
    expect(after(9_900)).toEqual([]);
    const [request = []] = after(100);
    expect(request).toEqual(packet(LCP, 9, request[3]!, magic));
    expect(tell(packet(LCP, 10, request[3]!, [1, 2, 3, 4]))).toEqual([]);
  }
  expect(card.exports.isUp()).toBe(1);
  card.expectAllPbufsFree();
});

test("one that says anything is not asked", () => {
  for (let i = 0; i < 20; i++) {
    expect(after(9_000)).toEqual([]);
    tell([0, 0x21, 1, 2, 3]);
  }
});

test("one that is silent is asked three times; then the link begins anew", () => {
  const codes = [10_000, 3_000, 3_000, 3_000].map((ms) => after(ms).map((frame) => frame[2]));
  expect(codes).toEqual([[9], [9], [9], [1]]);
  expect(card.exports.isUp()).toBe(0);
  const [lcp = []] = after(3_000);
  expect(lcp.slice(0, 3)).toEqual([0xc0, 0x21, 1]); // and goes on asking
  card.expectAllPbufsFree();
});
