// Header compression by the letter of RFC 1144: what goes over the line, byte by byte, and that it becomes again what it was.
import { beforeAll, describe, expect, test } from "vitest";
import {
  COMPRESSED,
  type Frame,
  IP,
  type Template,
  UNCOMPRESSED,
  buildVj,
  tcpPacket,
} from "../support/vj.ts";

let make: Awaited<ReturnType<typeof buildVj>>;
beforeAll(async () => {
  make = await buildVj();
});

const URG = 0x30;
const data = (length: number) => Uint8Array.from({ length }, (_, i) => i + 65);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex").replace(/..\B/g, "$& ");

/** Sends packets, each of which must arrive as it was. @returns the frame of the last */
function carry(packets: Uint8Array[], omitId = false): Frame {
  const [sender, receiver] = [make(16, omitId), make()];
  let frame: Frame = { protocol: 0, bytes: new Uint8Array(0) };
  for (const packet of packets) {
    frame = sender.compress(packet);
    expect(receiver.uncompress(frame)).toEqual(packet);
  }
  expect(sender.exports.pbufsMissing() + receiver.exports.pbufsMissing()).toBe(0);
  return frame;
}

/** Expects a packet, after another, to become a compressed one. @param header in hex; ## ## is the TCP checksum */
function expectHeader(before: Partial<Template>, now: Partial<Template>, header: string): void {
  const packet = tcpPacket({ ident: 8, ...now });
  const { protocol, bytes } = carry([tcpPacket(before), packet]);
  const sum = hex(packet.subarray(36, 38));
  expect({ protocol, header: hex(bytes.subarray(0, bytes.length - packet.length + 40)) }).toEqual({
    protocol: COMPRESSED,
    header: header.replace("## ##", sum),
  });
}

/** Expects a packet, after another, to go whole, in the same slot. */
function expectWhole(before: Partial<Template>, now: Partial<Template>): void {
  const packet = tcpPacket({ ident: 8, ...now });
  const { protocol, bytes } = carry([tcpPacket(before), packet]);
  packet[9] = 0;
  expect({ protocol, bytes }).toEqual({ protocol: UNCOMPRESSED, bytes: packet });
}

describe("the first packet of a connection goes whole, with its slot in the protocol's place", () => {
  test("and the next compressed", () => expectWhole({ destPort: 1 }, { destPort: 1, seq: 0 }));
});

// Before: seq 1000, ack 2000, window 4096, identification 7, no data. Now: identification 8.
const DIFFERENCES: [string, Partial<Template>, string][] = [
  ["nothing, but there are data", { data: data(3) }, "40 00 ## ##"],
  ["P: the PSH flag", { data: data(3), flags: 0x18 }, "50 00 ## ##"],
  ["W: window", { window: 4097 }, "42 00 ## ## 01"],
  ["W: window, 255 more", { window: 4351 }, "42 00 ## ## ff"],
  ["W: window, 256 more", { window: 4352 }, "42 00 ## ## 00 01 00"],
  ["W: window, 1 less", { window: 4095 }, "42 00 ## ## 00 ff ff"],
  ["A: acknowledgment", { ack: 2001 }, "44 00 ## ## 01"],
  ["A: acknowledgment, 65535 more", { ack: 67535 }, "44 00 ## ## 00 ff ff"],
  ["S: sequence number", { seq: 1200 }, "48 00 ## ## c8"],
  ["S: sequence number, 65535 more", { seq: 66535 }, "48 00 ## ## 00 ff ff"],
  ["U: urgent pointer 0", { flags: URG }, "41 00 ## ## 00 00 00"],
  ["U: urgent pointer 3", { flags: URG, urgent: 3 }, "41 00 ## ## 03"],
  ["U: urgent pointer 300", { flags: URG, urgent: 300 }, "41 00 ## ## 00 01 2c"],
  ["U W", { flags: URG, urgent: 1, window: 4098 }, "43 00 ## ## 01 02"],
  ["U A", { flags: URG, urgent: 1, ack: 2003 }, "45 00 ## ## 01 03"],
  ["A W", { ack: 2003, window: 4098 }, "46 00 ## ## 02 03"],
  ["U A W", { flags: URG, urgent: 1, ack: 2003, window: 4098 }, "47 00 ## ## 01 02 03"],
  ["U S", { flags: URG, urgent: 1, seq: 1004 }, "49 00 ## ## 01 04"],
  ["S W", { seq: 1004, window: 4098 }, "4a 00 ## ## 02 04"],
  ["S A", { seq: 1004, ack: 2003 }, "4c 00 ## ## 03 04"],
  ["U S A", { flags: URG, urgent: 1, seq: 1004, ack: 2003 }, "4d 00 ## ## 01 03 04"],
  ["S A W", { seq: 1004, ack: 2003, window: 4098 }, "4e 00 ## ## 02 03 04"],
  ["I: identification, 2 more", { ident: 9, ack: 2001 }, "64 00 ## ## 01 02"],
  ["I: identification, the same", { ident: 7, ack: 2001 }, "64 00 ## ## 01 00 00 00"],
  ["I: identification, 1 less", { ident: 6, ack: 2001 }, "64 00 ## ## 01 00 ff ff"],
  [
    "all that can be, at its longest",
    { flags: 0x38, urgent: 0x1234, seq: 1256, ack: 2256, ident: 263 },
    "7d 00 ## ## 00 12 34 00 01 00 00 01 00 00 01 00",
  ],
];

