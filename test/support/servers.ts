// Real servers that a client card fetches from: each on a port of its own, ended by its process.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type Identity, certificatePem, privateKeyPem } from "./certificates.ts";
import { temporaryFolder } from "./netcard.ts";

const LOOPBACK = "127.0.0.1";

export interface RunningServer {
  port: number;
  /** All that it has printed. */
  said(): string;
  stop(): Promise<void>;
}

export interface ServerOptions {
  /** The server's certificate first. */
  chain: Identity[];
  /** Files by path, such as "/page". */
  pages?: Record<string, string>;
  args?: string[];
  /** Default: a free one. */
  port?: number;
  /** Dotted IPv4; default: loopback. */
  address?: string;
}

/** openssl s_server -HTTP, which sends files as they are, head included. */
export async function opensslServer({
  chain,
  pages = {},
  args = [],
  address = LOOPBACK,
  ...options
}: ServerOptions): Promise<RunningServer> {
  const folder = temporaryFolder("s-server");
  for (const [path, text] of Object.entries(pages)) writeFileSync(join(folder, path), text);
  const files = await writeChain(folder, chain);
  const port = options.port ?? (await freePort());
  const fixed = ["s_server", "-accept", `${address}:${port}`, "-cert", files.cert, "-key", files.key];
  const more = chain.length > 1 ? ["-cert_chain", files.chain] : [];
  return running(spawn("openssl", [...fixed, ...more, "-WWW", ...args], { cwd: folder }), port, address);
}

/** nginx with one site. @param args lines of the server's block */
export async function nginx({
  chain,
  pages = {},
  args = [],
  address = LOOPBACK,
  ...options
}: ServerOptions): Promise<RunningServer> {
  const folder = temporaryFolder("nginx");
  const site = join(folder, "site");
  mkdirSync(site);
  for (const [path, text] of Object.entries(pages)) writeFileSync(join(site, path), text);
  const files = await writeChain(folder, chain);
  const port = options.port ?? (await freePort());
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  writeFileSync(
    join(folder, "nginx.conf"),
    `daemon off; master_process off; pid ${folder}/pid; error_log stderr;
events {}
http { access_log off; ${paths.join(" ")}
  server { listen ${address}:${port} ssl; root ${site}; default_type text/plain;
    ssl_certificate ${files.all}; ssl_certificate_key ${files.key}; ${args.join(" ")} } }`,
  );
  const started = spawn("nginx", ["-p", folder, "-c", join(folder, "nginx.conf"), "-e", "stderr"]);
  return running(started, port, address);
}

async function writeChain(folder: string, chain: Identity[]) {
  const files = {
    cert: join(folder, "cert.pem"),
    chain: join(folder, "chain.pem"),
    all: join(folder, "all.pem"),
    key: join(folder, "key.pem"),
  };
  writeFileSync(files.cert, certificatePem(chain[0]!));
  writeFileSync(files.chain, certificatePem(...chain.slice(1)));
  writeFileSync(files.all, certificatePem(...chain));
  writeFileSync(files.key, await privateKeyPem(chain[0]!));
  return files;
}

export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, LOOPBACK, () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** Waits until it listens. @throws with what it said when it ends before */
async function running(child: ChildProcess, port: number, address: string): Promise<RunningServer> {
  let said = "";
  let hasEnded = false;
  for (const stream of [child.stdout!, child.stderr!]) stream.on("data", (text) => (said += String(text)));
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  void ended.then(() => (hasEnded = true));
  while (!(await answers(port, address))) {
    if (hasEnded) throw new Error(`${child.spawnfile} ended: ${said}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return {
    port,
    said: () => said,
    stop: async () => {
      child.kill();
      await ended;
    },
  };
}

function answers(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    socket.once("connect", () => (socket.destroy(), resolve(true)));
    socket.once("error", () => resolve(false));
  });
}
