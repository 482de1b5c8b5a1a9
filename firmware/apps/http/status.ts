// /status.json: the card's own figures. Each line has the same length, so that the size is known before the first figure
// is, and any line can be made alone:
//
//   { "uptimeMs":               1234,
//     "pages":                     7,
import * as pbuf from "../../buffer/pbuf.ts";
import * as ram from "../../chip/ram-map.ts";
import * as files from "../../files/files.ts";
import * as socket from "../../socket/socket.ts";
import { server } from "./state.ts";
import * as text from "./text.ts";

const LINE: u32 = 32;
const NUMBER_END: u32 = 30;

export const SIZE: u32 = text.FIGURE_COUNT * LINE;

/** Writes text from `offset` on, to the end of the last line that fits `room` whole. @returns bytes written */
export function read(offset: u32, target: usize, room: u32): u32 {
  const first = offset / LINE;
  const count = min(room / LINE, text.FIGURE_COUNT - first);
  for (let i: u32 = 0; i < count; i++) writeLine(target + i * LINE, first + i);
  const skip = min(offset % LINE, count * LINE);
  memory.copy(target, target + skip, count * LINE - skip);
  return count * LINE - skip;
}

function writeLine(at: usize, index: u32): void {
  const name = text.item(text.FIGURES, index);
  const length = text.length(name);
  const isLast = index + 1 == text.FIGURE_COUNT;
  memory.fill(at, 0x20, LINE);
  if (index == 0) store<u8>(at, 0x7b); // {
  store<u8>(at + 2, 0x22); // "
  memory.copy(at + 3, name, length);
  store<u8>(at + 3 + length, 0x22);
  store<u8>(at + 4 + length, 0x3a); // :
  writeNumber(at + NUMBER_END, figure(index));
  store<u8>(at + NUMBER_END, isLast ? 0x0a : 0x2c); // line feed or ,
  store<u8>(at + NUMBER_END + 1, isLast ? 0x7d : 0x0a); // } or line feed
}

/** Writes decimal digits that end before `end`. */
function writeNumber(end: usize, value: u32): void {
  let at = end;
  let rest = value;
  do {
    store<u8>(--at, (rest % 10) + 0x30);
    rest /= 10;
  } while (rest != 0);
}

/** In the order of text.FIGURES. */
function figure(index: u32): u32 {
  switch (index) {
    case 0:
      return server().nowMs - server().bootMs;
    case 1:
      return server().pages;
    case 2:
      return server().handshakes;
    case 3:
      return PBUF_COUNT;
    case 4:
      return pbuf.freeCount();
    case 5:
      return pbuf.freeHeaderCount();
    case 6:
      return pbuf.exhaustedCount();
    case 7:
      return TCB_COUNT;
    case 8:
      return socket.tcbsInUse();
    case 9:
      return NVM_BYTES;
    case 10:
      return files.freeBytes();
    case 11:
      return ARENA_BYTES;
    default:
      return u32(ram.END);
  }
}
