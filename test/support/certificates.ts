// Certificates as a test wishes them, made with @peculiar/x509.
import "reflect-metadata"; // which @peculiar/x509 expects to be there
import { createHash, webcrypto } from "node:crypto";
import { isIP } from "node:net";
import * as x509 from "@peculiar/x509";

export { x509 };

export type KeyKind = "p256" | "rsa" | "rsa-pss" | "p384" | "rsa-3072";

const ALGORITHMS = {
  p256: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
  p384: { name: "ECDSA", namedCurve: "P-384", hash: "SHA-384" },
  rsa: rsa("RSASSA-PKCS1-v1_5", 2048),
  "rsa-pss": { ...rsa("RSA-PSS", 2048), saltLength: 32 },
  "rsa-3072": rsa("RSASSA-PKCS1-v1_5", 3072),
};

function rsa(name: string, modulusLength: number) {
  return { name, modulusLength, publicExponent: Uint8Array.of(1, 0, 1), hash: "SHA-256" };
}

export interface Identity {
  name: string;
  keys: webcrypto.CryptoKeyPair;
  kind: KeyKind;
  der: Buffer;
}

export interface CertificateOptions {
  /** Common name of the subject. */
  name: string;
  kind?: KeyKind;
  /** Default: itself. */
  issuer?: Identity;
  /** Instead of the issuer's name: a lie. */
  issuerName?: string;
  /** dNSNames and iPAddresses. */
  names?: string[];
  ca?: boolean;
  pathLength?: number;
  notBefore?: string;
  notAfter?: string;
  usage?: x509.KeyUsageFlags | 0;
  purposes?: string[];
  extensions?: x509.Extension[];
  /** Of the signature, instead of what its key is for. */
  signing?: object;
  /** To be certified instead of new ones. */
  keys?: webcrypto.CryptoKeyPair;
}

/** Keys take time to make: one of each kind and number is enough. */
const keyPairs = new Map<string, Promise<webcrypto.CryptoKeyPair>>();
export function keyPair(kind: KeyKind, number = 0): Promise<webcrypto.CryptoKeyPair> {
  const id = `${kind} ${number}`;
  const usages: webcrypto.KeyUsage[] = ["sign", "verify"];
  const made = keyPairs.get(id) ?? webcrypto.subtle.generateKey(ALGORITHMS[kind], true, usages);
  keyPairs.set(id, made);
  return made;
}

export async function makeCertificate(options: CertificateOptions): Promise<Identity> {
  const { name, kind = "p256", issuer, ca = false, names = [] } = options;
  const keys = options.keys ?? (await keyPair(kind));
  const usage = options.usage ?? (ca ? x509.KeyUsageFlags.keyCertSign : x509.KeyUsageFlags.digitalSignature);
  const extensions: x509.Extension[] = [...(options.extensions ?? [])];
  if (ca) extensions.push(new x509.BasicConstraintsExtension(true, options.pathLength, true));
  if (usage) extensions.push(new x509.KeyUsagesExtension(usage, true));
  if (options.purposes) extensions.push(new x509.ExtendedKeyUsageExtension(options.purposes));
  if (names.length > 0)
    extensions.push(
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isIP(value) ? ("ip" as const) : ("dns" as const), value })),
      ),
    );
  const certificate = await x509.X509CertificateGenerator.create({
    issuer: `CN=${options.issuerName ?? issuer?.name ?? name}`,
    subject: `CN=${name}`,
    publicKey: keys.publicKey,
    signingKey: (issuer?.keys ?? keys).privateKey,
    signingAlgorithm: { ...ALGORITHMS[issuer?.kind ?? kind], ...options.signing },
    notBefore: new Date(options.notBefore ?? "2020-01-01"),
    notAfter: new Date(options.notAfter ?? "2040-01-01"),
    serialNumber: "01020304",
    extensions,
  });
  return { name, keys, kind, der: Buffer.from(certificate.rawData) };
}

/** The private key, PEM. */
export async function privateKeyPem({ keys }: Identity): Promise<string> {
  return pem("PRIVATE KEY", Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey)));
}

export const certificatePem = (...chain: Identity[]) =>
  chain.map(({ der }) => pem("CERTIFICATE", der)).join("");

function pem(label: string, der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g)!;
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

/** What "/.pins" has of a key. */
export function pinOf({ der }: Identity): Buffer {
  const key = new x509.X509Certificate(Uint8Array.from(der)).publicKey.rawData;
  return createHash("sha256").update(Buffer.from(key)).digest();
}

/** The file "/.anchors". */
export const anchorsOf = (...anchors: Identity[]) =>
  Buffer.concat(anchors.flatMap(({ der }) => [length24(der), der]));

function length24({ length }: Buffer): Buffer {
  return Buffer.of(length >> 16, (length >> 8) & 255, length & 255);
}
