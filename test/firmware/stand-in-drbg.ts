// Stands in for firmware/crypto/drbg.ts: the raw random pin.
import * as pins from "../../firmware/chip/pins.ts";

export function powerOn(): void {}

export function fill(target: usize, length: u32): void {
  for (let i: u32 = 0; i < length; i++) store<u8>(target + i, pins.random32() >> 24);
}
