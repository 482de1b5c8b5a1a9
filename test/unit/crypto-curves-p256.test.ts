// P-256: vectors of the RFCs, and the edges of every input.
import { createHash, createHmac } from "node:crypto";
import { p256 } from "@noble/curves/nist.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Curves } from "../support/curves.ts";
import { bytes, hex, modulo, n, number, openssl, p, point, power } from "../support/p256-numbers.ts";

let curves: Curves;
beforeAll(async () => void (curves = await Curves.load()));
afterAll(() => curves.checkPage());

const sha256 = (text: string): Buffer => createHash("sha256").update(text).digest();
const nobleSign = (digest: Uint8Array, key: Uint8Array, extraEntropy?: Uint8Array): Buffer =>
  Buffer.from(p256.sign(digest, key, { prehash: false, lowS: false, ...(extraEntropy && { extraEntropy }) }));

it("works in at most 512 bytes", () => {
  expect(Math.max(...Object.values(curves.scratchBytes))).toBeLessThanOrEqual(512);
});

describe("RFC 6979 A.2.5", () => {
  const key = hex("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721");
  const publicKey = hex(`04 60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6
    7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299`);
  it("public key", () => {
    expect(curves.publicKey(key)).toEqual(publicKey);
  });
  it.each([
    [
      "sample",
      `EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716
       F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8`,
    ],
    [
      "test",
      `F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367
       019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083`,
    ],
  ])("with SHA-256, message %j", (message, signature) => {
    expect(curves.sign(sha256(message), key)).toEqual(hex(signature));
    expect(curves.verify(hex(signature), sha256(message), publicKey)).toBe(true);
  });
});

it("RFC 5903 section 8.1", () => {
  const i = hex("C88F01F510D9AC3F70A292DAA2316DE544E9AAB8AFE84049C62A9C57862D1433");
  const r = hex("C6EF9C5D78AE012A011164ACB397CE2088685D8F06BF9BE0B283AB46476BEE53");
  const gi = hex(`04 DAD0B65394221CF9B051E1FECA5787D098DFE637FC90B9EF945D0C3772581180
    5271A0461CDB8252D61F1C456FA3E59AB1F45B33ACCF5F58389E0577B8990BB3`);
  const gr = hex(`04 D12DFB5289C8D4F81208B70270398C342296970A0BCCB74C736FC7554494BF63
    56FBF3CA366CC23E8157854C13C58D6AAC23F046ADA30F8353E74F33039872AB`);
  const gir = hex("D6840F6B42F6EDAFD13116E0E12565202FEF8E9ECE7DCE03812464D04B9442DE");
  expect(curves.publicKey(i)).toEqual(gi);
  expect(curves.publicKey(r)).toEqual(gr);
  expect(curves.ecdh(i, gr)).toEqual(gir);
  expect(curves.ecdh(r, gi)).toEqual(gir);
});

describe("scalars", () => {
  const peer = openssl(bytes(0x1234567n)).publicKey;
  const refused = [0n, n, n + 1n, n + 2n, 2n ** 256n - 1n];
  it.each(refused)("%d is refused", (k) => {
    expect(curves.publicKey(bytes(k))).toBeNull();
    expect(curves.ecdh(bytes(k), peer)).toBeNull();
    expect(curves.sign(sha256("x"), bytes(k))).toBeNull();
  });

  // What the comb's proof is about: its digits are all ones, all minus ones, all but one; its columns meet n's.
  const n0 = [1n, 2n ** 64n, 2n ** 128n, 2n ** 192n];
  const columns = Array.from({ length: 16 }, (_, signs) =>
    n0.reduce((sum, tooth, i) => sum + (signs & (1 << i) ? tooth : -tooth), 0n),
  );
  const powers = Array.from({ length: 256 }, (_, i) => 2n ** BigInt(i));
  const near = [...powers, ...columns, ...columns.map((e) => 2n * e), ...powers.map((k) => n / k)];
  const all = near.flatMap((k) => [k - 1n, k, k + 1n].flatMap((j) => [j, n - j, (n - 1n) / 2n + j]));
  const scalars = [...new Set(all.map((k) => modulo(k, n)))].filter((k) => k > 0n);

  it(`${scalars.length} scalars near 0, n, n / 2, powers of two and the comb's columns`, () => {
    for (const k of scalars) {
      const reference = openssl(bytes(k));
      expect(curves.publicKey(bytes(k))?.equals(reference.publicKey), `${k} G`).toBe(true);
      expect(curves.ecdh(bytes(k), peer)?.equals(reference.shared(peer)), `${k} Q`).toBe(true);
    }
  });
});

