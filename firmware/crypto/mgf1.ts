// MGF1 with SHA-256 (RFC 8017 appendix B.2.1): a mask as long as one likes, a hash's length at a time.
import * as sha256 from "./sha256.ts";

/**
 * One block of the mask.
 * @param seed 32 bytes @param counter the block's number, from 0 on @param out 32 bytes, 4-byte aligned @param state
 *   sha256.STATE_BYTES
 * CT: nothing leaks but the number.
 */
export function block(seed: usize, counter: u32, out: usize, state: usize): void {
  store<u32>(out, bswap<u32>(counter));
  sha256.init(state);
  sha256.update(state, seed, sha256.DIGEST_BYTES);
  sha256.update(state, out, 4);
  sha256.final(state, out);
}
