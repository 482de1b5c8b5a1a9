// Van Jacobson's header compression over PPP (RFC 1144, RFC 1332 section 4): what either end agrees on, and what then
// goes over the line. The card's test module sends every packet back; the peer's compressor is another instance of the
// gateway's, which is tested against lwIP's.
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { IPCP, LCP, type Link, buildLink, decode, encode, packet } from "../support/link.ts";
import { COMPRESSED, type Frame, IP, UNCOMPRESSED, VjEnd, buildVj, tcpPacket } from "../support/vj.ts";

const CARD_OFFER = [2, 6, 0, 0x2d, 1, 1];
const PEER_OFFER = [2, 6, 0, 0x2d, 15, 1];
const ADDRESS = [3, 6, 10, 0, 0, 1];

let makeCard: () => Link;
let makePeer: Awaited<ReturnType<typeof buildVj>>;
let card: Link;
beforeAll(async () => {
  makeCard = await buildLink("serial");
  makePeer = await buildVj("gateway");
});
beforeEach(() => {
  card = makeCard();
});

function tell(frame: number[]): number[][] {
  card.receive(encode(frame));
  return decode([0x7e, ...card.run()]);
}

/** Brings LCP up. @returns the card's first IPCP request */
function openLcp(): number[] {
  const [lcp = []] = decode(card.run());
  tell(packet(LCP, 2, lcp[3]!, lcp.slice(6)));
  const frames = tell(packet(LCP, 1, 1, [7, 2, 8, 2]));
  return frames.find((frame) => frame[0] === 0x80)!;
}

/** Brings IP up; the peer acknowledges `request` of the card's and asks for `options`. */
function openIpcp(request: number[], options: number[]): void {
  tell(packet(IPCP, 2, request[3]!, request.slice(6)));
  expect(tell(packet(IPCP, 1, 1, options))).toEqual([packet(IPCP, 2, 1, options)]);
  expect(card.exports.isUp()).toBe(1);
}

const open = (options = [...PEER_OFFER, ...ADDRESS]) => openIpcp(openLcp(), options);

/** Sends what the compressor made of a packet. @returns what the card sends back */
function echo(frame: Frame): Frame | undefined {
  const [answer] = tell([0, frame.protocol, ...frame.bytes]);
  return answer && { protocol: answer[1]!, bytes: Uint8Array.from(answer.slice(2)) };
}

/** Segments of one connection, `length` bytes of data each. */
function segments(count: number, length = 100, destPort = 40_000): Uint8Array[] {
  return Array.from({ length: count }, (_, i) =>
    tcpPacket({ destPort, seq: 1000 + i * length, ident: 7 + i, data: new Uint8Array(length).fill(i) }),
  );
}

describe("IPCP", () => {
  test("the card offers its two slots, and lets the peer leave their ids out", () => {
    expect(openLcp().slice(6)).toEqual([...CARD_OFFER, 3, 6, 0, 0, 0, 0]);
  });

  test("a peer without compression rejects it; it is asked for no more, and nothing is compressed", () => {
    const first = openLcp();
    const [second = []] = tell(packet(IPCP, 4, first[3]!, CARD_OFFER));
    expect(second.slice(6)).toEqual([3, 6, 0, 0, 0, 0]);
    openIpcp(second, ADDRESS);
    for (const bytes of segments(3)) expect(echo({ protocol: IP, bytes })).toEqual({ protocol: IP, bytes });
    card.expectAllPbufsFree();
  });

  test("a peer that has less suggests it, and gets it", () => {
    const first = openLcp();
    const [second = []] = tell(packet(IPCP, 3, first[3]!, [2, 6, 0, 0x2d, 0, 0]));
    expect(second.slice(6, 12)).toEqual([2, 6, 0, 0x2d, 0, 0]);
    const [third = []] = tell(packet(IPCP, 3, second[3]!, PEER_OFFER)); // more again: no
    expect(third.slice(6, 12)).toEqual([2, 6, 0, 0x2d, 0, 0]);
  });

  test.each([
    ["of another kind", [2, 6, 0, 0x61, 0, 16]],
    ["too short", [2, 4, 0, 0x2d]],
    ["too long", [2, 7, 0, 0x2d, 15, 1, 0]],
  ])("compression %s is rejected", (_, option) => {
    openLcp();
    expect(tell(packet(IPCP, 1, 5, [...option, ...ADDRESS]))).toEqual([packet(IPCP, 4, 5, option)]);
  });

  test("a peer that asks for no compression gets none, and may still send it", () => {
    open(ADDRESS);
    const peer = makePeer();
    for (const bytes of segments(3)) expect(echo(peer.compress(bytes))).toEqual({ protocol: IP, bytes });
  });
});

