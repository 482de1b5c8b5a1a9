// P-256's numbers as BigInts, for tests.
import { createECDH } from "node:crypto";

export const p = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
export const n = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

export const hex = (text: string): Buffer => Buffer.from(text.replace(/\s/g, ""), "hex");
/** 32 big-endian bytes. */
export const bytes = (number: bigint): Buffer => hex(number.toString(16).padStart(64, "0"));
export const number = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
export const modulo = (a: bigint, m: bigint): bigint => ((a % m) + m) % m;
export const point = (x: bigint, y: bigint): Buffer => Buffer.concat([Buffer.of(4), bytes(x), bytes(y)]);

export function power(base: bigint, exponent: bigint, m: bigint): bigint {
  let result = 1n;
  for (let b = modulo(base, m), e = exponent; e > 0n; e >>= 1n, b = (b * b) % m)
    if (e & 1n) result = (result * b) % m;
  return result;
}

/** OpenSSL's side of a key agreement. */
export function openssl(privateKey: Uint8Array) {
  const ecdh = createECDH("prime256v1");
  ecdh.setPrivateKey(privateKey);
  return { publicKey: ecdh.getPublicKey(), shared: (peer: Uint8Array) => ecdh.computeSecret(peer) };
}
