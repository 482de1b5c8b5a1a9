// lwIP as a peer: Debian's source, fetched once into build/lwip, and programs compiled from it. Neither root nor the
// system's own package lists are needed.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT, mtime } from "../../../scripts/firmware.mjs";

const PEERS = join(ROOT, "test/interop/peers");
const FOLDER = join(ROOT, "build/lwip");
const SOURCES = `Types: deb-src
URIs: http://deb.debian.org/debian
Suites: bookworm
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`;

/** @returns the folder of lwIP's source; undefined when there is neither a copy nor a way to get one */
export function lwipSource(): string | undefined {
  if (!sourceFolder()) download();
  const found = sourceFolder();
  return found && join(FOLDER, found, "src");
}

/**
 * Compiles a program of test/interop/peers with files of lwIP.
 * @param name of NAME.c and of the folder NAME with its lwipopts.h @param files of lwIP's src @returns its path
 */
export function compileLwip(source: string, name: string, files: string[]): string {
  const program = join(FOLDER, name);
  const includes = [join(PEERS, name), join(source, "include")].map((folder) => `-I${folder}`);
  const inputs = [join(PEERS, `${name}.c`), ...files.map((file) => join(source, file))];
  const own = [...inputs, join(PEERS, name, "lwipopts.h")];
  if (existsSync(program) && own.every((file) => mtime(file) < mtime(program))) return program;
  execFileSync("gcc", ["-O1", "-w", ...includes, ...inputs, "-o", program]);
  return program;
}

function sourceFolder(): string | undefined {
  return existsSync(FOLDER) ? readdirSync(FOLDER).find((name) => /^lwip-\d[\d.]*$/.test(name)) : undefined;
}

function download(): void {
  const apt = join(FOLDER, "apt");
  mkdirSync(join(apt, "sources"), { recursive: true });
  mkdirSync(join(apt, "lists/partial"), { recursive: true });
  writeFileSync(join(apt, "sources/source.sources"), SOURCES);
  const options = {
    "Dir::Etc::sourcelist": "/dev/null",
    "Dir::Etc::sourceparts": join(apt, "sources"),
    "Dir::State::lists": join(apt, "lists"),
    "Dir::Cache": join(apt, "cache"),
    "APT::Sandbox::User": "",
  };
  const fixed = Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  const run = (command: string, args: string[]) =>
    execFileSync(command, args, { cwd: FOLDER, stdio: "ignore", timeout: 120_000 });
  try {
    run("apt-get", [...fixed, "update"]);
    run("apt-get", [...fixed, "source", "--download-only", "lwip"]);
    const archive = readdirSync(FOLDER).find((name) => /^lwip_.*\.orig\.tar\.\w+$/.test(name));
    if (archive) run("tar", ["-xf", archive]);
  } catch {
    // no apt, no network: the caller skips by name
  }
}
