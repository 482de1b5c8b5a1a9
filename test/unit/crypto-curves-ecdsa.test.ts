// ECDSA against two other implementations, on random numbers.
import { createHash, createPublicKey, sign, verify, createPrivateKey } from "node:crypto";
import fc from "fast-check";
import { p256 } from "@noble/curves/nist.js";
import { afterAll, beforeAll, expect, it } from "vitest";
import { cases } from "../support/long.ts";
import { Curves, seed } from "../support/curves.ts";
import { hex, n, number, openssl } from "../support/p256-numbers.ts";

let curves: Curves;
beforeAll(async () => void (curves = await Curves.load()));
afterAll(() => curves.checkPage());

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
const scalar = bytes32.filter((bytes) => number(bytes) > 0n && number(bytes) < n);
const sha256 = (message: Uint8Array): Buffer => createHash("sha256").update(message).digest();

const SPKI = hex("3059301306072a8648ce3d020106082a8648ce3d030107034200");
const opensslKey = (point: Uint8Array) =>
  createPublicKey({ key: Buffer.concat([SPKI, point]), format: "der", type: "spki" });
const dsaEncoding = "ieee-p1363";

const OPENSSL_CASES = cases(2000);
it(`${OPENSSL_CASES} signatures, half of them hedged, are verified by node:crypto`, () => {
  const isVerified = fc.property(bytes32, scalar, fc.option(bytes32), (message, key, hedge) => {
    const signature = curves.sign(sha256(message), key, hedge ?? undefined)!;
    const publicKey = opensslKey(openssl(key).publicKey);
    expect(verify("sha256", message, { key: publicKey, dsaEncoding }, signature)).toBe(true);
  });
  fc.assert(isVerified, { numRuns: OPENSSL_CASES, seed });
});

const NOBLE_CASES = cases(500, 2000);
it(`${NOBLE_CASES} signatures of any digest are byte for byte those of @noble/curves`, () => {
  const agrees = fc.property(bytes32, scalar, fc.option(bytes32), (digest, key, hedge) => {
    const options = { prehash: false, lowS: false, ...(hedge && { extraEntropy: hedge }) };
    const expected = Buffer.from(p256.sign(digest, key, options));
    expect(curves.sign(digest, key, hedge ?? undefined)!.equals(expected)).toBe(true);
  });
  fc.assert(agrees, { numRuns: NOBLE_CASES, seed });
});

it("500 signatures of node:crypto are verified, and refused for another message", () => {
  const agrees = fc.property(bytes32, scalar, bytes32, (message, key, other) => {
    const point = openssl(key).publicKey;
    const jwk = {
      ...{ kty: "EC", crv: "P-256", d: Buffer.from(key).toString("base64url") },
      ...{ x: point.toString("base64url", 1, 33), y: point.toString("base64url", 33) },
    };
    const privateKey = createPrivateKey({ key: jwk, format: "jwk" });
    const signature = sign("sha256", message, { key: privateKey, dsaEncoding });
    expect(curves.verify(signature, sha256(message), point)).toBe(true);
    if (!Buffer.from(other).equals(message))
      expect(curves.verify(signature, sha256(other), point)).toBe(false);
  });
  fc.assert(agrees, { numRuns: 500, seed });
});
