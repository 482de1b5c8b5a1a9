// RSA verification, and the encodings of what is signed, exported for tests.
import * as drbg from "../../firmware/crypto/drbg.ts";
import * as emsa from "../../firmware/crypto/emsa.ts";
import * as rsa from "../../firmware/crypto/rsa-verify.ts";

export function verify(scheme: u32, modulus: u32, signature: u32, digest: usize, scratch: usize): bool {
  return rsa.verify(scheme, modulus, signature, digest, scratch);
}
export function scratchBytes(): u32 {
  return rsa.SCRATCH_BYTES;
}

export function powerOn(): void {
  drbg.powerOn();
}
export function pss(digest: usize, out: u32, bytes: u32, scratch: usize): void {
  emsa.pss(digest, out, bytes, scratch);
}
export function pkcs1(digest: usize, out: u32, bytes: u32): void {
  emsa.pkcs1(digest, out, bytes);
}
export function pssScratchBytes(): u32 {
  return emsa.SCRATCH_BYTES;
}
