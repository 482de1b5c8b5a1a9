// PPP between a card and other peers, byte for byte over AHDLC.
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { IP, IPCP, LCP, type Link, buildLink, decode, encode, packet } from "../support/link.ts";
import { randomFrom } from "../support/random.ts";

const CARD_ADDRESS = 0x0a4d0002;
const GATEWAY_ADDRESS = 0x0a4d0001;

let makeCard: () => Link;
let makeGateway: () => Link;
let card: Link;
beforeAll(async () => {
  makeCard = await buildLink("serial");
  makeGateway = await buildLink("gateway");
});
beforeEach(() => {
  card = makeCard();
});

/** Sends a frame to the card. @returns the frames that it answers with */
function tell(frame: number[], acfc = false): number[][] {
  card.receive(encode(frame, { acfc }));
  return decode([0x7e, ...card.run()]);
}

/** A peer that accepts everything opens the link. @returns the card's LCP and IPCP requests */
function open(): { lcp: number[]; ipcp: number[] } {
  const [lcp = []] = decode(card.run());
  tell(packet(LCP, 2, lcp[3]!, lcp.slice(6)));
  const [, ipcp = []] = tell(packet(LCP, 1, 1, [5, 6, 0xca, 0xfe, 0, 1]));
  const [again = []] = tell(packet(IPCP, 3, ipcp[3]!, [3, 6, 10, 0, 0, 7]));
  tell(packet(IPCP, 2, again[3]!, again.slice(6)));
  tell(packet(IPCP, 1, 1, [3, 6, 10, 0, 0, 1]));
  expect(card.exports.isUp()).toBe(1);
  return { lcp, ipcp };
}

/** Carries bytes both ways until both are silent, through a line that may spoil them. */
function carry(a: Link, b: Link, line: (bytes: number[]) => number[] = (bytes) => bytes): void {
  for (let quiet = 0; quiet < 2;) {
    const [fromA, fromB] = [a.run(), b.run()];
    b.receive(line(fromA));
    a.receive(line(fromB));
    quiet = fromA.length + fromB.length ? 0 : quiet + 1;
  }
}

describe("card and gateway", () => {
  test("come up, the card with the address that the gateway gives", () => {
    const gateway = makeGateway();
    carry(card, gateway);
    expect([card.exports.isUp(), gateway.exports.isUp()]).toEqual([1, 1]);
    expect([card.exports.localAddress(), card.exports.peerAddress()]).toEqual([
      CARD_ADDRESS,
      GATEWAY_ADDRESS,
    ]);
    expect([gateway.exports.localAddress(), gateway.exports.peerAddress()]).toEqual([
      GATEWAY_ADDRESS,
      CARD_ADDRESS,
    ]);
    expect(gateway.exports.peerMru()).toBe(card.profile.LINK_MRU);
    for (const link of [card, gateway]) {
      link.expectAllPbufsFree();
      link.expectUnharmed();
    }
  });

  test("carry IP packets of any length, 4 bytes of overhead each", () => {
    const gateway = makeGateway();
    carry(card, gateway);
    for (const length of [1, 20, 40, 128, 250, 256]) {
      expect(gateway.exports.transmit(length)).toBe(1);
      const sent = gateway.run();
      expect(sent.length).toBe(
        length +
          4 +
          [...Array(length).keys()].filter((i) => i === 0x7d || i === 0x7e).length +
          stuffedFcs(sent),
      );
      card.receive(sent);
      expect(decode([0x7e, ...card.run()])).toEqual([[0, 0x21, ...Array.from({ length }, (_, i) => i)]]);
    }
    card.expectAllPbufsFree();
  });

  test("a peer that restarts is met again at once", () => {
    carry(card, makeGateway());
    const second = makeGateway();
    carry(card, second);
    expect([card.exports.isUp(), second.exports.isUp()]).toEqual([1, 1]);
  });

  test("requests that cross, one end open and the other not yet, end in Opened on both", () => {
    const gateway = makeGateway();
    carry(card, gateway);
    for (const [one, other] of [
      [card, gateway],
      [gateway, card],
    ] as const) {
      one.receive(encode(packet(LCP, 1, 200, []))); // sends the one back to Ack-Sent, unknown to the other
      let budget = 1000;
      carry(one, other, (line) => {
        if ((budget -= line.length) < 0) throw new Error("they chase each other");
        return line;
      });
      expect([card.exports.isUp(), gateway.exports.isUp()]).toEqual([1, 1]);
    }
  });

  test("a gateway that terminates is followed, and tried again later", () => {
    const gateway = makeGateway();
    carry(card, gateway);
    gateway.exports.close();
    carry(card, gateway);
    expect([card.exports.isUp(), gateway.exports.isUp()]).toEqual([0, 0]);
    card.expectAllPbufsFree();
    const second = makeGateway();
    carry(card, second);
    for (let ms = 0; ms < 20_000 && !card.exports.isUp(); ms += 1000) {
      card.nowMs += 1000;
      second.nowMs += 1000;
      carry(card, second);
    }
    expect([card.exports.isUp(), second.exports.isUp()]).toEqual([1, 1]);
  });

  test.each(Array.from({ length: 40 }, (_, seed) => seed))("come up over a bad line (seed %i)", (seed) => {
    const random = randomFrom(seed);
    const chance = (perMille: number) => random() % 1000 < perMille;
    const spoil = (bytes: number[]) =>
      bytes.flatMap((byte) => {
        if (chance(1)) return [];
        if (chance(2)) return [byte ^ (1 << (random() % 8))];
        if (chance(1)) return [byte, byte];
        return [byte];
      });
    const gateway = makeGateway();
    for (let ms = 0; ms < 120_000; ms += 500) {
      carry(card, gateway, spoil);
      if (card.exports.isUp() && gateway.exports.isUp()) break;
      card.nowMs += 500;
      gateway.nowMs += 500;
    }
    expect([card.exports.isUp(), gateway.exports.isUp()]).toEqual([1, 1]);
    expect([card.exports.localAddress(), gateway.exports.peerAddress()]).toEqual([
      CARD_ADDRESS,
      CARD_ADDRESS,
    ]);
    carry(card, gateway);
    for (const link of [card, gateway]) {
      link.receive([0x7e]); // ends what a spoilt line left unfinished
      link.run();
      link.expectAllPbufsFree();
      link.expectUnharmed();
    }
  });
});

