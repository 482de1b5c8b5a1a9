// Requests, RFC 9112, read byte by byte as they stream in [250]: the only thing stored is one word at a time, of at most
// 64 bytes: the method, the path, a field's name, a word of its value. What is known is compared and forgotten.
//
//   BEFORE ─> METHOD ─> TARGET ─> PATH ⇄ ESCAPE ─> QUERY ─> VERSION ─> LINE_END ─> FIELD ─> NAME ─> VALUE ─┐
//                         └─> SCHEME ─> AUTHORITY ─┘                       ↑         │               │ ↺    │
//                                                                          └─────────│───────────────┴──────┘
//                                                                                    └─> HEAD_END ─> BODY ─> DONE
//
// Two kinds of errors: after a request that is understood but not served (404, 405, 414, 501) the next one follows; after
// one whose end can't be known for sure (FAILED) nothing more is read. Wherever RFC 9112 lets a server be lenient about
// where a line or a message ends, this one isn't (bare LF, bare CR, obs-fold, two lengths): leniency is what request
// smuggling is made of.
import * as answers from "./answer.ts";
import { DRAIN_MAX, HEAD_MAX, WORD_MAX } from "./policy.ts";
import * as resource from "./resource.ts";
import { Request } from "./state.ts";
import * as text from "./text.ts";

// States, named after what is awaited.
const BEFORE: u8 = 0;
const METHOD: u8 = 1;
const TARGET: u8 = 2;
const SCHEME: u8 = 3;
const AUTHORITY: u8 = 4;
const PATH: u8 = 5;
const ESCAPE_HIGH: u8 = 6;
const ESCAPE_LOW: u8 = 7;
const QUERY: u8 = 8;
const VERSION: u8 = 9;
const LINE_END: u8 = 10;
const FIELD: u8 = 11;
const NAME: u8 = 12;
const VALUE: u8 = 13;
const HEAD_END: u8 = 14;
const BODY: u8 = 15;
const DONE: u8 = 16;
const FAILED: u8 = 17;
/** No further request is read on this connection. */
const DEAD: u8 = 18;

// Flags; the lowest bits are those of an answer.
const IS_HEAD: u16 = u16(answers.IS_HEAD);
const IS_CLOSE: u16 = u16(answers.IS_CLOSE);
const IS_OLD: u16 = u16(answers.IS_OLD);
const HAS_HOST: u16 = 0x100;
const HAS_LENGTH: u16 = 0x200;
/** Transfer-Encoding: chunked. */
const IS_CHUNKED: u16 = 0x400;
const KEEPS_ALIVE: u16 = 0x800;
/** Expect: 100-continue. */
const AWAITS_CONTINUE: u16 = 0x1000;
/** If-None-Match names what the client has already. */
const IS_KNOWN: u16 = 0x2000;
/** The field line being read has had a word. */
const HAS_WORD: u16 = 0x4000;

const TAB: u32 = 0x09;
const LF: u32 = 0x0a;
const CR: u32 = 0x0d;
const SPACE: u32 = 0x20;
const HASH: u32 = 0x23;
const PERCENT: u32 = 0x25;
const COMMA: u32 = 0x2c;
const SLASH: u32 = 0x2f;
const COLON: u32 = 0x3a;
const QUESTION: u32 = 0x3f;
const DELETE: u32 = 0x7f;

/** "HTTP/1." and its low digit, as numbers read from memory. */
const HTTP_: u32 = 0x50545448;
const TAG_LENGTH: u32 = 10;

/** Ready for the first request of a connection. */
export function open(r: Request): void {
  memory.fill(changetype<usize>(r), 0, offsetof<Request>());
}

/** Reads one byte. @returns true when a request is complete: ask for its answer */
export function take(r: Request, byte: u32): bool {
  if (r.state == DEAD) return false;
  if (r.state == BODY) {
    if (--r.bodyBytes == 0) r.state = DONE;
  } else if (++r.headBytes > HEAD_MAX) {
    fail(r, r.state <= VERSION ? text.URI_TOO_LONG : text.FIELDS_TOO_LARGE);
  } else if (r.state < LINE_END) takeRequestLine(r, byte);
  else takeFieldLine(r, byte);
  return r.state >= DONE;
}

