// The pseudorandom function of TLS 1.0: P_MD5 of one half of the secret, exclusive-or P_SHA1 of the other (RFC 2246
// section 5). The halves share a byte when the secret's length is odd.
//
//   scratch    0           88     108    128
//              ┌───────────┬──────┬──────┐
//              │ HMAC      │ A(i) │ run  │
//              └───────────┴──────┴──────┘
import { wipe, xor } from "./ct.ts";
import * as digest from "./digest.ts";
import * as hmac from "./hmac-legacy.ts";

/** Bytes of scratch memory that expand() needs, 4-byte aligned; wiped. */
export const SCRATCH_BYTES: u32 = hmac.STATE_BYTES + 2 * digest.SHA1_BYTES;

const A: u32 = hmac.STATE_BYTES;
const RUN: u32 = A + digest.SHA1_BYTES;

/**
 * PRF(secret, label, seed). Label and seed stand one behind the other.
 * @param labelled label and seed, `length` bytes @param out outLength bytes; neither secret nor seed may lie there
 * CT: only the lengths leak.
 */
export function expand(
  secret: usize,
  secretLength: u32,
  labelled: usize,
  length: u32,
  out: usize,
  outLength: u32,
  scratch: usize,
): void {
  const half = (secretLength + 1) / 2;
  memory.fill(out, 0, outLength);
  addStream(digest.MD5, secret, half, labelled, length, out, outLength, scratch);
  addStream(digest.SHA1, secret + secretLength - half, half, labelled, length, out, outLength, scratch);
  wipe(scratch, SCRATCH_BYTES);
}

/** out = out xor P_hash(secret, labelled) */
function addStream(
  hash: u32,
  secret: usize,
  secretLength: u32,
  labelled: usize,
  length: u32,
  out: usize,
  outLength: u32,
  scratch: usize,
): void {
  const a = scratch + A;
  const run = scratch + RUN;
  const bytes = digest.digestBytes(hash);
  hmac.init(hash, scratch, secret, secretLength);
  digest.update(hash, scratch, labelled, length);
  hmac.final(hash, scratch, secret, secretLength, a);
  for (let done: u32 = 0; done < outLength; done += bytes) {
    hmac.init(hash, scratch, secret, secretLength);
    digest.update(hash, scratch, a, bytes);
    digest.update(hash, scratch, labelled, length);
    hmac.final(hash, scratch, secret, secretLength, run);
    xor(out + done, run, min(outLength - done, bytes));
    hmac.init(hash, scratch, secret, secretLength);
    digest.update(hash, scratch, a, bytes);
    hmac.final(hash, scratch, secret, secretLength, a);
  }
}