describe("differs in", () => {
  test.each(DIFFERENCES)("%s", (_, now, header) => expectHeader({}, now, header));

  test("sequence number, acknowledgment, window and identification over their ends", () => {
    const before = { seq: 0xffffffff, ack: 0xfffffffe, window: 0xffff, ident: 0xffff };
    expectHeader(before, { seq: 1, ack: 1, window: 4, ident: 0 }, "4e 00 ## ## 05 03 02");
  });
});

describe("special cases", () => {
  test("D: bulk data", () => expectHeader({ data: data(9) }, { seq: 1009, data: data(9) }, "4f 00 ## ##"));
  test("D: an ACK after data", () => expectHeader({ data: data(9) }, { seq: 1009 }, "4f 00 ## ##"));
  test("D with I and P", () =>
    expectHeader({ data: data(9) }, { seq: 1009, ident: 12, flags: 0x18 }, "7f 00 ## ## 05"));
  test("D over the end of the sequence numbers", () =>
    expectHeader({ seq: 0xfffffffc, data: data(9) }, { seq: 5 }, "4f 00 ## ##"));
  test("D, and URG no more", () =>
    expectHeader({ flags: URG, urgent: 3, data: data(9) }, { seq: 1009, urgent: 3 }, "4f 00 ## ##"));
  test("I: an echoed character", () =>
    expectHeader({ data: data(1) }, { seq: 1001, ack: 2001, data: data(1) }, "4b 00 ## ##"));
  test("not I: seq and ack have not gone up alike", () =>
    expectHeader({ data: data(1) }, { seq: 1001, ack: 2002 }, "4c 00 ## ## 02 01"));
  test("not I: not by the data of the packet before", () =>
    expectHeader({ data: data(1) }, { seq: 1002, ack: 2002 }, "4c 00 ## ## 02 02"));
  test("not D: a packet is missing", () => expectHeader({ data: data(9) }, { seq: 1018 }, "48 00 ## ## 12"));
  test("real changes that look like I go whole", () =>
    expectWhole({}, { flags: URG, urgent: 1, window: 1, seq: 1001 }));
  test("real changes that look like D go whole", () =>
    expectWhole({}, { flags: URG, urgent: 1, window: 1, seq: 1001, ack: 2001 }));
});

describe("goes whole:", () => {
  const CASES: [string, Partial<Template>, Partial<Template>][] = [
    ["an ACK repeated", {}, {}],
    ["data repeated", { data: data(9) }, { data: data(9) }],
    ["a retransmission", { seq: 2000, data: data(9) }, { seq: 1000, data: data(9) }],
    ["seq, 65536 more", {}, { seq: 66536 }],
    ["ack, 65536 more", {}, { ack: 67536 }],
    ["an older ack", {}, { ack: 1999 }],
    ["type of service", {}, { tos: 4, ack: 2001 }],
    ["time to live", {}, { ttl: 63, ack: 2001 }],
    ["don't fragment", {}, { fragment: 0x4000, ack: 2001 }],
    ["an urgent pointer without URG", {}, { urgent: 5, ack: 2001 }],
  ];
  test.each(CASES)("%s", (_, before, now) => expectWhole(before, now));
});

