// What header compression asks of the headers of IPv4 and TCP without options: in a packet, and saved. A saved header has
// two fields of another meaning: `checksum`, when it was used last, in turns; and `protocol`, in one saved for reception,
// its slot identifier, as it came in this place.
import {
  ACK,
  IP_HEADER_LEN,
  IpHeader,
  PROTOCOL_TCP,
  PSH,
  TCP_HEADER_LEN,
  URG,
} from "../../buffer/headers.ts";

export const HEADER_LEN: u32 = IP_HEADER_LEN + TCP_HEADER_LEN;

/** Version 4 and five words; five words. */
const IP_WITHOUT_OPTIONS: u8 = 0x45;
const TCP_WITHOUT_OPTIONS: u8 = 0x50;
/** More-fragments flag and fragment offset: a fragment when any is set. */
const FRAGMENT_MASK: u32 = 0x3fff;

/** @returns bytes of TCP data, modulo 2^16 */
export function dataLen(header: IpHeader): u32 {
  return (header.totalLen - HEADER_LEN) & 0xffff;
}

/** True when neither header has options. */
export function isPlain(header: IpHeader): bool {
  return header.versionAndLen == IP_WITHOUT_OPTIONS && header.tcp.dataOffset >> 4 == TCP_WITHOUT_OPTIONS >> 4;
}

/** True for what compression is made for: no fragment, ACK set and no other flag or reserved bit but PSH and URG. */
export function isCompressible(header: IpHeader): bool {
  return (
    header.versionAndLen == IP_WITHOUT_OPTIONS &&
    header.protocol == PROTOCOL_TCP &&
    header.tcp.dataOffset == TCP_WITHOUT_OPTIONS &&
    (header.tcp.flags & ~(PSH | URG)) == ACK &&
    (header.fragment & FRAGMENT_MASK) == 0
  );
}

/** True when the fields that never change in a connection, or hardly ever, are the same: no mask can tell of them. */
export function isLike(header: IpHeader, other: IpHeader): bool {
  return (
    header.isOf(other) &&
    header.versionAndLen == other.versionAndLen &&
    header.tos == other.tos &&
    header.ttl == other.ttl &&
    header.fragment == other.fragment
  );
}
