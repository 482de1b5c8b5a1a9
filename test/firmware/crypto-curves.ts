// The curves, exported for tests.
import * as p256 from "../../firmware/crypto/p256.ts";
import * as nonce from "../../firmware/crypto/p256-nonce.ts";
import * as verify from "../../firmware/crypto/p256-verify.ts";
import * as x25519 from "../../firmware/crypto/x25519.ts";

export function x25519PublicKey(out: usize, scalar: usize, scratch: usize): void {
  x25519.publicKey(out, scalar, scratch);
}
export function x25519Shared(out: usize, scalar: usize, point: usize, scratch: usize): bool {
  return x25519.shared(out, scalar, point, scratch);
}
export function x25519ScratchBytes(): u32 {
  return x25519.SCRATCH_BYTES;
}
export function p256PublicKey(out: usize, privateKey: usize, scratch: usize): bool {
  return p256.publicKey(out, privateKey, scratch);
}
export function p256Ecdh(out: usize, privateKey: usize, point: usize, scratch: usize): bool {
  return p256.ecdh(out, privateKey, point, scratch);
}
export function p256Sign(out: usize, digest: usize, privateKey: usize, hedge: usize, scratch: usize): bool {
  return p256.sign(out, digest, privateKey, hedge, scratch);
}
export function p256ScratchBytes(): u32 {
  return p256.SCRATCH_BYTES;
}
export function p256Verify(signature: usize, digest: usize, publicKey: usize, scratch: usize): bool {
  return verify.verify(signature, digest, publicKey, scratch);
}
export function p256VerifyScratchBytes(): u32 {
  return verify.SCRATCH_BYTES;
}
export function nonceFirst(file: usize, digest: usize, privateKey: usize, hedge: usize): usize {
  nonce.first(file, digest, privateKey, hedge);
  return file + nonce.V * 32;
}
export function nonceAnother(file: usize): void {
  nonce.another(file);
}