describe("is left alone:", () => {
  const CASES: [string, Partial<Template>][] = [
    ["SYN", { flags: 0x12 }],
    ["FIN", { flags: 0x11 }],
    ["RST", { flags: 0x14 }],
    ["no ACK", { flags: 0x08 }],
    ["ECE", { flags: 0x50 }],
    ["CWR", { flags: 0x90 }],
    ["more fragments", { fragment: 0x2000 }],
    ["a last fragment", { fragment: 5 }],
    ["options of IP", { ipOptions: [1, 1, 1, 0] }],
    ["options of TCP", { tcpOptions: [1, 1, 1, 0] }],
  ];
  const expectSame = (packet: Uint8Array) =>
    expect(carry([tcpPacket({}), packet])).toEqual({ protocol: IP, bytes: packet });
  test.each(CASES)("%s", (_, now) => expectSame(tcpPacket({ ack: 2001, ...now })));

  const edited = (at: number, byte: number) => {
    const packet = tcpPacket({ ack: 2001, data: data(8) });
    packet[at] = byte;
    return packet;
  };
  test("UDP", () => expectSame(edited(9, 17)));
  test("version 6", () => expectSame(edited(0, 0x65)));
  test("a reserved bit", () => expectSame(edited(32, 0x51)));
  test("a length that is not its own", () => expectSame(edited(3, 47)));
  test("a fragment of a header", () => expectSame(tcpPacket({}).subarray(0, 39)));
  test("everything, unless the peer has slots", () => {
    const packet = tcpPacket({});
    expect(make(0).compress(packet)).toEqual({ protocol: IP, bytes: packet });
  });
});

describe("slots", () => {
  const packetOf = (port: number, step: number) =>
    tcpPacket({ destPort: port, ack: 2000 + step, ident: 7 + step });
  const slotIn = ({ protocol, bytes }: Frame) =>
    protocol === UNCOMPRESSED ? `whole ${bytes[9]}` : bytes[0]! & 0x40 ? `${bytes[1]}` : "same";
  const slots = (peerSlots: number, omitId: boolean, ports: number[]) => {
    const [sender, receiver] = [make(peerSlots, omitId), make()];
    return ports.map((port, step) => {
      const frame = sender.compress(packetOf(port, step));
      expect(receiver.uncompress(frame)).toEqual(packetOf(port, step));
      return slotIn(frame);
    });
  };

  test("an id is left out when it is the same as before, if the peer agrees", () => {
    expect(slots(2, true, [1, 1, 1, 2, 2, 1, 1])).toEqual([
      ...["whole 0", "same", "same"],
      ...["whole 1", "same", "0", "same"],
    ]);
    expect(slots(2, false, [1, 1, 1])).toEqual(["whole 0", "0", "0"]);
  });
  test("the one unused for longest is given to a new connection", () => {
    expect(slots(2, true, [1, 2, 1, 3, 1, 2, 3])).toEqual([
      ...["whole 0", "whole 1", "0", "whole 1"],
      ...["0", "whole 1", "whole 0"],
    ]);
  });
  test("no more are used than the peer has", () => {
    expect(slots(1, true, [1, 2, 2, 1])).toEqual(["whole 0", "whole 0", "same", "whole 0"]);
  });
  test("16 of them serve 16 connections", async () => {
    const makeGateway = await buildVj("gateway");
    const [sender, receiver] = [makeGateway(255, true), makeGateway()];
    for (let step = 0; step < 64; step++) {
      const packet = packetOf(step % 16, step);
      const frame = sender.compress(packet);
      expect(slotIn(frame)).toBe(step < 16 ? `whole ${step}` : `${step % 16}`);
      expect(receiver.uncompress(frame)).toEqual(packet);
    }
  });
  test("a peer may number its slots as it likes", () => {
    const [sender, receiver] = [make(), make()];
    for (let id = 0; id < 256; id++) {
      for (let step = 0; step < 3; step++) {
        const packet = packetOf(id, step);
        const frame = sender.compress(packet);
        frame.bytes[step ? 1 : 9] = id;
        expect(receiver.uncompress(frame), `id ${id}`).toEqual(packet);
      }
    }
  });
  test("of the peer's, the one unused for longest is forgotten", () => {
    const [sender, receiver] = [make(), make()];
    const whole = (id: number) => {
      const frame = sender.compress(packetOf(1, 0)); // repeated, so whole
      frame.bytes[9] = id;
      return frame;
    };
    const compressed = (id: number): Frame => ({
      protocol: COMPRESSED,
      bytes: Uint8Array.from([0x44, id, 0, 0, 1]),
    });
    for (const frame of [whole(5), whole(6), compressed(5), whole(7)]) receiver.uncompress(frame);
    expect([5, 6, 7].map((id) => receiver.uncompress(compressed(id)) !== null)).toEqual([true, false, true]);
  });
  test("a connection that has begun again is known again", () => {
    const end = make();
    end.compress(packetOf(1, 0));
    end.exports.open(16, 0);
    expect(slotIn(end.compress(packetOf(1, 1)))).toBe("whole 0");
  });
});

