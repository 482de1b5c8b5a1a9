// Scalars of P-256, numbers modulo n, as ECDSA takes them from bytes. CT: nothing leaks but results.
import * as declassify from "./declassify.ts";
import * as field from "./field.ts";
import { N } from "./field.ts";
import * as point from "./p256-point.ts";

// prettier-ignore
/** 2^512 modulo n. */
const R2: usize = memory.data<u32>([
  0xbe79eea2, 0x83244c95, 0x49bd6fa6, 0x4699799c, 0x2b6bec59, 0x2845b239, 0xf3d95620, 0x66e12d94,
]);

/** Register K = the big-endian number at `from`. @returns whether it is in [1, n - 1] */
export function take(file: usize, from: usize): bool {
  const k = field.at(file, point.K);
  field.swapEnds(k, from);
  const isInRange = (field.difference(field.at(file, point.A), k, N) & ~field.isZero(k)) != 0;
  return declassify.verdict(isInRange); // a number that is refused is not used; of one taken it tells nothing
}

/** out = a digest as a number modulo n, bits2int of RFC 6979 section 2.3.2. @param spare 32 bytes */
export function takeDigest(out: usize, digest: usize, spare: usize): void {
  field.swapEnds(out, digest);
  field.canonical(out, N, spare);
}

/** out = the big-endian number at `from`, in Montgomery form. @param wide 64 bytes */
export function toMontgomery(out: usize, from: usize, wide: usize): void {
  field.swapEnds(out, from);
  field.multiplyN(out, out, R2, wide);
}
