// A stub resolver: the address of a name, asked of one recursive server over UDP (RFC 1035, RFC 1123 section 6.1.3; against
// forgery RFC 5452: each question leaves with another identifier from another port, none of which can be guessed).
//
//   resolve(name) ──> known? ──> ask ──> EAGAIN ... input(answer) ... resolve(name) ──> judge ──> address or error
//                                 └────── no answer in time, asked again ──────┘
//
// The name stays the caller's: of the question under way only a tag is kept, a hash of the name under the secret of
// power-on, and so it is with the addresses that are remembered. An answer waits in its pbufs for the next resolve().
// Queries and answers, offsets in bytes:
//
//   0    2       4         6         8                      12
//   ┌────┬───────┬─────────┬─────────┬─────────┬────────────┬──────────┬─ ─ ─        a record: name, type, class,
//   │ id │ flags │ QDCOUNT │ ANCOUNT │ NSCOUNT │ ARCOUNT    │ question │ answers      TTL, length, data
//   └────┴───────┴─────────┴─────────┴─────────┴────────────┴──────────┴─ ─ ─
import { get16, get32 } from "../buffer/packet-reader.ts";
import * as pbuf from "../buffer/pbuf.ts";
import { Pbuf } from "../buffer/pbuf.ts";
import { FOREVER, Millis, isBefore, until } from "../chip/clock.ts";
import { DNS_CACHE, DNS_CACHE_BYTES, DNS_CACHE_COUNT, DNS_STATE, DNS_STATE_BYTES } from "../chip/ram-map.ts";
import * as ppp from "../link/ppp/ppp.ts";
import * as domain from "./domain-name.ts";
import { EAGAIN, EHOSTUNREACH, EINVAL, ETIMEDOUT } from "./endpoint.ts";
import * as ip from "./ip.ts";
import * as isn from "./isn.ts";
import { TcpState } from "./tcp-state.ts";
import * as udp from "./udp.ts";
import { ICMP_HEADER_LEN, IP_HEADER_LEN, IpHeader, UdpHeader, count } from "./wire.ts";

/** The name has no address, or doesn't exist (getaddrinfo's names, as are the next). */
export const EAI_NONAME: i32 = -13;
/** The server can't or won't tell, or what it tells is no answer. */
export const EAI_FAIL: i32 = -14;

const SERVER_PORT: u32 = 53;
/** How long the first answer is waited for, ms; each further one twice as long (RFC 1123 section 6.1.3.3 asks for 5 s). */
const FIRST_WAIT_MS: Millis = 2000;
const ATTEMPTS: u8 = 4;

const HEADER_LEN: u32 = 12;
const FLAGS_AT: u32 = 2;
const QDCOUNT_AT: u32 = 4;
const ANCOUNT_AT: u32 = 6;
/** Recursion desired. */
const RD: u32 = 0x0100;
/** A response, of opcode QUERY. */
const KIND_MASK: u32 = 0xf800;
const RESPONSE: u32 = 0x8000;
const TRUNCATED: u32 = 0x0200;
const RCODE_MASK: u32 = 15;
const NXDOMAIN: u32 = 3;

const TYPE_A: u32 = 1;
const TYPE_CNAME: u32 = 5;
const CLASS_IN: u32 = 1;

// Of a record, from behind its name.
const CLASS_AT: u32 = 2;
const TTL_AT: u32 = 4;
const LENGTH_AT: u32 = 8;
const DATA_AT: u32 = 10;

/** Aliases that lead from a name to its address, at most. */
const CHAIN_LENGTH: u32 = 8;
/** What is remembered longer could not be told from the past, s. */
const TTL_MAX: u32 = 86_400;

