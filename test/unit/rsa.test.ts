// RSA's private operation against node:crypto: values, faults, and what comes of it in the key exchange.
import { constants, privateDecrypt, publicEncrypt } from "node:crypto";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { Legacy, newRsaKey, type RsaKey } from "../support/legacy.ts";
import { cases } from "../support/long.ts";
import { Random } from "../support/symmetric.ts";

const SEED = Number(process.env["SEED"] ?? Date.now() & 0x7fffffff);
const BITS = [1024, 1152, 1536, 2048];

let legacy: Legacy;
const keys = new Map<number, RsaKey>();
beforeAll(async () => {
  legacy = await Legacy.load();
  for (const bits of BITS) keys.set(bits, newRsaKey(bits));
});

const raw = (key: RsaKey, cipher: Uint8Array) =>
  privateDecrypt({ key: key.key, padding: constants.RSA_NO_PADDING }, cipher);

describe.each(BITS)("RSA-%i", (bits) => {
  const key = () => keys.get(bits)!;

  it("c^d is what OpenSSL computes", () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const cipher = new Random(seed).bytes(bits / 8);
        cipher[0] = 0x7f & cipher[0]!; // below n, whose highest bit is set
        expect(legacy.rsa(key(), cipher)).toEqual(raw(key(), cipher));
      }),
      { numRuns: cases(8, 40), seed: SEED },
    );
  });

  it("0, 1 and n - 1 are what they were", () => {
    const modulus = Buffer.from(key().key.export({ format: "jwk" }).n!, "base64url");
    const last = Buffer.from(modulus);
    last[last.length - 1]! -= 1; // n is odd
    const one = Buffer.concat([Buffer.alloc(bits / 8 - 1), Buffer.from([1])]);
    for (const value of [Buffer.alloc(bits / 8), one, last]) expect(legacy.rsa(key(), value)).toEqual(value);
  });

  it("n and what is above it are refused", () => {
    const modulus = Buffer.from(key().key.export({ format: "jwk" }).n!, "base64url");
    expect(legacy.rsa(key(), modulus)).toBeNull();
    expect(legacy.rsa(key(), Buffer.alloc(bits / 8, 0xff))).toBeNull();
  });

  it("a fault in any number of the key gives nothing", () => {
    const random = new Random(SEED);
    const cipher = random.bytes(bits / 8);
    cipher[0] = 0x7f & cipher[0]!;
    for (let number = 0; number < 5; number++) {
      const numbers = Buffer.from(key().numbers);
      const at = (number * bits) / 16 + random.below(bits / 16);
      numbers[at]! ^= 1 << random.below(8);
      expect(legacy.rsa({ ...key(), numbers }, cipher), `number ${number}, byte ${at}`).toBeNull();
    }
  });

  it("a pre-master secret comes out of what a client has encrypted", () => {
    const secret = Buffer.from(new Random(bits).bytes(48));
    secret.writeUInt16BE(0x0301);
    const cipher = publicEncrypt({ key: key().key, padding: constants.RSA_PKCS1_PADDING }, secret);
    const message = legacy.rsa(key(), cipher)!;
    expect(legacy.preMaster(message, 0x0301, Buffer.alloc(48))).toEqual(secret);
  });
});

describe("the pre-master secret", () => {
  const random = Buffer.alloc(48, 0x77);
  const secret = Buffer.concat([Buffer.from([3, 1]), Buffer.alloc(46, 0x55)]);
  const message = (bytes = 128) =>
    Buffer.concat([Buffer.from([0, 2]), Buffer.alloc(bytes - 51, 0xaa), Buffer.from([0]), secret]);

  it("is taken from a message as it should be", () => {
    expect(legacy.preMaster(message(), 0x0301, random)).toEqual(secret);
    expect(legacy.preMaster(message(256), 0x0301, random)).toEqual(secret);
  });

  it.each([
    ["a first byte that is not 0", 0, 1],
    ["a block type that is not 2", 1, 1],
    ["a zero in the padding, at its beginning", 2, 0],
    ["a zero in the padding, at its end", 78, 0],
    ["no zero behind the padding", 79, 1],
    ["another major version", 80, 2],
    ["another minor version", 81, 0],
  ])("is random with %s", (_, at, byte) => {
    const wrong = message();
    wrong[at] = byte;
    expect(legacy.preMaster(wrong, 0x0301, random)).toEqual(random);
  });
});
