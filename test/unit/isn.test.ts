// SipHash-2-4 against the reference implementation (vectors_sip64[12]): key 00 01 .. 0f, message 00 01 .. 0b.
import { expect, test } from "vitest";
import { Stack, netModule } from "../support/net.ts";

test("SipHash-2-4 of 12 bytes", async () => {
  const stack = new Stack(await netModule());
  const key = stack.region(Uint8Array.from({ length: 16 }, (_, i) => i));
  const hash = stack.firmware.sipHash(key, 0x0706050403020100n, 0x0b0a0908);
  expect(BigInt.asUintN(64, hash)).toBe(0x751e8fbc860ee5fbn);
});
