// The published test vectors of the symmetric primitives, whole and byte by byte.
import { beforeAll, describe, expect, it } from "vitest";
import { AES_128_GCM, CHACHA20_POLY1305, byteByByte, Symmetric, whole } from "../support/symmetric.ts";

let sym: Symmetric;
beforeAll(async () => {
  sym = await Symmetric.load();
});

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const unhex = (text: string) => new Uint8Array(Buffer.from(text.replace(/\s/g, ""), "hex"));
const ascii = (text: string) => new Uint8Array(Buffer.from(text, "latin1"));
const range = (from: number, to: number) => Uint8Array.from({ length: to - from + 1 }, (_, i) => from + i);
const repeat = (byte: number, count: number) => new Uint8Array(count).fill(byte);
const none = new Uint8Array(0);

describe("SHA-256, FIPS 180-4 and RFC 6234", () => {
  it.each([
    ["", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
    ["abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
    [
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
    ],
    [
      "0123456701234567012345670123456701234567012345670123456701234567".repeat(10),
      "594847328451bdfa85056225462cc1d867d877fb388df0ce35f25ab5562bfbb5",
    ],
  ])("of %s", (message, digest) => {
    expect(hex(sym.sha256(ascii(message), whole))).toBe(digest);
    expect(hex(sym.sha256(ascii(message), byteByByte))).toBe(digest);
  });

  it("of a million times a", () => {
    sym.put(1024, sym.stateBytes.sha256);
    sym.put(6144, repeat(0x61, 1000));
    sym.wasm.sha256Init(1024);
    for (let i = 0; i < 1000; i++) sym.wasm.sha256Update(1024, 6144, 1000);
    sym.wasm.sha256Final(1024, 1536);
    expect(hex(sym.memory.slice(1536, 1568))).toBe(
      "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
    );
  });
});

describe("HMAC-SHA-256, RFC 4231", () => {
  const long =
    "This is a test using a larger than block-size key and a larger than block-size data. " +
    "The key needs to be hashed before being used by the HMAC algorithm.";
  it.each([
    [
      1,
      repeat(0x0b, 20),
      ascii("Hi There"),
      "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
    ],
    [
      2,
      ascii("Jefe"),
      ascii("what do ya want for nothing?"),
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ],
    [
      3,
      repeat(0xaa, 20),
      repeat(0xdd, 50),
      "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
    ],
    [4, range(1, 25), repeat(0xcd, 50), "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"],
    [5, repeat(0x0c, 20), ascii("Test With Truncation"), "a3b6167473100ee06e0c796c2955552b"],
    [
      6,
      repeat(0xaa, 131),
      ascii("Test Using Larger Than Block-Size Key - Hash Key First"),
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ],
    [7, repeat(0xaa, 131), ascii(long), "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"],
  ])("case %i", (_, key, data, mac) => {
    expect(hex(sym.hmac(key, data, whole)).slice(0, mac.length)).toBe(mac);
    expect(hex(sym.hmac(key, data, byteByByte)).slice(0, mac.length)).toBe(mac);
  });
});

describe("HKDF", () => {
  it.each([
    [
      1,
      repeat(0x0b, 22),
      range(0, 12),
      range(0xf0, 0xf9),
      "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
      "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    ],
    [
      2,
      range(0, 0x4f),
      range(0x60, 0xaf),
      range(0xb0, 0xff),
      "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
      "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09" +
        "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
    ],
    [
      3,
      repeat(0x0b, 22),
      none,
      none,
      "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
      "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
    ],
  ])("RFC 5869 case %i", (_, ikm, salt, info, prk, okm) => {
    expect(hex(sym.hkdfExtract(salt, ikm))).toBe(prk);
    expect(hex(sym.hkdfExpand(unhex(prk), info, okm.length / 2))).toBe(okm);
  });

  it("RFC 8448 section 3: Early Secret and the secret derived from it", () => {
    const early = sym.hkdfExtract(none, repeat(0, 32));
    expect(hex(early)).toBe("33ad0a1c607ec03b09e6cd9893680ce210adf300aa1f2660e1b22e10f170f92a");
    expect(hex(sym.hkdfExpandLabel(early, ascii("derived"), sym.sha256(none, whole), 32))).toBe(
      "6f2615a108c702c5678f54fc9dbab69716c076189c48250cebeac3576c3611ba",
    );
  });
});

describe("in place", () => {
  it("HKDF's output may take its key's place, a digest its message's", () => {
    const [secret, label] = [range(1, 32), ascii("traffic upd")];
    const expected = hex(sym.hkdfExpandLabel(secret, label, none, 32));
    sym.put(2048, secret);
    sym.put(3584, label);
    sym.put(2816, sym.scratchBytes.hkdf);
    sym.wasm.hkdfExpandLabel(2048, 3584, label.length, 0, 0, 2048, 32, 2816);
    expect(hex(sym.get(2048, 32))).toBe(expected);

    const digest = hex(sym.sha256(secret, whole));
    sym.put(1024, sym.stateBytes.sha256);
    sym.put(2048, secret);
    sym.wasm.sha256Init(1024);
    sym.wasm.sha256Update(1024, 2048, 32);
    sym.wasm.sha256Final(1024, 2048);
    expect(hex(sym.get(2048, 32))).toBe(digest);
  });
});

describe("AES-128, FIPS 197", () => {
  it.each([
    [
      "2b7e151628aed2a6abf7158809cf4f3c",
      "3243f6a8885a308d313198a2e0370734",
      "3925841d02dc09fbdc118597196a0b32",
    ],
    [
      "000102030405060708090a0b0c0d0e0f",
      "00112233445566778899aabbccddeeff",
      "69c4e0d86a7b0430d8cdb78070b4c55a",
    ],
  ])("key %s, in either place of a pair", (key, plain, cipher) => {
    const other = "00".repeat(16);
    expect(hex(sym.aes(unhex(key), unhex(plain + other))).slice(0, 32)).toBe(cipher);
    expect(hex(sym.aes(unhex(key), unhex(other + plain))).slice(32)).toBe(cipher);
  });
});

describe("ChaCha20 and Poly1305, RFC 8439", () => {
  it("section 2.3.2: a block", () => {
    expect(hex(sym.chacha20Block(range(0, 31), 1, unhex("000000090000004a00000000")))).toBe(
      "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e" +
        "d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e",
    );
  });

  it("section 2.5.2: a tag", () => {
    const key = unhex("85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b");
    expect(hex(sym.poly1305(key, ascii("Cryptographic Forum Research Group")))).toBe(
      "a8061dc1305136c6c22b8baf0c0127a9",
    );
  });

  const ff = "ff".repeat(16);
  const zeros = "00".repeat(16);
  const word = (text: string) => text + "00".repeat(16 - text.length / 2);
  it.each([
    [7, word("02"), zeros, ff, word("03")],
    [8, word("02"), ff, word("02"), word("03")],
    [9, word("01"), zeros, ff + "f0" + ff.slice(2) + word("11"), word("05")],
    [10, word("01"), zeros, ff + "fb" + "fe".repeat(15) + "01".repeat(16), zeros],
    [11, word("02"), zeros, "fd" + ff.slice(2), "fa" + ff.slice(2)],
    [
      12,
      word("010000000000000004"),
      zeros,
      word("e33594d7505e43b9") + "3394d7505e4379cd" + word("01").slice(0, 16) + zeros + word("01"),
      "14000000000000005500000000000000",
    ],
    [
      13,
      word("010000000000000004"),
      zeros,
      word("e33594d7505e43b9") + "3394d7505e4379cd" + word("01").slice(0, 16) + zeros,
      word("13"),
    ],
  ])("appendix A.3 vector %i", (_, r, s, data, tag) => {
    expect(hex(sym.poly1305(unhex(r + s), unhex(data)))).toBe(tag);
  });
});

describe("AEAD", () => {
  const plain =
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72" +
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255";
  const cipher =
    "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e" +
    "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091473f5985";
  const key = "feffe9928665731c6d6a8f9467308308";
  const nonce = "cafebabefacedbaddecaf888";
  const sunscreen =
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";

  it.each([
    ["GCM 1", AES_128_GCM, "00".repeat(16), "00".repeat(12), "", "", "", "58e2fccefa7e3061367f1d57a4e7455a"],
    [
      "GCM 2",
      AES_128_GCM,
      "00".repeat(16),
      "00".repeat(12),
      "",
      "00".repeat(16),
      "0388dace60b6a392f328c2b971b2fe78",
      "ab6e47d42cec13bdf53a67b21257bddf",
    ],
    ["GCM 3", AES_128_GCM, key, nonce, "", plain, cipher, "4d5c2af327cd64a62cf35abd2ba6fab4"],
    [
      "GCM 4",
      AES_128_GCM,
      key,
      nonce,
      "feedfacedeadbeeffeedfacedeadbeefabaddad2",
      plain.slice(0, 120),
      cipher.slice(0, 120),
      "5bc94fbc3221a5db94fae95ae7121a47",
    ],
    [
      "RFC 8439 section 2.8.2",
      CHACHA20_POLY1305,
      hex(range(0x80, 0x9f)),
      "070000004041424344454647",
      "50515253c0c1c2c3c4c5c6c7",
      hex(ascii(sunscreen)),
      "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6" +
        "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36" +
        "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc" +
        "3ff4def08e4b7a9de576d26586cec64b6116",
      "1ae10b594f09e26a7e902ecbd0600691",
    ],
  ])("%s", (_, suite, k, iv, aad, p, c, t) => {
    for (const cuts of [whole, byteByByte]) {
      const [K, N, A] = [unhex(k), unhex(iv), unhex(aad)] as const;
      const sealed = sym.aead("encrypt", suite, [K, N, A, unhex(p)], cuts);
      expect([hex(sealed.data), hex(sealed.tag)]).toEqual([c, t]);
      const opened = sym.aead("decrypt", suite, [K, N, A, unhex(c)], cuts);
      expect([hex(opened.data), hex(opened.tag)]).toEqual([p, t]);
    }
  });
});

describe("ct.equal", () => {
  it("sees a difference in any bit of any byte", () => {
    const tag = range(1, 16);
    expect(sym.equal(tag, tag)).toBe(true);
    for (let bit = 0; bit < 128; bit++) {
      const other = tag.slice();
      other[bit >> 3] = (other[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(sym.equal(tag, other), `bit ${bit}`).toBe(false);
    }
  });
});
