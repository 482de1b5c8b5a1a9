// Header compression against lwIP's, which descends from the code in RFC 1144: the same bytes for the same packets, and
// either restores what the other has compressed.
import { spawnSync } from "node:child_process";
import { beforeAll, describe, expect } from "vitest";
import { generator } from "../support/net-random.ts";
import { testWith } from "../support/peers.ts";
import { COMPRESSED, type Frame, IP, UNCOMPRESSED, type VjEnd, buildVj, traffic } from "../support/vj.ts";
import { compileLwip, lwipSource } from "./peers/lwip.ts";

const PACKETS = 4_000;
const FILES = ["netif/ppp/vj.c", "core/pbuf.c", "core/mem.c", "core/memp.c", "core/def.c"];
/** lwIP has this many slots, whatever its peer says. */
const LWIP_SLOTS = 16;
const SEEDS = [1, 2, 3, 4, 5, 6];
const FLAGS_AT = 33;
const URG = 0x20;

let make: Awaited<ReturnType<typeof buildVj>>;
let makeGateway: Awaited<ReturnType<typeof buildVj>>;
beforeAll(async () => {
  make = await buildVj();
  makeGateway = await buildVj("gateway");
});

interface Request {
  op: "I" | "C" | "U" | "D" | "E";
  bytes: Uint8Array;
}
const EMPTY = new Uint8Array(0);

let program: string | undefined;

/** Compiles lwIP's compression and runs requests through it. @returns its answers; protocol 0: tossed */
function lwip(requests: Request[]): Frame[] {
  program ??= compileLwip(lwipSource()!, "lwip-vj", FILES);
  const input = Buffer.concat(
    requests.flatMap(({ op, bytes }) => [
      Uint8Array.of(op.charCodeAt(0), bytes.length >> 8, bytes.length & 0xff),
      bytes,
    ]),
  );
  const { status, stdout } = spawnSync(program, [], { input, maxBuffer: 2 ** 26 });
  expect(status).toBe(0);
  const answers: Frame[] = [];
  for (let at = 0; at < stdout.length;) {
    const length = stdout.readUInt16BE(at + 1);
    answers.push({ protocol: stdout[at]!, bytes: new Uint8Array(stdout.subarray(at + 3, at + 3 + length)) });
    at += 3 + length;
  }
  return answers;
}

const begin = (omitId: boolean): Request => ({ op: "I", bytes: Uint8Array.of(Number(omitId)) });
const restore = ({ protocol, bytes }: Frame): Request => ({
  op: protocol === UNCOMPRESSED ? "U" : "D",
  bytes,
});

/** Packets whose headers have options are beyond us: for them our answer is to leave them alone. */
function packetsOf(seed: number, connections: number): Uint8Array[] {
  const next = traffic(generator(seed), connections);
  return Array.from({ length: PACKETS }, next).filter((packet) => packet[0] === 0x45 && packet[32] === 0x50);
}

/** Sends packets by our compressor. */
function compressAll(end: VjEnd, packets: Uint8Array[]): Frame[] {
  return packets.map((packet) => end.compress(packet));
}

const summary = ({ protocol, bytes }: Frame) =>
  `${protocol.toString(16)} ${Buffer.from(bytes).toString("hex")}`;

/** lwIP's decompressor, as RFC 1144's, leaves URG as it was in the special cases. */
const urgentBefore = (packets: Uint8Array[], i: number) => {
  const port = (packet: Uint8Array) => (packet[22]! << 8) | packet[23]!;
  for (let before = i - 1; before >= 0; before--)
    if (port(packets[before]!) === port(packets[i]!)) return (packets[before]![FLAGS_AT]! & URG) !== 0;
  return false;
};

describe.each(SEEDS)("lwIP, seed %i", (seed) => {
  const omitId = seed % 2 === 0;
  const there = lwipSource() ? "gcc" : "lwip-source";
  const testWithLwip = (name: string, body: () => Promise<void>) =>
    testWith(there, there === "gcc" ? "gcc" : "lwip, by apt-get source", `${name}, seed ${seed}`, body);

  testWithLwip("compresses to the same bytes", async () => {
    const packets = packetsOf(seed, 8);
    const theirs = lwip([begin(omitId), ...packets.map((bytes): Request => ({ op: "C", bytes }))]);
    const ours = compressAll(makeGateway(LWIP_SLOTS, omitId), packets);
    expect(ours.filter(({ protocol }) => protocol === COMPRESSED).length).toBeGreaterThan(PACKETS / 3);
    expect(ours.map(summary)).toEqual(theirs.map(summary));
  });

  testWithLwip("restores what we have compressed", async () => {
    const packets = packetsOf(seed + 100, 4);
    const sent = compressAll(make(LWIP_SLOTS, omitId), packets);
    const onLine = sent.map((frame, i) => ({ frame, i })).filter(({ frame }) => frame.protocol !== IP);
    const answers = lwip([begin(omitId), ...onLine.map(({ frame }) => restore(frame))]);
    expect(answers.length).toBe(onLine.length);
    onLine.forEach(({ i }, n) => {
      const arrived = answers[n]!.bytes;
      if (urgentBefore(packets, i)) arrived[FLAGS_AT] = packets[i]![FLAGS_AT]!;
      expect(summary({ protocol: i, bytes: arrived })).toBe(summary({ protocol: i, bytes: packets[i]! }));
    });
  });

  testWithLwip("is understood by us, with no more slots in use than we have", async () => {
    const packets = packetsOf(seed + 200, 2);
    const answers = lwip([begin(omitId), ...packets.map((bytes): Request => ({ op: "C", bytes }))]);
    const receiver = make();
    answers.forEach((frame, i) => expect(receiver.uncompress(frame)).toEqual(packets[i]));
  });

  testWithLwip("restores no other packet than we do, when frames are lost", async () => {
    const random = generator(seed);
    const packets = packetsOf(seed + 300, 2);
    const frames = compressAll(make(2, omitId), packets).filter(({ protocol }) => protocol !== IP);
    const receiver = make();
    const requests: Request[] = [begin(omitId)];
    const ours: (string | null)[] = [];
    for (const frame of frames) {
      if (random() < 0.02) {
        receiver.exports.lost();
        requests.push({ op: "E", bytes: EMPTY });
        continue;
      }
      const arrived = receiver.uncompress(frame);
      ours.push(arrived && summary({ protocol: IP, bytes: arrived }));
      requests.push(restore(frame));
    }
    const theirs = lwip(requests).map(summary);
    const clear = (text: string) => text.slice(0, 3 + 2 * FLAGS_AT) + text.slice(5 + 2 * FLAGS_AT);
    let restored = 0;
    ours.forEach((packet, i) => {
      if (packet === null) return;
      restored++;
      expect(clear(theirs[i]!)).toBe(clear(packet));
    });
    expect(restored).toBeGreaterThan(frames.length / 3);
  });
});
