// The text that the web server speaks and understands, as NUL-terminated bytes in ROM. A list is several texts, one after
// the other, with an empty one at its end. The comment above each says what the bytes mean; a test compares the two.

// "GET" "HEAD" "OPTIONS" "POST" "PUT" "PATCH" "DELETE" "TRACE" "CONNECT" "host" "connection"
// "content-length" "transfer-encoding" "if-none-match" "expect" "close" "keep-alive" "chunked"
// "100-continue" "http" "https"
export const WORDS: usize = memory.data<u8>([
  71, 69, 84, 0, 72, 69, 65, 68, 0, 79, 80, 84, 73, 79, 78, 83, 0, 80, 79, 83, 84, 0, 80, 85, 84, 0, 80, 65,
  84, 67, 72, 0, 68, 69, 76, 69, 84, 69, 0, 84, 82, 65, 67, 69, 0, 67, 79, 78, 78, 69, 67, 84, 0, 104, 111,
  115, 116, 0, 99, 111, 110, 110, 101, 99, 116, 105, 111, 110, 0, 99, 111, 110, 116, 101, 110, 116, 45, 108,
  101, 110, 103, 116, 104, 0, 116, 114, 97, 110, 115, 102, 101, 114, 45, 101, 110, 99, 111, 100, 105, 110,
  103, 0, 105, 102, 45, 110, 111, 110, 101, 45, 109, 97, 116, 99, 104, 0, 101, 120, 112, 101, 99, 116, 0, 99,
  108, 111, 115, 101, 0, 107, 101, 101, 112, 45, 97, 108, 105, 118, 101, 0, 99, 104, 117, 110, 107, 101, 100,
  0, 49, 48, 48, 45, 99, 111, 110, 116, 105, 110, 117, 101, 0, 104, 116, 116, 112, 0, 104, 116, 116, 112, 115,
  0, 0,
]);
// Their places in the list: the methods of RFC 9110 and 5789, the fields that we read, the values that matter in them.
export const GET: i32 = 0;
export const HEAD: i32 = 1;
export const OPTIONS: i32 = 2;
export const POST: i32 = 3;
export const PUT: i32 = 4;
export const PATCH: i32 = 5;
export const DELETE: i32 = 6;
export const TRACE: i32 = 7;
export const CONNECT: i32 = 8;
export const HOST: i32 = 9;
export const CONNECTION: i32 = 10;
export const CONTENT_LENGTH: i32 = 11;
export const TRANSFER_ENCODING: i32 = 12;
export const IF_NONE_MATCH: i32 = 13;
export const EXPECT: i32 = 14;
export const CLOSE: i32 = 15;
export const KEEP_ALIVE: i32 = 16;
export const CHUNKED: i32 = 17;
export const HUNDRED_CONTINUE: i32 = 18;
export const HTTP: i32 = 19;
export const HTTPS: i32 = 20;

