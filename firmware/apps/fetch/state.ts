// All that the fetcher remembers, in its region of the RAM map.
import { Millis } from "../../chip/clock.ts";
import { FETCHER, FETCHER_BYTES } from "../../chip/ram-map.ts";

/** Bytes kept of a line of the answer's head: a Date, and some white space. */
export const LINE_MAX: u32 = 36;

@final
@unmanaged
export class Fetcher {
  /** When it began to connect. */
  sinceMs: Millis;
  state: u8;
  socket: i8;
  /** The file that describes the server. */
  target: u8;
}

/** An answer on its way in; the line being read lies behind it. */
@final
@unmanaged
export class Answer {
  status: u16;
  /** Bytes of the line so far; LINE_MAX + 1: it is longer than what is kept. */
  length: u8;
  isBody: bool;

  get line(): usize {
    return changetype<usize>(this) + offsetof<Answer>();
  }
}

export function fetcher(): Fetcher {
  if (offsetof<Fetcher>() + offsetof<Answer>() + LINE_MAX > FETCHER_BYTES)
    ERROR("the fetcher does not fit FETCHER_BYTES");
  return changetype<Fetcher>(FETCHER);
}

export function answer(): Answer {
  return changetype<Answer>(FETCHER + offsetof<Fetcher>());
}
