// Stand-in firmware for the tests of boards/: uses every pin, every export and every kind of memory.
import { SOCKETS, powerOn as clear } from "../../firmware/chip/ram-map.ts";
import * as nvm from "../../firmware/chip/nvm.ts";
import * as pins from "../../firmware/chip/pins.ts";
import * as commands from "./board-commands.ts";

const TICKS: usize = SOCKETS; // u32: calls of timer()
const SQUARES: usize = memory.data<u8>([0, 1, 4, 9, 16, 25, 36, 49]);

let answered: u32 = 0; // a wasm global: RAM outside the arena
let third: usize = SQUARES + min<usize>(3, usize(PBUF_SIZE)); // one that the module's start function sets

export function powerOn(): void {
  clear();
  answered = 0;
}

export function receive(byte: u32): void {
  commands.receive(byte);
}

export function timer(): void {
  store<u32>(TICKS, load<u32>(TICKS) + 1);
}

/** @returns ms until the next call */
export function step(): u32 {
  if (commands.ready()) {
    const letter = commands.take();
    commands.answer(answer(letter, commands.takeArgument()));
    answered++;
  }
  return commands.flush();
}

function answer(letter: u32, argument: u32): u32 {
  switch (letter) {
    case 0x65 /* e */:
      return argument; // echo
    case 0x71 /* q */:
      return load<u8>(third + (argument & 3)); // a constant
    case 0x72 /* r */:
      return nvm.read32(argument);
    case 0x77 /* w */:
      nvm.write32(argument, ~argument);
      return argument;
    case 0x6d /* m */:
      return pins.clockMs();
    case 0x6e /* n */:
      return pins.random32();
    case 0x74 /* t */:
      return load<u32>(TICKS);
    case 0x63 /* c */:
      return answered;
    case 0x62 /* b */:
      return busy(argument);
    case 0x73 /* s */:
      store<u8>(argument, 1); // anywhere: outside the arena it must trap
      return 1;
    default:
      pins.trace(letter, argument);
      return unreachable();
  }
}

/** Something that takes `rounds` times a handful of instructions, and that no compiler folds. */
function busy(rounds: u32): u32 {
  let x: u64 = 1;
  for (let i: u32 = 0; i < rounds; i++) x = x * 6364136223846793005 + u64(rotl(i, 5));
  return u32(x >> 32);
}
