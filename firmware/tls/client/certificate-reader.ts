// A certificate (RFC 5280), read as it streams in and never held: strict DER, byte by byte, after certificate-grammar.ts.
// What is signed is hashed on the way; what will be needed is put into its slot (slots.ts).
//
//   memory    0              100    …
//             ┌──────────────┬───────────┐
//             │ hash of TBS  │ Reader    │
//             └──────────────┴───────────┘
//
// A length is no count but a place where something ends: `at` counts the certificate's bytes, and `ends` are the values that
// it will have where each open container is closed.
import * as nvm from "../../chip/nvm.ts";
import * as sha256 from "../../crypto/sha256.ts";
import * as alert from "../alert.ts";
import * as fields from "./certificate-fields.ts";
import * as grammar from "./certificate-grammar.ts";
import { DONE, ENTER, NOWHERE, TBS } from "./certificate-grammar.ts";
import { IS_SIGNED, Reader } from "./reader.ts";
import * as slots from "./slots.ts";

// What is expected of an element.
const TAG: u32 = 0;
const LENGTH: u32 = 1;
const LAST_LENGTH_BYTE: u32 = 2;
const FIRST_OF_TWO: u32 = 3;
const CONTENT: u32 = 4;

/**
 * Expects a certificate of `total` bytes, of which what matters will be in `slot`.
 * @param previous the slot of the certificate that it has to have issued, or NONE
 */
export function begin(r: Reader, total: u32, slot: u32, previous: u32): void {
  memory.fill(changetype<usize>(r), 0, offsetof<Reader>("target"));
  r.total = u16(total);
  r.slot = u8(slot);
  r.previous = u8(previous);
}

/** Has the certificate been read to its end? */
export function isComplete(r: Reader): bool {
  return r.at == r.total;
}

/** Reads the next bytes, at most what is missing. @returns 0, or the alert that they deserve */
export function read(r: Reader, data: usize, length: u32): u32 {
  const end = data + length;
  let from = data;
  for (let at = data; at < end; at++) {
    const wasSigned = r.has(IS_SIGNED);
    const refusal = take(r, load<u8>(at));
    if (refusal) return refusal;
    if (r.has(IS_SIGNED) == wasSigned) continue;
    if (wasSigned) endSigned(r, from, u32(at + 1 - from));
    else from = at;
  }
  if (r.has(IS_SIGNED)) sha256.update(r.hash, from, u32(end - from));
  return isComplete(r) && r.field != DONE ? alert.BAD_CERTIFICATE : 0;
}

/** The last bytes that are signed. */
function endSigned(r: Reader, from: usize, length: u32): void {
  sha256.update(r.hash, from, length);
  sha256.final(r.hash, r.hash);
  nvm.copyOut(slots.digest(r.slot), r.hash, sha256.DIGEST_BYTES);
}

function take(r: Reader, byte: u32): u32 {
  r.at++;
  const refusal = r.part == CONTENT ? readContent(r, byte) : readHeader(r, byte);
  return refusal || r.part != TAG ? refusal : closeContainers(r);
}

function readHeader(r: Reader, byte: u32): u32 {
  switch (u32(r.part)) {
    case TAG:
      if (grammar.depth(r.field) != u32(r.depth) || r.field == DONE) return alert.BAD_CERTIFICATE;
      if (r.field == TBS) {
        r.set(IS_SIGNED, true);
        sha256.init(r.hash);
      }
      r.tag = u8(byte);
      r.part = u8(LENGTH);
      r.length = 0;
      return fields.admit(r);
    case LENGTH:
      if (byte == 0x81) r.part = u8(LAST_LENGTH_BYTE);
      else if (byte == 0x82) r.part = u8(FIRST_OF_TWO);
      else if (byte < 0x80) return beginContent(r, byte);
      else return alert.BAD_CERTIFICATE;
      return 0;
    case FIRST_OF_TWO:
      r.length = u16(byte << 8);
      r.part = u8(LAST_LENGTH_BYTE);
      return byte != 0 ? 0 : alert.BAD_CERTIFICATE;
    default:
      if (r.length == 0 && byte < 0x80) return alert.BAD_CERTIFICATE; // one byte would have done
      return beginContent(r, u32(r.length) | byte);
  }
}

function beginContent(r: Reader, length: u32): u32 {
  const end = u32(r.at) + length;
  if (end > r.endOf(r.depth)) return alert.BAD_CERTIFICATE;
  r.length = u16(length);
  r.left = u16(length);
  if (fields.actionOf(r) == ENTER) {
    r.open(end);
    r.field = u8(fields.firstOf(r));
    r.part = u8(TAG);
    return 0;
  }
  r.part = u8(CONTENT);
  fields.begin(r);
  return length == 0 ? endContent(r) : 0;
}

function readContent(r: Reader, byte: u32): u32 {
  const index = u32(r.length) - r.left;
  r.left--;
  const refusal = fields.read(r, index, byte);
  return refusal || r.left != 0 ? refusal : endContent(r);
}

function endContent(r: Reader): u32 {
  r.part = u8(TAG);
  const field: u32 = r.field;
  r.field = u8(grammar.next(field));
  return fields.end(r, field);
}

/** Closes every container that ends here. */
function closeContainers(r: Reader): u32 {
  while (r.depth > 0 && u32(r.at) == r.endOf(r.depth)) {
    if (grammar.depth(r.field) == u32(r.depth)) {
      const next = grammar.afterContainer(r.field);
      if (next == NOWHERE) return alert.BAD_CERTIFICATE;
      r.field = u8(next);
    }
    r.depth--;
    if (r.depth == 1) r.set(IS_SIGNED, false);
  }
  return 0;
}
