// The real clients that fetch from a card. Each is found by its command; a missing one is skipped by name, loudly, and
// fails where NETCARD_NO_SKIP is set (CI).
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import puppeteer, { type Browser } from "puppeteer-core";
import { test } from "vitest";
import { temporaryFolder } from "./netcard.ts";

export interface Target {
  url: string;
  ca: string;
}

/** What a client printed. */
export interface Output {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** A test that needs a command of the system, from the Debian package named. */
export function testWith(
  command: string,
  debianPackage: string,
  name: string,
  body: () => Promise<void>,
): void {
  const there = spawnSync("sh", ["-c", `command -v ${command}`]).status === 0;
  if (there) test(name, body);
  else if (process.env["NETCARD_NO_SKIP"]) {
    test(name, () => {
      throw new Error(`${command} is missing: install the Debian package ${debianPackage}`);
    });
  } else {
    console.warn(`SKIPPED: ${name}: ${command} is missing (Debian package ${debianPackage})`);
    test.skip(name, body);
  }
}

/** Runs a command to its end. @param input written to its standard input, which then stays open until it ends */
export function execute(
  command: string,
  args: string[],
  options: { input?: string; timeoutMs?: number; env?: Record<string, string> } = {},
): Promise<Output> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env: { ...process.env, ...options.env } });
    const timer = setTimeout(() => child.kill("SIGKILL"), options.timeoutMs ?? 60_000);
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (text) => (stdout += String(text)));
    child.stderr.on("data", (text) => (stderr += String(text)));
    child.stdin.on("error", () => undefined); // it may end before it has read all
    if (options.input !== undefined) child.stdin.write(options.input);
    else child.stdin.end();
    child.on("error", reject);
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve({ code, stdout, stderr });
    });
  });
}

export const request = (path: string) =>
  `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`;

export function curl({ url, ca }: Target, path = "/", args: string[] = []): Promise<Output> {
  return execute("curl", [
    "--silent",
    "--show-error",
    "--max-time",
    "60",
    "--cacert",
    ca,
    ...args,
    new URL(path, url).href,
  ]);
}

/** @returns command and arguments of an s_client that trusts the CA */
export function opensslCommand({ url, ca }: Target, args: string[] = []): [string, string[]] {
  const { port } = new URL(url);
  const fixed = ["s_client", "-connect", `127.0.0.1:${port}`, "-servername", "localhost", "-CAfile", ca];
  return ["openssl", [...fixed, "-verify_return_error", ...args]];
}

export function opensslClient(target: Target, path = "/", args: string[] = []): Promise<Output> {
  return execute(...opensslCommand(target, ["-quiet", ...args]), { input: request(path) });
}

export function gnutlsClient({ url, ca }: Target, path = "/", args: string[] = []): Promise<Output> {
  const { port } = new URL(url);
  return execute("gnutls-cli", ["--port", port, "--x509cafile", ca, ...args, "localhost"], {
    input: request(path),
  });
}

const JAVA_CLIENT = `
import java.io.*; import java.net.*; import java.nio.file.*; import java.security.*; import java.security.cert.*; import javax.net.ssl.*;
public class Fetch {
  public static void main(String[] a) throws Exception {
    KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null, null);
    try (InputStream in = Files.newInputStream(Path.of(a[1]))) {
      store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(in));
    }
    TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
    trust.init(store);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, trust.getTrustManagers(), null);
    for (int i = 0; i < Integer.parseInt(a[2]); i++) {
      HttpsURLConnection c = (HttpsURLConnection) new URL(a[0]).openConnection();
      c.setSSLSocketFactory(context.getSocketFactory());
      c.setConnectTimeout(30000); c.setReadTimeout(60000);
      c.getInputStream().transferTo(System.out);
    }
    System.out.flush();
  }
}`;

/** @param times how often it fetches, one connection after the other if keep-alive is off */
export function java({ url, ca }: Target, path = "/", args: string[] = [], times = 1): Promise<Output> {
  const source = join(temporaryFolder("java"), "Fetch.java");
  writeFileSync(source, JAVA_CLIENT);
  return execute("java", [...args, source, new URL(path, url).href, ca, String(times)]);
}

/**
 * A browser that trusts a CA, or none, driven by WebDriver BiDi or the DevTools protocol. Close it.
 * @param version the highest version of TLS that it offers
 */
export function launch(kind: "chrome" | "firefox", ca: string | null, version = "1.3"): Promise<Browser> {
  return kind === "chrome" ? launchChromium(ca, version) : launchFirefox(ca, version);
}

function launchChromium(ca: string | null, version: string): Promise<Browser> {
  const home = temporaryFolder("chromium");
  if (ca) trust(join(home, ".pki/nssdb"), ca);
  const quiet = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ];
  return puppeteer.launch({
    executablePath: "/usr/bin/chromium",
    userDataDir: join(home, "profile"),
    args: ["--no-sandbox", `--ssl-version-max=tls${version}`, ...quiet],
    env: { ...process.env, HOME: home },
  });
}

function launchFirefox(ca: string | null, version: string): Promise<Browser> {
  const home = temporaryFolder("firefox");
  const profile = join(home, "profile");
  if (ca) trust(profile, ca);
  return puppeteer.launch({
    browser: "firefox",
    executablePath: "/usr/bin/firefox-esr",
    userDataDir: profile,
    extraPrefsFirefox: {
      "network.captive-portal-service.enabled": false,
      "network.connectivity-service.enabled": false,
      "security.tls.version.max": version === "1.2" ? 3 : 4,
    },
    env: { ...process.env, HOME: home },
  });
}

/** Puts a CA into a new NSS database. */
function trust(database: string, ca: string): void {
  mkdirSync(database, { recursive: true });
  const db = `sql:${database}`;
  for (const args of [
    ["-N", "--empty-password"],
    ["-A", "-t", "C,,", "-n", "netcard", "-i", ca],
  ]) {
    const { status, stderr } = spawnSync("certutil", ["-d", db, ...args]);
    if (status !== 0) throw new Error(`certutil: ${String(stderr)}`);
  }
}
