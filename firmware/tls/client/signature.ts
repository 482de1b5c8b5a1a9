// The server's signature, as CertificateVerify and ServerKeyExchange have it: algorithm ‖ length ‖ signature (RFC 8446 section
// 4.4.3, RFC 5246 section 4.7). It streams into the slot LINK_0, where the digest that it signs has been put.
import { get16 } from "../../buffer/cursors.ts";
import * as nvm from "../../chip/nvm.ts";
import * as alert from "../alert.ts";
import { Context } from "../context.ts";
import { ECDSA_SECP256R1_SHA256, RSA_PKCS1_SHA256, RSA_PSS_SHA256 } from "../hello.ts";
import * as algorithms from "./algorithms.ts";
import * as slots from "./slots.ts";
import { collected } from "./state.ts";
import * as verification from "./verification.ts";

const FRONT_BYTES: u32 = 4;

/** Where the digest that is signed has to be, in NVM. */
export function digest(): u32 {
  return slots.digest(slots.LINK_0);
}

/** Reads a byte. @param index from the algorithm on @param from where in what is collected the algorithm is */
export function read(ctx: Context, from: u32, index: u32, byte: u32): void {
  if (index < FRONT_BYTES) store<u8>(collected(ctx) + from + index, u8(byte));
  else if (index - FRONT_BYTES < slots.SIGNATURE_MAX)
    nvm.write(slots.signature(slots.LINK_0) + index - FRONT_BYTES, byte);
}

/**
 * The signature has ended.
 * @param bytes of all of it @returns 0 when it is the server's, or an alert
 */
export function end(ctx: Context, from: u32, bytes: u32): u32 {
  const front = collected(ctx) + from;
  if (bytes < FRONT_BYTES || get16(front + 2) != bytes - FRONT_BYTES) return alert.DECODE_ERROR;
  const algorithm = algorithmOf(get16(front), ctx.isTls12);
  if (algorithm == algorithms.UNKNOWN) return alert.ILLEGAL_PARAMETER;
  slots.setAlgorithm(slots.LINK_0, algorithm);
  slots.setSignatureLength(slots.LINK_0, bytes - FRONT_BYTES);
  if (!verification.isPossible(slots.LINK_0, slots.LEAF)) return alert.ILLEGAL_PARAMETER;
  return verification.isGood(slots.LINK_0, slots.LEAF) ? 0 : alert.DECRYPT_ERROR;
}

/** PKCS #1 v1.5 is no more in TLS 1.3. */
function algorithmOf(scheme: u32, isTls12: bool): u32 {
  switch (scheme) {
    case ECDSA_SECP256R1_SHA256:
      return algorithms.ECDSA;
    case RSA_PSS_SHA256:
      return algorithms.RSA_PSS;
    case RSA_PKCS1_SHA256:
      return isTls12 ? algorithms.RSA_PKCS1 : algorithms.UNKNOWN;
    default:
      return algorithms.UNKNOWN;
  }
}
