// TCP segments in IPv4 packets, as the bench's client makes and reads them.

export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const PSH = 8;
export const ACK = 16;

export interface Segment {
  source: number;
  dest: number;
  sourcePort: number;
  destPort: number;
  seq: number;
  ack: number;
  flags: number;
  window: number;
  /** Of a SYN, 0: not said. */
  mss: number;
  data: Uint8Array;
}

export function encode(segment: Segment, ident: number): Uint8Array {
  const { source, dest, mss, data } = segment;
  const tcpHeader = mss ? 24 : 20;
  const bytes = new Uint8Array(20 + tcpHeader + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 0x4500);
  view.setUint16(2, bytes.length);
  view.setUint16(4, ident);
  view.setUint16(6, 0x4000); // don't fragment
  view.setUint16(8, (63 << 8) | 6);
  view.setUint32(12, source);
  view.setUint32(16, dest);
  view.setUint16(10, checksum(bytes.subarray(0, 20), 0));
  view.setUint16(20, segment.sourcePort);
  view.setUint16(22, segment.destPort);
  view.setUint32(24, segment.seq);
  view.setUint32(28, segment.ack);
  view.setUint16(32, ((tcpHeader / 4) << 12) | segment.flags);
  view.setUint16(34, segment.window);
  if (mss) view.setUint32(40, 0x02040000 | mss);
  bytes.set(data, 20 + tcpHeader);
  view.setUint16(36, checksum(bytes.subarray(20), pseudoSum(source, dest, bytes.length - 20)));
  return bytes;
}

/** @returns null when it is no whole TCP segment */
export function decode(bytes: Uint8Array): Segment | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < 40 || bytes[0] !== 0x45 || bytes[9] !== 6) return null;
  const [source, dest] = [view.getUint32(12), view.getUint32(16)];
  if (checksum(bytes.subarray(20), pseudoSum(source, dest, bytes.length - 20)) !== 0) return null;
  return {
    source,
    dest,
    sourcePort: view.getUint16(20),
    destPort: view.getUint16(22),
    seq: view.getUint32(24),
    ack: view.getUint32(28),
    flags: bytes[33]!,
    window: view.getUint16(34),
    mss: 0,
    data: bytes.subarray(20 + (bytes[32]! >> 4) * 4),
  };
}

function pseudoSum(source: number, dest: number, length: number): number {
  return (source >>> 16) + (source & 0xffff) + (dest >>> 16) + (dest & 0xffff) + 6 + length;
}

/** The Internet checksum (RFC 1071). */
function checksum(bytes: Uint8Array, start: number): number {
  let sum = start;
  for (let i = 0; i < bytes.length; i++) sum += i % 2 ? bytes[i]! : bytes[i]! << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
