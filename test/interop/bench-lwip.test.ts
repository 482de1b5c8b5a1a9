// lwIP in the card's place, as `npm run bench -- link` measures it: on a serial line, and behind our Peer I/O. The client
// compares the file byte for byte.
import { beforeAll, expect } from "vitest";
import { LINKS, rateOf } from "../../bench/links.ts";
import { LwipServer } from "../../bench/lwip.ts";
import { type Modules, measure, personality } from "../../bench/run.ts";
import type { MakeStack } from "../../bench/serial-port.ts";
import { benchModules } from "../../scripts/bench-modules.mjs";
import { compileLwip, lwipHostFiles } from "../../scripts/lwip.mjs";
import { testWith } from "../support/peers.ts";
import { lwipSource } from "./peers/lwip.ts";

const source = lwipSource();
let modules: Modules;
let cells: Uint8Array;
let program: string;
beforeAll(async () => {
  modules = await benchModules();
  cells = await personality(modules.card);
  if (source) program = compileLwip(source, "bench/lwip-server.c", lwipHostFiles(source));
});

// Without lwIP's source, a command that nobody has stands for it.
const [command, debian] = source ? ["gcc", "gcc"] : ["lwip-source", "lwip, by apt-get source"];
const stack: MakeStack = (clock, hasRoom) => new LwipServer(program, clock, hasRoom);

for (const link of LINKS)
  testWith(command, debian, `${link.name}: the file comes, and not before the card's`, async () => {
    const what = { link, protocol: "HTTP", rttMs: 0, loss: 0, seed: 1 } as const;
    const { goodput } = await measure(modules, cells, { ...what, stack });
    expect(goodput).toBeGreaterThan(rateOf(link) * 0.85);
    expect((await measure(modules, cells, what)).goodput).toBeGreaterThanOrEqual(goodput);
  });

for (const name of ["serial, 115200", "TA1 = 97", "ISO 14443, 106"]) {
  const link = LINKS.find((l) => l.name.includes(name))!;
  testWith(command, debian, `${link.name}: the file comes, though packets are lost`, async () => {
    const what = { link, protocol: "HTTP", rttMs: 0, loss: 0.02, seed: 1, stack } as const;
    const { goodput, lost } = await measure(modules, cells, what);
    expect(goodput).toBeGreaterThan(rateOf(link) * 0.2);
    expect(lost).toBeGreaterThan(0);
  });
}
