// What drives a module at the host's end of a link.
import { expect, test } from "vitest";
import { ChipTrap } from "../../host/chip/chip.ts";
import { Engine } from "../../host/ras/engine.ts";
import { VirtualClock } from "../../host/reader/clock.ts";
import { build } from "../support/firmware.ts";

const module = await build("test/firmware/talker.ts");
const clock = () => new VirtualClock(4); // turns: the engine takes its own when it is woken

test("a link that takes all at once gets all, without being asked to wake it", async () => {
  let sent = 0;
  const time = clock();
  const engine = new Engine(
    { module, clock: time, toCard: ({ length }) => (sent += length) },
    () => undefined,
  );
  engine.powerOn();
  engine.wake();
  await time.sleep(100);
  expect(sent).toBe(2000);
});

test("a slow link gets what it has room for, and more when it wakes the engine", async () => {
  let waiting = 0;
  const time = clock();
  const toCard = ({ length }: Uint8Array) => (waiting += length);
  const engine = new Engine({ module, clock: time, toCard, waiting: () => waiting }, () => undefined);
  engine.powerOn();
  engine.wake();
  await time.sleep(100);
  expect(waiting).toBe(512);
  waiting = 12;
  engine.wake();
  await time.sleep(100);
  expect(waiting).toBe(512);
});

test("a trap is told, once, and the module is not run again", async () => {
  const troubles: Error[] = [];
  const time = clock();
  let steps = 0;
  const options = { module, clock: time, toCard: () => undefined, onTrouble: (e: Error) => troubles.push(e) };
  const engine = new Engine(options, () => steps++);
  engine.powerOn();
  engine.receive(Uint8Array.of(0));
  await time.sleep(100);
  const before = steps;
  engine.wake();
  engine.receive(Uint8Array.of(1));
  await time.sleep(100);
  expect(troubles).toHaveLength(1);
  expect(troubles[0]).toBeInstanceOf(ChipTrap);
  expect(steps).toBe(before);
});
