// The secret number k of an ECDSA signature: deterministic (RFC 6979 section 3.2), or hedged with fresh randomness
// (section 3.6), which also withstands faults and repeated digests. HMAC-SHA-256; RFC letters.
//
//   register   0 … 3        4       5        6           10    11
//              ┌────────────┬───────┬────────┬─────┬ … … ┬─────┬──────┐
//              │ HMAC state │ spare │ digest │  K  │     │  V  │ byte │  only V outlives the making of k
//              └────────────┴───────┴────────┴─────┴ … … ┴─────┴──────┘
import * as field from "./field.ts";
import * as hmac from "./hmac.ts";
import * as scalar from "./p256-scalar.ts";

const SPARE: u32 = 4;
const DIGEST: u32 = 5;
const K: u32 = 6;
/** The candidate for k, 32 bytes, big-endian. */
export const V: u32 = 10;
/** The byte that follows V in what is hashed, so that both are hashed at once. */
const BYTE: u32 = 11;

/**
 * The first candidate, in V: steps b to h.2.
 * @param digest 32 bytes @param privateKey 32 bytes @param hedge 32 bytes or 0
 * CT: nothing leaks, but whether there is a hedge.
 */
export function first(file: usize, digest: usize, privateKey: usize, hedge: usize): void {
  const reduced = field.at(file, DIGEST);
  scalar.takeDigest(reduced, digest, field.at(file, SPARE));
  field.swapEnds(reduced, reduced);
  memory.fill(field.at(file, K), 0, field.REGISTER_BYTES);
  memory.fill(field.at(file, V), 1, field.REGISTER_BYTES);
  update(file, 0, privateKey, hedge);
  update(file, 1, privateKey, hedge);
  macV(file);
}

/** Another candidate instead of the one just made: steps h.3 and h.2. CT: nothing leaks. */
export function another(file: usize): void {
  update(file, 0, 0, 0);
  macV(file);
}

/** K = HMAC_K(V ‖ byte ‖ key ‖ digest ‖ hedge), the last three as far as they are given; V = HMAC_K(V). */
function update(file: usize, byte: u8, privateKey: usize, hedge: usize): void {
  const k = field.at(file, K);
  const fresh = field.at(file, SPARE);
  store<u8>(field.at(file, BYTE), byte);
  hmac.init(file, k, 32);
  hmac.update(file, field.at(file, V), 33);
  if (privateKey) {
    hmac.update(file, privateKey, 32);
    hmac.update(file, field.at(file, DIGEST), 32);
  }
  if (hedge) hmac.update(file, hedge, 32);
  hmac.final(file, k, 32, fresh);
  memory.copy(k, fresh, 32);
  macV(file);
}

/** V = HMAC_K(V) */
function macV(file: usize): void {
  const v = field.at(file, V);
  hmac.mac(field.at(file, K), 32, v, 32, v, file);
}
