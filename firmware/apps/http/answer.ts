// A request, once read, is four bytes: what to answer.
//
//    31                              8   7    6      5     4  3         0
//   ┌─────────────────────────────────┬─────┬───────┬──────┬───┬────────┐
//   │ resource                        │ old │ close │ head │ - │ status │
//   └─────────────────────────────────┴─────┴───────┴──────┴───┴────────┘
//   status    place in text.STATUSES           head   the method was HEAD: no content
//   resource  of http/resource.ts              close  the last answer of its connection
//   old       the client speaks HTTP/1.0
export const IS_HEAD: u32 = 0x20;
export const IS_CLOSE: u32 = 0x40;
export const IS_OLD: u32 = 0x80;

export function statusOf(answer: u32): u32 {
  return answer & 15;
}

export function resourceOf(answer: u32): u32 {
  return answer >> 8;
}

export function make(resource: u32, flags: u32, status: u32): u32 {
  return (resource << 8) | flags | status;
}

export function withStatus(answer: u32, status: u32): u32 {
  return (answer & ~15) | status;
}
