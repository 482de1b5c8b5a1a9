// Installs the pinned packages when they are missing or older than the lock file. Plain Node, no packages.
import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const mtime = (path) => statSync(join(root, path), { throwIfNoEntry: false })?.mtimeMs ?? 0;

if (mtime("node_modules/.package-lock.json") < mtime("package-lock.json")) {
  console.error("netcard: installing the packages in package-lock.json …");
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  const { status } = spawnSync(npm, ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    stdio: ["ignore", 2, 2],
    shell: process.platform === "win32",
  });
  if (status !== 0) {
    console.error(
      "netcard: npm could not install the packages; check the network and run `npm ci` to see why.",
    );
    process.exit(1);
  }
}
