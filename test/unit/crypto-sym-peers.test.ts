// The symmetric primitives against @noble and node:crypto on random cases. A case is a length and a seed, from which all
// its bytes and cuts follow; a failure prints both, and the seed of the run.
import { createCipheriv, createHash, createHmac, hkdfSync } from "node:crypto";
import { gcm } from "@noble/ciphers/aes.js";
import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { poly1305 } from "@noble/ciphers/_poly1305.js";
import { expand, extract } from "@noble/hashes/hkdf.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import fc from "fast-check";
import { beforeAll, expect, it } from "vitest";
import { cases } from "../support/long.ts";
import {
  AES_128_GCM,
  CHACHA20_POLY1305,
  Random,
  randomCuts,
  Symmetric,
  whole,
} from "../support/symmetric.ts";

const CASES = cases(1000);
/** SEED in the environment replays a run. */
const SEED = Number(process.env["SEED"] ?? Date.now() & 0x7fffffff);
const EDGES = [
  0, 1, 15, 16, 17, 31, 32, 33, 47, 48, 55, 56, 57, 63, 64, 65, 119, 120, 127, 128, 129, 255, 1024,
];

let sym: Symmetric;
beforeAll(async () => {
  sym = await Symmetric.load();
});

/** Checks CASES cases: a length, an edge in half of them, and the random numbers for the rest. */
function agree(check: (length: number, random: Random) => void): void {
  const length = fc.oneof(fc.constantFrom(...EDGES), fc.integer({ min: 0, max: 400 }));
  fc.assert(
    fc.property(length, fc.integer(), (n, seed) => check(n, new Random(seed))),
    { numRuns: CASES, seed: SEED },
  );
}

/** Cheaper than expect() by far, at some hundred thousand comparisons. */
function same(ours: Uint8Array, ...theirs: Uint8Array[]): void {
  for (const other of theirs) if (Buffer.compare(ours, other) !== 0) expect(ours).toEqual(other);
}

it("SHA-256", () => {
  agree((length, random) => {
    const data = random.bytes(length);
    same(sym.sha256(data, randomCuts(random)), sha256(data), createHash("sha256").update(data).digest());
  });
});

it("HMAC-SHA-256", () => {
  agree((length, random) => {
    const key = random.bytes(random.below(140));
    const data = random.bytes(length);
    same(
      sym.hmac(key, data, randomCuts(random)),
      hmac(sha256, key, data),
      createHmac("sha256", key).update(data).digest(),
    );
  });
});

it("HKDF", () => {
  agree((length, random) => {
    const salt = random.bytes(random.below(100));
    const info = random.bytes(random.below(100));
    const ikm = random.bytes(1 + random.below(100));
    const prk = sym.hkdfExtract(salt, ikm);
    same(prk, extract(sha256, ikm, salt));
    same(sym.hkdfExpand(prk, info, length), expand(sha256, prk, info, length));
    if (length > 0)
      same(sym.hkdfExpand(prk, info, length), new Uint8Array(hkdfSync("sha256", ikm, salt, info, length)));
  });
});

it("HKDF-Expand-Label", () => {
  agree((length, random) => {
    const secret = random.bytes(32);
    const label = random.bytes(1 + random.below(18));
    const context = random.bytes(random.below(33));
    const prefixed = Buffer.concat([Buffer.from("tls13 "), label]);
    const info = Buffer.concat([
      Uint8Array.of(length >> 8, length & 255, prefixed.length),
      prefixed,
      Uint8Array.of(context.length),
      context,
    ]);
    same(sym.hkdfExpandLabel(secret, label, context, length), expand(sha256, secret, info, length));
  });
});

it("AES-128", () => {
  agree((_, random) => {
    const key = random.bytes(16);
    const pair = random.bytes(32);
    same(sym.aes(key, pair), createCipheriv("aes-128-ecb", key, null).setAutoPadding(false).update(pair));
  });
});

it("Poly1305", () => {
  agree((length, random) => {
    const key = random.bytes(32);
    const data = random.bytes(length % 16 === 15 ? length + 1 : length);
    same(sym.poly1305(key, data), poly1305(data, key));
  });
});

it("AES-128-GCM", () => {
  agree((length, random) => {
    aeadCase(AES_128_GCM, "aes-128-gcm", length, random);
  });
});

it("ChaCha20-Poly1305", () => {
  agree((length, random) => {
    aeadCase(CHACHA20_POLY1305, "chacha20-poly1305", length, random);
  });
});

function aeadCase(
  suite: number,
  name: "aes-128-gcm" | "chacha20-poly1305",
  length: number,
  random: Random,
): void {
  const key = random.bytes(suite === AES_128_GCM ? 16 : 32);
  const nonce = random.bytes(12);
  const aad = random.bytes(random.below(40));
  const plain = random.bytes(length);
  const shift = random.below(4);
  const sealed = sym.aead("encrypt", suite, [key, nonce, aad, plain], randomCuts(random), shift);
  const opened = sym.aead("decrypt", suite, [key, nonce, aad, sealed.data], randomCuts(random), shift);
  same(opened.data, plain);
  same(opened.tag, sealed.tag);

  const ours = Buffer.concat([sealed.data, sealed.tag]);
  const noble = suite === AES_128_GCM ? gcm(key, nonce, aad) : chacha20poly1305(key, nonce, aad);
  const node = createCipheriv(name as "aes-128-gcm", key, nonce, { authTagLength: 16 });
  node.setAAD(aad, { plaintextLength: length });
  same(ours, noble.encrypt(plain), Buffer.concat([node.update(plain), node.final(), node.getAuthTag()]));
}

it("AEAD: 8 KB are the same whole and in pieces", () => {
  const random = new Random(1);
  const long = random.bytes(8192);
  for (const suite of [AES_128_GCM, CHACHA20_POLY1305]) {
    const side = [random.bytes(suite === AES_128_GCM ? 16 : 32), random.bytes(12), random.bytes(5)] as const;
    const once = sym.aead("encrypt", suite, [...side, long], whole);
    const again = sym.aead("encrypt", suite, [...side, long], randomCuts(random));
    same(once.data, again.data);
    same(once.tag, again.tag);
  }
});
