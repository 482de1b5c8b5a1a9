import { spawnSync } from "node:child_process";
import { createPrivateKey, generateKeyPairSync, X509Certificate, type KeyObject } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tls from "node:tls";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { NetcardError } from "../../host/errors.ts";
import { LocalCa } from "../../host/issuer/ca.ts";
import { makeServerCertificate } from "../../host/issuer/certificate.ts";
import { readPages } from "../../host/issuer/pages.ts";

const DAY_MS = 86_400_000;
const CARD_ADDRESS = "10.77.0.2";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "netcard-test-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const path = (name: string) => join(folder, name);

/** A card's key pair, made outside for once, and its certificate. */
async function issueTo(
  ca: LocalCa,
  addresses = [CARD_ADDRESS],
): Promise<{ key: KeyObject; der: Buffer; certificate: X509Certificate }> {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const der = await ca.issue(publicKey.export({ type: "spki", format: "der" }).subarray(-65), addresses);
  return { key: privateKey, der, certificate: new X509Certificate(der) };
}

/** Resolves to the reason why a client that trusts `ca` refuses the server, null when it does not. */
async function refusal(ca: LocalCa, key: KeyObject, der: Buffer, name: string): Promise<string | null> {
  const pem = key.export({ type: "pkcs8", format: "pem" });
  const server = tls.createServer({ key: pem, cert: new X509Certificate(der).toString() });
  server
    .on("tlsClientError", () => undefined)
    .on("secureConnection", (socket) => socket.on("error", () => undefined));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const identity = /^[\d.:]+$/.test(name) ? {} : { servername: name };
  const error = await new Promise<string | null>((resolve) => {
    const socket = tls.connect({
      port,
      host: "127.0.0.1",
      ca: ca.certificate.toString(),
      ...identity,
      rejectUnauthorized: true,
      checkServerIdentity: (_, certificate) => tls.checkServerIdentity(name, certificate),
    });
    socket.on("secureConnect", () => (socket.destroy(), resolve(null)));
    socket.on("error", (reason: Error) => resolve(reason.message));
  });
  server.close();
  return error;
}

describe("the CA", () => {
  test("is made once and opened after; only its owner reads the key", async () => {
    const first = await LocalCa.open(folder);
    const again = await LocalCa.open(folder);
    expect(again.certificate.fingerprint256).toBe(first.certificate.fingerprint256);
    expect(first.file).toBe(path("ca.pem"));
    if (process.platform !== "win32") expect(statSync(path("ca-key.pem")).mode & 0o777).toBe(0o600);
  });

  test("is a CA that signs no CA, named uniquely, signed by itself", async () => {
    const { certificate } = await LocalCa.open(folder);
    const other = mkdtempSync(join(tmpdir(), "netcard-test-"));
    expect((await LocalCa.open(other)).certificate.subject).not.toBe(certificate.subject);
    rmSync(other, { recursive: true });
    expect(certificate.ca).toBe(true);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.subject).toMatch(/^CN=netcard CA [0-9a-f]{8}$/);
  });

  test("a key whose certificate is lost gets a new one", async () => {
    await LocalCa.open(folder);
    const key = readFileSync(path("ca-key.pem"));
    rmSync(path("ca.pem"));
    const { certificate } = await issueTo(await LocalCa.open(folder));
    expect(certificate.verify(new X509Certificate(readFileSync(path("ca.pem"))).publicKey)).toBe(true);
    expect(readFileSync(path("ca-key.pem"))).toEqual(key);
  });

  test.each([
    ["a certificate whose key is lost", () => rmSync(path("ca-key.pem"))],
    ["a damaged certificate", () => writeFileSync(path("ca.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n")],
    ["a damaged key", () => writeFileSync(path("ca-key.pem"), "")],
    [
      "another's key",
      () => {
        const other = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
        writeFileSync(path("ca-key.pem"), other.export({ type: "pkcs8", format: "pem" }));
      },
    ],
  ])("%s is one clear sentence, and stays", async (_, damage) => {
    await LocalCa.open(folder);
    damage();
    const before = ["ca.pem", "ca-key.pem"].map(
      (name) => existsSync(path(name)) && readFileSync(path(name), "utf8"),
    );
    await expect(LocalCa.open(folder)).rejects.toThrow(NetcardError);
    await expect(LocalCa.open(folder)).rejects.toThrow(/put a copy back, or move ca.pem and ca-key.pem away/);
    const after = ["ca.pem", "ca-key.pem"].map(
      (name) => existsSync(path(name)) && readFileSync(path(name), "utf8"),
    );
    expect(after).toEqual(before);
  });
});