// "200 OK" "304 Not Modified" "400 Bad Request" "404 Not Found" "405 Method Not Allowed"
// "413 Content Too Large" "414 URI Too Long" "431 Request Header Fields Too Large"
// "501 Not Implemented" "503 Service Unavailable" "505 HTTP Version Not Supported"
export const STATUSES: usize = memory.data<u8>([
  50, 48, 48, 32, 79, 75, 0, 51, 48, 52, 32, 78, 111, 116, 32, 77, 111, 100, 105, 102, 105, 101, 100, 0, 52,
  48, 48, 32, 66, 97, 100, 32, 82, 101, 113, 117, 101, 115, 116, 0, 52, 48, 52, 32, 78, 111, 116, 32, 70, 111,
  117, 110, 100, 0, 52, 48, 53, 32, 77, 101, 116, 104, 111, 100, 32, 78, 111, 116, 32, 65, 108, 108, 111, 119,
  101, 100, 0, 52, 49, 51, 32, 67, 111, 110, 116, 101, 110, 116, 32, 84, 111, 111, 32, 76, 97, 114, 103, 101,
  0, 52, 49, 52, 32, 85, 82, 73, 32, 84, 111, 111, 32, 76, 111, 110, 103, 0, 52, 51, 49, 32, 82, 101, 113,
  117, 101, 115, 116, 32, 72, 101, 97, 100, 101, 114, 32, 70, 105, 101, 108, 100, 115, 32, 84, 111, 111, 32,
  76, 97, 114, 103, 101, 0, 53, 48, 49, 32, 78, 111, 116, 32, 73, 109, 112, 108, 101, 109, 101, 110, 116, 101,
  100, 0, 53, 48, 51, 32, 83, 101, 114, 118, 105, 99, 101, 32, 85, 110, 97, 118, 97, 105, 108, 97, 98, 108,
  101, 0, 53, 48, 53, 32, 72, 84, 84, 80, 32, 86, 101, 114, 115, 105, 111, 110, 32, 78, 111, 116, 32, 83, 117,
  112, 112, 111, 114, 116, 101, 100, 0, 0,
]);
export const OK: u32 = 0;
export const NOT_MODIFIED: u32 = 1;
export const BAD_REQUEST: u32 = 2;
export const NOT_FOUND: u32 = 3;
export const METHOD_NOT_ALLOWED: u32 = 4;
export const CONTENT_TOO_LARGE: u32 = 5;
export const URI_TOO_LONG: u32 = 6;
export const FIELDS_TOO_LARGE: u32 = 7;
export const NOT_IMPLEMENTED: u32 = 8;
export const SERVICE_UNAVAILABLE: u32 = 9;
export const VERSION_NOT_SUPPORTED: u32 = 10;

// "index.html"
export const INDEX: usize = memory.data<u8>([105, 110, 100, 101, 120, 46, 104, 116, 109, 108, 0]);
// "/status.json"
export const STATUS_PATH: usize = memory.data<u8>([
  47, 115, 116, 97, 116, 117, 115, 46, 106, 115, 111, 110, 0,
]);
// "HTTP/1.1 "
export const VERSION: usize = memory.data<u8>([72, 84, 84, 80, 47, 49, 46, 49, 32, 0]);
// "Connection: close\r\n"
export const CONNECTION_CLOSE: usize = memory.data<u8>([
  67, 111, 110, 110, 101, 99, 116, 105, 111, 110, 58, 32, 99, 108, 111, 115, 101, 13, 10, 0,
]);
// "Connection: keep-alive\r\n"
export const CONNECTION_KEEP_ALIVE: usize = memory.data<u8>([
  67, 111, 110, 110, 101, 99, 116, 105, 111, 110, 58, 32, 107, 101, 101, 112, 45, 97, 108, 105, 118, 101, 13,
  10, 0,
]);
// "Content-Length: "
export const CONTENT_LENGTH_IS: usize = memory.data<u8>([
  67, 111, 110, 116, 101, 110, 116, 45, 76, 101, 110, 103, 116, 104, 58, 32, 0,
]);
// "Content-Type: "
export const CONTENT_TYPE_IS: usize = memory.data<u8>([
  67, 111, 110, 116, 101, 110, 116, 45, 84, 121, 112, 101, 58, 32, 0,
]);
// "X-Content-Type-Options: nosniff\r\n"
export const NO_SNIFFING: usize = memory.data<u8>([
  88, 45, 67, 111, 110, 116, 101, 110, 116, 45, 84, 121, 112, 101, 45, 79, 112, 116, 105, 111, 110, 115, 58,
  32, 110, 111, 115, 110, 105, 102, 102, 13, 10, 0,
]);
// "Cache-Control: no-cache\r\nETag: \""
export const REVALIDATE: usize = memory.data<u8>([
  67, 97, 99, 104, 101, 45, 67, 111, 110, 116, 114, 111, 108, 58, 32, 110, 111, 45, 99, 97, 99, 104, 101, 13,
  10, 69, 84, 97, 103, 58, 32, 34, 0,
]);
// "Cache-Control: no-store\r\n"
export const NO_STORE: usize = memory.data<u8>([
  67, 97, 99, 104, 101, 45, 67, 111, 110, 116, 114, 111, 108, 58, 32, 110, 111, 45, 115, 116, 111, 114, 101,
  13, 10, 0,
]);
// "Allow: GET, HEAD\r\n"
export const ALLOW: usize = memory.data<u8>([
  65, 108, 108, 111, 119, 58, 32, 71, 69, 84, 44, 32, 72, 69, 65, 68, 13, 10, 0,
]);
// "Retry-After: 1\r\n"
export const RETRY_AFTER: usize = memory.data<u8>([
  82, 101, 116, 114, 121, 45, 65, 102, 116, 101, 114, 58, 32, 49, 13, 10, 0,
]);
// "text/plain"
export const TEXT_PLAIN: usize = memory.data<u8>([116, 101, 120, 116, 47, 112, 108, 97, 105, 110, 0]);
// "application/json"
export const APPLICATION_JSON: usize = memory.data<u8>([
  97, 112, 112, 108, 105, 99, 97, 116, 105, 111, 110, 47, 106, 115, 111, 110, 0,
]);

