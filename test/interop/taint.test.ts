// Timing: no branch and no address of the translated firmware depends on a secret, and none is left behind in memory.
// What becomes public on purpose calls firmware/crypto/declassify.ts; each case says how often that happens.
import { describe, expect } from "vitest";
import { AES_128_GCM, CHACHA20_POLY1305 } from "../support/symmetric.ts";
import {
  bytes,
  DATA,
  expectClean,
  findings,
  OUT,
  PUBLIC,
  PUBLIC_2,
  SCRATCH,
  SECRET,
  SECRET_2,
  STATE,
  type Computation,
} from "../support/computations.ts";
import type { Recording } from "../support/taint.ts";
import { testWith } from "../support/peers.ts";

/** The generator of P-256, for whoever needs a point. */
const POINT = Buffer.from(
  "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296" +
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
  "hex",
);

const CURVES: Computation[] = [
  {
    name: "X25519, public key",
    declassified: 2, // not zero; the public key
    run: (card) => {
      card.secret(SECRET, bytes(32));
      card.exports.x25519PublicKey!(OUT, SECRET, SCRATCH);
      card.output(OUT, 32);
    },
  },
  {
    name: "X25519, shared secret",
    declassified: 1, // not zero
    run: (card) => {
      card.secret(SECRET, bytes(32));
      card.memory.set(bytes(32, 9), PUBLIC);
      card.exports.x25519Shared!(OUT, SECRET, PUBLIC, SCRATCH);
      card.output(OUT, 32);
    },
  },
  {
    name: "P-256, public key",
    declassified: 2, // the private key is in range; the public key
    run: (card) => {
      card.secret(SECRET, bytes(32));
      card.exports.p256PublicKey!(OUT, SECRET, SCRATCH);
      card.output(OUT, 65);
    },
  },
  {
    name: "P-256, ECDH",
    declassified: 1, // the private key is in range
    run: (card) => {
      card.secret(SECRET, bytes(32));
      card.memory.set(POINT, PUBLIC);
      card.exports.p256Ecdh!(OUT, SECRET, PUBLIC, SCRATCH);
      card.output(OUT, 32);
    },
  },
  {
    name: "P-256, ECDSA, hedged",
    declassified: 4, // the private key is in range, and k; r and s are not zero; the signature
    run: (card) => {
      card.secret(SECRET, bytes(32));
      card.secret(SECRET_2, bytes(32, 5));
      card.memory.set(bytes(32, 9), PUBLIC);
      card.exports.p256Sign!(OUT, PUBLIC, SECRET, SECRET_2, SCRATCH);
      card.output(OUT, 64);
    },
  },
  {
    name: "P-256, ECDSA, deterministic, of a secret digest",
    declassified: 4,
    run: (card) => {
      card.secret(SECRET, bytes(32));
      card.secret(PUBLIC, bytes(32, 9));
      card.exports.p256Sign!(OUT, PUBLIC, SECRET, 0, SCRATCH);
      card.output(OUT, 64);
    },
  },
  {
    name: "P-256, another k",
    declassified: 0,
    run: (card) => {
      card.secret(SECRET, bytes(32));
      card.memory.set(bytes(32, 9), PUBLIC);
      card.exports.nonceFirst!(SCRATCH, PUBLIC, SECRET, 0);
      card.exports.nonceAnother!(SCRATCH);
      card.output(SCRATCH, card.exports.p256ScratchBytes!());
    },
  },
];

/** A record of 200 bytes in pieces, and its tag. */
function aead(suite: number, way: "aeadEncrypt" | "aeadDecrypt"): (card: Recording) => void {
  return (card) => {
    const { aeadBegin, aeadTag, equal } = card.exports;
    card.secret(SECRET, bytes(suite === AES_128_GCM ? 16 : 32));
    if (way === "aeadEncrypt") card.secret(DATA, bytes(200, 3));
    else card.memory.set(bytes(200, 3), DATA);
    card.memory.set(bytes(12, 9), PUBLIC);
    card.memory.set(bytes(13, 10), PUBLIC_2);
    aeadBegin!(STATE, suite, SECRET, PUBLIC, PUBLIC_2, 13, SCRATCH);
    let at = DATA;
    for (const length of [1, 15, 16, 40, 128]) {
      card.exports[way]!(STATE, SECRET, at, length, SCRATCH);
      at += length;
    }
    aeadTag!(STATE, SECRET, OUT, SCRATCH);
    equal!(OUT, PUBLIC, 16);
    card.output(OUT, 16);
    card.output(DATA, 200);
  };
}

