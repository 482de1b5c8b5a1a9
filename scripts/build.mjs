// Builds what is stale: the firmware modules with asc, the host side with tsc. Says only what it does.
import { spawnSync } from "node:child_process";
import { existsSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { CARDS } from "../host/cards.mjs";
import { ROOT, compile, mtime, newest } from "./firmware.mjs";

const MODULES = [
  ...Object.values(CARDS),
  { entry: "firmware/gateway.ts", out: "build/gateway.wasm", profile: "gateway", exportMemory: true },
  { entry: "firmware/ras.ts", out: "build/ras.wasm", profile: "gateway", exportMemory: true },
];

for (const module of MODULES) await compile(module);
buildHost();

function buildHost() {
  const stamp = join(ROOT, "dist/cli/main.js");
  const sources = Math.max(
    newest(join(ROOT, "host")),
    newest(join(ROOT, "cli")),
    newest(join(ROOT, "bench")),
    mtime(join(ROOT, "tsconfig.json")),
  );
  if (existsSync(stamp) && mtime(stamp) > sources) return;
  const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
  const { status } = spawnSync(process.execPath, [tsc, "-p", ROOT], { stdio: ["ignore", 2, 2] });
  if (status !== 0) process.exit(1);
  utimesSync(stamp, new Date(), new Date()); // tsc leaves unchanged output alone
}