/** @returns the answer to the request that is complete; makes ready for the next */
export function answer(r: Request): u32 {
  const made = answers.make(r.resource, r.flags & 0xff, r.status);
  open(r);
  if (made & answers.IS_CLOSE) r.state = DEAD;
  return made;
}

/** No further request will be read; what comes is thrown away. */
export function end(r: Request): void {
  r.state = DEAD;
}

function takeRequestLine(r: Request, byte: u32): void {
  switch (r.state) {
    case BEFORE:
      // RFC 9112 section 2.2: empty lines before a request line are ignored.
      if (byte == CR || byte == LF) return;
      r.state = METHOD;
      return takeMethod(r, byte);
    case METHOD:
      return takeMethod(r, byte);
    case TARGET:
      return takeTarget(r, byte);
    case SCHEME:
      return takeScheme(r, byte);
    case AUTHORITY:
      return takeAuthority(r, byte);
    case PATH:
      return takePath(r, byte);
    case ESCAPE_HIGH:
    case ESCAPE_LOW:
      return takeEscape(r, byte);
    case QUERY:
      if (byte == SPACE) r.state = VERSION;
      else if (!isTargetCharacter(byte)) fail(r, text.BAD_REQUEST);
      return;
    default:
      return takeVersion(r, byte);
  }
}

function takeFieldLine(r: Request, byte: u32): void {
  switch (r.state) {
    case LINE_END:
    case HEAD_END:
      if (byte != LF) fail(r, text.BAD_REQUEST);
      else if (r.state == LINE_END) r.state = FIELD;
      else endHead(r);
      return;
    case FIELD:
      if (byte == CR) {
        r.state = HEAD_END;
        return;
      }
      r.state = NAME;
      return takeName(r, byte);
    case NAME:
      return takeName(r, byte);
    default:
      return takeValue(r, byte);
  }
}

function takeMethod(r: Request, byte: u32): void {
  if (isTokenCharacter(byte)) return gather(r, byte);
  if (byte != SPACE || r.wordBytes == 0) return fail(r, text.BAD_REQUEST);
  const method = takeWord(r);
  if (method == text.HEAD) r.flags |= IS_HEAD;
  else if (method < 0 || method > text.CONNECT) refuse(r, text.NOT_IMPLEMENTED);
  else if (method != text.GET) refuse(r, text.METHOD_NOT_ALLOWED);
  r.state = TARGET;
}

/** The four forms of RFC 9112 section 3.2; the last two belong to methods that are refused already. */
function takeTarget(r: Request, byte: u32): void {
  if (byte == SLASH) {
    gather(r, byte);
    r.state = PATH;
  } else if (text.isLetterOrDigit(byte)) {
    r.state = SCHEME;
    takeScheme(r, byte);
  } else takeOddTarget(r, byte);
}

function takeScheme(r: Request, byte: u32): void {
  if (text.isLetterOrDigit(byte)) return gather(r, byte | SPACE);
  const scheme = takeWord(r);
  if (byte == COLON && (scheme == text.HTTP || scheme == text.HTTPS)) r.state = AUTHORITY;
  else takeOddTarget(r, byte);
}

function takeOddTarget(r: Request, byte: u32): void {
  if (r.status == text.OK || !isTargetCharacter(byte)) return fail(r, text.BAD_REQUEST);
  r.state = QUERY;
}

/** Two slashes and at least one character of a name; it isn't looked at: every name is the card's. */
function takeAuthority(r: Request, byte: u32): void {
  if (r.wordBytes < 2) {
    if (byte != SLASH) return fail(r, text.BAD_REQUEST);
    return gather(r, byte);
  }
  if (byte != SLASH && byte != QUESTION && byte != SPACE) {
    if (!isTargetCharacter(byte)) return fail(r, text.BAD_REQUEST);
    return gather(r, byte);
  }
  if (r.wordBytes == 2) return fail(r, text.BAD_REQUEST);
  r.wordBytes = 0;
  gather(r, SLASH);
  r.state = PATH;
  if (byte != SLASH) takePath(r, byte);
}

function takePath(r: Request, byte: u32): void {
  if (byte == PERCENT) r.state = ESCAPE_HIGH;
  else if (byte == SPACE || byte == QUESTION) {
    endPath(r);
    r.state = byte == SPACE ? VERSION : QUERY;
  } else if (isTargetCharacter(byte)) gather(r, byte);
  else fail(r, text.BAD_REQUEST);
}

