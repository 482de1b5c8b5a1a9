// The card's TLS alone, on a TCP of this machine's that cuts as it likes, against clients of other makes.
import { writeFileSync } from "node:fs";
import { createServer, type AddressInfo, type Server } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { cuts } from "../support/cuts.ts";
import { temporaryFolder } from "../support/netcard.ts";
import * as peers from "../support/peers.ts";
import {
  CardStream,
  echo,
  FAST,
  firmware,
  personalise,
  SAFE,
  TlsCard,
  type Chop,
} from "../support/tls-card.ts";

let server: Server;
let port: string;
let ca: string;
let streams: CardStream[] = [];
let chop: Chop | undefined;
let flag = FAST;

beforeAll(async () => {
  const module = await firmware({ TLS_CONTEXTS: 2 }); // a client may come back before its first connection is over
  let connections = 0;
  const personality = await personalise(module);
  const card = new TlsCard(module, personality.cells);
  ca = join(temporaryFolder("tls"), "ca.pem");
  writeFileSync(ca, personality.ca);
  server = createServer((socket) => {
    const stream = new CardStream(card, echo(flag), chop, connections++ % 2);
    streams.push(stream);
    socket.setNoDelay(true);
    stream.on("error", () => socket.destroy());
    socket.on("error", () => stream.destroy());
    socket.pipe(stream).pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = String((server.address() as AddressInfo).port);
});

afterAll(() => void server.close());

/** Says something through s_client and waits for the echo. @returns what it printed */
async function speak(
  args: string[],
  lines: string[],
  settings: { chop?: Chop; flag?: number; pauseS?: number } = {},
): Promise<string> {
  chop = settings.chop;
  flag = settings.flag ?? FAST;
  streams = [];
  const last = "the last line\n";
  const script = [...lines, last, "Q\n"]
    .map((line) => `printf %s '${line}'; sleep ${settings.pauseS ?? 0.2};`)
    .join(" ");
  const client = [
    "openssl",
    "s_client",
    "-connect",
    `127.0.0.1:${port}`,
    "-CAfile",
    ca,
    "-servername",
    "localhost",
  ];
  const command = `( ${script} sleep 0.3 ) | ${[...client, "-verify_return_error", ...args].join(" ")}`;
  const { stdout, stderr } = await peers.execute("bash", ["-c", command]);
  for (const { card } of streams) card.guard();
  return stdout + stderr;
}

describe("openssl s_client", () => {
  for (const suite of ["TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"]) {
    for (const groups of ["X25519", "P-256", "P-521:X25519", "P-384:P-256"]) {
      peers.testWith("openssl", "openssl", `${suite}, ${groups}`, async () => {
        const output = await speak(["-ciphersuites", suite, "-groups", groups], []);
        expect(output).toContain(`Cipher is ${suite}`);
        expect(output).toContain("Verify return code: 0 (ok)");
        expect(output).toContain("the last line");
      });
    }
  }

  for (const suite of ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"]) {
    for (const groups of ["X25519:P-256", "P-256"]) {
      peers.testWith("openssl", "openssl", `TLS 1.2, ${suite}, ${groups}`, async () => {
        const output = await speak(["-tls1_2", "-cipher", suite, "-groups", groups], ["one\n"]);
        expect(output).toContain(`Cipher is ${suite}`);
        expect(output).toContain("Verify return code: 0 (ok)");
        expect(output).toContain("Secure Renegotiation IS supported");
        expect(output).toContain("Extended master secret: yes");
        expect(output).toContain("the last line");
        expect(streams[0]!.result).toBe(0);
      });
    }
  }

  peers.testWith("openssl", "openssl", "TLS 1.2: is refused another handshake", async () => {
    const output = await speak(["-tls1_2"], ["one\n", "R\n"]);
    expect(output).toContain("RENEGOTIATING");
    expect(output).toMatch(/no renegotiation/);
    expect(output).toContain("one");
  });

  for (const version of ["-tls1_3", "-tls1_2"]) {
    peers.testWith("openssl", "openssl", `resumes a session, ${version}`, async () => {
      const session = join(temporaryFolder("session"), "session.pem");
      expect(await speak([version, "-sess_out", session], [])).toMatch(/^New, TLSv/m);
      for (let i = 0; i < 2; i++) {
        const output = await speak([version, "-sess_in", session, "-sess_out", session], []);
        expect(output).toMatch(/^Reused, TLSv/m);
        expect(output).toContain("the last line");
      }
    });
  }

  peers.testWith("openssl", "openssl", "updates keys, ours too", async () => {
    for (const key of ["k\n", "K\n"]) {
      const output = await speak([], ["one\n", key, "two\n", key, "three\n"]);
      expect(output).toContain("KEYUPDATE");
      for (const line of ["one", "two", "three", "the last line"]) expect(output).toContain(`\n${line}`);
      expect(streams[0]!.result).toBe(0);
    }
  });

  peers.testWith("openssl", "openssl", "in small records and segments", async () => {
    const fragments = ["-max_send_frag", "512", "-split_send_frag", "512"];
    for (const settings of [
      { chop: cuts.bytewise, pauseS: 2 },
      { chop: cuts.random(4), flag: SAFE, pauseS: 1 },
    ]) {
      const output = await speak(fragments, [`${"x".repeat(1200)}\n`], settings);
      expect(output).toContain("x".repeat(1200));
      expect(output).toContain("the last line");
    }
  });

  peers.testWith("openssl", "openssl", "without middlebox compatibility, with ALPN", async () => {
    const output = await speak(["-no_middlebox", "-alpn", "h2,http/1.1"], []);
    expect(output).toContain("ALPN protocol: http/1.1");
    expect(output).toContain("the last line");
  });

  peers.testWith("openssl", "openssl", "is refused with TLS 1.1, with RSA alone, with h2 alone", async () => {
    expect(await speak(["-tls1_1", "-cipher", "'ALL:@SECLEVEL=0'"], [])).toContain("alert protocol version");
    expect(await speak(["-sigalgs", "RSA-PSS+SHA256"], [])).toContain("handshake failure");
    expect(await speak(["-alpn", "h2"], [])).toContain("no application protocol");
  });
});

describe("gnutls-cli", () => {
  for (const version of ["TLS1.3", "TLS1.2"]) {
    peers.testWith("gnutls-cli", "gnutls-bin", `resumes a session, ${version}`, async () => {
      chop = undefined;
      const priority = `NORMAL:-VERS-ALL:+VERS-${version}`;
      const client = `gnutls-cli --x509cafile ${ca} --priority ${priority} --resume --waitresumption -p ${port} localhost`;
      const { stdout, stderr } = await peers.execute("bash", [
        "-c",
        `( sleep 2; echo hello; sleep 0.7 ) | ${client}`,
      ]);
      expect(stdout + stderr).toContain("*** This is a resumed session");
      expect(stdout).toContain("hello");
    });
  }

  for (const priority of [
    "NORMAL",
    "NORMAL:-GROUP-ALL:+GROUP-SECP256R1",
    "NORMAL:-CIPHER-ALL:+AES-128-GCM",
  ].flatMap((priority) => ["1.3", "1.2"].map((version) => `${priority}:-VERS-ALL:+VERS-TLS${version}`))) {
    peers.testWith("gnutls-cli", "gnutls-bin", priority, async () => {
      chop = cuts.random(9);
      flag = FAST;
      streams = [];
      const client = `gnutls-cli --x509cafile ${ca} --priority ${priority} -p ${port} localhost`;
      const command = `( sleep 0.5; echo ${"y".repeat(500)}; sleep 0.7 ) | ${client}`;
      const { stdout, stderr } = await peers.execute("bash", ["-c", command]);
      expect(stdout + stderr).toContain("Handshake was completed");
      expect(stdout).toContain("y".repeat(500));
      expect(streams[0]!.result).toBe(0);
    });
  }
});