@final
@unmanaged
export class DnsState {
  /** Of the name that is being resolved, 0: none is. */
  tag: u64;
  /** Server's address as it was set, host order, 0: the link's. */
  server: u32;
  /** The one that was asked. */
  asked: u32;
  /** When the question is repeated. */
  deadlineMs: Millis;
  id: u16;
  /** Where the answer is awaited, 0: nowhere. */
  port: u16;
  private answerAt: u16;
  /** Questions that came with the wrong number, from the wrong server, or to what was not asked. */
  badAnswers: u16;
  attempts: u8;
  /** 1: an ICMP error says that there is no server. */
  refused: u8;

  static get here(): DnsState {
    return changetype<DnsState>(DNS_STATE);
  }
  /** What has arrived, payload at the DNS header; null: nothing. */
  get answer(): Pbuf | null {
    return changetype<Pbuf | null>(usize(this.answerAt));
  }
  set answer(packet: Pbuf | null) {
    this.answerAt = u16(changetype<usize>(packet));
  }
}

@final
@unmanaged
class Remembered {
  /** 0: free. */
  tag: u64;
  address: u32;
  expiresAt: Millis;

  static at(index: u32): Remembered {
    return changetype<Remembered>(DNS_CACHE + index * offsetof<Remembered>());
  }
}

/** @throws at compile time when the state does not fit its region */
export function powerOn(): void {
  if (!UDP) ERROR("DNS needs UDP");
  if (offsetof<DnsState>() > DNS_STATE_BYTES) ERROR("DnsState does not fit DNS_STATE_BYTES");
  if (offsetof<Remembered>() * DNS_CACHE_COUNT > DNS_CACHE_BYTES)
    ERROR("the cache does not fit DNS_CACHE_BYTES");
}

/** @param address of the server, host order, 0: the one that the link names (RFC 1877) */
export function setServer(address: u32): void {
  DnsState.here.server = address;
}

/** @returns the server's address, host order, 0: none is known */
export function server(): u32 {
  const set = DnsState.here.server;
  return set ? set : ppp.dnsServer();
}

/**
 * The address of a name. Call it again with the same name until it no longer says EAGAIN, at the latest after due(). There
 * is one question at a time: another name takes the place of the one before.
 * @param name address of `length` bytes of text: a host's name, or an address in dotted decimal
 * @returns the address, host order; EAGAIN: not yet, or the link is down; EINVAL: no name; EAI_NONAME, EAI_FAIL;
 *   ETIMEDOUT: no answer; EHOSTUNREACH: no server
 */
export function resolve(name: usize, length: u32, now: Millis): i64 {
  if (domain.isNumeric(name, length)) {
    const address = domain.parseAddress(name, length);
    return address ? i64(address) : i64(EINVAL);
  }
  const bytes = domain.withoutRoot(name, length);
  if (!domain.isValid(name, bytes)) return EINVAL;
  const tag = tagOf(name, bytes);
  const known = recall(tag, now);
  if (known) return known;
  const s = DnsState.here;
  if (s.tag != tag) {
    cancel();
    s.tag = tag;
  }
  const result = advance(s, name, bytes, now);
  if (result != EAGAIN) cancel();
  return result;
}

/** Gives the question under way up, and what has come of it. */
export function cancel(): void {
  const s = DnsState.here;
  pbuf.give(s.answer);
  s.answer = null;
  s.tag = 0;
  s.port = 0;
  s.attempts = 0;
  s.refused = 0;
}

/** @returns ms until resolve() must be called though nothing has come, FOREVER: no question is under way */
export function due(now: Millis): Millis {
  const s = DnsState.here;
  if (!s.tag) return FOREVER;
  return s.answer || s.refused ? 0 : until(s.deadlineMs, now);
}

/** @returns whether answers are awaited at a port */
export function isAt(port: u32): bool {
  return port != 0 && port == u32(DnsState.here.port);
}

/**
 * Keeps what may be the answer for resolve(). @param packet a datagram to the port of isAt(), as udp.input() returned it;
 * owned by the callee
 */
