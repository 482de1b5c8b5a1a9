// Stand-in firmware that does one step of RSA's private operation a command, to count its instructions on a board. Key and
// ciphertext are in NVM.
import { TCBS, powerOn as clear } from "../../firmware/chip/ram-map.ts";
import * as drbg from "../../firmware/crypto/drbg.ts";
import * as rsa from "../../firmware/crypto/rsa.ts";
import * as commands from "./board-commands.ts";

const KEY: u32 = 4096;
const CIPHER: u32 = 8192;
/** As far as the stand-in has no sockets and no TLS. */
const WORK: usize = TCBS;

export function powerOn(): void {
  clear();
  drbg.powerOn();
}

export function receive(byte: u32): void {
  commands.receive(byte);
}

export function timer(): void {}

/** @returns ms until the next call */
export function step(): u32 {
  if (commands.ready()) {
    const letter = commands.take();
    commands.answer(run(letter, commands.takeArgument()));
  }
  return commands.flush();
}

/** @param argument which ciphertext it is @returns what became of it */
function run(letter: u32, argument: u32): u32 {
  if (letter == 0x62 /* b */) {
    rsa.begin(rsa.MODULUS_MAX, WORK);
    return rsa.UNDER_WAY;
  }
  return rsa.step(KEY, rsa.MODULUS_MAX, CIPHER + 512 * argument, WORK);
}
