// The card's TLS as a client against servers of other makes, on a TCP of this machine's that cuts as it likes.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect } from "vitest";
import { type Identity, type KeyKind, keyPair, makeCertificate } from "../support/certificates.ts";
import { cuts } from "../support/cuts.ts";
import { temporaryFolder } from "../support/netcard.ts";
import * as peers from "../support/peers.ts";
import { type RunningServer, opensslServer } from "../support/servers.ts";
import { type Trust, clientCard, clientFirmware, converse } from "../support/tls-client-card.ts";
import { X509Card, loadX509 } from "../support/x509-card.ts";

const HOST = "www.example.com";
const PAGE = "the page\n".repeat(300);
const REQUEST = `GET /page HTTP/1.0\r\nHost: ${HOST}\r\n\r\n`;
/** -0x100 - alert: the card has sent it; -0x200 - alert: the server. */
const SELF = -0x100;
const PEER = -0x200;

let module: WebAssembly.Module;
let root: Identity;
let leaf: Identity;
let server: RunningServer | undefined;

beforeAll(async () => {
  module = await clientFirmware();
  root = await makeCertificate({ name: "root", ca: true });
  leaf = await leafOf({});
});
afterEach(() => server?.stop());

const leafOf = async (options: { issuer?: Identity; kind?: KeyKind; names?: string[] }) =>
  makeCertificate({
    ...{ name: "leaf", names: [HOST], issuer: root, keys: await keyPair(options.kind ?? "p256", 1) },
    ...options,
  });

/** Fetches the page. */
async function fetchFrom(
  chain: Identity[],
  args: string[],
  trust: Trust = {},
  chop?: (available: number) => number,
) {
  server = await opensslServer({ chain, pages: { page: PAGE }, args });
  return converse(clientCard(module, { anchors: [root], ...trust }), server.port, REQUEST, chop);
}

async function expectPage(...request: Parameters<typeof fetchFrom>) {
  const { result, text } = await fetchFrom(...request);
  expect(result).toBe(0);
  expect(text.endsWith(PAGE)).toBe(true);
}

for (const version of ["-tls1_3", "-tls1_2"]) {
  const isNew = version === "-tls1_3";
  const suites = isNew
    ? ["TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"].map((suite) => ["-ciphersuites", suite])
    : ["ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-GCM-SHA256"].map((suite) => ["-cipher", suite]);

  describe(`openssl s_server ${version}`, () => {
    for (const suite of suites) {
      for (const group of ["X25519", "P-256"]) {
        peers.testWith("openssl", "openssl", `${suite[1]}, ${group}`, () =>
          expectPage([leaf], [version, ...suite, "-groups", group]),
        );
      }
    }

    peers.testWith(
      "openssl",
      "openssl",
      "an RSA key, certified by an RSA key, through an intermediate",
      async () => {
        const ca = await makeCertificate({ name: "RSA root", ca: true, kind: "rsa" });
        const keys = await keyPair("rsa", 2);
        const middle = await makeCertificate({ name: "RSA middle", ca: true, kind: "rsa", keys, issuer: ca });
        await expectPage([await leafOf({ issuer: middle, kind: "rsa" }), middle], [version], {
          anchors: [ca],
        });
      },
    );

    peers.testWith("openssl", "openssl", "a pinned key", () =>
      expectPage([leaf], [version], { anchors: [], pins: [leaf] }),
    );

    peers.testWith("openssl", "openssl", "a server that would like a certificate of the card's", () =>
      expectPage([leaf], [version, "-verify", "1"]),
    );

    peers.testWith("openssl", "openssl", "a server that insists on one hangs up", async () => {
      const { result } = await fetchFrom([leaf], [version, "-Verify", "1", "-verify_return_error"]);
      expect(result).toBe(PEER - (version === "-tls1_3" ? 116 : 40)); // certificate_required, handshake_failure
    });

    peers.testWith("openssl", "openssl", "small records and segments", async () => {
      const args = [version, "-max_send_frag", "512", "-split_send_frag", "512"];
      await expectPage([leaf], args, {}, cuts.bytewise);
      await server?.stop();
      await expectPage([leaf], args, {}, cuts.random(7));
    });

    peers.testWith(
      "openssl",
      "openssl",
      "another name, another CA, an earlier time of the server's",
      async () => {
        const outcome = async (trust: Trust) => {
          const { result } = await fetchFrom([leaf], [version], trust);
          await server!.stop();
          return result;
        };
        expect(await outcome({ host: "www.example.org" })).toBe(SELF - 46);
        expect(await outcome({ time: "20400101000001" })).toBe(SELF - 45);
        const other = await makeCertificate({ name: "other", ca: true });
        expect(await outcome({ anchors: [other] })).toBe(SELF - 48);
        expect(await outcome({ anchors: [] })).toBe(SELF - 48);
      },
    );

    peers.testWith("openssl", "openssl", "a server that has nothing in common with the card", async () => {
      const { result } = await fetchFrom([leaf], [version, "-groups", "P-384"]);
      expect(result).toBe(PEER - 40);
    });
  });
}

peers.testWith("openssl", "openssl", "a server without TLS 1.2", async () => {
  const { result } = await fetchFrom([leaf], ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]);
  expect(result).toBe(PEER - 70);
});

peers.testWith("openssl", "openssl", "RSASSA-PSS in openssl's way of writing its parameters", async () => {
  const folder = temporaryFolder("pss");
  const [key, out] = [join(folder, "key.pem"), join(folder, "ca.der")];
  const made = `req -x509 -newkey rsa:2048 -nodes -keyout ${key} -sha256 -sigopt rsa_padding_mode:pss -subj /CN=pss
    -sigopt rsa_pss_saltlen:32 -addext subjectAltName=DNS:${HOST} -days 30 -outform der -out ${out}`;
  execFileSync("openssl", made.split(/\s+/), { stdio: "ignore" });
  const own = { ...root, der: readFileSync(out) };
  expect(new X509Card(await loadX509(), { anchors: [own] }).judge([own.der])).toBe(0);
});