function stuffedFcs(sent: number[]): number {
  return sent.slice(-5).filter((byte) => byte === 0x7d).length;
}

describe("options", () => {
  test("the card asks for its MRU, no escapes, a magic number and both compressions", () => {
    const [request] = decode(card.run());
    const magic = request!.slice(18, 22);
    expect(request!.slice(6)).toEqual([1, 4, 1, 0, 2, 6, 0, 0, 0, 0, 5, 6, ...magic, 7, 2, 8, 2]);
  });

  test("what the peer rejects is asked for no more", () => {
    const [request] = decode(card.run());
    const [next] = tell(packet(LCP, 4, request![3]!, [2, 6, 0, 0, 0, 0, 7, 2, 8, 2]));
    expect(next!.slice(6).filter((_, i) => i === 0 || i === 4)).toEqual([1, 5]);
    expect(next![3]).not.toBe(request![3]);
  });

  test("character map: what the peer adds is escaped for us too", () => {
    const [request] = decode(card.run());
    const [next] = tell(packet(LCP, 3, request![3]!, [2, 6, 0, 0x0a, 0, 0]));
    expect(next!.slice(10, 16)).toEqual([2, 6, 0, 0x0a, 0, 0]);
  });

  test("authentication and link quality are rejected, the rest of the request left out", () => {
    card.run();
    const pap = [3, 4, 0xc0, 0x23];
    const chap = [3, 5, 0xc2, 0x23, 5];
    const lqr = [4, 8, 0xc0, 0x25, 0, 0, 0, 1];
    for (const demand of [pap, chap, lqr])
      expect(tell(packet(LCP, 1, 9, [2, 6, 0, 0, 0, 0, ...demand, 7, 2]))).toEqual([
        packet(LCP, 4, 9, demand),
      ]);
  });

  test("a request longer than a pbuf is answered whole", () => {
    card.run();
    const unknown = Array.from({ length: 50 }, (_, i) => [200, 4, i, 0x7e]).flat();
    expect(tell(packet(LCP, 1, 3, [...unknown, 7, 2]))).toEqual([packet(LCP, 4, 3, unknown)]);
    card.expectAllPbufsFree();
  });

  test("malformed options and lengths are discarded", () => {
    card.run();
    const good = packet(LCP, 1, 3, [7, 2]);
    for (const options of [[7], [7, 0], [7, 1], [7, 3], [5, 6, 1, 2, 3]])
      expect(tell(packet(LCP, 1, 3, options))).toEqual([]);
    for (const length of [0, 3, 7, 0xffff]) {
      const bad = good.map((byte, i) => (i === 4 ? length >> 8 : i === 5 ? length & 0xff : byte));
      expect(tell(bad)).toEqual([]);
    }
    expect(tell([...good, 0xff, 0xff])).toEqual([packet(LCP, 2, 3, [7, 2])]); // padding is no option
    card.expectAllPbufsFree();
  });

  test("an Ack that is not of our request, by identifier or by content, is none", () => {
    const [request] = decode(card.run());
    tell(packet(LCP, 2, request![3]! + 1, request!.slice(6)));
    tell(
      packet(
        LCP,
        2,
        request![3]!,
        request!.slice(6).map((byte, i) => (i === 13 ? byte ^ 1 : byte)),
      ),
    );
    tell(packet(LCP, 1, 1, []));
    expect(decode(card.after(3000))[0]![2]).toBe(1); // still asking
  });

  test("our own magic number coming back: Nak, and in the end silence instead of a link to ourselves", () => {
    let frames = decode(card.run());
    for (let round = 0; round < 40 && frames.length > 0; round++)
      frames = frames.flatMap((frame) => tell(frame));
    expect(frames).toEqual([]);
    expect(card.exports.isUp()).toBe(0);
    card.expectAllPbufsFree();
  });

  test("IPCP: name servers are rejected, a peer without address too", () => {
    open();
    const dns = [129, 6, 0, 0, 0, 0];
    expect(tell(packet(IPCP, 1, 8, [3, 6, 10, 0, 0, 1, ...dns]))).toContainEqual(packet(IPCP, 4, 8, dns));
    const without = [3, 6, 0, 0, 0, 0];
    expect(tell(packet(IPCP, 1, 9, without))).toContainEqual(packet(IPCP, 4, 9, without));
  });

  test("IPCP: the gateway gives one address and refuses others", () => {
    card = makeGateway();
    const [lcp = []] = decode(card.run());
    tell(packet(LCP, 2, lcp[3]!, lcp.slice(6)));
    tell(packet(LCP, 1, 1, []));
    const wanted = [3, 6, 10, 77, 0, 2];
    for (const address of [
      [0, 0, 0, 0],
      [192, 168, 0, 1],
    ])
      expect(tell(packet(IPCP, 1, 4, [3, 6, ...address]))).toEqual([packet(IPCP, 3, 4, wanted)]);
    expect(tell(packet(IPCP, 1, 5, wanted))).toEqual([packet(IPCP, 2, 5, wanted)]);
  });
});

