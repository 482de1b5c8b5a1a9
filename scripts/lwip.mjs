// lwIP as a peer: Debian's source, and programs compiled from it.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { debianSource } from "./debian.mjs";
import { ROOT, mtime } from "./firmware.mjs";

const FOLDER = join(ROOT, "build/lwip");

/** @returns {string | undefined} the folder of lwIP's source; undefined when there is neither a copy nor a way to get one */
export function lwipSource() {
  const folder = debianSource("lwip");
  return folder && join(folder, "src");
}

/**
 * Compiles a program with files of lwIP, unless it is there.
 *
 * @param {string} source lwIP's src
 * @param {string} file NAME.c, from the project's root; its lwipopts.h is in the folder NAME beside it
 * @param {string[]} files of lwIP's src
 * @returns {string} the program's path
 */
export function compileLwip(source, file, files) {
  const main = join(ROOT, file);
  const folder = main.replace(/\.c$/, "");
  const program = join(FOLDER, file.replace(/\.c$/, "").replaceAll("/", "-"));
  const own = [main, join(folder, "lwipopts.h")];
  if (existsSync(program) && own.every((path) => mtime(path) < mtime(program))) return program;
  const includes = [folder, join(source, "include")].map((path) => `-I${path}`);
  const inputs = [main, ...files.map((path) => join(source, path))];
  mkdirSync(FOLDER, { recursive: true });
  execFileSync("gcc", ["-O1", "-w", ...includes, ...inputs, "-o", program]);
  return program;
}

/** @returns {string[]} the files of lwIP that make a host on a serial line */
export function lwipHostFiles(source) {
  return ["core", "core/ipv4", "netif/ppp"].flatMap((folder) =>
    readdirSync(join(source, folder))
      .filter((name) => name.endsWith(".c"))
      .map((name) => `${folder}/${name}`),
  );
}
