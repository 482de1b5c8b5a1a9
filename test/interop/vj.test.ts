// Header compression against lwIP's, which descends from the code in RFC 1144: the same bytes for the same packets, and
// either restores what the other has compressed.
import { spawnSync } from "node:child_process";
import { beforeAll, describe, expect } from "vitest";
import { generator } from "../support/random.ts";
import { testWith } from "../support/peers.ts";
import { COMPRESSED, type Frame, IP, UNCOMPRESSED, type VjEnd, buildVj, traffic } from "../support/vj.ts";
import { compileLwip, lwipSource } from "./peers/lwip.ts";

const PACKETS = 3_000;
const FILES = ["netif/ppp/vj.c", "core/pbuf.c", "core/mem.c", "core/memp.c", "core/def.c"];
/** lwIP has this many slots, whatever its peer says. */
const LWIP_SLOTS = 16;
const SEEDS = [1, 2, 3, 4];
const FLAGS_AT = 33;
const URG = 0x20;
const SPECIALS = [0x0b, 0x0f];

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

function compressAll(end: VjEnd, packets: Uint8Array[]): Frame[] {
  return packets.map((packet) => end.compress(packet));
}

const hex = (bytes: Uint8Array | null) => Buffer.from(bytes ?? []).toString("hex");
const summary = ({ protocol, bytes }: Frame) => `${protocol.toString(16)} ${hex(bytes)}`;

/** lwIP's answer, mended: its decompressor, as RFC 1144's, leaves URG as it was in the special cases. */
function mended(frame: Frame, answer: Frame): Frame {
  const mask = frame.bytes[0]! & 0x0f;
  if (frame.protocol === COMPRESSED && SPECIALS.includes(mask)) answer.bytes[FLAGS_AT]! &= ~URG;
  return answer;
}

// Without lwIP's source, a command that nobody has stands for it.
const [command, debian] = lwipSource() ? ["gcc", "gcc"] : ["lwip-source", "lwip, by apt-get source"];

describe.each(SEEDS)("lwIP, seed %i", (seed) => {
  const omitId = seed % 2 === 0;
  const testWithLwip = (name: string, body: () => void) =>
    testWith(command, debian, `${name}, seed ${seed}`, () => Promise.resolve().then(body));

  testWithLwip("compresses to the same bytes", () => {
    const packets = packetsOf(seed, 8);
    const theirs = lwip([begin(omitId), ...packets.map((bytes): Request => ({ op: "C", bytes }))]);
    const ours = compressAll(makeGateway(LWIP_SLOTS, omitId), packets);
    expect(ours.filter(({ protocol }) => protocol === COMPRESSED).length).toBeGreaterThan(PACKETS / 3);
    expect(ours.map(summary)).toEqual(theirs.map(summary));
  });

  testWithLwip("restores what we have compressed", () => {
    const packets = packetsOf(seed + 100, 4);
    const frames = compressAll(make(LWIP_SLOTS, omitId), packets);
    const onLine = (_: unknown, i: number) => frames[i]!.protocol !== IP;
    const sent = frames.filter(onLine);
    const answers = lwip([begin(omitId), ...sent.map(restore)]);
    const restored = answers.map((answer, i) => hex(mended(sent[i]!, answer).bytes));
    expect(restored).toEqual(packets.filter(onLine).map(hex));
  });

  testWithLwip("is understood by us, with no more slots in use than we have", () => {
    const packets = packetsOf(seed + 200, 2);
    const answers = lwip([begin(omitId), ...packets.map((bytes): Request => ({ op: "C", bytes }))]);
    const receiver = make();
    expect(answers.map((frame) => hex(receiver.uncompress(frame)))).toEqual(packets.map(hex));
  });

  testWithLwip("restores the packets that we do, when frames are lost", () => {
    const random = generator(seed);
    const receiver = make();
    const requests: Request[] = [begin(omitId)];
    const arrived: Frame[] = [];
    const ours: (Uint8Array | null)[] = [];
    for (const frame of compressAll(make(2, omitId), packetsOf(seed + 300, 2))) {
      if (frame.protocol === IP) continue;
      if (random() < 0.02) {
        receiver.exports.lost();
        requests.push({ op: "E", bytes: new Uint8Array(0) });
        continue;
      }
      arrived.push(frame);
      ours.push(receiver.uncompress(frame));
      requests.push(restore(frame));
    }
    const theirs = lwip(requests).map((answer, i) => hex(mended(arrived[i]!, answer).bytes));
    const restored = ours
      .map(hex)
      .map((text, i) => ({ text, i }))
      .filter(({ text }) => text);
    expect(restored.length).toBeGreaterThan(arrived.length / 3);
    for (const { text, i } of restored) if (text !== theirs[i]) expect(theirs[i]).toBe(text);
  });
});
