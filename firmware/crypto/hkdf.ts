// HKDF with SHA-256 (RFC 5869), and the HKDF-Expand-Label of TLS 1.3 (RFC 8446 section 7.1).
//
//   scratch    0           100    132                192
//              ┌───────────┬──────┬──────────────────┐
//              │ HMAC      │ T(i) │ HkdfLabel        │
//              └───────────┴──────┴──────────────────┘
import * as ct from "./ct.ts";
import * as hmac from "./hmac.ts";

/** Bytes of scratch memory that extract(), expand() and expandLabel() need, 4-byte aligned; secrets in it are wiped. */
export const SCRATCH_BYTES: u32 = 192;
/** Bytes of a pseudorandom key, and of every secret of TLS 1.3 with SHA-256. */
export const SECRET_BYTES: u32 = hmac.MAC_BYTES;

const T: u32 = hmac.STATE_BYTES;
const LABEL: u32 = T + hmac.MAC_BYTES;
const PREFIX: usize = memory.data<u8>([0x74, 0x6c, 0x73, 0x31, 0x33, 0x20]); // "tls13 "
const PREFIX_BYTES: u32 = 6;

/**
 * PRK = HKDF-Extract(salt, IKM).
 * @param saltLength 0: a salt of zeros @param out SECRET_BYTES; may be `ikm`, not `salt`
 * CT: only the lengths leak.
 */
export function extract(
  salt: usize,
  saltLength: u32,
  ikm: usize,
  ikmLength: u32,
  out: usize,
  scratch: usize,
): void {
  hmac.mac(salt, saltLength, ikm, ikmLength, out, scratch);
  ct.wipe(scratch, T);
}

/**
 * OKM = HKDF-Expand(PRK, info, L).
 * @param prk SECRET_BYTES @param out outLength bytes, at most 255 * 32; may be `prk` when outLength is at most 32
 * CT: only the lengths leak.
 */
export function expand(
  prk: usize,
  info: usize,
  infoLength: u32,
  out: usize,
  outLength: u32,
  scratch: usize,
): void {
  const t = scratch + T;
  let done: u32 = 0;
  for (let i: u32 = 1; done < outLength; i++) {
    hmac.init(scratch, prk, SECRET_BYTES);
    if (i > 1) hmac.update(scratch, t, hmac.MAC_BYTES);
    hmac.update(scratch, info, infoLength);
    store<u8>(t, i);
    hmac.update(scratch, t, 1);
    hmac.final(scratch, prk, SECRET_BYTES, t);
    const run = min(outLength - done, hmac.MAC_BYTES);
    memory.copy(out + done, t, run);
    done += run;
  }
  ct.wipe(scratch, LABEL);
}

/**
 * HKDF-Expand-Label(Secret, Label, Context, Length), RFC 8446 section 7.1. Derive-Secret is the same with the
 * transcript's hash as context.
 * @param secret SECRET_BYTES
 * @param label without its "tls13 "; label and context together at most 50 bytes
 * @param out outLength bytes, at most 255 * 32; may be `secret` when outLength is at most 32
 * CT: only the lengths leak.
 */
export function expandLabel(
  secret: usize,
  label: usize,
  labelLength: u32,
  context: usize,
  contextLength: u32,
  out: usize,
  outLength: u32,
  scratch: usize,
): void {
  let at = scratch + LABEL;
  store<u8>(at, outLength >> 8);
  store<u8>(at, outLength, 1);
  store<u8>(at, PREFIX_BYTES + labelLength, 2);
  at = append(at + 3, PREFIX, PREFIX_BYTES);
  at = append(at, label, labelLength);
  store<u8>(at, contextLength);
  at = append(at + 1, context, contextLength);
  expand(secret, scratch + LABEL, u32(at - scratch - LABEL), out, outLength, scratch);
}

function append(at: usize, source: usize, length: u32): usize {
  memory.copy(at, source, length);
  return at + length;
}