export function input(packet: Pbuf): void {
  const s = DnsState.here;
  const isFromServer =
    IpHeader.of(packet).source == s.asked && UdpHeader.of(packet).sourcePort == SERVER_PORT;
  const message = udp.trimHeaders(packet);
  const mayBe = isFromServer && message.totalLength >= HEADER_LEN && get16(message, 0) == u32(s.id);
  if (mayBe && !s.answer && pbuf.freeCount() >= ip.FRAME_PBUFS) {
    s.answer = message;
    return;
  }
  if (!mayBe) countBad();
  pbuf.give(message);
}

/** Is this ICMP error, payload at its IP header, about our question? Then it is taken note of. */
export function unreachable(error: Pbuf): bool {
  const s = DnsState.here;
  const quoted = IpHeader.at(error.payload + IP_HEADER_LEN + ICMP_HEADER_LEN);
  const header = UdpHeader.at(changetype<usize>(quoted) + quoted.headerLen);
  if (!isAt(header.sourcePort) || quoted.dest != s.asked || header.destPort != SERVER_PORT) return false;
  s.refused = 1;
  return true;
}

/** The next step of the question under way. @returns as resolve() */
function advance(s: DnsState, name: usize, length: u32, now: Millis): i64 {
  const answer = s.answer;
  if (answer) {
    const result = judge(answer, name, length, now);
    if (result != EAGAIN) return result;
    countBad();
    pbuf.give(answer);
    s.answer = null;
  }
  if (s.refused) return EHOSTUNREACH;
  if (s.attempts && until(s.deadlineMs, now)) return EAGAIN;
  if (s.attempts == ATTEMPTS) return ETIMEDOUT;
  if (!ppp.isUp() || !ip.localAddress()) return postpone(s, now);
  if (!server()) return EHOSTUNREACH;
  return ask(s, name, length, now);
}

function postpone(s: DnsState, now: Millis): i64 {
  s.deadlineMs = now + FIRST_WAIT_MS;
  return EAGAIN;
}

/** Sends the question. Answers to an earlier one are not awaited any more. */
function ask(s: DnsState, name: usize, length: u32, now: Millis): i64 {
  s.id = u16(udp.random());
  const query = compose(s.id, name, length);
  if (!query) return postpone(s, now);
  s.asked = server();
  s.port = u16(udp.choosePort());
  s.deadlineMs = now + (FIRST_WAIT_MS << s.attempts++);
  udp.sendPacket(query, s.port, s.asked, SERVER_PORT);
  return EAGAIN;
}

/** @returns a query, null when the pool is too empty */
function compose(id: u32, name: usize, length: u32): Pbuf | null {
  const query = pbuf.take(udp.HEADROOM);
  if (!query) return null;
  let ok = pbuf.append16(query, id) && pbuf.append16(query, RD) && pbuf.append16(query, 1);
  for (let i = 0; i < 3; i++) ok = ok && pbuf.append16(query, 0);
  ok = ok && domain.append(query, name, length);
  if (ok && pbuf.append16(query, TYPE_A) && pbuf.append16(query, CLASS_IN)) return query;
  pbuf.give(query);
  return null;
}

/**
 * What a message means, that came from the server with the right number. @returns as resolve(); EAGAIN: it is no answer
 * to our question, so that the right one may still come
 */
function judge(answer: Pbuf, name: usize, length: u32, now: Millis): i64 {
  const flags = get16(answer, FLAGS_AT);
  const question = domain.matchQuestion(answer, HEADER_LEN, name, length);
  const isOurs =
    (flags & KIND_MASK) == RESPONSE &&
    get16(answer, QDCOUNT_AT) == 1 &&
    question != 0 &&
    get16(answer, question) == TYPE_A &&
    get16(answer, question + CLASS_AT) == CLASS_IN;
  if (!isOurs) return EAGAIN;
  const code = flags & RCODE_MASK;
  if (code) return code == NXDOMAIN ? EAI_NONAME : EAI_FAIL;
  const found = follow(answer, question + 4);
  return found == EAI_NONAME && flags & TRUNCATED ? EAI_FAIL : remember(found, flags, now);
}

