// Compiles one firmware entry file to one WebAssembly module. Used by the build, the tests and the size report.
import { mkdirSync, readFileSync, readdirSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "..");

/** The integer constants of a profile: an object of NAME: value. */
export function readProfile(name) {
  return JSON.parse(readFileSync(join(ROOT, "firmware/profiles", `${name}.json`), "utf8"));
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
  const { default: asc } = await import("assemblyscript/asc");
  const constants = { ...readProfile(profile), ...use };
  const target = resolve(ROOT, out);
  if (isFresh(target, entry)) return target;
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
  const messages = [];
  const sink = { write: (text) => messages.push(String(text)) };
  const { error } = await asc.main(argv, { stdout: sink, stderr: sink, ...readerFor(replace) });
  if (error) throw new Error(`asc ${entry}: ${error.message}\n${messages.join("")}`);
  return target;
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
  const sources = [join(ROOT, "firmware"), join(ROOT, "scripts"), dirname(resolve(ROOT, entry))];
  return built > 0 && sources.every((folder) => newest(folder) < built);
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
