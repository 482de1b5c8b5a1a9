// Which unmodified clients fetch a page from the card as `netcard run` starts it.
import { get } from "node:https";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ROOT, readProfile } from "../../scripts/firmware.mjs";
import { type RunningCard, startCard } from "../support/netcard.ts";
import * as peers from "../support/peers.ts";

const { TLS_BUFFER, TLS_RECORD_SEND } = readProfile("card-6k") as {
  TLS_BUFFER: number;
  TLS_RECORD_SEND: number;
};

let card: RunningCard;
const page = readFileSync(join(ROOT, "pages/index.html"), "utf8");

beforeAll(async () => {
  card = await startCard();
});
afterAll(async () => {
  expect(await card.stop()).toBe(0);
});

describe("the page, byte for byte, is fetched by", () => {
  peers.testWith("curl", "curl", "curl", async () => {
    const { stdout, stderr } = await peers.curl(card);
    expect(stdout, stderr).toBe(page);
  });

  peers.testWith("curl", "curl", "curl, by 127.0.0.1 and HEAD, then 304", async () => {
    const byAddress = { ...card, url: `https://127.0.0.1:${card.port}/` };
    const head = (await peers.curl(byAddress, "/", ["--head"])).stdout;
    expect(head).toMatch(/^HTTP\/1.1 200/);
    expect(head).toMatch(new RegExp(`content-length: ${Buffer.byteLength(page)}`, "i"));
    const etag = /etag: (\S+)/i.exec(head)?.[1] ?? "";
    const again = await peers.curl(byAddress, "/", ["--include", "--header", `If-None-Match: ${etag}`]);
    expect(again.stdout).toMatch(/^HTTP\/1.1 304/);
  });

  const suites = ["TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"];
  const groups = ["X25519", "P-256", "P-521:X25519", "P-384:P-256"]; // the last two cost a HelloRetryRequest
  for (const suite of suites) {
    for (const group of groups) {
      peers.testWith("openssl", "openssl", `openssl s_client, ${suite}, ${group}`, async () => {
        const { stdout, stderr } = await peers.opensslClient(card, "/", [
          "-ciphersuites",
          suite,
          "-groups",
          group,
        ]);
        expect(body(stdout), stderr).toBe(page);
      });
    }
  }

  peers.testWith("gnutls-cli", "gnutls-bin", "gnutls-cli", async () => {
    const { stdout, stderr } = await peers.gnutlsClient(card);
    expect(stdout, stderr).toContain(page.slice(0, 200));
    expect(stdout).toContain(page.slice(-200));
  });

  peers.testWith("java", "openjdk-17-jdk-headless", "Java 17", async () => {
    const { stdout, stderr } = await peers.java(card);
    expect(stdout, stderr).toBe(page);
  });

  for (const version of ["-tls1_3", "-tls1_2"]) {
    peers.testWith("openssl", "openssl", `openssl s_client, ${version}, in long records`, async () => {
      const { stdout } = await peers.opensslClient(card, "/", [version, "-msg"]);
      const lengths = [...stdout.matchAll(/<<<.*RecordHeader .*\n +17 03 03 (..) (..)/g)];
      const long = lengths.map(([, high, low]) => parseInt(high! + low!, 16)).filter((l) => l > TLS_BUFFER);
      expect(long.length).toBeGreaterThan(2);
      expect(Math.max(...long)).toBeLessThanOrEqual(TLS_RECORD_SEND);
    });
  }

  peers.testWith("gnutls-cli", "gnutls-bin", "gnutls-cli that takes records of 512 bytes", async () => {
    const { stdout, stderr } = await peers.gnutlsClient(card, "/", ["--recordsize", "512", "-d", "5"]);
    expect(stdout, stderr).toContain(page.slice(-200));
    const lengths = [
      ...stderr.matchAll(/Decrypted Packet\[\d+\] Application Data\(23\) with length: (\d+)/g),
    ];
    const longest = Math.max(...lengths.map(([, length]) => Number(length)));
    expect(longest).toBeGreaterThan(TLS_BUFFER);
    expect(longest).toBeLessThan(512);
  });

  test("Node", async () => {
    const text = await new Promise<string>((resolve, reject) => {
      get(card.url, { ca: readFileSync(card.ca) }, (response) => {
        let received = "";
        response.on("data", (part) => (received += String(part)));
        response.on("end", () => resolve(received));
      }).on("error", reject);
    });
    expect(text).toBe(page);
  });
});

describe("who is not trusted is told so", () => {
  peers.testWith("curl", "curl", "curl without the CA refuses the card", async () => {
    const { code } = await peers.execute("curl", ["--silent", "--max-time", "30", card.url]);
    expect(code).toBe(60);
  });

  peers.testWith("openssl", "openssl", "a client of TLS 1.1 alone gets protocol_version", async () => {
    const { stderr } = await peers.opensslClient(card, "/", ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]);
    expect(stderr).toMatch(/alert protocol version/);
  });
});

function body(response: string): string {
  return response.slice(response.indexOf("\r\n\r\n") + 4);
}