/** The digits of %xx. The first one waits where no field is yet. */
function takeEscape(r: Request, byte: u32): void {
  const value = text.hexValue(byte);
  if (value < 0) return fail(r, text.BAD_REQUEST);
  if (r.state == ESCAPE_LOW) gather(r, (u32(r.field) << 4) | value);
  r.field = i8(value);
  r.state = r.state == ESCAPE_HIGH ? ESCAPE_LOW : PATH;
}

function endPath(r: Request): void {
  if (r.wordBytes <= WORD_MAX && load<u8>(r.word + r.wordBytes - 1) == SLASH) {
    for (let at = text.INDEX; load<u8>(at) != 0; at++) gather(r, load<u8>(at));
  }
  if (r.wordBytes > WORD_MAX) refuse(r, text.URI_TOO_LONG);
  else r.resource = resource.find(r.word, r.wordBytes);
  if (r.resource == resource.NONE) refuse(r, text.NOT_FOUND);
  r.wordBytes = 0;
}

/** "HTTP/" DIGIT "." DIGIT. A version that we don't speak may end its lines as it likes: nothing is read after it. */
function takeVersion(r: Request, byte: u32): void {
  if (byte > SPACE) return gather(r, byte);
  const low = load<u8>(r.word + 7);
  const isVersion =
    r.wordBytes == 8 &&
    load<u32>(r.word) == HTTP_ &&
    load<u8>(r.word + 4) == SLASH &&
    text.isDigit(load<u8>(r.word + 5)) &&
    load<u8>(r.word + 6) == 0x2e &&
    text.isDigit(low);
  if (byte != CR || !isVersion) return fail(r, text.BAD_REQUEST);
  if (load<u8>(r.word + 5) != 0x31) return fail(r, text.VERSION_NOT_SUPPORTED);
  if (low == 0x30) r.flags |= IS_OLD;
  r.wordBytes = 0;
  r.state = LINE_END;
}

function takeName(r: Request, byte: u32): void {
  if (isTokenCharacter(byte)) return gather(r, lower(byte));
  if (byte != COLON || r.wordBytes == 0) return fail(r, text.BAD_REQUEST);
  r.field = i8(takeWord(r));
  r.flags &= ~HAS_WORD;
  r.state = VALUE;
}

/** Values are taken word by word; what parts words in one field that we read does so in all. */
function takeValue(r: Request, byte: u32): void {
  if (byte == CR) {
    r.state = LINE_END;
    endWord(r);
    // An empty length is none at all.
    if (r.field == text.CONTENT_LENGTH && !(r.flags & HAS_WORD)) fail(r, text.BAD_REQUEST);
  } else if (byte == SPACE || byte == TAB || byte == COMMA) endWord(r);
  else if (byte < SPACE || byte == DELETE) fail(r, text.BAD_REQUEST);
  else if (r.field == text.HOST && !isHostCharacter(byte)) fail(r, text.BAD_REQUEST);
  else gather(r, r.field == text.IF_NONE_MATCH ? byte : lower(byte));
}

function endWord(r: Request): void {
  if (r.wordBytes == 0) return;
  r.flags |= HAS_WORD;
  switch (i32(r.field)) {
    case text.HOST:
      once(r, HAS_HOST);
      break;
    case text.CONTENT_LENGTH:
      endLength(r);
      break;
    case text.TRANSFER_ENCODING:
      // RFC 9112 section 6.1: a coding that is not understood is answered with 501, and the message's end is unknown.
      if (wordIs(r, text.CHUNKED)) once(r, IS_CHUNKED);
      else fail(r, text.NOT_IMPLEMENTED);
      break;
    case text.CONNECTION:
      if (wordIs(r, text.CLOSE)) r.flags |= IS_CLOSE;
      else if (wordIs(r, text.KEEP_ALIVE)) r.flags |= KEEPS_ALIVE;
      break;
    case text.EXPECT:
      if (wordIs(r, text.HUNDRED_CONTINUE)) r.flags |= AWAITS_CONTINUE;
      break;
    case text.IF_NONE_MATCH:
      if (r.status == text.OK && namesTag(r)) r.flags |= IS_KNOWN;
  }
  r.wordBytes = 0;
}

