// The line of the stand-in firmwares for boards: commands are queued as they come, each is answered.
//
//   command   ┌────────┬─────────────────────┐       answer   ┌───────────────────┐
//             │ letter │ argument, u32 (BE)  │                │ result, u32 (BE)  │
//             └────────┴─────────────────────┘                └───────────────────┘
import { APDU, APDU_BYTES, PBUF_PAYLOADS, PBUF_PAYLOADS_BYTES } from "../../firmware/chip/ram-map.ts";
import * as pins from "../../firmware/chip/pins.ts";

const COMMAND_BYTES: u32 = 5;
const QUEUE: usize = PBUF_PAYLOADS;
// The state lies in the last region, so that it is lost if the arena is cut short.
const IN: usize = APDU + APDU_BYTES - 16; // u32: bytes ever received
const OUT: usize = IN + 4; // u32: bytes ever taken
const LEFT: usize = IN + 8; // u32: bytes of the answer still to be sent
const ANSWER: usize = IN + 12; // u32, big-endian

export function receive(byte: u32): void {
  const at = load<u32>(IN);
  if (at - load<u32>(OUT) == PBUF_PAYLOADS_BYTES) unreachable();
  store<u8>(QUEUE + (at % PBUF_PAYLOADS_BYTES), byte);
  store<u32>(IN, at + 1);
}

/** @returns true when a command waits and the answer before it is gone */
export function ready(): bool {
  return load<u32>(LEFT) == 0 && load<u32>(IN) - load<u32>(OUT) >= COMMAND_BYTES;
}

/** @returns the next byte of the queue: first the letter, then four of the argument */
export function take(): u32 {
  const at = load<u32>(OUT);
  store<u32>(OUT, at + 1);
  return load<u8>(QUEUE + (at % PBUF_PAYLOADS_BYTES));
}

export function takeArgument(): u32 {
  let argument = take();
  for (let i = 0; i < 3; i++) argument = (argument << 8) | take();
  return argument;
}

export function answer(result: u32): void {
  store<u32>(ANSWER, bswap(result));
  store<u32>(LEFT, 4);
}

/** Sends what goes. @returns ms until the next call of step() */
export function flush(): u32 {
  for (let left = load<u32>(LEFT); left > 0; left--) {
    if (!pins.linkWrite(load<u8>(ANSWER + 4 - left))) return 0;
    store<u32>(LEFT, left - 1);
  }
  return ready() ? 0 : 0xffffffff;
}