describe("a card's certificate", () => {
  test("chains to the CA, names the card, and is short in bytes and days", async () => {
    const ca = await LocalCa.open(folder);
    const { key, der, certificate } = await issueTo(ca);
    expect(certificate.checkIssued(ca.certificate)).toBe(true);
    expect(certificate.verify(ca.certificate.publicKey)).toBe(true);
    expect(certificate.checkPrivateKey(key)).toBe(true);
    expect(certificate.ca).toBe(false);
    expect(certificate.checkHost("localhost")).toBe("localhost");
    expect(certificate.checkHost("example.com")).toBeUndefined();
    for (const address of ["127.0.0.1", "::1", CARD_ADDRESS])
      expect(certificate.checkIP(address)).toBe(address);
    expect(certificate.checkIP("10.77.0.3")).toBeUndefined();
    expect(certificate.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1"]); // extended key usage: serverAuth
    expect(der.length).toBeLessThanOrEqual(450);
    const days = (Date.parse(certificate.validTo) - Date.parse(certificate.validFrom)) / DAY_MS;
    expect(days).toBeLessThanOrEqual(397);
    expect(Date.parse(certificate.validFrom)).toBeLessThan(Date.now());
    expect((await issueTo(ca)).certificate.serialNumber).not.toBe(certificate.serialNumber);
  });

  test("is accepted by a TLS client for these names and for no other", async () => {
    const ca = await LocalCa.open(folder);
    const { key, der } = await issueTo(ca);
    for (const name of ["localhost", "127.0.0.1", CARD_ADDRESS])
      expect(await refusal(ca, key, der, name)).toBeNull();
    expect(await refusal(ca, key, der, "example.com")).toMatch(/does not match certificate's altnames/);
  });

  test("addresses outside private networks are refused", async () => {
    const ca = await LocalCa.open(folder);
    for (const address of ["8.8.8.8", "172.32.0.1", "example.com", "10.0.0"])
      await expect(issueTo(ca, [address])).rejects.toThrow(NetcardError);
  });

  test("a stolen CA key certifies no one else: clients enforce the name constraints", async () => {
    const ca = await LocalCa.open(folder);
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const caKey = createPrivateKey(readFileSync(path("ca-key.pem")));
    for (const name of ["example.com", "8.8.8.8"]) {
      const der = await makeServerCertificate(
        { certificate: ca.certificate.toString(), key: caKey },
        publicKey.export({ type: "spki", format: "der" }).subarray(-65),
        [name],
        "sign",
        { notBefore: new Date(Date.now() - DAY_MS), notAfter: new Date(Date.now() + DAY_MS) },
      );
      expect(await refusal(ca, privateKey, der, name)).toBe("permitted subtree violation");
    }
  });

  const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;
  test.skipIf(!hasOpenssl).each([
    ["ecdsa-with-SHA256", false],
    ["sha256WithRSAEncryption", true],
  ])("passes OpenSSL's strict checks: %s", async (algorithm, isRsa) => {
    const ca = await LocalCa.open(folder, isRsa);
    const { certificate } = await issueTo(ca);
    writeFileSync(path("card.pem"), certificate.toString());
    const verify = (...flags: string[]) =>
      spawnSync(
        "openssl",
        ["verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", ca.file, ...flags, path("card.pem")],
        { encoding: "utf8" },
      );
    for (const flags of [
      ["-verify_hostname", "localhost"],
      ["-verify_ip", "::1"],
      ["-verify_ip", CARD_ADDRESS],
    ]) {
      const { stdout, stderr, status } = verify(...flags);
      expect(stdout + stderr).toContain("OK");
      expect(status).toBe(0);
    }
    expect(verify("-verify_hostname", "example.com").status).not.toBe(0);
    const { stdout } = spawnSync("openssl", ["x509", "-noout", "-text", "-in", path("card.pem")]);
    expect(String(stdout)).toContain(`Signature Algorithm: ${algorithm}`);
  });
});

describe("a folder of pages", () => {
  test("becomes files with names and types; hidden ones stay out", () => {
    mkdirSync(path("img"));
    mkdirSync(path(".git"));
    for (const name of ["index.html", "img/a b.png", "x.bin", "Grüße.txt", ".hidden", ".git/config"])
      writeFileSync(path(name), name);
    expect(
      readPages(folder).map(({ name, type, content }) => [name, type, Buffer.from(content).toString()]),
    ).toEqual([
      ["/Grüße.txt", "text/plain; charset=utf-8", "Grüße.txt"],
      ["/img/a b.png", "image/png", "img/a b.png"],
      ["/index.html", "text/html; charset=utf-8", "index.html"],
      ["/x.bin", "application/octet-stream", "x.bin"],
    ]);
  });

  test("a name too long or the card's own, too many files, no folder: one clear sentence", () => {
    expect(() => readPages(path("none"))).toThrow(/^Cannot read the pages in .*\.$/);
    for (const [name, reason] of [
      ["n".repeat(31), /has 32 bytes and the card keeps 31: shorten it\.$/],
      ["ß".repeat(16), /has 33 bytes and the card keeps 31: shorten it\.$/], // 17 characters
      ["status.json", /^The page \/status\.json would never be seen, the card has its own: rename it\.$/],
    ] as const) {
      writeFileSync(path(name), "");
      expect(() => readPages(folder)).toThrow(reason);
      rmSync(path(name));
    }
    for (let i = 0; i < 32; i++) writeFileSync(path(`${i}.txt`), "");
    expect(() => readPages(folder)).toThrow(/has 32 files and a card keeps 31/);
  });
});
