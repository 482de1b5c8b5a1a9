// TLS 1.0's primitives against node:crypto and @noble on random cases; a failure prints the case, and the seed of the run.
import { createCipheriv, createHash, createHmac } from "node:crypto";
import { cbc } from "@noble/ciphers/aes.js";
import { hmac } from "@noble/hashes/hmac.js";
import { md5, sha1 } from "@noble/hashes/legacy.js";
import fc from "fast-check";
import { beforeAll, expect, it } from "vitest";
import { AES_128, DES, Legacy, MD5, SHA1 } from "../support/legacy.ts";
import { cases } from "../support/long.ts";
import { Random, randomCuts } from "../support/symmetric.ts";

const CASES = cases(300, 1500);
/** SEED in the environment replays a run. */
const SEED = Number(process.env["SEED"] ?? Date.now() & 0x7fffffff);
const EDGES = [0, 1, 7, 8, 9, 15, 16, 17, 55, 56, 63, 64, 65, 119, 120, 127, 128, 129, 255, 256, 1024];
const HASHES = [
  { hash: MD5, name: "md5", noble: md5 },
  { hash: SHA1, name: "sha1", noble: sha1 },
];

let legacy: Legacy;
beforeAll(async () => {
  legacy = await Legacy.load();
});

function agree(check: (length: number, random: Random) => void): void {
  const length = fc.oneof(fc.constantFrom(...EDGES), fc.integer({ min: 0, max: 400 }));
  fc.assert(
    fc.property(length, fc.integer(), (n, seed) => check(n, new Random(seed))),
    { numRuns: CASES, seed: SEED },
  );
}

function same(ours: Uint8Array, ...theirs: Uint8Array[]): void {
  for (const other of theirs) if (Buffer.compare(ours, other) !== 0) expect(ours).toEqual(other);
}

it.each(HASHES)("$name", ({ hash, name, noble }) => {
  agree((length, random) => {
    const data = random.bytes(length);
    same(legacy.digest(hash, data, randomCuts(random)), noble(data), createHash(name).update(data).digest());
  });
});

it.each(HASHES)("HMAC-$name", ({ hash, name, noble }) => {
  agree((length, random) => {
    const [key, data] = [random.bytes(random.below(140)), random.bytes(length)];
    const ours = legacy.hmac(hash, key, data, randomCuts(random));
    same(ours, hmac(noble, key, data), createHmac(name, key).update(data).digest());
  });
});

/** RFC 2246 section 5, written anew. */
function prf(secret: Uint8Array, labelled: Uint8Array, length: number): Buffer {
  const half = Math.ceil(secret.length / 2);
  const stream = (hash: string, key: Uint8Array) => {
    const mac = (...data: Uint8Array[]) => createHmac(hash, key).update(Buffer.concat(data)).digest();
    let a = mac(labelled);
    const out: Buffer[] = [];
    for (let bytes = 0; bytes < length; bytes += a.length) {
      out.push(mac(a, labelled));
      a = mac(a);
    }
    return Buffer.concat(out).subarray(0, length);
  };
  const other = stream("sha1", secret.subarray(secret.length - half));
  return stream("md5", secret.subarray(0, half)).map((byte, i) => byte ^ other[i]!) as Buffer;
}

it("the pseudorandom function", () => {
  agree((length, random) => {
    const [secret, labelled] = [random.bytes(1 + random.below(64)), random.bytes(random.below(80))];
    same(legacy.prf(secret, labelled, length), prf(secret, labelled, length));
  });
});

it("AES-128 in CBC mode", () => {
  agree((length, random) => {
    const [key, iv, plain] = [random.bytes(16), random.bytes(16), random.bytes(length & ~15)];
    const node = createCipheriv("aes-128-cbc", key, iv).setAutoPadding(false).update(plain);
    same(node, cbc(key, iv, { disablePadding: true }).encrypt(plain));
    same(legacy.cbc("encrypt", AES_128, [key, iv, plain], randomCuts(random)), node);
    same(legacy.cbc("decrypt", AES_128, [key, iv, node], randomCuts(random)), plain);
  });
});

/** Triple DES with the same key three times is DES, which OpenSSL 3 has no more. */
it("DES in CBC mode", () => {
  agree((length, random) => {
    const [key, iv, plain] = [random.bytes(8), random.bytes(8), random.bytes(length & ~7)];
    const tripled = Buffer.concat([key, key, key]);
    const node = createCipheriv("des-ede3-cbc", tripled, iv).setAutoPadding(false).update(plain);
    same(legacy.cbc("encrypt", DES, [key, iv, plain], randomCuts(random)), node);
    same(legacy.cbc("decrypt", DES, [key, iv, node], randomCuts(random)), plain);
  });
});

interface Sealed {
  key: Uint8Array;
  header: Uint8Array;
  /** Content, MAC, padding. */
  record: Uint8Array;
}

/** A record before its encryption (RFC 2246 section 6.2.3.2). @param padding its length byte */
function sealed(content: Uint8Array, padding: number, random: Random): Sealed {
  const [key, header] = [random.bytes(20), random.bytes(11)];
  const covered = Buffer.concat([header, Buffer.alloc(2), content]);
  covered.writeUInt16BE(content.length, 11);
  const mac = createHmac("sha1", key).update(covered).digest();
  return { key, header, record: Buffer.concat([content, mac, Buffer.alloc(padding + 1, padding)]) };
}

it("padding and MAC: every padding of every record is taken, in a tail and in all of the record", () => {
  agree((length, random) => {
    const padding = random.below(256);
    const { key, header, record } = sealed(random.bytes(length), padding, random);
    for (const tail of [Math.min(record.length, 276), record.length]) {
      const content = legacy.verifyTail(key, header, record, tail);
      expect(content).toBe(length - (record.length - tail));
    }
  });
});

it("padding and MAC: one wrong bit anywhere is refused", () => {
  agree((length, random) => {
    const { key, header, record } = sealed(random.bytes(length), random.below(256), random);
    const forged = Buffer.from(record);
    const at = random.below(record.length);
    forged.writeUInt8(forged.readUInt8(at) ^ (1 << random.below(8)), at);
    expect(legacy.verifyTail(key, header, forged, Math.min(record.length, 276))).toBe(-1);
  });
});

it("padding and MAC: padding that leaves no room for a MAC is refused", () => {
  const random = new Random(1);
  for (let length = 21; length <= 275; length++) {
    const record = new Uint8Array(length).fill(length - 20);
    expect(legacy.verifyTail(random.bytes(20), random.bytes(11), record, length)).toBe(-1);
    expect(
      legacy.verifyTail(random.bytes(20), random.bytes(11), new Uint8Array(length).fill(255), length),
    ).toBe(-1);
  }
});