describe("opened", () => {
  let peer: VjEnd;
  beforeEach(() => {
    open();
    peer = makePeer(2, true);
  });

  /** A round trip. @returns the protocols there and back */
  function expectEchoed(bytes: Uint8Array): [number, number] {
    const sent = peer.compress(bytes);
    const answer = echo(sent)!;
    expect(peer.uncompress(answer)).toEqual(bytes);
    return [sent.protocol, answer.protocol];
  }

  test("the first segment of a connection goes whole, those that follow in 3 bytes of header", () => {
    const protocols = segments(5).map(expectEchoed);
    expect(protocols).toEqual([
      [UNCOMPRESSED, UNCOMPRESSED],
      ...Array.from({ length: 4 }, () => [COMPRESSED, COMPRESSED]),
    ]);
    const last = peer.compress(segments(6).at(-1)!);
    expect(last.bytes.length).toBe(100 + 3);
    card.expectAllPbufsFree();
    card.expectUnharmed();
  });

  test.each([1, 98, 99, 100, 101, 102, 200, 216])(
    "segments of %i bytes, over any number of pbufs",
    (length) => {
      for (const bytes of segments(4, length)) expectEchoed(bytes);
      card.expectAllPbufsFree();
    },
  );

  test("two connections have a slot each; a third takes the one that was used the longest ago", () => {
    const [a, b, c] = [segments(4), segments(4, 100, 40_001), segments(4, 100, 40_002)] as const;
    const protocols = [a[0]!, b[0]!, a[1]!, b[1]!, c[0]!, b[2]!, c[1]!, a[2]!].map(
      (one) => expectEchoed(one)[1],
    );
    const [whole, less] = [UNCOMPRESSED, COMPRESSED];
    expect(protocols).toEqual([whole, whole, less, less, whole, less, less, whole]);
  });

  test("what is not TCP, or opens and ends a connection, goes as it is", () => {
    const syn = tcpPacket({ flags: 0x02 });
    const udp = tcpPacket({}).fill(17, 9, 10);
    for (const bytes of [syn, udp]) expect(expectEchoed(bytes)).toEqual([IP, IP]);
  });

  test("after a lost frame what is compressed is tossed, until the connection's header has come whole", () => {
    const [first, second, third, fourth, fifth] = segments(5) as [Uint8Array, ...Uint8Array[]];
    expectEchoed(first);
    expectEchoed(second!);
    const damaged = encode([0, 0x2d, ...peer.compress(third!).bytes]);
    damaged[6]! ^= 1;
    card.receive(damaged);
    expect(card.run()).toEqual([]);
    expect(echo(peer.compress(fourth!))).toBeUndefined();
    expect(expectEchoed(third!)[0]).toBe(UNCOMPRESSED); // TCP repeats it: that goes back, so it goes whole
    expect(expectEchoed(fourth!)[0]).toBe(COMPRESSED);
    expect(expectEchoed(fifth!)[0]).toBe(COMPRESSED);
    card.expectAllPbufsFree();
  });

  test("IPCP once more: both ends begin with empty slots", () => {
    segments(3).forEach(expectEchoed);
    const frames = tell(packet(IPCP, 1, 9, [...PEER_OFFER, ...ADDRESS]));
    const request = frames.find((frame) => frame[2] === 1)!;
    tell(packet(IPCP, 2, request[3]!, request.slice(6)));
    expect(card.exports.isUp()).toBe(1);
    const stale = peer.compress(segments(4)[3]!);
    expect(stale.protocol).toBe(COMPRESSED);
    expect(echo(stale)).toBeUndefined();
  });

  test("compressed packets while IPCP is not open are dropped in silence", () => {
    tell(packet(IPCP, 5, 9));
    expect(card.exports.isUp()).toBe(0);
    for (const protocol of [COMPRESSED, UNCOMPRESSED]) expect(tell([0, protocol, 1, 2, 3, 4])).toEqual([]);
    card.expectAllPbufsFree();
  });
});
