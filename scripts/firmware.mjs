// Compiles one firmware entry file to one WebAssembly module. Used by the build, the tests and the size report.
import { mkdirSync, readFileSync, readdirSync, statSync } from "node:fs";
import { renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "..");

/** No module takes that long to compile. */
const LOCK_STALE_MS = 180_000;

/** The integer constants of a profile: an object of NAME: value. One may extend another, whose constants it has else. */
export function readProfile(name) {
  const text = readFileSync(join(ROOT, "firmware/profiles", `${name}.json`), "utf8");
  const { extends: base, ...own } = JSON.parse(text);
  return { ...(base && readProfile(base)), ...own };
}

/**
 * Compile a firmware entry file.
 *
 * @param {object} options
 * @param {string} options.entry         path of the entry file, from the project's root
 * @param {string} options.out           path of the module to write, from the project's root
 * @param {string} [options.profile]     name of a file in firmware/profiles, default "card-6k"
 * @param {boolean} [options.exportMemory] tests and the inspector only: let the host see the page
 * @param {Record<string, number>} [options.use] constants that replace or extend the profile's
 * @param {Record<string, string>} [options.replace] source path to stand-in path, from the root (test doubles)
 * @param {string[]} [options.flags]     further flags for asc
 * @throws Error with the compiler's messages
 */
export async function compile({
  entry,
  out,
  profile = "card-6k",
  exportMemory = false,
  use = {},
  replace = {},
  flags = [],
}) {
  const constants = { ...readProfile(profile), ...use };
  const target = resolve(ROOT, out);
  mkdirSync(dirname(target), { recursive: true });
  const argv = [
    entry,
    ...["--outFile", relative(ROOT, target), "--baseDir", ROOT],
    ...["-Osize", "--converge", "--runtime", "stub", "--noAssert", "--debug"],
    ...["--initialMemory", "1", "--maximumMemory", "1", "--memoryBase", String(constants.ROM_BASE)],
    ...(exportMemory ? [] : ["--noExportMemory"]),
    ...Object.entries(constants).flatMap(([name, value]) => ["--use", `${name}=${value}`]),
    ...flags,
  ];
  await oneAtATime(target, async () => {
    if (!isFresh(target, entry)) await run(argv, target, replace);
  });
  return target;
}

/** Runs asc. The module appears whole, and as old as the sources were when the compiler began to read them. */
async function run(argv, target, replace) {
  const { default: asc } = await import("assemblyscript/asc");
  const started = new Date();
  const messages = [];
  const sink = { write: (text) => messages.push(String(text)) };
  const writeFile = (_name, contents) => {
    writeFileSync(`${target}.new`, contents);
    utimesSync(`${target}.new`, started, started);
    renameSync(`${target}.new`, target);
  };
  const { error } = await asc.main(argv, { stdout: sink, stderr: sink, writeFile, ...readerFor(replace) });
  if (error) throw new Error(`asc ${argv[0]}: ${error.message}\n${messages.join("")}`);
}

/** Of several processes that want the same module one compiles it; the others wait. */
async function oneAtATime(target, work) {
  const lock = `${target}.lock`;
  for (;;) {
    try {
      writeFileSync(lock, "", { flag: "wx" });
      break;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
      if (Date.now() - mtime(lock) > LOCK_STALE_MS)
        rmSync(lock, { force: true }); // its process is gone
      else await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  try {
    await work();
  } finally {
    rmSync(lock, { force: true });
  }
}

function readerFor(replace) {
  const standIns = new Map(
    Object.entries(replace).map(([from, to]) => [resolve(ROOT, from), resolve(ROOT, to)]),
  );
  if (standIns.size === 0) return {};
  return {
    readFile: (name, baseDir) => {
      const path = resolve(baseDir, name);
      try {
        return readFileSync(standIns.get(path) ?? path, "utf8");
      } catch {
        return null;
      }
    },
  };
}

/** A module is fresh when nothing that can go into it is newer. */
function isFresh(target, entry) {
  const built = mtime(target);
  const sources = [join(ROOT, "firmware"), dirname(resolve(ROOT, entry))].map(newest);
  return Math.max(mtime(fileURLToPath(import.meta.url)), ...sources) < built;
}

/** @returns {number} the newest modification time below a folder, ms */
export function newest(folder) {
  let latest = 0;
  for (const item of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (item.isFile()) latest = Math.max(latest, mtime(join(item.parentPath ?? item.path, item.name)));
  }
  return latest;
}

export function mtime(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
