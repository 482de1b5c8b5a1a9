// npm run bench -- link [FILTER] [--json]: compiles what is measured, then hands over to bench/.
import { readFileSync } from "node:fs";
import { compile } from "./firmware.mjs";
import { compileLwip, lwipHostFiles, lwipSource } from "./lwip.mjs";
import { main } from "../dist/bench/main.js";

const PLAIN = { "firmware/tls/tls.ts": "bench/firmware/plain.ts" };
const module = async (out, entry, options = {}) =>
  new WebAssembly.Module(readFileSync(await compile({ entry, out: `build/bench/${out}.wasm`, ...options })));

const [card, serial, ras] = [
  await module("card", "firmware/card.ts"),
  await module("card-serial", "firmware/card-serial.ts"),
  await module("ras", "bench/firmware/ras.ts", { profile: "gateway", exportMemory: true }),
];
const cards = {
  HTTPS: { serial, "peer-io": card },
  HTTP: {
    serial: await module("card-serial-http", "firmware/card-serial.ts", { replace: PLAIN }),
    "peer-io": await module("card-http", "firmware/card.ts", { replace: PLAIN }),
  },
};
const source = lwipSource();
const lwip = source && compileLwip(source, "bench/lwip-server.c", lwipHostFiles(source));
await main({ card, ras, cards }, process.argv[3] ?? "", lwip);
