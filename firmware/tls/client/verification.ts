// Signatures of others, verified with a key that has been kept: ECDSA on P-256 and RSA of 2,048 bits, with SHA-256.
//
//   borrowed   0                   480    544    576    641       768    800
//              ┌───────────────────┬──────┬──────┬──────┬─────────┬──────┐
//              │ P-256's scratch   │ r ‖ s│digest│ key  │         │      │
//              ├───────────────────┴──────┴──────┴──────┴─────────┼──────┤
//              │ RSA's scratch                                    │digest│
//              └──────────────────────────────────────────────────┴──────┘
import * as nvm from "../../chip/nvm.ts";
import * as p256 from "../../crypto/p256.ts";
import * as p256Verify from "../../crypto/p256-verify.ts";
import * as rsa from "../../crypto/rsa-verify.ts";
import { DIGEST_BYTES } from "../../crypto/sha256.ts";
import * as algorithms from "./algorithms.ts";
import * as loan from "./loan.ts";
import * as publicKey from "./public-key.ts";
import * as slots from "./slots.ts";

const NUMBER_BYTES: u32 = 32;
const SIGNATURE: usize = p256Verify.SCRATCH_BYTES;
const DIGEST: usize = SIGNATURE + 2 * NUMBER_BYTES;
const KEY: usize = DIGEST + DIGEST_BYTES;
const INTEGER: u32 = 0x02;
const SEQUENCE: u32 = 0x30;

/** Could the key in slot `signer` have made a signature such as that in slot `signed`? */
export function isPossible(signed: u32, signer: u32): bool {
  const algorithm = slots.algorithm(signed);
  const type = slots.keyType(signer);
  if (algorithm == algorithms.UNKNOWN || type == publicKey.OTHER) return false;
  return (algorithm == algorithms.ECDSA) == (type == publicKey.P256);
}

/** Does the signature in slot `signed` fit the digest there and the key in slot `signer`? */
export function isGood(signed: u32, signer: u32): bool {
  if (!isPossible(signed, signer)) return false;
  const scratch = loan.borrow();
  const good =
    slots.algorithm(signed) == algorithms.ECDSA
      ? isEcdsa(signed, signer, scratch)
      : isRsa(signed, signer, scratch);
  loan.giveBack();
  return good;
}

function isEcdsa(signed: u32, signer: u32, scratch: usize): bool {
  if (KEY + p256.POINT_BYTES > loan.BYTES) ERROR("ECDSA does not fit what is borrowed");
  if (!readSignature(signed, scratch + SIGNATURE)) return false;
  nvm.copyIn(scratch + DIGEST, slots.digest(signed), DIGEST_BYTES);
  nvm.copyIn(scratch + KEY, publicKey.number(signer), p256.POINT_BYTES);
  return p256Verify.verify(scratch + SIGNATURE, scratch + DIGEST, scratch + KEY, scratch);
}

function isRsa(signed: u32, signer: u32, scratch: usize): bool {
  if (rsa.SCRATCH_BYTES + DIGEST_BYTES > loan.BYTES) ERROR("RSA does not fit what is borrowed");
  if (slots.signatureLength(signed) != rsa.NUMBER_BYTES) return false;
  const digest = scratch + rsa.SCRATCH_BYTES;
  nvm.copyIn(digest, slots.digest(signed), DIGEST_BYTES);
  const scheme = slots.algorithm(signed) == algorithms.RSA_PSS ? rsa.PSS : rsa.PKCS1;
  return rsa.verify(scheme, publicKey.number(signer), slots.signature(signed), digest, scratch);
}

/** Ecdsa-Sig-Value (RFC 3279 section 2.2.3), strict DER, to r ‖ s at `out`. */
function readSignature(slot: u32, out: usize): bool {
  const at = slots.signature(slot);
  const length = slots.signatureLength(slot);
  if (length < 8 || length > 72 || nvm.read(at) != SEQUENCE || nvm.read(at + 1) != length - 2) return false;
  const end = at + length;
  const second = readInteger(at + 2, end, out);
  return second != 0 && readInteger(second, end, out + NUMBER_BYTES) == end;
}

/** A positive INTEGER of NUMBER_BYTES at most. @returns the address behind it, 0 when it is none */
function readInteger(at: u32, end: u32, out: usize): u32 {
  if (at + 3 > end || nvm.read(at) != INTEGER) return 0;
  let bytes = nvm.read(at + 1);
  let first = at + 2;
  const next = first + bytes;
  if (bytes == 0 || next > end || nvm.read(first) >= 0x80) return 0;
  if (bytes > 1 && nvm.read(first) == 0) {
    if (nvm.read(first + 1) < 0x80) return 0; // a zero too many
    first++;
    bytes--;
  }
  if (bytes > NUMBER_BYTES) return 0;
  memory.fill(out, 0, NUMBER_BYTES - bytes);
  nvm.copyIn(out + NUMBER_BYTES - bytes, first, bytes);
  return next;
}
