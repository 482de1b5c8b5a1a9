// The serial card (firmware/card-serial.ts) with credentials of the test's: it is "card", its secret "open sesame".
import * as card from "../../firmware/card-serial.ts";
import * as auth from "../../firmware/link/ppp/auth.ts";

const NAME: usize = memory.data<u8>([0x63, 0x61, 0x72, 0x64]);
// prettier-ignore
const SECRET: usize = memory.data<u8>([0x6f, 0x70, 0x65, 0x6e, 0x20, 0x73, 0x65, 0x73, 0x61, 0x6d, 0x65]);

export function powerOn(): void {
  card.powerOn();
  auth.setCredentials(NAME, 4, SECRET, 11);
}
export function receive(byte: u32): void {
  card.receive(byte);
}
export function timer(): void {
  card.timer();
}
export function step(): u32 {
  return card.step();
}