/** Follows aliases to an address. @param first offset of the first record @returns TTL << 32 | address; EAI_NONAME, EAI_FAIL */
function follow(answer: Pbuf, first: u32): i64 {
  let owner = HEADER_LEN;
  let ttl = TTL_MAX;
  for (let i: u32 = 0; i < CHAIN_LENGTH; i++) {
    const record = find(answer, first, owner);
    if (record < 0) return record;
    const seconds = get32(answer, record + TTL_AT);
    ttl = i32(seconds) < 0 ? 0 : min(ttl, seconds); // RFC 2181 section 8
    const data = record + DATA_AT;
    if (get16(answer, record) == TYPE_A) return (i64(ttl) << 32) | i64(get32(answer, data));
    owner = data;
  }
  return EAI_FAIL;
}

/** @returns offset of the type field of the first address or alias of a name; EAI_NONAME; EAI_FAIL: a record is broken */
function find(answer: Pbuf, first: u32, owner: u32): i32 {
  let at = first;
  for (let left = get16(answer, ANCOUNT_AT); left > 0; left--) {
    const record = domain.skip(answer, at);
    if (!record || record + DATA_AT > answer.totalLength) return EAI_FAIL;
    const length = get16(answer, record + LENGTH_AT);
    if (record + DATA_AT + length > answer.totalLength) return EAI_FAIL;
    const type = get16(answer, record);
    const isUsable = type == TYPE_A ? length == 4 : type == TYPE_CNAME;
    if (isUsable && get16(answer, record + CLASS_AT) == CLASS_IN && domain.isSame(answer, at, owner))
      return record;
    at = record + DATA_AT + length;
  }
  return EAI_NONAME;
}

/** Keeps what follow() has found, unless it is part of more. @returns the address, or the error */
function remember(found: i64, flags: u32, now: Millis): i64 {
  if (found < 0) return found;
  const address = u32(found);
  if (!ip.isHost(address)) return EAI_FAIL;
  const ttl = flags & TRUNCATED ? 0 : u32(found >> 32);
  if (!ttl) return address;
  const place = oldest(now);
  place.tag = DnsState.here.tag;
  place.address = address;
  place.expiresAt = now + ttl * 1000;
  return address;
}

/** @returns the address of a name that was resolved before, 0: not known any more */
function recall(tag: u64, now: Millis): u32 {
  for (let i: u32 = 0; i < DNS_CACHE_COUNT; i++) {
    const known = Remembered.at(i);
    if (known.tag && !isBefore(now, known.expiresAt)) known.tag = 0;
    if (known.tag == tag) return known.address;
  }
  return 0;
}

/** @returns a place to remember a name at: a free one, else that of the one which expires first */
function oldest(now: Millis): Remembered {
  let best = Remembered.at(0);
  for (let i: u32 = 0; i < DNS_CACHE_COUNT; i++) {
    const known = Remembered.at(i);
    if (!known.tag) return known;
    if (until(known.expiresAt, now) < until(best.expiresAt, now)) best = known;
  }
  return best;
}

/** @returns what a name is known by; not 0. Nobody outside can find two names with the same one. */
function tagOf(name: usize, length: u32): u64 {
  const secret = changetype<usize>(TcpState.here);
  let tag: u64 = length;
  for (let i: u32 = 0; i < length; i += 4) {
    let word: u32 = 0;
    for (let j = i; j < min(i + 4, length); j++) word = (word << 8) | domain.lower(load<u8>(name + j));
    tag = isn.hash(secret, tag, word);
  }
  return tag ? tag : 1;
}

function countBad(): void {
  count(DNS_STATE + offsetof<DnsState>("badAnswers"));
}
