// Packages of Debian as peers, fetched and unpacked when they are needed into build/debian. Neither root nor the system's own
// package lists are needed.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./firmware.mjs";

const FOLDER = join(ROOT, "build/debian");
const SOURCES = `Types: deb deb-src
URIs: http://deb.debian.org/debian
Suites: bookworm
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`;

/** Runs a tool of apt with lists of our own. @returns what it prints @throws Error when there is no apt or no network */
function apt(tool, args, cwd) {
  const own = join(FOLDER, "apt");
  const options = {
    "Dir::Etc::sourcelist": "/dev/null",
    "Dir::Etc::sourceparts": join(own, "sources"),
    "Dir::State::lists": join(own, "lists"),
    "Dir::Cache": join(own, "cache"),
    "APT::Sandbox::User": "",
  };
  const fixed = Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  return execFileSync(tool, [...fixed, ...args], { cwd, encoding: "utf8", stdio: "pipe", timeout: 120_000 });
}

function prepare() {
  const own = join(FOLDER, "apt");
  if (existsSync(join(own, "lists"))) return;
  mkdirSync(join(own, "sources"), { recursive: true });
  mkdirSync(join(own, "lists/partial"), { recursive: true });
  writeFileSync(join(own, "sources/debian.sources"), SOURCES);
  try {
    apt("apt-get", ["update"], FOLDER);
  } catch (error) {
    rmSync(own, { recursive: true });
    throw error;
  }
}

/** Fetches into a folder of its own, or not at all. @returns the folder; undefined when there is no way to get it */
function fetched(name, fetch) {
  const folder = join(FOLDER, name);
  if (existsSync(folder)) return folder;
  try {
    prepare();
    mkdirSync(folder);
    fetch(folder);
    return folder;
  } catch {
    rmSync(folder, { recursive: true, force: true });
    return undefined;
  }
}

const only = (folder, pattern) => {
  const name = readdirSync(folder).find((entry) => pattern.test(entry));
  if (!name) throw new Error(`nothing in ${folder} is ${pattern}`);
  return join(folder, name);
};

/** @returns a folder with the files of a binary package; undefined when it can't be had */
export function debianPackage(name) {
  return fetched(name, (folder) => {
    apt("apt-get", ["download", name], folder);
    execFileSync("dpkg-deb", ["-x", only(folder, /\.deb$/), folder]);
    rmSync(only(folder, /\.deb$/));
  });
}

/** @returns the package that a package without files stands for; undefined when that can't be told */
export function debianDependency(name, pattern) {
  try {
    prepare();
    return pattern.exec(apt("apt-cache", ["depends", name], FOLDER))?.[0];
  } catch {
    return undefined;
  }
}

/** @returns a folder with a package's source, as its authors published it; undefined when it can't be had */
export function debianSource(name) {
  const folder = fetched(`${name}-source`, (target) => {
    apt("apt-get", ["source", "--download-only", name], target);
    execFileSync("tar", ["-xf", only(target, /\.orig\.tar\.\w+$/)], { cwd: target });
  });
  return folder && only(folder, new RegExp(`^${name}-\\d[\\d.]*$`));
}
