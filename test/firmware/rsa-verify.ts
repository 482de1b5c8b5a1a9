// RSA verification, exported for tests.
import * as rsa from "../../firmware/crypto/rsa-verify.ts";

export function verify(scheme: u32, modulus: u32, signature: u32, digest: usize, scratch: usize): bool {
  return rsa.verify(scheme, modulus, signature, digest, scratch);
}
export function scratchBytes(): u32 {
  return rsa.SCRATCH_BYTES;
}
