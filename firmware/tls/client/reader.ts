// What is kept of a certificate while it streams in: certificate-reader.ts reads it.
import * as sha256 from "../../crypto/sha256.ts";
import { DEPTH_MAX } from "./certificate-grammar.ts";

/** Bytes kept of a short element. */
export const VALUE_MAX: u32 = 16;

// Findings.
export const IS_SIGNED: u32 = 1;
export const IS_CRITICAL: u32 = 2;
export const IS_AUTHORITY: u32 = 4;
/** subjectAltName has the name or address that is wanted. */
export const IS_NAMED: u32 = 8;
/** The name that is being compared has been the wanted one so far. */
export const IS_SAME: u32 = 16;
/** The subject is who issued the certificate before; the subject issued this one itself. */
export const IS_ISSUER: u32 = 32;
export const IS_SELF_ISSUED: u32 = 64;
export const MAY_SIGN: u32 = 128;
export const MAY_CERTIFY: u32 = 256;
export const IS_FOR_SERVERS: u32 = 512;
/** basicConstraints has a pathLenConstraint. */
export const HAS_PATH_LENGTH: u32 = 1024;
/** Extensions that have been seen: this times 2 to the power of what they are. */
export const SEEN: u32 = 1024;

// Extensions that are understood.
export const UNKNOWN: u32 = 0;
export const USAGE: u32 = 1;
export const NAMES: u32 = 2;
export const CONSTRAINTS: u32 = 3;
export const PURPOSES: u32 = 4;
/** Understood to be more than is understood. */
export const NAME_CONSTRAINTS: u32 = 5;

export const HAS_USAGE: u32 = SEEN << USAGE;
export const HAS_PURPOSES: u32 = SEEN << PURPOSES;

@final
@unmanaged
export class Reader {
  /** IS_..., MAY_..., HAS_... */
  found: u16;
  /** Bytes of the certificate, in all and so far. */
  total: u16;
  at: u16;
  /** Bytes of the element's content, in all and still to come. */
  length: u16;
  left: u16;
  field: u8;
  depth: u8;
  part: u8;
  tag: u8;
  /** Algorithms that the one being read can still be. */
  match: u8;
  extension: u8;
  /** Of basicConstraints. */
  pathLength: u8;
  /** Bytes of the wanted name that have been compared. */
  nameAt: u8;
  slot: u8;
  /** The slot of the certificate whose issuer this one must be, or NONE. */
  previous: u8;
  // Of the whole chain, path.ts.
  /** The file of whom the card wants to talk to. */
  target: u8;
  /** Number of the certificate, the server's own being 0. */
  index: u8;
  /** CAs below the one being read that count for its pathLenConstraint. */
  intermediates: u8;
  isTrusted: bool;
  /** The alert that it will be if nothing makes the chain trusted. */
  reason: u8;

  static at(address: usize): Reader {
    return changetype<Reader>(address);
  }
  has(finding: u32): bool {
    return (this.found & finding) != 0;
  }
  set(finding: u32, isSo: bool): void {
    if (isSo) this.found |= u16(finding);
    else this.found &= ~u16(finding);
  }
  get hash(): usize {
    return changetype<usize>(this) - sha256.STATE_BYTES;
  }
  get value(): usize {
    return changetype<usize>(this) + offsetof<Reader>();
  }
  private endAt(depth: u32): usize {
    return changetype<usize>(this) + offsetof<Reader>() + VALUE_MAX + 2 * depth;
  }
  /** Where the container ends in which an element of this depth is. */
  endOf(depth: u32): u32 {
    return depth == 0 ? this.total : load<u16>(this.endAt(depth - 1));
  }
  open(end: u32): void {
    store<u16>(this.endAt(this.depth++), u16(end));
  }
}

/** Bytes of a Reader with the value and the ends that lie behind its fields. */
export const READER_BYTES: usize = offsetof<Reader>() + VALUE_MAX + 2 * DEPTH_MAX;
