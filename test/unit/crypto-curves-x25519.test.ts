// X25519 against RFC 7748, and against two other implementations.
import { createPrivateKey, createPublicKey, diffieHellman } from "node:crypto";
import fc from "fast-check";
import { x25519 } from "@noble/curves/ed25519.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cases } from "../support/long.ts";
import { Curves, seed } from "../support/curves.ts";

let curves: Curves;
beforeAll(async () => void (curves = await Curves.load()));
afterAll(() => curves.checkPage());

const hex = (text: string): Buffer => Buffer.from(text, "hex");
const BASE = Buffer.alloc(32, 0).fill(9, 0, 1);
const P = 2n ** 255n - 19n;
const little = (n: bigint): Buffer => hex(n.toString(16).padStart(64, "0")).reverse();

/** node:crypto takes keys in DER only. */
const PKCS8 = hex("302e020100300506032b656e04220420");
const SPKI = hex("302a300506032b656e032100");
const opensslPrivate = (scalar: Uint8Array) =>
  createPrivateKey({ key: Buffer.concat([PKCS8, scalar]), format: "der", type: "pkcs8" });
function openssl(scalar: Uint8Array, point: Uint8Array): Buffer {
  const publicKey = createPublicKey({ key: Buffer.concat([SPKI, point]), format: "der", type: "spki" });
  return diffieHellman({ privateKey: opensslPrivate(scalar), publicKey });
}

describe("RFC 7748", () => {
  it.each([
    [
      "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
      "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
      "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
    ],
    [
      "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
      "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
      "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
    ],
  ])("section 5.2, vector %#", (scalar, point, expected) => {
    const { good, out } = curves.x25519(hex(scalar), hex(point));
    expect(out.toString("hex")).toBe(expected);
    expect(good).toBe(true);
  });

  it("section 5.2, 1 and 1,000 iterations", () => {
    let k: Buffer = BASE;
    let u: Buffer = BASE;
    for (let i = 1; i <= 1000; i++) {
      [k, u] = [curves.x25519(k, u).out, k];
      if (i === 1)
        expect(k.toString("hex")).toBe("422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
    }
    expect(k.toString("hex")).toBe("684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
  });

  it("section 6.1, Alice and Bob", () => {
    const a = hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
    const b = hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
    const A = curves.x25519PublicKey(a);
    const B = curves.x25519PublicKey(b);
    expect(A.toString("hex")).toBe("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
    expect(B.toString("hex")).toBe("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
    const shared = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";
    expect(curves.x25519(a, B).out.toString("hex")).toBe(shared);
    expect(curves.x25519(b, A).out.toString("hex")).toBe(shared);
  });
});

describe("edges", () => {
  /** The points of order 1, 2, 4 and 8, on curve and twist, in every encoding below 2^256 that differs below bit 255. */
  const order8 = [
    hex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    hex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
  ];
  const small = [0n, 1n, P - 1n, P, P + 1n].map(little).concat(order8);

  it.each(small.map((point) => [point.toString("hex"), point]))("small order %s: all zero", (_, point) => {
    const scalar = Buffer.alloc(32, 0x77);
    expect(curves.x25519(scalar, point)).toEqual({ good: false, out: Buffer.alloc(32) });
    const topBitSet = Buffer.from(point);
    topBitSet[31]! |= 0x80;
    expect(curves.x25519(scalar, topBitSet).good).toBe(false);
  });

  it("coordinates of p and above are taken modulo p, the top bit is ignored", () => {
    for (let i = 2n; i < 19n; i++) {
      const scalar = Buffer.alloc(32, Number(i));
      const { out } = curves.x25519(scalar, little(i));
      expect(curves.x25519(scalar, little(P + i)).out.equals(out)).toBe(true);
      expect(curves.x25519(scalar, little(2n ** 255n + i)).out.equals(out)).toBe(true);
    }
  });

  it("scalars are clamped", () => {
    const clamped = hex("00".repeat(31) + "40");
    const { out } = curves.x25519(clamped, BASE);
    for (const scalar of ["07" + "00".repeat(30) + "40", "00".repeat(31) + "c0", "00".repeat(32)])
      expect(curves.x25519(hex(scalar), BASE).out.equals(out)).toBe(true);
    const highest = Buffer.alloc(32, 0xff);
    expect(curves.x25519(highest, BASE).out.equals(openssl(highest, BASE))).toBe(true);
  });
});

describe("against other implementations", () => {
  const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
  const same = (ours: Buffer, theirs: Uint8Array): void => {
    if (!ours.equals(theirs)) expect(ours.toString("hex")).toBe(Buffer.from(theirs).toString("hex"));
  };

  const OPENSSL_CASES = cases(2000);
  it(`${OPENSSL_CASES} shared secrets of node:crypto`, () => {
    const agrees = fc.property(bytes32, bytes32, (scalar, point) => {
      const { good, out } = curves.x25519(scalar, point);
      if (good) same(out, openssl(scalar, point));
      else expect(() => openssl(scalar, point)).toThrow();
    });
    fc.assert(agrees, { numRuns: OPENSSL_CASES, seed });
  });

  it("1,000 public keys of node:crypto", () => {
    const agrees = fc.property(bytes32, (scalar) => {
      const der = createPublicKey(opensslPrivate(scalar)).export({ format: "der", type: "spki" });
      same(curves.x25519PublicKey(scalar), der.subarray(SPKI.length));
    });
    fc.assert(agrees, { numRuns: 1000, seed });
  });

  const NOBLE_CASES = cases(200, 1000);
  it(`${NOBLE_CASES} shared secrets of @noble/curves`, () => {
    const agrees = fc.property(bytes32, bytes32, (scalar, point) => {
      const { good, out } = curves.x25519(scalar, point);
      if (good) same(out, x25519.getSharedSecret(scalar, point));
      else expect(() => x25519.getSharedSecret(scalar, point)).toThrow();
    });
    fc.assert(agrees, { numRuns: NOBLE_CASES, seed });
  });
});
