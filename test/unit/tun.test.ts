// `netcard run --tun` where it can't work: one sentence each. Where it works: test/interop/tun.test.ts.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Tun } from "../../host/ras/tun.ts";
import { ROOT } from "../../scripts/firmware.mjs";
import { temporaryFolder } from "../support/netcard.ts";

afterEach(() => vi.restoreAllMocks());

describe("a TUN device is refused", () => {
  test("to users other than root", async () => {
    vi.spyOn(process, "platform", "get").mockReturnValue("linux");
    vi.spyOn(process as { geteuid: () => number }, "geteuid").mockReturnValue(1000);
    await expect(Tun.open("10.77.0.1")).rejects.toThrow(
      "--tun needs root: run it with sudo, or without --tun.",
    );
  });

  test("to other systems", async () => {
    vi.spyOn(process, "platform", "get").mockReturnValue("win32");
    await expect(Tun.open("10.77.0.1")).rejects.toThrow("--tun needs Linux: run without it.");
  });
});

describe("the command line", () => {
  function run(args: string[], env: Record<string, string> = {}): { code: number | null; said: string } {
    const argv = [join(ROOT, "dist/cli/main.js"), "run", "--data", temporaryFolder("tun"), ...args];
    const { status, stderr } = spawnSync(process.execPath, argv, {
      encoding: "utf8",
      env: { ...process.env, ...env },
    });
    return { code: status, said: stderr };
  }

  test.each([
    [["--tun", "--port", "8443"], "--tun"],
    [["--cards", "2"], "--cards needs --tun"],
    [["--tun", "--cards", "0"], "It must be a whole number from 1 to 200."],
    [["--tun", "--card", "serial", "--baud", "9600"], "--baud emulates a reader's line"],
  ])("%j", (args, sentence) => {
    const { code, said } = run(args);
    expect(said).toContain(sentence);
    expect(said).not.toContain("defect");
    expect(code).toBe(1);
  });

  test.runIf(process.platform === "linux" && process.geteuid?.() === 0)("without koffi", () => {
    const preload = pathToFileURL(join(ROOT, "test/support/no-koffi.mjs")).href;
    const { code, said } = run(["--tun"], { NODE_OPTIONS: `--import=${preload}` });
    expect(said).toBe(
      "netcard: --tun needs the package koffi, which can't be loaded here: npm install koffi, or run without --tun.\n",
    );
    expect(code).toBe(1);
  });
});
