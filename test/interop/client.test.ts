// The card's TLS as a client against servers of other makes, on a TCP of this machine's that cuts as it likes.
import { afterEach, beforeAll, describe, expect } from "vitest";
import { type Identity, keyPair, makeCertificate } from "../support/certificates.ts";
import * as peers from "../support/peers.ts";
import { type RunningServer, opensslServer } from "../support/servers.ts";
import { clientCard, clientFirmware, converse } from "../support/tls-client-card.ts";

const HOST = "www.example.com";
const PAGE = "the page\n".repeat(300);
const REQUEST = `GET /page HTTP/1.0\r\nHost: ${HOST}\r\n\r\n`;

let module: WebAssembly.Module;
let root: Identity;
let leaf: Identity;
let server: RunningServer | undefined;

beforeAll(async () => {
  module = await clientFirmware();
  root = await makeCertificate({ name: "root", ca: true });
  leaf = await makeCertificate({ name: "leaf", names: [HOST], issuer: root, keys: await keyPair("p256", 1) });
});
afterEach(() => server?.stop());

describe("openssl s_server", () => {
  peers.testWith("openssl", "openssl", "TLS 1.3", async () => {
    server = await opensslServer({ chain: [leaf], pages: { "/page": PAGE }, args: ["-tls1_3"] });
    const { result, text } = await converse(clientCard(module, { anchors: [root] }), server.port, REQUEST);
    expect(result).toBe(0);
    expect(text).toContain(PAGE);
  });
});
