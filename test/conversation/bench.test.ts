// What `npm run bench -- link` measures: goodput at the physical limit, and the same figures each time.
import { beforeAll, describe, expect, test } from "vitest";
import { LINKS, rateOf } from "../../bench/links.ts";
import { boundOf } from "../../bench/main.ts";
import { type Case, type Modules, type Protocol, measure, personality } from "../../bench/run.ts";
import { benchModules } from "../../scripts/bench-modules.mjs";

let modules: Modules;
let cells: Uint8Array;

beforeAll(async () => {
  modules = await benchModules();
  cells = await personality(modules.card);
});

const [serial, t0] = ["serial, 115200", "TA1 = 97"].map((name) => LINKS.find((l) => l.name.includes(name))!);
const run = (link: Case["link"], protocol: Protocol, more: Partial<Case> = {}) =>
  measure(modules, cells, { link, protocol, rttMs: 0, loss: 0, seed: 1, ...more });
const shareOf = async (...args: Parameters<typeof run>) => (await run(...args)).goodput / rateOf(args[0]);

describe("goodput, of what the line carries", () => {
  test("at least 93 % on a full-duplex line", async () => {
    expect(await shareOf(serial!, "HTTP")).toBeGreaterThan(0.93);
  });

  test("of it within TLS, at least 85 %", async () => {
    expect(await shareOf(serial!, "HTTPS")).toBeGreaterThan(0.85);
  });

  test("at least 88 % over Peer I/O", async () => {
    expect(await shareOf(t0!, "HTTP")).toBeGreaterThan(0.88);
  });

  test("at least 60 % of the bound with a round trip of 200 ms", async () => {
    for (const protocol of ["HTTP", "HTTPS"] as const)
      expect(await shareOf(serial!, protocol, { rttMs: 200 })).toBeGreaterThan(
        0.6 * boundOf(serial!, protocol),
      );
  });
});

test.each([serial!, t0!])("$name: figures repeat, loss or not", async (link) => {
  for (const loss of [0, 0.05]) {
    const what = { rttMs: 20, loss };
    expect(await run(link, "HTTPS", what)).toEqual(await run(link, "HTTPS", what));
  }
});