describe("points", () => {
  const key = bytes(0xabcdefn);
  const b = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;
  const rightSide = (x: bigint): bigint => modulo(x ** 3n - 3n * x + b, p);
  const root = (square: bigint): bigint => power(square, (p + 1n) / 4n, p);
  const isSquare = (a: bigint): boolean => power(a, (p - 1n) / 2n, p) === 1n;
  const onCurve = Array.from({ length: 200 }, (_, x) => BigInt(x)).filter((x) => isSquare(rightSide(x)));

  it("x = 0 and other small and large coordinates", () => {
    for (const x of [...onCurve, ...onCurve.map((x) => p - 1n - x).filter((x) => isSquare(rightSide(x)))]) {
      const y = root(rightSide(x));
      for (const q of [point(x, y), point(x, p - y)])
        expect(curves.ecdh(key, q)).toEqual(openssl(key).shared(q));
    }
  });

  it("coordinates of p and above are refused, though they are on the curve modulo p", () => {
    const smallY = { x: 0xd7325d7646cd60d80a92738ceb345f844cffaf35841022cab176f692de8de1d7n, y: 5n };
    for (const x of onCurve) expect(curves.ecdh(key, point(x + p, root(rightSide(x))))).toBeNull();
    expect(curves.ecdh(key, point(smallY.x, smallY.y))).not.toBeNull();
    expect(curves.ecdh(key, point(smallY.x, smallY.y + p))).toBeNull();
    expect(curves.ecdh(key, point(p, root(b)))).toBeNull();
    expect(curves.ecdh(key, point(2n ** 256n - 1n, 2n ** 256n - 1n))).toBeNull();
  });

  it("points that are not on the curve are refused: the twist, (0, 0), one bit off", () => {
    for (let x = 0n; x < 200n; x++)
      if (!isSquare(rightSide(x)))
        expect(curves.ecdh(key, point(x, root(modulo(-rightSide(x), p))))).toBeNull();
    expect(curves.ecdh(key, point(0n, 0n))).toBeNull();
    const good = openssl(key).publicKey;
    for (let bit = 8; bit < 65 * 8; bit++) {
      const bad = Buffer.from(good);
      bad[bit >> 3]! ^= 1 << (bit & 7);
      expect(curves.ecdh(key, bad)).toBeNull();
    }
  });

  it("other encodings are refused", () => {
    for (let form = 0; form < 256; form++) {
      const q = Buffer.from(openssl(key).publicKey);
      q[0] = form;
      expect(curves.ecdh(key, q) !== null).toBe(form === 4);
    }
  });
});

describe("signatures", () => {
  const digests = [0n, 1n, n - 1n, n, n + 1n, 2n ** 255n, 2n ** 256n - 1n].map(bytes);
  const keys = [1n, 2n, 3n, n - 1n, n - 2n, (n + 1n) / 2n].map(bytes);

  it("of digests around 0, n and 2^256, with keys at their edges", () => {
    for (const digest of digests)
      for (const key of keys) {
        const signature = curves.sign(digest, key)!;
        expect(signature).toEqual(nobleSign(digest, key));
        expect(curves.verify(signature, digest, curves.publicKey(key)!)).toBe(true);
      }
  });

  it("hedged: RFC 6979 section 3.6", () => {
    const hedge = sha256("hedge");
    const [digest, key] = [sha256("x"), sha256("key")];
    expect(curves.sign(digest, key, hedge)).toEqual(nobleSign(digest, key, hedge));
    expect(curves.sign(digest, key, hedge)).not.toEqual(curves.sign(digest, key));
  });

  it("further candidates for k: section 3.2, step h.3", () => {
    const [digest, key, hedge] = [sha256("x"), bytes(5n), sha256("hedge")];
    expect(curves.nonces(5, digest, key)).toEqual(rfc6979(5, digest, key));
    expect(curves.nonces(5, bytes(2n ** 256n - 1n), key)).toEqual(
      rfc6979(5, bytes(2n ** 256n - 1n - n), key),
    );
    expect(curves.nonces(3, digest, key, hedge)).toEqual(rfc6979(3, digest, key, hedge));
  });
});