describe("a name server (RFC 1877)", () => {
  let makeAsking: () => Link;
  beforeAll(async () => {
    makeAsking = await buildLink("serial", { UDP: 1, DNS: 1 });
  });

  /** @returns our IPCP request, LCP being open, of a card that asks */
  function asking(): number[] {
    card = makeAsking();
    const [lcp = []] = decode(card.run());
    tell(packet(LCP, 2, lcp[3]!, lcp.slice(6)));
    const [, ipcp = []] = tell(packet(LCP, 1, 1, [5, 6, 0xca, 0xfe, 0, 1]));
    expect(ipcp.slice(-6)).toEqual([129, 6, 0, 0, 0, 0]);
    return ipcp;
  }

  test("asked for, told by a Nak, acknowledged", () => {
    const ipcp = asking();
    const [again = []] = tell(packet(IPCP, 3, ipcp[3]!, [3, 6, 10, 0, 0, 7, 129, 6, 10, 0, 0, 53]));
    expect(again.slice(-12)).toEqual([3, 6, 10, 0, 0, 7, 129, 6, 10, 0, 0, 53]);
    tell(packet(IPCP, 2, again[3]!, again.slice(6)));
    tell(packet(IPCP, 1, 1, [3, 6, 10, 0, 0, 1]));
    expect([card.exports.isUp(), card.exports.localAddress(), card.exports.dnsServer()]).toEqual([
      1, 0x0a000007, 0x0a000035,
    ]);
    card.expectAllPbufsFree();
  });

  test("rejected: none, and the link opens without", () => {
    const ipcp = asking();
    const [again = []] = tell(packet(IPCP, 4, ipcp[3]!, ipcp.slice(-6)));
    expect(again.slice(6)).toEqual(ipcp.slice(6, -6));
    tell(packet(IPCP, 3, again[3]!, [129, 6, 10, 0, 0, 53])); // not asked any more
    card.run();
    carry(card, makeGateway());
    expect(card.exports.dnsServer()).toBe(0);
  });

  test("our own gateway has none to tell", () => {
    card = makeAsking();
    const gateway = makeGateway();
    carry(card, gateway);
    expect([card.exports.isUp(), card.exports.localAddress(), card.exports.dnsServer()]).toEqual([
      1,
      CARD_ADDRESS,
      0,
    ]);
  });
});

