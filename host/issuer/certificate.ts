// X.509 certificates (RFC 5280) of P-256 keys signed by a P-256 key: as small as browsers accept, the card having to send
// every byte of it over a slow link.
import { createHash, randomBytes, sign, type KeyObject } from "node:crypto";
import { isIPv4, isIPv6 } from "node:net";
import * as der from "./der.ts";

const ECDSA_WITH_SHA256 = der.sequence(der.oid("1.2.840.10045.4.3.2"));
const P256_KEY = der.sequence(der.oid("1.2.840.10045.2.1"), der.oid("1.2.840.10045.3.1.7"));

export interface CertificateFields {
  issuer: string;
  subject: string;
  /** The subject's key: 04 ‖ X ‖ Y. */
  publicKey: Uint8Array;
  notBefore: Date;
  notAfter: Date;
  /** Made by the functions below. */
  extensions: Uint8Array[];
}

/** @returns the certificate, DER */
export function makeCertificate(fields: CertificateFields, signingKey: KeyObject): Buffer {
  const toBeSigned = der.sequence(
    der.explicit(0, der.integer(Uint8Array.of(2))), // v3
    der.integer(Buffer.concat([Uint8Array.of(1), randomBytes(8)])), // 64 random bits, never zero
    ECDSA_WITH_SHA256,
    commonName(fields.issuer),
    der.sequence(der.time(fields.notBefore), der.time(fields.notAfter)),
    commonName(fields.subject),
    der.sequence(P256_KEY, der.bitString(fields.publicKey)),
    der.explicit(3, der.sequence(...fields.extensions)),
  );
  return der.sequence(toBeSigned, ECDSA_WITH_SHA256, der.bitString(sign("sha256", toBeSigned, signingKey)));
}

function commonName(name: string): Buffer {
  return der.sequence(der.set(der.sequence(der.oid("2.5.4.3"), der.utf8String(name))));
}

function extension(id: string, critical: boolean, value: Uint8Array): Buffer {
  return der.sequence(der.oid(id), ...(critical ? [der.TRUE] : []), der.octetString(value));
}

/** digitalSignature: bit 0 of KeyUsage. */
export const keyUsageSignature = extension("2.5.29.15", true, der.bitString(Uint8Array.of(0x80), 7));
/** keyCertSign: bit 5. */
export const keyUsageCertSign = extension("2.5.29.15", true, der.bitString(Uint8Array.of(0x04), 2));
export const serverAuth = extension("2.5.29.37", false, der.sequence(der.oid("1.3.6.1.5.5.7.3.1")));
/** A CA that certifies no other CA. */
export const certificateAuthority = extension(
  "2.5.29.19",
  true,
  der.sequence(der.TRUE, der.integer(Uint8Array.of(0))),
);

export function subjectKeyIdentifier(publicKey: Uint8Array): Buffer {
  return extension("2.5.29.14", false, der.octetString(keyIdentifier(publicKey)));
}

export function authorityKeyIdentifier(publicKey: Uint8Array): Buffer {
  return extension("2.5.29.35", false, der.sequence(der.implicit(0, keyIdentifier(publicKey))));
}

/** @param names host names and IP addresses */
export function subjectAltName(names: string[]): Buffer {
  return extension("2.5.29.17", false, der.sequence(...names.map(generalName)));
}

/** What a CA may certify: host names, and IP addresses as "address/prefix". */
export function nameConstraints(permitted: string[]): Buffer {
  const subtrees = permitted.map((name) => der.sequence(generalName(name)));
  return extension("2.5.29.30", true, der.sequence(der.explicit(0, ...subtrees)));
}

/** dNSName [2] or iPAddress [7], the latter with a mask when it has a prefix length. */
function generalName(name: string): Buffer {
  const [address = "", prefix] = name.split("/");
  const bytes = addressBytes(address);
  if (!bytes) return der.implicit(2, Buffer.from(name));
  if (prefix === undefined) return der.implicit(7, bytes);
  const mask = bytes.map((_, i) => 0xff00 >> Math.min(8, Math.max(0, Number(prefix) - 8 * i)));
  return der.implicit(7, Buffer.concat([bytes, mask]));
}

/** @returns 4 or 16 bytes, null when `text` is no IP address */
function addressBytes(text: string): Uint8Array | null {
  if (isIPv4(text)) return Uint8Array.from(text.split("."), Number);
  if (!isIPv6(text)) return null;
  const [head = "", tail] = new URL(`http://[${text}]`).hostname.slice(1, -1).split("::");
  const words = (part: string) => (part ? part.split(":").map((word) => parseInt(word, 16)) : []);
  const [before, after] = [words(head), words(tail ?? "")];
  const all = [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
  return Uint8Array.from(all.flatMap((word) => [word >> 8, word & 0xff]));
}

/** RFC 7093 section 2, method 1. */
function keyIdentifier(publicKey: Uint8Array): Uint8Array {
  return createHash("sha256").update(publicKey).digest().subarray(0, 20);
}