const SYMMETRIC: Computation[] = [
  {
    name: "SHA-256",
    declassified: 0,
    run: (card) => {
      card.secret(DATA, bytes(200));
      card.exports.sha256Init!(STATE);
      card.exports.sha256Update!(STATE, DATA, 70);
      card.exports.sha256Update!(STATE, DATA + 70, 130);
      card.exports.sha256Final!(STATE, OUT);
      card.output(OUT, 32);
      card.output(STATE + 64, 32); // its head says that the digest is left there
    },
  },
  {
    name: "HMAC-SHA-256",
    declassified: 0,
    run: (card) => {
      card.secret(SECRET, bytes(100));
      card.secret(DATA, bytes(200));
      card.exports.hmacInit!(STATE, SECRET, 100);
      card.exports.hmacUpdate!(STATE, DATA, 200);
      card.exports.hmacFinal!(STATE, SECRET, 100, OUT);
      card.output(OUT, 32);
      card.output(STATE + 64, 32);
    },
  },
  {
    name: "HKDF-Extract",
    declassified: 0,
    run: (card) => {
      card.secret(SECRET, bytes(32));
      card.secret(SECRET_2, bytes(32, 7));
      card.exports.hkdfExtract!(SECRET, 32, SECRET_2, 32, OUT, SCRATCH);
      card.output(OUT, 32);
    },
  },
  {
    name: "HKDF-Expand-Label",
    declassified: 0,
    run: (card) => {
      card.secret(SECRET, bytes(32));
      card.secret(SECRET_2, bytes(32, 7));
      card.memory.set(Buffer.from("label"), PUBLIC);
      card.exports.hkdfExpandLabel!(SECRET, PUBLIC, 5, SECRET_2, 32, OUT, 48, SCRATCH);
      card.output(OUT, 48);
      card.output(SCRATCH + 132, 60); // label and context: a transcript's hash, which is public
    },
  },
  {
    name: "AES-128, two blocks",
    declassified: 0,
    run: (card) => {
      card.secret(SECRET, bytes(16));
      card.secret(DATA, bytes(32));
      card.exports.aesEncrypt!(SECRET, DATA, SCRATCH);
      card.output(DATA, 32);
      card.output(SCRATCH, 348); // the caller's to wipe
    },
  },
  {
    name: "ChaCha20, a block",
    declassified: 0,
    run: (card) => {
      card.secret(SECRET, bytes(32));
      card.memory.set(bytes(12), PUBLIC);
      card.exports.chacha20Block!(STATE, SECRET, 1, PUBLIC);
      card.output(STATE, 64);
    },
  },
  {
    name: "Poly1305",
    declassified: 0,
    run: (card) => {
      card.secret(SECRET, bytes(32));
      card.secret(DATA, bytes(77));
      card.memory.set([1], PUBLIC);
      card.exports.poly1305Mac!(STATE, SECRET, DATA, 77, PUBLIC, OUT);
      card.output(OUT, 16);
      card.output(STATE + 36, 16); // the caller's to wipe
    },
  },
  { name: "AES-128-GCM, sealed", declassified: 1, run: aead(AES_128_GCM, "aeadEncrypt") }, // the verdict of equal()
  { name: "AES-128-GCM, opened", declassified: 1, run: aead(AES_128_GCM, "aeadDecrypt") },
  { name: "ChaCha20-Poly1305, sealed", declassified: 1, run: aead(CHACHA20_POLY1305, "aeadEncrypt") },
  { name: "ChaCha20-Poly1305, opened", declassified: 1, run: aead(CHACHA20_POLY1305, "aeadDecrypt") },
];

/** Computations that are wrong, but for the first two. */
const LEAKY: (Computation & { leaks: boolean; forgets: boolean })[] = [
  "masked",
  "verdict",
  "branch",
  "lookUp",
  "storeAt",
  "divide",
  "copySome",
  "compareEarlyOut",
  "returned",
  "laundered",
  "forgets",
].map((name) => ({
  name,
  leaks: !["masked", "verdict", "forgets"].includes(name),
  forgets: name === "forgets",
  declassified: Number(name === "verdict"),
  run: (card) => {
    card.secret(SECRET, bytes(16, 0xd3));
    card.exports[name]!(SECRET, OUT);
    if (name !== "forgets") card.output(OUT, 64);
  },
}));

describe("no branch and no address depends on a secret, and none is left behind", () => {
  testWith("valgrind", "valgrind", "of the curves", () =>
    expectClean("test/firmware/crypto-curves.ts", CURVES),
  );
  testWith("valgrind", "valgrind", "of the symmetric primitives", () =>
    expectClean("test/firmware/crypto-sym.ts", SYMMETRIC),
  );
});

describe("what is wrong on purpose", () => {
  testWith("valgrind", "valgrind", "is found, and nothing else", async () => {
    const found = await findings("test/firmware/leaky.ts", LEAKY);
    LEAKY.forEach(({ name, leaks, declassified, forgets }, i) => {
      const { ram, ...seen } = found[i]!;
      const summary = {
        name,
        leaks: seen.leaks > 0,
        declassified: seen.declassified,
        forgets: ram.length > 0,
      };
      expect(summary).toEqual({ name, leaks, declassified, forgets });
    });
  });
});