/** A field that may stand once in a request, with one word. */
function once(r: Request, flag: u16): void {
  if (r.flags & flag) fail(r, text.BAD_REQUEST);
  else r.flags |= flag;
}

function endLength(r: Request): void {
  once(r, HAS_LENGTH);
  if (r.wordBytes > 9) return fail(r, text.CONTENT_TOO_LARGE);
  for (let i: u32 = 0; i < r.wordBytes; i++) {
    const digit = load<u8>(r.word + i);
    if (!text.isDigit(digit)) return fail(r, text.BAD_REQUEST);
    r.bodyBytes = r.bodyBytes * 10 + digit - 0x30;
  }
}

/** RFC 9110 section 13.1.2: "*", or the tag, by weak comparison. */
function namesTag(r: Request): bool {
  let at = r.word;
  let length: u32 = r.wordBytes;
  if (length == 1) return load<u8>(at) == 0x2a;
  if (load<u16>(at) == 0x2f57) {
    at += 2;
    length -= 2;
  }
  if (length != TAG_LENGTH || !resource.hasTag(r.resource)) return false;
  const tag = resource.tag(r.resource);
  for (let i: u32 = 0; i < 8; i++) {
    if (load<u8>(at + 1 + i) != text.hexDigit((tag >> (28 - 4 * i)) & 15)) return false;
  }
  return load<u8>(at) == 0x22 && load<u8>(at + 9) == 0x22;
}

/** The empty line has come: what does it all mean together, and is there a body to be read past? */
function endHead(r: Request): void {
  const isOld = (r.flags & IS_OLD) != 0;
  const isChunked = (r.flags & IS_CHUNKED) != 0;
  if (!isOld && !(r.flags & HAS_HOST)) return fail(r, text.BAD_REQUEST);
  // RFC 9112 sections 6.1 and 6.3: both lengths at once, or chunks in HTTP/1.0, are an attack or a fault.
  if (isChunked && (isOld || r.flags & HAS_LENGTH)) return fail(r, text.BAD_REQUEST);
  if (isOld && !(r.flags & KEEPS_ALIVE)) r.flags |= IS_CLOSE;
  if (r.flags & IS_KNOWN) refuse(r, text.NOT_MODIFIED);
  const isTooLong = r.bodyBytes > DRAIN_MAX;
  if (isTooLong) refuse(r, text.CONTENT_TOO_LARGE);
  // A body that is long, of unknown length, or not even on its way, is cheaper to cut off than to read past.
  if (isTooLong || isChunked || (r.bodyBytes > 0 && r.flags & AWAITS_CONTINUE)) {
    r.flags |= IS_CLOSE;
    r.bodyBytes = 0;
  }
  r.state = r.bodyBytes > 0 ? BODY : DONE;
}

/** The request is understood, and this is why it isn't served; the first reason counts. */
function refuse(r: Request, status: u32): void {
  if (r.status == text.OK) r.status = u8(status);
}

/** The request isn't understood: what comes after it can't be trusted to be the next one. */
function fail(r: Request, status: u32): void {
  r.status = u8(status);
  r.flags |= IS_CLOSE;
  r.state = FAILED;
}

function gather(r: Request, byte: u32): void {
  if (r.wordBytes < WORD_MAX) store<u8>(r.word + r.wordBytes, byte);
  if (r.wordBytes <= WORD_MAX) r.wordBytes++;
}

/** @returns the word's place in text.WORDS, -1: not there; forgets the word */
function takeWord(r: Request): i32 {
  const place = text.find(text.WORDS, r.word, r.wordBytes);
  r.wordBytes = 0;
  return place;
}

function wordIs(r: Request, place: i32): bool {
  return text.find(text.WORDS, r.word, r.wordBytes) == place;
}

function lower(byte: u32): u32 {
  return byte - 0x41 < 26 ? byte | SPACE : byte;
}

function isTokenCharacter(byte: u32): bool {
  return text.isLetterOrDigit(byte) || text.has(text.TOKEN_MARKS, byte);
}

function isHostCharacter(byte: u32): bool {
  return text.isLetterOrDigit(byte) || text.has(text.HOST_MARKS, byte);
}

/** Anything visible but "#", which never leaves a browser: RFC 3986 would allow less, browsers send more. */
function isTargetCharacter(byte: u32): bool {
  return byte > SPACE && byte < DELETE && byte != HASH;
}
