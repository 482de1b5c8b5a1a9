// lwIP as a peer: Debian's source, and programs compiled from it.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { ROOT, mtime } from "../../../scripts/firmware.mjs";
import { debianSource } from "./debian.ts";

const PEERS = join(ROOT, "test/interop/peers");
const FOLDER = join(ROOT, "build/lwip");

/** @returns the folder of lwIP's source; undefined when there is neither a copy nor a way to get one */
export function lwipSource(): string | undefined {
  const folder = debianSource("lwip");
  return folder && join(folder, "src");
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
  mkdirSync(FOLDER, { recursive: true });
  execFileSync("gcc", ["-O1", "-w", ...includes, ...inputs, "-o", program]);
  return program;
}
