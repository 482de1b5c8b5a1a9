// The router's view of a slow link.
import { expect, test } from "vitest";
import { Gateway } from "../../host/ras/gateway.ts";
import { VirtualClock } from "../../host/reader/clock.ts";
import { build } from "../support/firmware.ts";

test("what the link has no room for is not made, and goes when there is room", async () => {
  const clock = new VirtualClock(4); // turns: the router takes its own when it is woken
  let waiting = 512;
  let sent = 0;
  const gateway = new Gateway({
    module: await build("firmware/gateway.ts", { profile: "gateway" }),
    toCard: (bytes) => (sent += bytes.length),
    waiting: () => waiting,
    onProgress: () => undefined,
    clock,
  });
  gateway.start();
  await clock.sleep(100);
  expect(sent).toBe(0);
  waiting = 0;
  gateway.wake();
  await clock.sleep(100);
  const request = sent;
  expect(request).toBeGreaterThan(20);
  // While the link takes nothing, a Configure-Request is not repeated over and over into a queue.
  waiting = 512;
  await clock.sleep(60_000);
  expect(sent).toBe(request);
  gateway.stop();
});
