// Runs the command as a person does, in its own process, on a data folder of its own.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { ROOT } from "../../scripts/firmware.mjs";

/** The line that `netcard run --json` prints. */
export interface RunLine {
  url: string;
  ca: string;
  card: string;
  fingerprint: string;
}

export interface RunningCard extends RunLine {
  port: number;
  process: ChildProcess;
  /** SIGTERM; @returns the exit code */
  stop(): Promise<number | null>;
}

export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `netcard-${name}-`));
  folders.push(folder);
  return folder;
}

const folders: string[] = [];
process.once("exit", () => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

/** @param env more of the environment */
export function netcard(args: string[], env: Record<string, string> = {}): ChildProcess {
  return spawn(process.execPath, [join(ROOT, "dist/cli/main.js"), ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
  });
}

/** Starts `netcard run --json` on a free port. @throws with what it said when it ends before its line */
export async function startCard(
  args: string[] = [],
  data = temporaryFolder("data"),
  command = ["run"],
  env: Record<string, string> = {},
): Promise<RunningCard> {
  const child = netcard([...command, "--json", "--port", "0", "--data", data, ...args], env);
  const [run] = await readLines(child, 1);
  return { ...run!, port: Number(new URL(run!.url).port), process: child, stop: () => stop(child) };
}

export interface RunningCards {
  cards: RunLine[];
  process: ChildProcess;
  /** A signal, default SIGTERM; @returns the exit code */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Starts `netcard run --tun --cards`, in the network that this process is in. */
export async function startTunCards(
  count: number,
  args: string[] = [],
  data = temporaryFolder("data"),
): Promise<RunningCards> {
  const child = netcard(["run", "--json", "--tun", "--cards", String(count), "--data", data, ...args]);
  return { cards: await readLines(child, count), process: child, stop: (signal) => stop(child, signal) };
}

/** @returns its first lines @throws with what it said when it ends before */
async function readLines(child: ChildProcess, count: number): Promise<RunLine[]> {
  let said = "";
  child.stderr!.on("data", (text) => (said += String(text)));
  const lines: RunLine[] = [];
  const reader = createInterface({ input: child.stdout! });
  await Promise.race([
    new Promise<void>((resolve) => {
      reader.on("line", (text) => {
        lines.push(JSON.parse(text) as RunLine);
        if (lines.length === count) resolve();
      });
    }),
    once(child, "exit").then(([code]) => Promise.reject(new Error(`netcard ended with ${code}: ${said}`))),
  ]);
  return lines;
}

async function stop(child: ChildProcess, signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) {
    child.kill(signal);
    await once(child, "exit");
  }
  return child.exitCode;
}
