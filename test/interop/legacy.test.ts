// Which unmodified clients fetch a page from the TLS 1.0 card, and what it makes of those of seed [255]-[258].
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ROOT } from "../../scripts/firmware.mjs";
import { netcard, type RunningCard, startCard, temporaryFolder } from "../support/netcard.ts";
import { javaLegacy } from "../support/java-legacy.ts";
import * as peers from "../support/peers.ts";

const page = readFileSync(join(ROOT, "pages/index.html"), "utf8");
const TLS10 = ["-tls1", "-cipher", "ALL:@SECLEVEL=0"];

let card: RunningCard;
beforeAll(async () => {
  card = await startCard(["--card", "legacy"]);
});
afterAll(async () => {
  expect(await card.stop()).toBe(0);
});

const body = (response: string) => response.slice(response.indexOf("\r\n\r\n") + 4);
const fetchPage = async (args: string[] = []) =>
  body((await peers.opensslClient(card, "/", [...TLS10, ...args])).stdout);

describe("the page, byte for byte, is fetched by", () => {
  peers.testWith("openssl", "openssl", "openssl s_client -tls1, AES128-SHA", async () => {
    expect(await fetchPage(["-cipher", "AES128-SHA:@SECLEVEL=0"])).toBe(page);
  });

  peers.testWith(
    "java",
    "openjdk-17-jdk-headless",
    "Java 17, SSL 2.0-format hello, DES, full and resumed",
    async () => {
      const witness = await Witness.listen(card.port);
      const url = card.url.replace(String(card.port), String(witness.port));
      const { stdout, stderr } = await javaLegacy({ ...card, url });
      witness.close();
      expect(stdout.split(page).length, stderr).toBe(3); // twice
      const [first, second] = stderr.match(/^TLSv1 SSL_RSA_WITH_DES_CBC_SHA .*$/gm) ?? [];
      expect(second, "one session, made once").toBe(first);
      // 80 length, CLIENT-HELLO, 03 01; Java's second hello names a session, which this format can't, and is a TLS record.
      expect(witness.firsts[0]).toMatch(/^80..010301/);
      expect(witness.firsts[1]).toMatch(/^160301/);
    },
  );
});

describe("browser differences, seed [255]-[258]", () => {
  peers.testWith(
    "openssl",
    "openssl",
    "a client that stops at the certificate, with an alert, and comes back",
    async () => {
      const distrusting = { ...card, ca: "/dev/null" };
      const { stderr } = await peers.opensslClient(distrusting, "/", TLS10);
      expect(stderr).toMatch(/verify error|verification failed|certificate/i);
      expect(await fetchPage()).toBe(page);
    },
  );

  peers.testWith(
    "openssl",
    "openssl",
    "one that drops the connection at the certificate, without a word",
    async () => {
      for (let i = 0; i < 3; i++) await dropAtCertificate(card.port);
      expect(await fetchPage()).toBe(page);
    },
  );

  peers.testWith(
    "openssl",
    "openssl",
    "one that finishes, drops, and comes back with the session ID",
    async () => {
      const session = join(temporaryFolder("session"), "session.pem");
      const [command, args] = peers.opensslCommand(card, [...TLS10, "-sess_out", session]);
      await peers.execute(command, args); // its input is at its end: it leaves after the handshake
      expect(existsSync(session)).toBe(true);
      const again = await peers.execute(
        ...peers.opensslCommand(card, [...TLS10, "-sess_in", session, "-ign_eof"]),
        {
          input: peers.request("/"),
        },
      );
      expect(again.stdout).toMatch(/^Reused, /m);
      expect(again.stdout).toContain(page);
    },
  );
});

test("it says what it is when it is started, and is never the default", async () => {
  const child = netcard(["run", "--card", "legacy", "--port", "0", "--data", temporaryFolder("legacy")]);
  let said = "";
  child.stderr!.on("data", (text) => (said += String(text)));
  await once(child.stdout!, "data");
  child.kill("SIGTERM");
  await once(child, "exit");
  expect(said).toMatch(/TLS 1\.0.*obsolete.*for study only/);
});

test("modern clients are refused, and a modern card's folder too", async () => {
  const modern = await peers.opensslClient(card, "/", ["-tls1_2"]);
  expect(modern.stdout).toBe("");
  const child = netcard(["run", "--port", "0", "--data", join(card.ca, "..")]);
  let said = "";
  child.stderr!.on("data", (text) => (said += String(text)));
  const [code] = (await once(child, "exit")) as [number];
  expect(code).toBe(1);
  expect(said).toMatch(/^netcard: .*\.\n$/);
});

/** A ClientHello as Netscape 7 sent it; ends when the answer has come as far as the certificate. */
async function dropAtCertificate(port: number): Promise<void> {
  const suites = "000009";
  const hello = `010301000300000010${suites}${"5a".repeat(16)}`;
  const socket = connect(port, "127.0.0.1");
  socket.write(Buffer.from(`80${(hello.length / 2).toString(16)}${hello}`, "hex"));
  let answer = Buffer.alloc(0);
  for await (const bytes of socket) {
    answer = Buffer.concat([answer, bytes as Buffer]);
    if (answer.includes(Buffer.from("netcard CA"))) break; // in the certificate
  }
  expect(answer.subarray(0, 5).toString("hex")).toMatch(/^160301/);
  socket.destroy();
}

/** A forwarder that remembers how each connection began. */
class Witness {
  readonly firsts: string[] = [];
  private constructor(private readonly server: Server) {}

  static async listen(port: number): Promise<Witness> {
    const server = createServer((client) => {
      const onward = connect(port, "127.0.0.1");
      client.once("data", (bytes) => witness.firsts.push(bytes.subarray(0, 8).toString("hex")));
      client.pipe(onward).pipe(client);
      for (const socket of [client, onward]) socket.on("error", () => undefined);
    });
    const witness = new Witness(server);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return witness;
  }

  get port(): number {
    return (this.server.address() as { port: number }).port;
  }

  close(): void {
    this.server.close();
  }
}
