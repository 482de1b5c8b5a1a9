// From the server's certificate to something that the card trusts (RFC 5280 section 6), one certificate after the other, in the
// order in which RFC 8446 section 4.4.2 wants them. The card trusts what its NVM has:
//
//   "/.anchors"   CAs: u24 length ‖ DER, ...
//   "/.pins"      keys: SHA-256 of SubjectPublicKeyInfo, ...     of the server itself, or of any CA in its chain
//
// Each certificate but the server's must be a CA's that may certify so far down, and verify the signature of the one before.
// As soon as one has a pinned key, or is signed by an anchor, the chain is trusted, and what follows is not looked at. The
// server's own must be meant for servers, not have expired (known-time.ts), and name the one that was asked for.
//
// No revocation: the card would have to ask a third party. Critical extensions that are not understood, and name constraints,
// are refused; policies mean nothing here.
import { CRYPTO } from "../../chip/ram-map.ts";
import { get24 } from "../../buffer/cursors.ts";
import { equal } from "../../crypto/ct.ts";
import { DIGEST_BYTES } from "../../crypto/sha256.ts";
import * as files from "../../files/files.ts";
import * as alert from "../alert.ts";
import * as certificate from "./certificate-reader.ts";
import * as publicKey from "./public-key.ts";
import {
  HAS_PATH_LENGTH,
  HAS_PURPOSES,
  HAS_USAGE,
  IS_AUTHORITY,
  IS_FOR_SERVERS,
  IS_ISSUER,
  IS_NAMED,
  IS_SELF_ISSUED,
  MAY_CERTIFY,
  MAY_SIGN,
  Reader,
} from "./reader.ts";
import * as slots from "./slots.ts";
import * as verification from "./verification.ts";

const ANCHORS: usize = memory.data<u8>([0x2f, 0x2e, 0x61, 0x6e, 0x63, 0x68, 0x6f, 0x72, 0x73]); // "/.anchors"
const ANCHORS_LENGTH: u32 = 9;
const PINS: usize = memory.data<u8>([0x2f, 0x2e, 0x70, 0x69, 0x6e, 0x73]); // "/.pins"
const PINS_LENGTH: u32 = 6;
/** Certificates of a chain, each of which may cost a verification. */
const CHAIN_MAX: u32 = 4;
/** Bytes of an anchor that are read at a time. */
const PIECE_BYTES: u32 = 32;
const LENGTH_BYTES: u32 = 3;

/** Expects a chain. @param target file of whom it must lead to (target.ts) */
export function begin(r: Reader, target: u32): void {
  memory.fill(changetype<usize>(r), 0, offsetof<Reader>());
  r.target = u8(target);
  r.reason = u8(alert.UNKNOWN_CA);
}

/** Expects the chain's next certificate. @param length in bytes, 1..65535 @returns 0, or an alert: it is too long */
export function beginCertificate(r: Reader, length: u32): u32 {
  if (u32(r.index) == CHAIN_MAX) return r.reason;
  const previous = r.index == 0 ? slots.NONE : slots.forIndex(u32(r.index) - 1);
  certificate.begin(r, length, slots.forIndex(r.index), previous);
  return 0;
}

/** The certificate has been read to its end. @returns 0, or the alert that it deserves */
export function endCertificate(r: Reader): u32 {
  const refusal = r.index == 0 ? judgeServer(r) : judgeAuthority(r);
  if (refusal) return refusal;
  if (r.index != 0 && !r.has(IS_SELF_ISSUED)) r.intermediates++;
  r.isTrusted = isPinned(r.slot) || isAnchored(r);
  r.index++;
  return 0;
}

/** The chain has been read to its end. @returns 0 when it is trusted, or the alert that it deserves */
export function end(r: Reader): u32 {
  return r.isTrusted ? 0 : r.reason;
}

function judgeServer(r: Reader): u32 {
  if (!r.has(IS_NAMED)) return alert.CERTIFICATE_UNKNOWN;
  if (r.has(HAS_USAGE) && !r.has(MAY_SIGN)) return alert.UNSUPPORTED_CERTIFICATE;
  return isForServers(r) ? 0 : alert.UNSUPPORTED_CERTIFICATE;
}

/** Has it issued the one before, and might it? */
function judgeAuthority(r: Reader): u32 {
  if (!r.has(IS_ISSUER)) return r.reason;
  if (!mayCertify(r) || !isForServers(r)) return alert.BAD_CERTIFICATE;
  if (!verification.isPossible(r.previous, r.slot)) return alert.UNSUPPORTED_CERTIFICATE;
  return verification.isGood(r.previous, r.slot) ? 0 : alert.BAD_CERTIFICATE;
}

function isForServers(r: Reader): bool {
  return !r.has(HAS_PURPOSES) || r.has(IS_FOR_SERVERS);
}

function mayCertify(r: Reader): bool {
  if (!r.has(IS_AUTHORITY) || (r.has(HAS_USAGE) && !r.has(MAY_CERTIFY))) return false;
  return !r.has(HAS_PATH_LENGTH) || r.pathLength >= r.intermediates;
}

function isPinned(slot: u32): bool {
  const pins = files.find(PINS, PINS_LENGTH);
  const hash: usize = pins < 0 ? 0 : publicKey.hash(slot);
  if (!hash) return false;
  const pin = hash + DIGEST_BYTES;
  for (let at: u32 = 0; files.read(pins, at, pin, DIGEST_BYTES) == DIGEST_BYTES; at += DIGEST_BYTES) {
    if (equal(pin, hash, DIGEST_BYTES)) return true;
  }
  return false;
}

/** Has an anchor signed the certificate? Its reader reads anchors then. */
function isAnchored(r: Reader): bool {
  const anchors = files.find(ANCHORS, ANCHORS_LENGTH);
  if (anchors < 0) return false;
  const slot: u32 = r.slot;
  for (let at: u32 = 0; files.read(anchors, at, CRYPTO, LENGTH_BYTES) == LENGTH_BYTES;) {
    const length = get24(CRYPTO);
    if (length == 0 || length > 0xffff) return false;
    certificate.begin(r, length, slots.ANCHOR, slot);
    if (readAnchor(r, anchors, at + LENGTH_BYTES) && r.has(IS_ISSUER) && mayCertify(r)) {
      if (verification.isGood(slot, slots.ANCHOR)) return true;
      r.reason = u8(alert.BAD_CERTIFICATE);
    }
    at += LENGTH_BYTES + length;
  }
  return false;
}

/** @returns whether what stands there is a certificate */
function readAnchor(r: Reader, anchors: i32, at: u32): bool {
  for (let done: u32 = 0; done < u32(r.total);) {
    const bytes = files.read(anchors, at + done, CRYPTO, min(PIECE_BYTES, u32(r.total) - done));
    if (bytes == 0 || certificate.read(r, CRYPTO, bytes)) return false;
    done += bytes;
  }
  return true;
}
