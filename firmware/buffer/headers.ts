// The headers of IPv4 and TCP as they travel: big-endian, seen through accessors, never swapped in place. A view lies over
// packet memory, so its header must lie whole in the packet's first pbuf: each input function checks that.
//
//   packet.payload ┌────────────────┬───────────────┬──────────────┬─ ─ ─
//                  │ IPv4, 20 bytes │ TCP, 20 bytes │ TCP options  │ data
//                  └────────────────┴───────────────┴──────────────┴─ ─ ─
import { Pbuf } from "./pbuf.ts";

export const IP_HEADER_LEN: u32 = 20;
export const TCP_HEADER_LEN: u32 = 20;

export const PROTOCOL_TCP: u32 = 6;

/** IPv4 header without options, RFC 791 section 3.1. */
@final
@unmanaged
export class IpHeader {
  versionAndLen: u8;
  tos: u8;
  private totalLenBe: u16;
  private identBe: u16;
  private fragmentBe: u16;
  ttl: u8;
  protocol: u8;
  /** As it lies in memory. */
  checksumBe: u16;
  private sourceBe: u32;
  private destBe: u32;

  static of(packet: Pbuf): IpHeader {
    return changetype<IpHeader>(packet.payload);
  }
  static at(address: usize): IpHeader {
    return changetype<IpHeader>(address);
  }
  /** The TCP header behind one without options. */
  get tcp(): TcpHeader {
    return TcpHeader.at(changetype<usize>(this) + IP_HEADER_LEN);
  }
  get headerLen(): u32 {
    return u32(this.versionAndLen & 15) << 2;
  }
  get totalLen(): u32 {
    return bswap<u16>(this.totalLenBe);
  }
  set totalLen(bytes: u32) {
    this.totalLenBe = bswap<u16>(u16(bytes));
  }
  get ident(): u32 {
    return bswap<u16>(this.identBe);
  }
  set ident(number: u32) {
    this.identBe = bswap<u16>(u16(number));
  }
  /** Flags and fragment offset. */
  get fragment(): u32 {
    return bswap<u16>(this.fragmentBe);
  }
  set fragment(value: u32) {
    this.fragmentBe = bswap<u16>(u16(value));
  }
  set checksum(sum: u32) {
    this.checksumBe = bswap<u16>(u16(sum));
  }
  get source(): u32 {
    return bswap<u32>(this.sourceBe);
  }
  set source(address: u32) {
    this.sourceBe = bswap<u32>(address);
  }
  get dest(): u32 {
    return bswap<u32>(this.destBe);
  }
  set dest(address: u32) {
    this.destBe = bswap<u32>(address);
  }
  /** True for two TCP packets of one connection, the same way. */
  isOf(other: IpHeader): bool {
    return this.sourceBe == other.sourceBe && this.destBe == other.destBe && this.tcp.hasPortsOf(other.tcp);
  }
}

export const FIN: u32 = 0x01;
export const SYN: u32 = 0x02;
export const RST: u32 = 0x04;
export const PSH: u32 = 0x08;
export const ACK: u32 = 0x10;
export const URG: u32 = 0x20;

/** TCP header, RFC 9293 section 3.1. */
@final
@unmanaged
export class TcpHeader {
  private sourcePortBe: u16;
  private destPortBe: u16;
  private seqBe: u32;
  private ackBe: u32;
  /** Words of the header << 4, and reserved bits. */
  dataOffset: u8;
  private flagsByte: u8;
  private windowBe: u16;
  /** As it lies in memory. */
  checksumBe: u16;
  private urgentBe: u16;

  static of(packet: Pbuf): TcpHeader {
    return changetype<TcpHeader>(packet.payload + IP_HEADER_LEN);
  }
  static at(address: usize): TcpHeader {
    return changetype<TcpHeader>(address);
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
  get seq(): u32 {
    return bswap<u32>(this.seqBe);
  }
  set seq(number: u32) {
    this.seqBe = bswap<u32>(number);
  }
  get ack(): u32 {
    return bswap<u32>(this.ackBe);
  }
  set ack(number: u32) {
    this.ackBe = bswap<u32>(number);
  }
  /** Bytes, options included. */
  get headerLen(): u32 {
    return u32(this.dataOffset >> 4) << 2;
  }
  set headerLen(bytes: u32) {
    this.dataOffset = u8(bytes << 2);
  }
  get flags(): u32 {
    return this.flagsByte;
  }
  set flags(bits: u32) {
    this.flagsByte = u8(bits);
  }
  get window(): u32 {
    return bswap<u16>(this.windowBe);
  }
  set window(bytes: u32) {
    this.windowBe = bswap<u16>(u16(bytes));
  }
  set checksum(sum: u32) {
    this.checksumBe = bswap<u16>(u16(sum));
  }
  get urgent(): u32 {
    return bswap<u16>(this.urgentBe);
  }
  set urgent(pointer: u32) {
    this.urgentBe = bswap<u16>(u16(pointer));
  }
  hasPortsOf(other: TcpHeader): bool {
    return this.sourcePortBe == other.sourcePortBe && this.destPortBe == other.destPortBe;
  }
}
