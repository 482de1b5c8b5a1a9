// RSA verification against node:crypto (OpenSSL), and encodings that only a forger makes.
import { constants, createHash, generateKeyPairSync, privateEncrypt, randomBytes, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { MemoryNvm } from "../../host/chip/nvm.ts";
import { seed } from "../support/curves.ts";
import { build, instantiate } from "../support/firmware.ts";
import { cases } from "../support/long.ts";

interface Exports {
  verify(scheme: number, modulus: number, signature: number, digest: number, scratch: number): number;
  scratchBytes(): number;
}

const BYTES = 256;
const SCHEMES = { PKCS1: 0, PSS: 1 };
type Scheme = keyof typeof SCHEMES;
const DIGEST = 16;
const SCRATCH = 512;
const CANARY = 0xa5;
const NVM_AT = { modulus: 1001, signature: 2003 };
const INFO = Buffer.from("3031300d060960864801650304020105000420", "hex");

let module: WebAssembly.Module;
let key: KeyObject;
let modulus: Buffer;
beforeAll(async () => {
  module = await build("test/firmware/rsa-verify.ts");
  key = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  modulus = modulusOf(key);
});

const modulusOf = (of: KeyObject) => Buffer.from(of.export({ format: "jwk" }).n!, "base64url");
const sha256 = (message: Uint8Array) => createHash("sha256").update(message).digest();
const padding = {
  PKCS1: { padding: constants.RSA_PKCS1_PADDING },
  PSS: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 },
};
const signed = (scheme: Scheme, message: Uint8Array, options = {}) =>
  sign("sha256", message, { key, ...padding[scheme], ...options });
/** The signature of an encoded message, whatever it says. */
const raw = (encoded: Buffer) => privateEncrypt({ key, padding: constants.RSA_NO_PADDING }, encoded);

/** Verifies on a page of canaries: nothing but the scratch may be touched, and that is wiped. */
function verify(
  scheme: Scheme,
  message: Uint8Array,
  signature: Uint8Array,
  n: Uint8Array = modulus,
): boolean {
  const nvm = new MemoryNvm(4096);
  nvm.cells.set(n, NVM_AT.modulus);
  nvm.cells.set(signature, NVM_AT.signature);
  const wasm = instantiate<Exports>(module, {}, nvm);
  const page = Buffer.from(wasm.memory.buffer, 0, 2048);
  page.fill(CANARY);
  sha256(message).copy(page, DIGEST);
  const after = Buffer.from(page).fill(0, SCRATCH, SCRATCH + wasm.scratchBytes());
  const good = wasm.verify(SCHEMES[scheme], NVM_AT.modulus, NVM_AT.signature, DIGEST, SCRATCH);
  expect(page.equals(after), "nothing but the scratch is touched, and that is wiped").toBe(true);
  return good !== 0;
}

const flip = (bytes: Uint8Array, bit: number) => {
  const other = Buffer.from(bytes);
  other[bit >> 3]! ^= 1 << (bit & 7);
  return other;
};

describe.each(Object.keys(SCHEMES) as Scheme[])("%s", (scheme) => {
  const other = scheme === "PSS" ? "PKCS1" : "PSS";

  it("verifies what node:crypto has signed, and nothing else", () => {
    const bit = fc.nat(BYTES * 8 - 1);
    const agrees = fc.property(fc.uint8Array({ maxLength: 100 }), bit, bit, (message, a, b) => {
      const signature = signed(scheme, message);
      expect(verify(scheme, message, signature)).toBe(true);
      expect(verify(scheme, message, flip(signature, a))).toBe(false);
      expect(verify(scheme, message, signature, flip(modulus, b))).toBe(false);
      expect(verify(scheme, Buffer.concat([message, Buffer.of(0)]), signature)).toBe(false);
      expect(verify(other, message, signature)).toBe(false);
    });
    fc.assert(agrees, { numRuns: cases(10, 1000), seed });
  });

  it("verifies under other keys", () => {
    const message = randomBytes(20);
    for (let i = 0; i < 3; i++) {
      const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
      const signature = sign("sha256", message, { key: privateKey, ...padding[scheme] });
      expect(verify(scheme, message, signature, modulusOf(privateKey))).toBe(true);
      expect(verify(scheme, message, signature)).toBe(false);
    }
  });

  it("refuses numbers that are none: zero, one, n - 1, n, what is n too large, an even or short modulus", () => {
    const message = randomBytes(20);
    const number = (value: bigint) => Buffer.from(value.toString(16).padStart(2 * BYTES, "0"), "hex");
    const n = BigInt(`0x${modulus.toString("hex")}`);
    for (const value of [0n, 1n, n - 1n, n, n + 1n, (1n << 2048n) - 1n])
      expect(verify(scheme, message, number(value))).toBe(false);
    const signature = signed(scheme, message);
    const s = BigInt(`0x${signature.toString("hex")}`);
    if (s + n < 1n << 2048n) expect(verify(scheme, message, number(s + n))).toBe(false);
    for (const wrong of [n - 1n, n >> 1n, 0n, 1n])
      expect(verify(scheme, message, signature, number(wrong))).toBe(false);
  });
});

describe("PKCS1: encodings of a forger's", () => {
  const message = Buffer.from("message");
  const encode = (info: Buffer, tail = Buffer.alloc(0), type = 1, fill = 0xff) => {
    const end = Buffer.concat([Buffer.of(0), info, sha256(message), tail]);
    return Buffer.concat([Buffer.of(0, type), Buffer.alloc(BYTES - 2 - end.length, fill), end]);
  };

  it("the right one is accepted", () => expect(verify("PKCS1", message, raw(encode(INFO)))).toBe(true));
  it.each([
    ["no parameters", () => encode(Buffer.from("302f300b0609608648016503040201" + "0420", "hex"))],
    ["a byte behind the digest", () => encode(INFO, Buffer.of(0))],
    ["100 bytes behind the digest", () => encode(INFO, randomBytes(100))],
    ["block type 2", () => encode(INFO, undefined, 2)],
    ["padding with a zero", () => encode(INFO, undefined, 1, 0)],
    ["SHA-1's name", () => encode(Buffer.from("3021300906052b0e03021a05000414", "hex"))],
    ["no DigestInfo", () => encode(Buffer.alloc(0))],
  ])("%s", (_, encoded) => expect(verify("PKCS1", message, raw(encoded()))).toBe(false));
});

describe("PSS: encodings of other parameters", () => {
  const message = Buffer.from("message");
  it.each([0, 20, 31, 33, 64, 222])("a salt of %i bytes", (saltLength) =>
    expect(verify("PSS", message, signed("PSS", message, { saltLength }))).toBe(false),
  );
  it("SHA-384 as MGF's hash, a wrong trailer, a set top bit", () => {
    const other = sign("sha384", message, { key, ...padding.PSS });
    expect(verify("PSS", message, other)).toBe(false);
    const encoded = Buffer.alloc(BYTES, 0x11);
    expect(verify("PSS", message, raw(encoded))).toBe(false);
    encoded[BYTES - 1] = 0xbc;
    expect(verify("PSS", message, raw(encoded))).toBe(false);
  });
});
