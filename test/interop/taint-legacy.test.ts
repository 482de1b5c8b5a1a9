// Timing of TLS 1.0's cryptography, with the RSA key in NVM; see taint.test.ts.
import { constants, publicEncrypt } from "node:crypto";
import { describe } from "vitest";
import {
  bytes,
  DATA,
  expectClean,
  OUT,
  PUBLIC,
  SCRATCH,
  SECRET,
  STATE,
  type Computation,
} from "../support/computations.ts";
import { AES_128, DES, MD5, newRsaKey, SHA1 } from "../support/legacy.ts";
import { testWith } from "../support/peers.ts";

const NVM_BYTES = 262144;
const KEY = 4096;
const CIPHER = 8192;
const MESSAGE = 1024;

function hash(which: number, digestBytes: number): Computation {
  return {
    name: which === MD5 ? "HMAC-MD5" : "HMAC-SHA-1",
    declassified: 0,
    run: (card) => {
      card.secret(SECRET, bytes(20));
      card.secret(DATA, bytes(200));
      card.exports.hmacInit!(which, STATE, SECRET, 20);
      card.exports.digestUpdate!(which, STATE, DATA, 200);
      card.exports.hmacFinal!(which, STATE, SECRET, 20, OUT);
      card.output(OUT, digestBytes);
      card.output(STATE, card.exports.sizes!(0));
    },
  };
}

function cbc(which: number, way: "cbcEncrypt" | "cbcDecrypt"): Computation {
  return {
    name: `${which === DES ? "DES" : "AES-128"}, ${way}`,
    declassified: 0,
    run: (card) => {
      card.secret(SECRET, bytes(which === DES ? 8 : 16));
      card.secret(DATA, bytes(80));
      card.secret(PUBLIC, bytes(16));
      card.exports[way]!(which, SECRET, PUBLIC, DATA, 80, SCRATCH);
      card.output(DATA, 80);
      card.output(PUBLIC, 16);
    },
  };
}

/** @param padding bytes of it, and of content; both are 300 with the MAC */
function padding(name: string, last: number): Computation {
  return {
    name: `CBC padding and MAC: ${name}`,
    declassified: 2, // whether the record is authentic; how long its content is
    run: (card) => {
      const tail = bytes(300);
      tail.fill(last, 300 - last - 1);
      card.secret(SECRET, bytes(20));
      card.secret(DATA, tail);
      card.memory.set(bytes(11), PUBLIC);
      card.secret(PUBLIC + 11, bytes(2)); // the content's length
      card.exports.verifyTail!(SECRET, PUBLIC, DATA, 24, 276, STATE, SCRATCH);
    },
  };
}

function rsa(bits: number): Computation {
  const { numbers, modulusBytes, key } = newRsaKey(bits);
  const image = new Uint8Array(NVM_BYTES).fill(0xff);
  image.set(numbers, KEY);
  const options = { key, padding: constants.RSA_PKCS1_PADDING };
  image.set(publicEncrypt(options, bytes(48)), CIPHER);
  return {
    name: `RSA-${bits}, private operation and PKCS #1`,
    declassified: 1, // that it gives the ciphertext again
    nvm: { image, secrets: [{ from: KEY, to: KEY + numbers.length }] },
    run: (card) => {
      card.exports.drbgPowerOn!();
      card.exports.rsaDecrypt!(KEY, modulusBytes, CIPHER, MESSAGE);
      card.secret(SECRET, bytes(48, 9));
      card.exports.takePreMaster!(MESSAGE, modulusBytes, 0x0301, SECRET);
      card.output(SECRET, 48);
      card.output(MESSAGE, modulusBytes); // the caller's to wipe
      card.output(8, 48); // the random generator's key
    },
  };
}

const LEGACY: Computation[] = [
  hash(MD5, 16),
  hash(SHA1, 20),
  {
    name: "PRF of TLS 1.0",
    declassified: 0,
    run: (card) => {
      card.secret(SECRET, bytes(48));
      card.memory.set(bytes(77), DATA);
      card.exports.prfExpand!(SECRET, 48, DATA, 77, OUT, 104, SCRATCH);
      card.output(OUT, 104);
    },
  },
  cbc(DES, "cbcEncrypt"),
  cbc(DES, "cbcDecrypt"),
  cbc(AES_128, "cbcEncrypt"),
  cbc(AES_128, "cbcDecrypt"),
  padding("short", 0),
  padding("long", 200),
  padding("longer than the record", 255),
];

const SEEDS = [32, 72].map((from) => ({ from, to: from + 32 }));

describe("no branch and no address depends on a secret, and none is left behind", () => {
  testWith("valgrind", "valgrind", "of TLS 1.0", () => expectClean("test/firmware/crypto-legacy.ts", LEGACY));
  testWith("valgrind", "valgrind", "of RSA", () =>
    expectClean("test/firmware/crypto-legacy.ts", [rsa(1024), rsa(2048)], SEEDS),
  );
});