describe("opened", () => {
  test("an Echo-Request of any length is answered with our magic number", () => {
    const { lcp } = open();
    const magic = lcp.slice(18, 22);
    for (const length of [0, 10, 200]) {
      const data = Array.from({ length }, (_, i) => i);
      expect(tell(packet(LCP, 9, 66, [1, 2, 3, 4, ...data]))).toEqual([
        packet(LCP, 10, 66, [...magic, ...data]),
      ]);
    }
    expect(tell(packet(LCP, 9, 67, magic))).toEqual([]); // our own: a loop
    expect(tell(packet(LCP, 9, 68, [1, 2]))).toEqual([]);
    expect(tell(packet(LCP, 10, 69, [1, 2, 3, 4]))).toEqual([]);
    expect(tell(packet(LCP, 11, 70, [1, 2, 3, 4]))).toEqual([]);
    card.expectAllPbufsFree();
  });

  test("an unknown protocol gets a Protocol-Reject, an unknown code a Code-Reject", () => {
    open();
    const ipv6cp = packet(0x8057, 1, 1, [1, 10, 1, 2, 3, 4, 5, 6, 7, 8]);
    const [protocolReject] = tell(ipv6cp);
    expect(protocolReject!.slice(0, 3)).toEqual([0xc0, 0x21, 8]);
    expect(protocolReject!.slice(6)).toEqual(ipv6cp);
    const odd = packet(IPCP, 12, 1, [1, 2, 3]);
    const [codeReject] = tell(odd);
    expect(codeReject!.slice(0, 3)).toEqual([0x80, 0x21, 7]);
    expect(codeReject!.slice(6)).toEqual(odd.slice(2));
    card.expectAllPbufsFree();
  });

  test("a Protocol-Reject of IPCP closes it, and it is tried again; of another protocol it is nothing", () => {
    open();
    tell(packet(LCP, 8, 1, [0x80, 0x57, 1, 1, 0, 4]));
    expect(card.exports.isUp()).toBe(1);
    const [terminate] = tell(packet(LCP, 8, 2, [0x80, 0x21, 1, 1, 0, 4]));
    expect(terminate!.slice(0, 3)).toEqual([0x80, 0x21, 5]);
    expect(card.exports.isUp()).toBe(0);
    const later = Array.from({ length: 15 }, () => decode([0x7e, ...card.after(1000)])).flat();
    expect(later.some((frame) => frame[0] === 0x80 && frame[2] === 1)).toBe(true);
    card.expectAllPbufsFree();
  });

  test("a Configure-Request negotiates anew: our request first, then the answer", () => {
    open();
    const frames = tell(packet(LCP, 1, 50, [5, 6, 1, 1, 1, 1]));
    expect(frames.map((frame) => frame[2])).toEqual([1, 2]);
    expect(card.exports.isUp()).toBe(0);
  });

  test("Terminate-Request: Ack, then silence, then a new attempt", () => {
    open();
    expect(tell(packet(LCP, 5, 51, [0x62, 0x79, 0x65]))).toEqual([packet(LCP, 6, 51)]);
    expect(card.exports.isUp()).toBe(0);
    const later = Array.from({ length: 10 }, () => decode(card.after(1000))).flat();
    expect(later[0]!.slice(0, 3)).toEqual([0xc0, 0x21, 1]);
  });

  test("a peer that asks once a second, and never answers, does not keep us from asking", () => {
    card.run();
    let asked = 0;
    for (let second = 0; second < 12; second++) {
      card.takesByte = () => false; // its answers wait for the line
      card.receive(encode(packet(LCP, 1, 1, [7, 2])));
      card.run();
      card.takesByte = () => true;
      const frames = decode([0x7e, ...card.run(), ...card.after(1000)]);
      asked += frames.filter((frame) => frame[2] === 1).length;
    }
    expect(asked).toBeGreaterThanOrEqual(3);
  });

  test("more requests than can wait are dropped, not piled up", () => {
    open();
    card.takesByte = () => false;
    for (let i = 0; i < 50; i++) {
      card.receive(encode(packet(LCP, 9, i, [1, 2, 3, 4])));
      card.exports.step();
    }
    expect(card.exports.freePbufs()).toBeGreaterThanOrEqual(card.profile.PBUF_COUNT - 4);
    card.takesByte = () => true;
    expect(decode(card.run()).every((frame) => frame[2] === 10)).toBe(true);
    card.expectAllPbufsFree();
  });
});

test("before LCP is opened nothing else is answered", () => {
  card.run();
  expect(tell(packet(IPCP, 1, 1, [3, 6, 10, 0, 0, 1]))).toEqual([]);
  expect(tell(packet(0x8057, 1, 1))).toEqual([]);
  expect(tell([IP >> 8, IP & 0xff, 0x45])).toEqual([]);
  card.expectAllPbufsFree();
});
