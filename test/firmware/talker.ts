// A module that has 2,000 bytes to say, and traps in its next step when it is told 0.
import { FOREVER } from "../../firmware/chip/clock.ts";
import * as pins from "../../firmware/chip/pins.ts";

const LEFT: usize = 0;
const BROKEN: usize = 4;

export function powerOn(): void {
  store<u32>(LEFT, 2000);
}

export function receive(byte: u32): void {
  store<u32>(BROKEN, u32(byte == 0));
}

export function step(): u32 {
  if (load<u32>(BROKEN)) unreachable();
  while (load<u32>(LEFT) && pins.linkWrite(0x55)) store<u32>(LEFT, load<u32>(LEFT) - 1);
  return FOREVER;
}
