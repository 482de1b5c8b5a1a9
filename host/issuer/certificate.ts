// X.509 certificates (RFC 5280) of P-256 and RSA keys, signed by either: as small as browsers accept, the card having to send
// every byte of it over a slow link. Loading the library takes longer than anything else at the start of netcard, and only
// a new card needs it: import this module when it is needed.
import "reflect-metadata"; // which @peculiar/x509 expects to be there
import { createPublicKey, KeyObject, randomBytes, webcrypto } from "node:crypto";
import { isIP } from "node:net";
import { AsnConvert } from "@peculiar/asn1-schema";
import * as asn1 from "@peculiar/asn1-x509";
import * as x509 from "@peculiar/x509";

const RSA = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
const P256 = { name: "ECDSA", namedCurve: "P-256" };

/** A key signs, or as in TLS 1.0 with RSA key exchange, decrypts. */
export type KeyUse = "sign" | "decrypt";

export interface Validity {
  notBefore: Date;
  notAfter: Date;
}

/**
 * A CA that certifies no other CA, signed by itself.
 * @param key its private key
 * @param name its common name
 * @param permitted what it may certify: host names, and IP addresses as "address/prefix"
 * @returns PEM
 */
export async function makeCaCertificate(
  key: KeyObject,
  name: string,
  permitted: string[],
  validity: Validity,
): Promise<string> {
  const keys = await keyPair(key);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    ...validity,
    serialNumber: serialNumber(),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      nameConstraints(permitted),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return `${certificate.toString("pem")}\n`;
}

/**
 * A server's certificate.
 * @param ca the issuer's certificate, PEM, and its private key
 * @param publicKey the server's: 65 bytes, 04 ‖ X ‖ Y, or an RSA key
 * @param names host names and IP addresses
 * @param use what the private key is for
 * @returns DER
 */
export async function makeServerCertificate(
  ca: { certificate: string; key: KeyObject },
  publicKey: Uint8Array | KeyObject,
  names: string[],
  use: KeyUse,
  validity: Validity,
): Promise<Buffer> {
  const issuer = new x509.X509Certificate(ca.certificate);
  const certificate = await x509.X509CertificateGenerator.create({
    issuer: issuer.subjectName,
    subject: "CN=netcard",
    publicKey:
      publicKey instanceof KeyObject
        ? await rsaKey(publicKey)
        : await webcrypto.subtle.importKey("raw", publicKey, P256, true, ["verify"]),
    signingKey: (await keyPair(ca.key)).privateKey,
    ...validity,
    serialNumber: serialNumber(),
    extensions: [
      new x509.KeyUsagesExtension(
        use === "decrypt" ? x509.KeyUsageFlags.keyEncipherment : x509.KeyUsageFlags.digitalSignature,
        true,
      ),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isIP(value) ? ("ip" as const) : ("dns" as const), value })),
      ),
      new x509.AuthorityKeyIdentifierExtension(
        issuer.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId ?? "",
      ),
    ],
  });
  return Buffer.from(certificate.rawData);
}

/** An RSA public key for Web Cryptography. */
function rsaKey(key: KeyObject): Promise<webcrypto.CryptoKey> {
  const spki = key.export({ type: "spki", format: "der" });
  return webcrypto.subtle.importKey("spki", spki, RSA, true, ["verify"]);
}

/** The key for Web Cryptography, and its public half. */
async function keyPair(key: KeyObject): Promise<webcrypto.CryptoKeyPair> {
  const algorithm = key.asymmetricKeyType === "rsa" ? RSA : P256;
  const pkcs8 = key.export({ type: "pkcs8", format: "der" });
  const spki = createPublicKey(key).export({ type: "spki", format: "der" });
  return {
    privateKey: await webcrypto.subtle.importKey("pkcs8", pkcs8, algorithm, true, ["sign"]),
    publicKey: await webcrypto.subtle.importKey("spki", spki, algorithm, true, ["verify"]),
  };
}

/** 64 random bits, hex, never zero and never negative. */
function serialNumber(): string {
  return `01${randomBytes(8).toString("hex")}`;
}

/** The library has no class of its own for these. */
function nameConstraints(permitted: string[]): x509.Extension {
  const subtrees = permitted.map((name) => {
    const base = new asn1.GeneralName(name.includes("/") ? { iPAddress: name } : { dNSName: name });
    return new asn1.GeneralSubtree({ base });
  });
  const constraints = new asn1.NameConstraints({ permittedSubtrees: new asn1.GeneralSubtrees(subtrees) });
  return new x509.Extension(asn1.id_ce_nameConstraints, true, AsnConvert.serialize(constraints));
}
