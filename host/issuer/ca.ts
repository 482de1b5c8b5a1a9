// A CA of one machine: its key never leaves the data folder, and browsers that trust it have trusted little, because it can
// only certify this machine and private networks (name constraints).
import { createPrivateKey, generateKeyPairSync, randomBytes, X509Certificate } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { BlockList, isIPv4 } from "node:net";
import { join } from "node:path";
import { codeOf, openDataDir, writeWhole } from "../data-dir.ts";
import { NetcardError } from "../errors.ts";
import type { KeyUse, Validity } from "./certificate.ts";

const DAY_MS = 86_400_000;
const CA_DAYS = 3650;
/** The longest that browsers accept is 398. */
const CARD_DAYS = 397;
/** Clocks of clients may be slow. */
const BACKDATE_MS = 3_600_000;

const PERMITTED_V4 = ["127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"];
const PERMITTED = ["localhost", ...PERMITTED_V4, "::1/128"];
/** Names by which every card is reached through this machine. */
const LOCAL_NAMES = ["localhost", "127.0.0.1", "::1"];

export class LocalCa {
  readonly certificate: X509Certificate;
  readonly #key: KeyObject;

  /**
   * Opens the CA in a folder; makes one when there is none.
   * @param isRsa a new one signs with RSA, for clients that know nothing else: PKCS #1 v1.5, 2,048 bits; default: P-256
   * @throws NetcardError when the folder can't be written or what is there is no CA of ours
   */
  static async open(dir: string, isRsa = false): Promise<LocalCa> {
    openDataDir(dir);
    const [keyFile, file] = [join(dir, "ca-key.pem"), join(dir, "ca.pem")];
    const remedy = "put a copy back, or move ca.pem and ca-key.pem away and a new CA will be made";
    if (!existsSync(keyFile) && existsSync(file)) throw new NetcardError(`${keyFile} is missing: ${remedy}.`);
    try {
      // The key first: a certificate whose key has been lost would be worthless, the other way round it is made anew.
      if (!existsSync(keyFile)) writeWhole(keyFile, newKey(isRsa), 0o600);
      const key = createPrivateKey(readFileSync(keyFile));
      if (!existsSync(file)) writeWhole(file, await newCertificate(key), 0o644);
      const ca = new LocalCa(file, key, new X509Certificate(readFileSync(file)));
      if (ca.certificate.checkPrivateKey(key)) return ca;
    } catch (error) {
      throw new NetcardError(`Cannot use the CA in ${dir} (${codeOf(error)}): ${remedy}.`);
    }
    throw new NetcardError(`${keyFile} is not the key of ${file}: ${remedy}.`);
  }

  private constructor(
    /** Path of the certificate, for clients to trust. */
    readonly file: string,
    key: KeyObject,
    certificate: X509Certificate,
  ) {
    this.#key = key;
    this.certificate = certificate;
  }

  /**
   * Issues a card's certificate: localhost, 127.0.0.1, ::1 and the addresses given.
   * @param publicKey of the card: 65 bytes, 04 ‖ X ‖ Y, or an RSA key
   * @param addresses IPv4 addresses of the card
   * @param use what its key is for
   * @returns DER
   * @throws NetcardError when an address is outside the private networks, or the CA expires too soon
   */
  async issue(
    publicKey: Uint8Array | KeyObject,
    addresses: string[] = [],
    use: KeyUse = "sign",
  ): Promise<Buffer> {
    for (const address of addresses) if (!isPermitted(address)) throw new NetcardError(notPermitted(address));
    const validity = validFor(CARD_DAYS);
    if (validity.notAfter > new Date(this.certificate.validTo))
      throw new NetcardError(
        `${this.file} expires too soon: move it and ca-key.pem away and a new CA will be made.`,
      );
    const { makeServerCertificate } = await import("./certificate.ts");
    const issuer = { certificate: this.certificate.toString(), key: this.#key };
    return makeServerCertificate(issuer, publicKey, [...LOCAL_NAMES, ...addresses], use, validity);
  }

  /** @returns true when this CA has signed the certificate */
  hasIssued(certificate: X509Certificate): boolean {
    return certificate.checkIssued(this.certificate) && certificate.verify(this.certificate.publicKey);
  }
}

/** @returns PEM */
function newKey(isRsa: boolean): string {
  const { privateKey } = isRsa
    ? generateKeyPairSync("rsa", { modulusLength: 2048 })
    : generateKeyPairSync("ec", { namedCurve: "P-256" });
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

/** The name is unique: two CAs of one name with different keys confuse browsers. @returns PEM */
async function newCertificate(key: KeyObject): Promise<string> {
  const { makeCaCertificate } = await import("./certificate.ts");
  const name = `netcard CA ${randomBytes(4).toString("hex")}`;
  return makeCaCertificate(key, name, PERMITTED, validFor(CA_DAYS));
}

function validFor(days: number): Validity {
  const now = Date.now() - BACKDATE_MS;
  return { notBefore: new Date(now), notAfter: new Date(now + days * DAY_MS) };
}

function isPermitted(address: string): boolean {
  const list = new BlockList();
  for (const network of PERMITTED_V4) {
    const [base = "", prefix] = network.split("/");
    list.addSubnet(base, Number(prefix), "ipv4");
  }
  return isIPv4(address) && list.check(address);
}

function notPermitted(address: string): string {
  return `The local CA does not certify ${address}: give the card an address of a private network, such as 10.0.0.2.`;
}