it("a signature goes on to the next candidate when k is not in [1, n - 1]", async () => {
  const replace = { "firmware/crypto/p256-nonce.ts": "test/firmware/stand-in-nonce.ts" };
  const standIn = await Curves.load({ replace });
  const [digest, key] = [sha256("x"), sha256("key")];
  const signature = standIn.sign(digest, key)!;
  expect(signature.subarray(0, 32)).toEqual(openssl(bytes(7n)).publicKey.subarray(1, 33));
  expect(curves.verify(signature, digest, openssl(key).publicKey)).toBe(true);
});

describe("verification", () => {
  const key = sha256("key");
  const d = number(key);
  const { publicKey } = openssl(key);
  const digest = sha256("message");
  const x = (k: bigint): bigint => modulo(p256.Point.BASE.multiply(k).toAffine().x, n);
  const signature = (r: bigint, s: bigint): Buffer => Buffer.concat([bytes(r), bytes(s)]);

  it("refuses what differs in any byte", () => {
    const good = curves.sign(digest, key)!;
    for (let i = 0; i < 64; i++) {
      const bad = Buffer.from(good);
      bad[i]! ^= 0x10;
      expect(curves.verify(bad, digest, publicKey)).toBe(false);
    }
    expect(curves.verify(good, sha256("other"), publicKey)).toBe(false);
    expect(curves.verify(good, digest, openssl(sha256("other")).publicKey)).toBe(false);
    expect(curves.verify(good, digest, point(1n, 1n))).toBe(false);
  });

  it("refuses r and s that are 0, n or more, even when they fit modulo n", () => {
    const good = curves.sign(digest, key)!;
    const [r, s] = [number(good.subarray(0, 32)), number(good.subarray(32))];
    for (const edge of [0n, n, n + 1n, 2n ** 256n - 1n]) {
      expect(curves.verify(signature(edge, s), digest, publicKey)).toBe(false);
      expect(curves.verify(signature(r, edge), digest, publicKey)).toBe(false);
      expect(curves.verify(signature(edge, edge), digest, publicKey)).toBe(false);
    }
    const z = bytes(modulo(2n - x(1n) * d, n)); // k = 1 gives s = 2
    expect(curves.verify(signature(x(1n), 2n), z, publicKey)).toBe(true);
    expect(curves.verify(signature(x(1n), 2n + n), z, publicKey)).toBe(false);
  });

  it("accepts -s as well: the other root", () => {
    const good = curves.sign(digest, key)!;
    const s = number(good.subarray(32));
    expect(curves.verify(signature(number(good.subarray(0, 32)), n - s), digest, publicKey)).toBe(true);
  });

  it("adds when u1 G and u2 Q are equal, opposite, or u1 is 0", () => {
    const k = 987654321n;
    const r = x(k);
    const inverse = power(k, n - 2n, n);
    const equal = modulo(2n * r * d * inverse, n);
    expect(curves.verify(signature(r, equal), bytes(modulo(r * d, n)), publicKey)).toBe(true);
    expect(curves.verify(signature(r, 5n), bytes(modulo(-r * d, n)), publicKey)).toBe(false);
    const zero = modulo(r * d * inverse, n);
    for (const z of [0n, n]) expect(curves.verify(signature(r, zero), bytes(z), publicKey)).toBe(true);
  });
});

/** RFC 6979 section 3.2 with SHA-256, `digest` below n: the first candidates for k. */
function rfc6979(count: number, digest: Buffer, key: Buffer, hedge: Buffer = Buffer.alloc(0)): Buffer[] {
  const mac = (k: Buffer, ...data: Buffer[]): Buffer =>
    createHmac("sha256", k).update(Buffer.concat(data)).digest();
  let K: Buffer = Buffer.alloc(32, 0);
  let V: Buffer = Buffer.alloc(32, 1);
  for (const byte of [0, 1]) {
    K = mac(K, V, Buffer.of(byte), key, digest, hedge);
    V = mac(K, V);
  }
  return Array.from({ length: count }, (_, i) => {
    if (i > 0) {
      K = mac(K, V, Buffer.of(0));
      V = mac(K, V);
    }
    return (V = mac(K, V));
  });
}
