// Wrong on purpose: each of these leaks its secret byte, and the taint test must say so.
import * as declassify from "../../firmware/crypto/declassify.ts";

const TABLE: usize = memory.data<u8>([7, 1, 6, 2, 5, 3, 4, 0]);

/** Leaks nothing: shows that the others are not found by chance. */
export function masked(secret: usize, out: usize): void {
  const mask = 0 - (load<u8>(secret) & 1);
  store<u8>(out, (0x55 & mask) | (0xaa & ~mask));
}

export function branch(secret: usize, out: usize): void {
  if (load<u8>(secret) & 1) memory.fill(out, 1, 40);
}

export function lookUp(secret: usize, out: usize): void {
  store<u8>(out, load<u8>(TABLE + (load<u8>(secret) & 7)));
}

export function storeAt(secret: usize, out: usize): void {
  store<u8>(out + (load<u8>(secret) & 7), 1);
}

export function divide(secret: usize, out: usize): void {
  store<u32>(out, u32(1000001) / (load<u8>(secret) + 1));
}

export function copySome(secret: usize, out: usize): void {
  memory.copy(out, TABLE, load<u8>(secret) & 7);
}

/** As memcmp does. */
export function compareEarlyOut(secret: usize, out: usize): bool {
  for (let i: usize = 0; i < 16; i++) if (load<u8>(secret + i) != load<u8>(out + i)) return false;
  return true;
}

/** A verdict that nobody has declassified. */
export function returned(secret: usize): u32 {
  return load<u8>(secret) & 1;
}

/** A branch after a copy to another place and back. */
export function laundered(secret: usize, out: usize): void {
  memory.copy(out + 16, secret, 16);
  memory.copy(out, out + 16, 16);
  if (load<u8>(out) > 100) store<u8>(out + 32, 1);
}

/** Leaks nothing but what it declassifies. */
export function verdict(secret: usize, out: usize): void {
  if (declassify.verdict((load<u8>(secret) & 1) != 0)) store<u8>(out, 1);
}

/** Leaves the secret where no one expects it. */
export function forgets(secret: usize, scratch: usize): void {
  memory.copy(scratch + 8, secret, 16);
}
