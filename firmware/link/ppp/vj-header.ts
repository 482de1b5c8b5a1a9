// The 40 bytes of an IPv4 and a TCP header without options (RFC 791 section 3.1, RFC 9293 section 3.1), as header
// compression sees them: in a packet, and saved.
export const HEADER_LEN: u32 = 40;

export const PSH: u32 = 0x08;
const ACK: u32 = 0x10;
export const URG: u32 = 0x20;

/** Version 4 and five words; five words. */
const IP_WITHOUT_OPTIONS: u8 = 0x45;
const TCP_WITHOUT_OPTIONS: u8 = 0x50;
/** More-fragments flag and fragment offset: a fragment when any is set. */
const FRAGMENT_MASK: u32 = 0x3fff;
export const PROTOCOL_TCP: u8 = 6;

@final
@unmanaged
export class Header {
  versionAndLen: u8;
  tos: u8;
  private totalLenBe: u16;
  private identBe: u16;
  private fragmentBe: u16;
  ttl: u8;
  /** In a header saved for reception: its slot identifier, as it came in this place. */
  protocol: u8;
  /** In a saved header: when it was used last, in turns. */
  checksum: u16;
  private sourceBe: u32;
  private destBe: u32;
  private portsBe: u32;
  private seqBe: u32;
  private ackBe: u32;
  dataOffset: u8;
  flags: u8;
  private windowBe: u16;
  tcpChecksumBe: u16;
  private urgentBe: u16;

  static at(address: usize): Header {
    return changetype<Header>(address);
  }
  get totalLen(): u32 {
    return bswap<u16>(this.totalLenBe);
  }
  set totalLen(bytes: u32) {
    this.totalLenBe = bswap<u16>(u16(bytes));
  }
  /** Bytes of TCP data, modulo 2^16. */
  get dataLen(): u32 {
    return (this.totalLen - HEADER_LEN) & 0xffff;
  }
  get ident(): u32 {
    return bswap<u16>(this.identBe);
  }
  set ident(number: u32) {
    this.identBe = bswap<u16>(u16(number));
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
  get window(): u32 {
    return bswap<u16>(this.windowBe);
  }
  set window(bytes: u32) {
    this.windowBe = bswap<u16>(u16(bytes));
  }
  get urgent(): u32 {
    return bswap<u16>(this.urgentBe);
  }
  set urgent(pointer: u32) {
    this.urgentBe = bswap<u16>(u16(pointer));
  }
  /** True when neither header has options. */
  get isPlain(): bool {
    return this.versionAndLen == IP_WITHOUT_OPTIONS && this.dataOffset >> 4 == TCP_WITHOUT_OPTIONS >> 4;
  }
  /** True for what compression is made for: no fragment, ACK set and no other flag or reserved bit but PSH and URG. */
  get isCompressible(): bool {
    return (
      this.versionAndLen == IP_WITHOUT_OPTIONS &&
      this.protocol == PROTOCOL_TCP &&
      this.dataOffset == TCP_WITHOUT_OPTIONS &&
      (this.flags & ~(PSH | URG)) == ACK &&
      (bswap<u16>(this.fragmentBe) & FRAGMENT_MASK) == 0
    );
  }
  /** True for two packets of one connection, the same way. */
  isOf(other: Header): bool {
    return this.sourceBe == other.sourceBe && this.destBe == other.destBe && this.portsBe == other.portsBe;
  }
  /** True when the fields that never change in a connection, or hardly ever, are the same: no mask can tell of them. */
  isLike(other: Header): bool {
    return (
      this.isOf(other) &&
      this.versionAndLen == other.versionAndLen &&
      this.tos == other.tos &&
      this.ttl == other.ttl &&
      this.fragmentBe == other.fragmentBe
    );
  }
}
