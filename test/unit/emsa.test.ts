// What the card signs with RSA, raised to the private exponent by node:crypto (OpenSSL), which then verifies it.
import { constants, createHash, generateKeyPairSync, privateEncrypt, verify } from "node:crypto";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { MemoryNvm } from "../../host/chip/nvm.ts";
import { seed } from "../support/curves.ts";
import { build, instantiate } from "../support/firmware.ts";

interface Exports {
  powerOn(): void;
  pss(digest: number, out: number, bytes: number, scratch: number): void;
  pkcs1(digest: number, out: number, bytes: number): void;
  pssScratchBytes(): number;
}

// In RAM, and in NVM.
const DIGEST = 300;
const SCRATCH = 512;
const OUT = 1001;
const CANARY = 0xa5;
const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
const PKCS1 = { padding: constants.RSA_PKCS1_PADDING };

let module: WebAssembly.Module;
beforeAll(async () => {
  module = await build("test/firmware/rsa-verify.ts");
});

/** Encodes messages one after the other on a page of canaries: nothing but scratch and place may be touched. */
function encode(scheme: "pss" | "pkcs1", messages: Uint8Array[], bytes: number): Buffer[] {
  const nvm = new MemoryNvm(4096);
  const wasm = instantiate<Exports>(module, {}, nvm);
  wasm.powerOn();
  const page = Buffer.from(wasm.memory.buffer, DIGEST, 1024);
  return messages.map((message) => {
    page.fill(CANARY);
    createHash("sha256").update(message).digest().copy(page);
    const from = SCRATCH - DIGEST;
    const touched = (all: Buffer) => Buffer.from(all).fill(0, from, from + wasm.pssScratchBytes());
    const before = touched(page);
    const cells = Buffer.from(nvm.cells);
    wasm[scheme](DIGEST, OUT, bytes, SCRATCH);
    expect(touched(page)).toEqual(before);
    const encoded = Buffer.from(nvm.cells.subarray(OUT, OUT + bytes));
    encoded.copy(cells, OUT);
    expect(cells.equals(Buffer.from(nvm.cells))).toBe(true);
    return encoded;
  });
}

describe.each([1024, 2048])("%i bits", (bits) => {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: bits });
  const raise = (encoded: Buffer) =>
    privateEncrypt({ key: privateKey, padding: constants.RSA_NO_PADDING }, encoded);

  it.each([
    ["EMSA-PSS", "pss", PSS],
    ["EMSA-PKCS1-v1_5", "pkcs1", PKCS1],
  ] as const)("%s is what OpenSSL verifies", (_, scheme, padding) => {
    const verifies = fc.property(fc.uint8Array(), (message) => {
      const [encoded] = encode(scheme, [message], bits / 8);
      expect(verify("sha256", message, { key: publicKey, ...padding }, raise(encoded!))).toBe(true);
    });
    fc.assert(verifies, { numRuns: 20, seed });
  });
});

it("every signature has a salt of its own", () => {
  const message = Buffer.from("the same");
  const encoded = encode("pss", Array<Buffer>(20).fill(message), 256);
  expect(new Set(encoded.map((bytes) => bytes.toString("hex"))).size).toBe(20);
  expect(new Set(encode("pkcs1", [message, message], 256).map(String)).size).toBe(1);
});
