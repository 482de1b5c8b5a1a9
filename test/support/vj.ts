// Ends of a line with header compression (test/firmware/vj.ts), and TCP packets for them to carry.
import { build, instantiate } from "./firmware.ts";
import { checksum } from "./net-packet.ts";

export const IP = 0x21;
export const COMPRESSED = 0x2d;
export const UNCOMPRESSED = 0x2f;

const INBOX = 61440;
const OUTBOX = 63488;
const ANY = 0xffff;

interface Exports {
  memory: WebAssembly.Memory;
  powerOn(): void;
  open(peerSlots: number, omitId: number): void;
  lost(): void;
  compress(length: number, headerLen: number): number;
  uncompress(protocol: number, length: number, headroom: number, first: number): number;
  headroomNeeded(): number;
  tossed(): number;
  pbufsMissing(): number;
  region(): number;
  regionBytes(): number;
  payloads(): number;
  poolEnd(): number;
  romBase(): number;
}

/** What goes over the line. */
export interface Frame {
  protocol: number;
  bytes: Uint8Array;
}

export class VjEnd {
  readonly memory: Uint8Array;
  constructor(readonly exports: Exports) {
    this.memory = new Uint8Array(exports.memory.buffer);
    exports.powerOn();
  }
  compress(packet: Uint8Array): Frame {
    this.memory.set(packet, INBOX);
    const headerLength = Math.min(packet.length, 40);
    const result = this.exports.compress(packet.length, headerLength);
    return { protocol: result >>> 16, bytes: this.memory.slice(OUTBOX, OUTBOX + (result & 0xffff)) };
  }
  /** @returns null when the frame is tossed */
  uncompress(frame: Frame, headroom = this.exports.headroomNeeded(), first = ANY): Uint8Array | null {
    if (frame.protocol === IP) return frame.bytes;
    this.memory.set(frame.bytes, INBOX);
    const length = this.exports.uncompress(frame.protocol, frame.bytes.length, headroom, first);
    return length < 0 ? null : this.memory.slice(OUTBOX, OUTBOX + length);
  }
}

/** @returns a function that makes an end that has opened */
export async function buildVj(profile = "card-6k"): Promise<(peerSlots?: number, omitId?: boolean) => VjEnd> {
  const module = await build("test/firmware/vj.ts", { profile });
  return (peerSlots = 16, omitId = false) => {
    const end = new VjEnd(instantiate<Exports>(module));
    end.exports.open(peerSlots, Number(omitId));
    return end;
  };
}

export interface Template {
  source: number;
  dest: number;
  sourcePort: number;
  destPort: number;
  seq: number;
  ack: number;
  flags: number;
  window: number;
  urgent: number;
  ident: number;
  tos: number;
  ttl: number;
  fragment: number;
  /** Options of IP and TCP, multiples of 4 bytes. */
  ipOptions: number[];
  tcpOptions: number[];
  data: Uint8Array;
}

export const TEMPLATE: Template = {
  source: 0x0a4d0001,
  dest: 0x0a4d0002,
  sourcePort: 443,
  destPort: 40000,
  seq: 1000,
  ack: 2000,
  flags: 0x10,
  window: 4096,
  urgent: 0,
  ident: 7,
  tos: 0,
  ttl: 64,
  fragment: 0,
  ipOptions: [],
  tcpOptions: [],
  data: new Uint8Array(0),
};

/** @returns an IP packet with right checksums; sequence numbers and 16-bit fields modulo their range */
export function tcpPacket(changes: Partial<Template>): Uint8Array {
  const t = { ...TEMPLATE, ...changes };
  const ipLength = 20 + t.ipOptions.length;
  const tcpLength = 20 + t.tcpOptions.length;
  const bytes = new Uint8Array(ipLength + tcpLength + t.data.length);
  const view = new DataView(bytes.buffer);
  bytes.set([0x40 | (ipLength / 4), t.tos]);
  view.setUint16(2, bytes.length);
  view.setUint16(4, t.ident);
  view.setUint16(6, t.fragment);
  bytes.set([t.ttl, 6], 8);
  view.setUint32(12, t.source);
  view.setUint32(16, t.dest);
  bytes.set(t.ipOptions, 20);
  view.setUint16(10, checksum(bytes.subarray(0, ipLength)));
  view.setUint16(ipLength, t.sourcePort);
  view.setUint16(ipLength + 2, t.destPort);
  view.setUint32(ipLength + 4, t.seq);
  view.setUint32(ipLength + 8, t.ack);
  bytes.set([(tcpLength / 4) << 4, t.flags], ipLength + 12);
  view.setUint16(ipLength + 14, t.window);
  view.setUint16(ipLength + 18, t.urgent);
  bytes.set(t.tcpOptions, ipLength + 20);
  bytes.set(t.data, ipLength + tcpLength);
  view.setUint16(ipLength + 16, tcpChecksum(bytes));
  return bytes;
}

/** @returns the checksum of the TCP segment of a packet, 0 over one that has a right one */
export function tcpChecksum(packet: Uint8Array): number {
  const ipLength = (packet[0]! & 15) * 4;
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  let pseudo = 6 + packet.length - ipLength;
  for (let at = 12; at < 20; at += 2) pseudo += view.getUint16(at);
  return checksum(packet.subarray(ipLength), pseudo);
}

/**
 * Traffic of several connections, one way: mostly what TCP does, sometimes anything. Each packet's fields go on from
 * those of the one before.
 * @param random numbers in [0, 1) @param steady windows and header fields stay as they are
 */
export function traffic(random: () => number, connections: number, steady = false): () => Uint8Array {
  const below = (limit: number) => Math.floor(random() * limit);
  const flows = Array.from({ length: connections }, (_, i) => ({
    ...TEMPLATE,
    destPort: 40000 + i,
    seq: below(2 ** 32),
    ack: below(2 ** 32),
    ident: below(65536),
  }));
  let current = 0;
  const wild = (t: Template) => {
    switch (below(12)) {
      case 0:
        t.tos ^= 4;
        break;
      case 1:
        t.ttl = 32 + below(4);
        break;
      case 2:
        t.fragment ^= 0x4000;
        break;
      case 3:
        t.urgent = below(300);
        break;
      case 4:
        t.flags |= 0x20;
        break;
      case 5:
        t.flags |= 1 << below(3);
        break;
      case 6:
        t.seq += 65530 + below(10);
        break;
      case 7:
        t.ack += 65530 + below(10);
        break;
      case 8:
        t.fragment = below(2) ? 0x2000 : below(100);
        break;
      case 9:
        t.tcpOptions = [1, 1, 1, 0];
        break;
      case 10:
        t.ipOptions = [1, 1, 1, 0];
        break;
      case 11:
        t.ident = below(65536);
    }
  };
  return () => {
    if (below(6) === 0) current = below(connections);
    const t = flows[current]!;
    t.flags = 0x10 | (below(4) ? 0 : 8);
    t.tcpOptions = [];
    t.ipOptions = [];
    t.fragment &= 0x4000;
    const sent = t.data.length;
    if (below(20)) t.seq += sent; // else a retransmission, or an ACK repeated
    if (below(3) === 0) t.ack += below(2) ? sent : below(500);
    if (!steady && below(4) === 0) t.window = below(3) ? t.window - below(300) : below(65536);
    t.ident += below(8) ? 1 : below(4);
    if (!steady && below(12) === 0) wild(t);
    t.data = Uint8Array.from({ length: below(3) ? below(220) : 0 }, () => below(256));
    return tcpPacket(t);
  };
}