// "uptimeMs" "pages" "handshakes" "pbufs" "pbufsFree" "headersFree" "pbufsLacking" "tcbs" "tcbsUsed"
// "nvmBytes" "nvmFree" "arenaBytes" "arenaUsed"
export const FIGURES: usize = memory.data<u8>([
  117, 112, 116, 105, 109, 101, 77, 115, 0, 112, 97, 103, 101, 115, 0, 104, 97, 110, 100, 115, 104, 97, 107,
  101, 115, 0, 112, 98, 117, 102, 115, 0, 112, 98, 117, 102, 115, 70, 114, 101, 101, 0, 104, 101, 97, 100,
  101, 114, 115, 70, 114, 101, 101, 0, 112, 98, 117, 102, 115, 76, 97, 99, 107, 105, 110, 103, 0, 116, 99, 98,
  115, 0, 116, 99, 98, 115, 85, 115, 101, 100, 0, 110, 118, 109, 66, 121, 116, 101, 115, 0, 110, 118, 109, 70,
  114, 101, 101, 0, 97, 114, 101, 110, 97, 66, 121, 116, 101, 115, 0, 97, 114, 101, 110, 97, 85, 115, 101,
  100, 0, 0,
]);
export const FIGURE_COUNT: u32 = 13;

// Characters that may stand in a name beside letters and digits.
// "!#$%&'*+-.^_`|~"
export const TOKEN_MARKS: usize = memory.data<u8>([
  33, 35, 36, 37, 38, 39, 42, 43, 45, 46, 94, 95, 96, 124, 126, 0,
]);
// "-._~%!$&'()*+;=:[]"
export const HOST_MARKS: usize = memory.data<u8>([
  45, 46, 95, 126, 37, 33, 36, 38, 39, 40, 41, 42, 43, 59, 61, 58, 91, 93, 0,
]);

/** @returns the text at place `index` of a list */
export function item(list: usize, index: u32): usize {
  let at = list;
  for (let i: u32 = 0; i < index; i++) at += length(at) + 1;
  return at;
}

/** @returns the place in a list of the `bytes` bytes at `word`, -1: they are not in it */
export function find(list: usize, word: usize, bytes: u32): i32 {
  let at = list;
  for (let i = 0; load<u8>(at) != 0; i++) {
    const size = length(at);
    if (size == bytes && memory.compare(at, word, bytes) == 0) return i;
    at += size + 1;
  }
  return -1;
}

/** @returns bytes of a text, its end not counted */
export function length(text: usize): u32 {
  let bytes: u32 = 0;
  while (load<u8>(text + bytes) != 0) bytes++;
  return bytes;
}

/** @returns true when the text has that character, which isn't NUL */
export function has(text: usize, character: u32): bool {
  for (let at = text; load<u8>(at) != 0; at++) if (load<u8>(at) == character) return true;
  return false;
}

export function isDigit(character: u32): bool {
  return character - 48 < 10;
}

export function isLetterOrDigit(character: u32): bool {
  return (character | 32) - 97 < 26 || isDigit(character);
}

/** @returns 0..15, or -1: not a hexadecimal digit */
export function hexValue(character: u32): i32 {
  if (isDigit(character)) return character - 48;
  const letter = (character | 32) - 97;
  return letter < 6 ? letter + 10 : -1;
}

/** @returns the digit of 0..15, lower case */
export function hexDigit(value: u32): u8 {
  return u8(value < 10 ? value + 48 : value + 87);
}
