// P-256 key generation and key agreement against two other implementations, on random numbers.
import fc from "fast-check";
import { p256 } from "@noble/curves/nist.js";
import { afterAll, beforeAll, expect, it } from "vitest";
import { cases } from "../support/long.ts";
import { Curves, seed } from "../support/curves.ts";
import { n, number, openssl } from "../support/p256-numbers.ts";

let curves: Curves;
beforeAll(async () => void (curves = await Curves.load()));
afterAll(() => curves.checkPage());

const scalar = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .filter((bytes) => number(bytes) > 0n && number(bytes) < n);

const OPENSSL_CASES = cases(1000);
it(`${OPENSSL_CASES} public keys and shared secrets of node:crypto`, () => {
  const agrees = fc.property(scalar, scalar, (ours, theirs) => {
    const reference = openssl(ours);
    const peer = openssl(theirs).publicKey;
    expect(curves.publicKey(ours)!.equals(reference.publicKey)).toBe(true);
    expect(curves.ecdh(ours, peer)!.equals(reference.shared(peer))).toBe(true);
  });
  fc.assert(agrees, { numRuns: OPENSSL_CASES, seed });
});

const NOBLE_CASES = cases(100, 1000); // 7 ms each, most of it @noble's
it(`${NOBLE_CASES} public keys and shared secrets of @noble/curves`, () => {
  const agrees = fc.property(scalar, scalar, (ours, theirs) => {
    const peer = p256.getPublicKey(theirs, false);
    expect(curves.publicKey(theirs)!.equals(peer)).toBe(true);
    expect(curves.ecdh(ours, peer)!.equals(p256.getSharedSecret(ours, peer).subarray(1))).toBe(true);
  });
  fc.assert(agrees, { numRuns: NOBLE_CASES, seed });
});
