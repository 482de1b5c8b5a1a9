// The pseudorandom function of TLS 1.2: P_SHA256 (RFC 5246 section 5).
//
//   scratch    0           100    132    164
//              ┌───────────┬──────┬──────┐
//              │ HMAC      │ A(i) │ run  │
//              └───────────┴──────┴──────┘
import * as ct from "./ct.ts";
import * as hmac from "./hmac.ts";

/** Bytes of scratch memory that expand() needs, 4-byte aligned; wiped. */
export const SCRATCH_BYTES: u32 = hmac.STATE_BYTES + 2 * hmac.MAC_BYTES;

const A: u32 = hmac.STATE_BYTES;
const RUN: u32 = A + hmac.MAC_BYTES;

/**
 * PRF(secret, label, seed).
 * @param out outLength bytes; neither the secret nor the seed may lie there
 * CT: only the lengths leak.
 */
export function expand(
  secret: usize,
  secretLength: u32,
  label: usize,
  labelLength: u32,
  seed: usize,
  seedLength: u32,
  out: usize,
  outLength: u32,
  scratch: usize,
): void {
  const a = scratch + A;
  const run = scratch + RUN;
  hmac.init(scratch, secret, secretLength);
  hmac.update(scratch, label, labelLength);
  hmac.update(scratch, seed, seedLength);
  hmac.final(scratch, secret, secretLength, a);
  for (let done: u32 = 0; done < outLength; done += hmac.MAC_BYTES) {
    hmac.init(scratch, secret, secretLength);
    hmac.update(scratch, a, hmac.MAC_BYTES);
    hmac.update(scratch, label, labelLength);
    hmac.update(scratch, seed, seedLength);
    hmac.final(scratch, secret, secretLength, run);
    memory.copy(out + done, run, min(outLength - done, hmac.MAC_BYTES));
    hmac.mac(secret, secretLength, a, hmac.MAC_BYTES, a, scratch);
  }
  ct.wipe(scratch, SCRATCH_BYTES);
}
