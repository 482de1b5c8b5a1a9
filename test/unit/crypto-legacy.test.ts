// The published test vectors of TLS 1.0's primitives, whole and byte by byte.
import { beforeAll, describe, expect, it } from "vitest";
import { AES_128, DES, Legacy, MD5, SHA1 } from "../support/legacy.ts";
import { byteByByte, whole } from "../support/symmetric.ts";

let legacy: Legacy;
beforeAll(async () => {
  legacy = await Legacy.load();
});

const unhex = (text: string) => new Uint8Array(Buffer.from(text.replace(/\s/g, ""), "hex"));
const ascii = (text: string) => new Uint8Array(Buffer.from(text, "latin1"));
const repeat = (byte: number, count: number) => new Uint8Array(count).fill(byte);

describe("MD5, RFC 1321 appendix A.5", () => {
  it.each([
    ["", "d41d8cd98f00b204e9800998ecf8427e"],
    ["a", "0cc175b9c0f1b6a831c399e269772661"],
    ["abc", "900150983cd24fb0d6963f7d28e17f72"],
    ["message digest", "f96b697d7cb7938d525a2f31aaf161d0"],
    ["abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"],
    ["ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", "d174ab98d277d9f5a5611c2c9f419d9f"],
    ["1234567890".repeat(8), "57edf4a22be3c955ac49da2e2107b67a"],
  ])("of %j", (message, digest) => {
    expect(legacy.digest(MD5, ascii(message), whole).toString("hex")).toBe(digest);
    expect(legacy.digest(MD5, ascii(message), byteByByte).toString("hex")).toBe(digest);
  });
});

describe("SHA-1, RFC 3174 section 7.3", () => {
  it.each([
    ["abc", "a9993e364706816aba3e25717850c26c9cd0d89d"],
    ["abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "84983e441c3bd26ebaae4aa1f95129e5e54670f1"],
    ["a", "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"],
    [
      "0123456701234567012345670123456701234567012345670123456701234567".repeat(10),
      "dea356a2cddd90c7a7ecedc5ebb563934f460452",
    ],
  ])("of %j", (message, digest) => {
    expect(legacy.digest(SHA1, ascii(message), whole).toString("hex")).toBe(digest);
    expect(legacy.digest(SHA1, ascii(message), byteByByte).toString("hex")).toBe(digest);
  });
});

describe("HMAC, RFC 2202", () => {
  const long = "Test Using Larger Than Block-Size Key - Hash Key First";
  it.each([
    [MD5, repeat(0x0b, 16), ascii("Hi There"), "9294727a3638bb1c13f48ef8158bfc9d"],
    [MD5, ascii("Jefe"), ascii("what do ya want for nothing?"), "750c783e6ab0b503eaa86e310a5db738"],
    [MD5, repeat(0xaa, 80), ascii(long), "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd"],
    [SHA1, repeat(0x0b, 20), ascii("Hi There"), "b617318655057264e28bc0b6fb378c8ef146be00"],
    [SHA1, ascii("Jefe"), ascii("what do ya want for nothing?"), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"],
    [SHA1, repeat(0xaa, 80), ascii(long), "aa4ae5e15272d00e95705637ce8a3b55ed402112"],
  ])("hash %i, key %s", (hash, key, data, mac) => {
    expect(legacy.hmac(hash, key, data, whole).toString("hex")).toBe(mac);
    expect(legacy.hmac(hash, key, data, byteByByte).toString("hex")).toBe(mac);
  });
});

describe("DES, FIPS 81 and NIST SP 800-17", () => {
  it.each([
    ["0123456789abcdef", "4e6f772069732074", "3fa40e8a984d4815"],
    ["0101010101010101", "95f8a5e5dd31d900", "8000000000000000"],
    ["8001010101010101", "0000000000000000", "95a8d72813daa94d"],
    ["1046913489980131", "0000000000000000", "88d55e54f54c97b4"],
    ["7ca110454a1a6e57", "01a1d6d039776742", "690f5b0d9a26939b"],
  ])("key %s", (key, plain, cipher) => {
    const zero = new Uint8Array(8);
    expect(legacy.cbc("encrypt", DES, [unhex(key), zero, unhex(plain)], whole).toString("hex")).toBe(cipher);
    expect(legacy.cbc("decrypt", DES, [unhex(key), zero, unhex(cipher)], whole).toString("hex")).toBe(plain);
  });
});

describe("CBC", () => {
  it("AES-128, SP 800-38A F.2.1", () => {
    const key = unhex("2b7e151628aed2a6abf7158809cf4f3c");
    const iv = unhex("000102030405060708090a0b0c0d0e0f");
    const plain =
      "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51" +
      "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
    const cipher =
      "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2" +
      "73bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7";
    for (const cuts of [whole, byteByByte]) {
      expect(legacy.cbc("encrypt", AES_128, [key, iv, unhex(plain)], cuts).toString("hex")).toBe(cipher);
      expect(legacy.cbc("decrypt", AES_128, [key, iv, unhex(cipher)], cuts).toString("hex")).toBe(plain);
    }
  });

  it("DES, FIPS 81 table C2", () => {
    const key = unhex("0123456789abcdef");
    const iv = unhex("1234567890abcdef");
    const plain = Buffer.from("Now is the time for all ", "latin1");
    const cipher = "e5c7cdde872bf27c43e934008c389c0f683788499a7c05f6";
    for (const cuts of [whole, byteByByte]) {
      expect(legacy.cbc("encrypt", DES, [key, iv, plain], cuts).toString("hex")).toBe(cipher);
      expect(legacy.cbc("decrypt", DES, [key, iv, unhex(cipher)], cuts).toString()).toBe(plain.toString());
    }
  });
});
