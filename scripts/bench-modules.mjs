// The modules that bench/run.ts wants: those that are shipped, built before, and what only the bench needs.
import { readFileSync } from "node:fs";
import { compile } from "./firmware.mjs";

/** Plain HTTP: the web server on a stand-in for TLS. */
const PLAIN = { replace: { "firmware/tls/tls.ts": "bench/firmware/plain.ts" } };

/** lwIP's octets in the place of our frames. */
const OCTETS = { replace: { "firmware/link/ahdlc.ts": "bench/firmware/octets.ts" } };

/** @returns {Promise<import("../bench/run.ts").Modules>} */
export async function benchModules() {
  const module = async (name, entry, options = {}) => {
    const path = await compile({ entry, out: `build/${name}.wasm`, ...options });
    return new WebAssembly.Module(readFileSync(path));
  };
  const card = await module("card", "firmware/card.ts");
  return {
    card,
    ras: await module("bench/ras", "firmware/ras.ts", { profile: "gateway", exportMemory: true }),
    serialPort: await module("bench/serial-port", "bench/firmware/serial-port.ts", OCTETS),
    cards: {
      HTTPS: { serial: await module("card-serial", "firmware/card-serial.ts"), "peer-io": card },
      HTTP: {
        serial: await module("bench/card-serial-http", "firmware/card-serial.ts", PLAIN),
        "peer-io": await module("bench/card-http", "firmware/card.ts", PLAIN),
      },
    },
  };
}
