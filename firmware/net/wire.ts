// The headers above IP as they travel, and what the protocols share. IP's and TCP's own are in buffer/headers.ts.
//
// Above ip.input() every packet looks as there: IP options have been taken out.
import {
  ACK,
  FIN,
  IP_HEADER_LEN,
  IpHeader,
  PROTOCOL_TCP,
  PSH,
  RST,
  SYN,
  TCP_HEADER_LEN,
  TcpHeader,
} from "../buffer/headers.ts";
import { Pbuf } from "../buffer/pbuf.ts";

export { ACK, FIN, IP_HEADER_LEN, IpHeader, PROTOCOL_TCP, PSH, RST, SYN, TCP_HEADER_LEN, TcpHeader };

export const ICMP_HEADER_LEN: u32 = 8;
export const UDP_HEADER_LEN: u32 = 8;

export const PROTOCOL_ICMP: u32 = 1;
export const PROTOCOL_UDP: u32 = 17;

/** ICMP header, RFC 792. */
@final
@unmanaged
export class IcmpHeader {
  type: u8;
  code: u8;
  private checksumBe: u16;
  private identBe: u16;
  private sequenceBe: u16;

  static of(packet: Pbuf): IcmpHeader {
    return changetype<IcmpHeader>(packet.payload + IP_HEADER_LEN);
  }
  get checksum(): u32 {
    return bswap<u16>(this.checksumBe);
  }
  set checksum(sum: u32) {
    this.checksumBe = bswap<u16>(u16(sum));
  }
  get ident(): u32 {
    return bswap<u16>(this.identBe);
  }
  set ident(value: u32) {
    this.identBe = bswap<u16>(u16(value));
  }
  get sequence(): u32 {
    return bswap<u16>(this.sequenceBe);
  }
  set sequence(value: u32) {
    this.sequenceBe = bswap<u16>(u16(value));
  }
}

/** UDP header, RFC 768. */
@final
@unmanaged
export class UdpHeader {
  private sourcePortBe: u16;
  private destPortBe: u16;
  private lengthBe: u16;
  private checksumBe: u16;

  static of(packet: Pbuf): UdpHeader {
    return changetype<UdpHeader>(packet.payload + IP_HEADER_LEN);
  }
  static at(address: usize): UdpHeader {
    return changetype<UdpHeader>(address);
  }
  get sourcePort(): u32 {
    return bswap<u16>(this.sourcePortBe);
  }
  set sourcePort(port: u32) {
    this.sourcePortBe = bswap<u16>(u16(port));
  }
  get destPort(): u32 {
    return bswap<u16>(this.destPortBe);
  }
  set destPort(port: u32) {
    this.destPortBe = bswap<u16>(u16(port));
  }
  /** Bytes, this header included. */
  get length(): u32 {
    return bswap<u16>(this.lengthBe);
  }
  set length(bytes: u32) {
    this.lengthBe = bswap<u16>(u16(bytes));
  }
  get checksum(): u32 {
    return bswap<u16>(this.checksumBe);
  }
  set checksum(sum: u32) {
    this.checksumBe = bswap<u16>(u16(sum));
  }
}

/** @returns bytes of data in a TCP segment, payload at its IP header */
export function dataLength(packet: Pbuf): u32 {
  return packet.totalLength - IP_HEADER_LEN - TcpHeader.of(packet).headerLen;
}

/** @returns SEG.LEN of RFC 9293: data, SYN and FIN */
export function segmentLength(packet: Pbuf): u32 {
  const flags = TcpHeader.of(packet).flags;
  return dataLength(packet) + (flags & FIN) + ((flags & SYN) >> 1);
}

/** Adds one to a counter of drops, which stops at its greatest value. @param address of the u16 */
export function count(address: usize): void {
  const value = u32(load<u16>(address));
  if (value < 0xffff) store<u16>(address, u16(value + 1));
}
