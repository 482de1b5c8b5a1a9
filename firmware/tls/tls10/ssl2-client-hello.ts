// A ClientHello in the format of SSL 2.0 (RFC 2246 appendix E.1; seed [207], [208], [255]), by which a client asks for TLS
// 1.0 and leaves the server the choice of the older protocol. A record of this format has no type and no version:
//
//   record    0     1      2                                          the hashes begin behind the length
//             ┌─────┬──────┬──────┬─────────┬─────────────────┬────────────┬───────────────────┐
//             │ 80 ‖ length  │ type │ version │ lengths of ──── │ suites     │ session │challenge│
//             └─────┴──────┴──────┴─────────┴─────────────────┴────────────┴───────────────────┘
//
// A suite has three bytes, of which the first is 00 for those of TLS. The challenge is the end of a random of zeros.
import * as alert from "../alert.ts";
import { Context, RANDOM_BYTES } from "./context.ts";
import { collect, DONE, expect, Hello, noteSuite, OFFERS_NULL, TLS_1_0 } from "./hello.ts";

const CLIENT_HELLO: u32 = 1;
/** A session ID of SSL 2.0 has that many bytes, and is none of ours. */
const SESSION_BYTES: u32 = 16;
const CHALLENGE_MIN: u32 = 16;
/** Type, version and three lengths. */
export const MESSAGE_MIN: u32 = 9 + 3 + CHALLENGE_MIN;

const TYPE: u32 = 0;
const VERSION: u32 = 1;
const SUITES_LENGTH: u32 = 2;
const SESSION_LENGTH: u32 = 3;
const CHALLENGE_LENGTH: u32 = 4;
const SUITE: u32 = 5;
const SESSION: u32 = 6;
const CHALLENGE: u32 = 7;

/** Expects a message of `length` bytes, the whole record. */
export function begin(hello: Hello, length: u32): void {
  hello.left = length;
  expect(hello, TYPE, 1);
}

/** Reads the next byte. @returns 0, or the alert that it deserves */
export function read(ctx: Context, hello: Hello, byte: u32): u32 {
  hello.left--;
  if (!collect(hello, byte)) return 0;
  const value = hello.value;
  hello.value = 0;
  hello.sink = 0;
  switch (u32(hello.field)) {
    case TYPE:
      return value == CLIENT_HELLO ? expect(hello, VERSION, 2) : alert.UNEXPECTED_MESSAGE;
    case VERSION:
      ctx.version = u16(value);
      return value < TLS_1_0 ? alert.PROTOCOL_VERSION : expect(hello, SUITES_LENGTH, 2);
    case SUITES_LENGTH:
      hello.listEnd = value;
      return expect(hello, SESSION_LENGTH, 2);
    case SESSION_LENGTH:
      hello.sessionLength = u16(value);
      return expect(hello, CHALLENGE_LENGTH, 2);
    case CHALLENGE_LENGTH:
      hello.challengeLength = u16(value);
      return beginLists(hello);
    case SUITE:
      noteSuite(hello, value);
      return hello.left > hello.listEnd ? expect(hello, SUITE, 3) : behindSuites(ctx, hello);
    case SESSION:
      return expectChallenge(ctx, hello);
    default:
      return expect(hello, DONE, 0); // CHALLENGE
  }
}

/** The three lengths are known, and must fill the record. */
function beginLists(hello: Hello): u32 {
  const suites = hello.listEnd;
  const session: u32 = hello.sessionLength;
  const challenge: u32 = hello.challengeLength;
  if (suites == 0 || suites % 3 != 0) return alert.DECODE_ERROR;
  if (session != 0 && session != SESSION_BYTES) return alert.DECODE_ERROR;
  if (challenge < CHALLENGE_MIN || challenge > RANDOM_BYTES) return alert.DECODE_ERROR;
  if (suites + session + challenge != hello.left) return alert.DECODE_ERROR;
  hello.listEnd = session + challenge;
  hello.find(OFFERS_NULL);
  return expect(hello, SUITE, 3);
}

function behindSuites(ctx: Context, hello: Hello): u32 {
  return hello.sessionLength == 0 ? expectChallenge(ctx, hello) : expect(hello, SESSION, SESSION_BYTES);
}

function expectChallenge(ctx: Context, hello: Hello): u32 {
  const zeros = RANDOM_BYTES - hello.challengeLength;
  memory.fill(ctx.clientRandom, 0, zeros);
  hello.sink = u16(ctx.clientRandom + zeros);
  return expect(hello, CHALLENGE, hello.challengeLength);
}