describe("a frame is tossed", () => {
  const whole = (port: number) => make().compress(tcpPacket({ destPort: port }));
  /** A compressed ACK: one more byte. */
  const ack = (id?: number): Frame => ({
    protocol: COMPRESSED,
    bytes: Uint8Array.from(id === undefined ? [4, 0, 0, 1] : [0x44, id, 0, 0, 1]),
  });

  test("before its slot is filled", () => {
    const end = make();
    for (const frame of [ack(), ack(0), ack(1), ack(255)]) expect(end.uncompress(frame)).toBeNull();
    expect(end.exports.tossed()).toBe(4);
    end.uncompress(whole(1));
    expect(end.uncompress(ack(1))).toBeNull();
    expect(end.uncompress(ack())).toBeNull(); // it means slot 1
    expect(end.uncompress(ack(0))).not.toBeNull();
    expect(end.uncompress(ack())).not.toBeNull();
    expect(end.exports.pbufsMissing()).toBe(0);
  });
  test("after a loss, with a slot id and without, until its slot is filled", () => {
    const end = make();
    end.uncompress(whole(1));
    end.exports.lost();
    expect(end.uncompress(ack())).toBeNull();
    expect(end.uncompress(ack(0))).toBeNull();
    end.uncompress(whole(1));
    expect(end.uncompress(ack())).not.toBeNull();
  });
  test("though its changes and lost ones cancel out in TCP's checksum", () => {
    const [sender, receiver] = [make(), make()];
    const send = (now: Partial<Template>) => sender.compress(tcpPacket(now));
    receiver.uncompress(send({ data: data(200) }));
    send({ seq: 1200, window: 3896, data: data(200), ident: 8 });
    receiver.exports.lost();
    expect(receiver.uncompress(send({ seq: 1400, window: 3896, ident: 9 }))).toBeNull();
  });
  test("when it ends in its header, and what is after it too", () => {
    const bytes = [0x7d, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2];
    for (let length = 0; length <= bytes.length; length++) {
      const end = make();
      end.uncompress(whole(1));
      const frame = { protocol: COMPRESSED, bytes: Uint8Array.from(bytes.slice(0, length)) };
      expect(end.uncompress(frame) !== null, `${length} bytes`).toBe(length === bytes.length);
      expect(end.uncompress(ack(0)) !== null).toBe(length === bytes.length);
      expect(end.exports.pbufsMissing()).toBe(0);
    }
  });
  test("when it can't hold a header, uncompressed", () => {
    const end = make();
    end.uncompress(whole(1));
    expect(end.uncompress({ protocol: UNCOMPRESSED, bytes: new Uint8Array(39) })).toBeNull();
    expect(end.uncompress(ack(0))).toBeNull();
  });
  test("when its header would not fit before its data", () => {
    const end = make();
    end.uncompress(whole(1));
    expect(end.uncompress(ack(0), end.exports.headroomNeeded() - 3)).toBeNull();
    expect(end.exports.pbufsMissing()).toBe(0);
  });
  test("when its slot was filled by a header with options, which itself arrives", () => {
    const end = make();
    const packet = tcpPacket({ tcpOptions: [1, 1, 1, 0] });
    const frame = { protocol: UNCOMPRESSED, bytes: packet.slice() };
    frame.bytes[9] = 0;
    end.uncompress(whole(1));
    expect(end.uncompress(frame)).toEqual(packet);
    expect(end.uncompress(ack(0))).toBeNull();
  });
});
