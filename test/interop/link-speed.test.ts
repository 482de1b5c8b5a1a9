// Does a page of 100 KB arrive intact over a slow link?
import { createHash, randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { startCard, temporaryFolder } from "../support/netcard.ts";
import * as peers from "../support/peers.ts";

const BYTES = 102_400;
const sha256 = (data: Buffer) => createHash("sha256").update(data).digest("hex");

describe.concurrent("100 KB", () => {
  for (const baud of [115_200, 9_600]) {
    peers.testWith("curl", "curl", `arrive at --baud ${baud}`, async () => {
      const pages = temporaryFolder("pages");
      const content = Buffer.from(randomBytes((BYTES * 3) / 4).toString("base64"));
      writeFileSync(join(pages, "index.html"), content);
      const data = temporaryFolder("data");
      await (await startCard(["--pages", pages], data)).stop(); // personalised at full speed
      const card = await startCard(["--baud", String(baud)], data);
      const file = join(pages, "received");
      const started = performance.now();
      const { code, stderr } = await peers.execute(
        "curl",
        ["-sS", "--cacert", card.ca, "-o", file, card.url],
        { timeoutMs: 290_000 },
      );
      expect(code, stderr).toBe(0);
      const seconds = (performance.now() - started) / 1000;
      console.log(`${baud} bit/s: ${seconds.toFixed(1)} s, ${Math.round(BYTES / seconds)} bytes/s`);
      expect(sha256(readFileSync(file))).toBe(sha256(content));
      expect(await card.stop()).toBe(0);
    });
  }
});
