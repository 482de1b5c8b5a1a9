// IPv4, ICMP, UDP and TCP packets of tests: made from templates, and taken apart.

export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const PSH = 8;
export const ACK = 16;

export interface IpTemplate {
  source?: number;
  dest?: number;
  protocol?: number;
  ttl?: number;
  fragment?: number;
  ident?: number;
  options?: number[];
  version?: number;
  /** Default: what it is. */
  totalLength?: number;
  checksum?: number;
  payload: Uint8Array;
}

export interface Segment {
  sourcePort: number;
  destPort: number;
  seq: number;
  ack: number;
  flags: number;
  window: number;
  options: number[];
  data: Uint8Array;
}

export interface Packet {
  source: number;
  dest: number;
  protocol: number;
  ttl: number;
  ident: number;
  fragment: number;
  totalLength: number;
  payload: Uint8Array;
}

/** @returns the Internet checksum (RFC 1071) of bytes, 0 over bytes that include a right one */
export function checksum(bytes: Uint8Array, start = 0): number {
  let sum = start;
  bytes.forEach((byte, i) => (sum += i % 2 ? byte : byte << 8));
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

export function ipPacket(template: IpTemplate): Uint8Array {
  const options = template.options ?? [];
  const headerLength = 20 + options.length;
  const bytes = new Uint8Array(headerLength + template.payload.length);
  const view = new DataView(bytes.buffer);
  bytes[0] = ((template.version ?? 4) << 4) | (headerLength / 4);
  view.setUint16(2, template.totalLength ?? bytes.length);
  view.setUint16(4, template.ident ?? 0x1234);
  view.setUint16(6, template.fragment ?? 0);
  bytes[8] = template.ttl ?? 63;
  bytes[9] = template.protocol ?? 6;
  view.setUint32(12, template.source ?? 0);
  view.setUint32(16, template.dest ?? 0);
  bytes.set(options, 20);
  view.setUint16(10, template.checksum ?? checksum(bytes.subarray(0, headerLength)));
  bytes.set(template.payload, headerLength);
  return bytes;
}

export function parseIp(bytes: Uint8Array): Packet {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const headerLength = (bytes[0]! & 15) * 4;
  if (bytes[0]! >> 4 !== 4 || checksum(bytes.subarray(0, headerLength)) !== 0)
    throw new Error("a bad IP header was sent");
  if (view.getUint16(2) !== bytes.length) throw new Error("a packet of wrong length was sent");
  return {
    source: view.getUint32(12),
    dest: view.getUint32(16),
    protocol: bytes[9]!,
    ttl: bytes[8]!,
    ident: view.getUint16(4),
    fragment: view.getUint16(6),
    totalLength: bytes.length,
    payload: bytes.subarray(headerLength),
  };
}

function pseudoSum(source: number, dest: number, protocol: number, length: number): number {
  return (source >>> 16) + (source & 0xffff) + (dest >>> 16) + (dest & 0xffff) + protocol + length;
}

/** @returns the bytes of a segment between two addresses, its checksum right */
export function tcpSegment(segment: Segment, source: number, dest: number): Uint8Array {
  const headerLength = 20 + segment.options.length;
  const bytes = new Uint8Array(headerLength + segment.data.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, segment.sourcePort);
  view.setUint16(2, segment.destPort);
  view.setUint32(4, segment.seq);
  view.setUint32(8, segment.ack);
  bytes[12] = headerLength << 2;
  bytes[13] = segment.flags;
  view.setUint16(14, segment.window);
  bytes.set(segment.options, 20);
  bytes.set(segment.data, headerLength);
  view.setUint16(16, checksum(bytes, pseudoSum(source, dest, 6, bytes.length)));
  return bytes;
}

export function parseTcp(packet: Packet): Segment {
  const bytes = packet.payload;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (checksum(bytes, pseudoSum(packet.source, packet.dest, 6, bytes.length)) !== 0)
    throw new Error("a segment with a bad checksum was sent");
  const headerLength = (bytes[12]! >> 4) * 4;
  return {
    sourcePort: view.getUint16(0),
    destPort: view.getUint16(2),
    seq: view.getUint32(4),
    ack: view.getUint32(8),
    flags: bytes[13]!,
    window: view.getUint16(14),
    options: [...bytes.subarray(20, headerLength)],
    data: bytes.slice(headerLength),
  };
}

/** @returns an ICMP message with its checksum */
export function icmpMessage(type: number, code: number, rest: Uint8Array | number[]): Uint8Array {
  const bytes = new Uint8Array(4 + rest.length);
  bytes[0] = type;
  bytes[1] = code;
  bytes.set(rest, 4);
  new DataView(bytes.buffer).setUint16(2, checksum(bytes));
  return bytes;
}

/** "SA" → SYN | ACK: one letter a flag, of F S R P A. */
export function flagsOf(letters: string): number {
  return [...letters].reduce((bits, letter) => bits | (1 << "FSRPA".indexOf(letter)), 0);
}

export function lettersOf(flags: number): string {
  return [..."FSRPA"].filter((_, i) => flags & (1 << i)).join("");
}

export interface Datagram {
  sourcePort: number;
  destPort: number;
  data: Uint8Array;
}

/** @returns a UDP datagram between two addresses, its checksum right */
export function udpDatagram(datagram: Datagram, source: number, dest: number): Uint8Array {
  const bytes = new Uint8Array(8 + datagram.data.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, datagram.sourcePort);
  view.setUint16(2, datagram.destPort);
  view.setUint16(4, bytes.length);
  bytes.set(datagram.data, 8);
  view.setUint16(6, checksum(bytes, pseudoSum(source, dest, 17, bytes.length)) || 0xffff);
  return bytes;
}

export function parseUdp(packet: Packet): Datagram {
  const bytes = packet.payload;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (packet.protocol !== 17 || view.getUint16(4) !== bytes.length)
    throw new Error("no whole datagram was sent");
  if (view.getUint16(6) === 0) throw new Error("a datagram without a checksum was sent");
  if (checksum(bytes, pseudoSum(packet.source, packet.dest, 17, bytes.length)) !== 0)
    throw new Error("a datagram with a bad checksum was sent");
  return { sourcePort: view.getUint16(0), destPort: view.getUint16(2), data: bytes.slice(8) };
}
