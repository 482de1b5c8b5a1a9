// The modules that bench/run.ts wants: those that are shipped, built before, and what only the bench needs.
import { readFileSync } from "node:fs";
import { CARDS } from "../host/cards.mjs";
import { compile } from "./firmware.mjs";

/** Plain HTTP: the web server on a stand-in for TLS. */
const PLAIN = { replace: { "firmware/tls/tls.ts": "bench/firmware/plain.ts" } };

/** lwIP's octets in the place of our frames. */
const OCTETS = { replace: { "firmware/link/ahdlc.ts": "bench/firmware/octets.ts" } };

/** @returns {Promise<import("../bench/run.ts").Modules>} */
export async function benchModules() {
  const module = async (what) => new WebAssembly.Module(readFileSync(await compile(what)));
  const { iso7816, serial } = CARDS;
  const card = await module(iso7816);
  return {
    card,
    ras: await module({
      entry: "firmware/ras.ts",
      profile: "gateway",
      out: "build/bench/ras.wasm",
      exportMemory: true,
    }),
    serialPort: await module({
      entry: "bench/firmware/serial-port.ts",
      out: "build/bench/serial-port.wasm",
      ...OCTETS,
    }),
    cards: {
      HTTPS: { serial: await module(serial), "peer-io": card },
      HTTP: {
        serial: await module({ ...serial, out: "build/bench/card-serial-http.wasm", ...PLAIN }),
        "peer-io": await module({ ...iso7816, out: "build/bench/card-http.wasm", ...PLAIN }),
      },
    },
  };
}
