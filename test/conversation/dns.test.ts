// The stub resolver: RFC 1035, RFC 2181 section 5 and 8; what RFC 5452 asks of one that is lied to.
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  EAGAIN,
  EAI_FAIL,
  EAI_NONAME,
  EHOSTUNREACH,
  EINVAL,
  ETIMEDOUT,
  PEER,
  Stack,
} from "../support/net.ts";
import {
  CNAME,
  type Message,
  type Query,
  addressBytes,
  dnsMessage,
  nameBytes,
  parseQuery,
} from "../support/dns.ts";
import { type Ends, complain, receive, takeDatagram, udpModule } from "../support/udp.ts";

const SERVER = 0x0a000035;
const ADDRESS = 0xc0a80107;
const NAME = "www.example.com";

let module: WebAssembly.Module;
let stack: Stack;

beforeAll(async () => {
  module = await udpModule();
});
beforeEach(() => {
  stack = new Stack(module);
  stack.linkDnsServer = SERVER;
});
afterEach(() => {
  stack.firmware.cancel();
  stack.tearDown();
});

interface Asked extends Query {
  port: number;
}

/** @returns the query that has left */
function takeQuery(): Asked {
  const { sourcePort, destPort, data, packet } = takeDatagram(stack);
  expect([packet.dest, destPort]).toEqual([SERVER, 53]);
  const query = parseQuery(data);
  expect(query.length).toBe(data.length);
  return { ...query, port: sourcePort };
}

/** Asks, and returns what was asked. */
function ask(name = NAME): Asked {
  expect(stack.resolve(name)).toBe(EAGAIN);
  return takeQuery();
}

function answer(asked: Asked, message: Partial<Message> = {}, ends: Ends & { port?: number } = {}): void {
  const question = { name: asked.name };
  const answers = [{ name: [12], data: addressBytes(ADDRESS) }];
  const data = dnsMessage({ id: asked.id, question, answers, ...message });
  receive(stack, { sourcePort: ends.port ?? 53, destPort: asked.port, data }, { source: SERVER, ...ends });
}

const alias = (name: (string | number)[] | string, target: (string | number)[] | string, ttl = 300) => ({
  name,
  type: CNAME,
  ttl,
  data: nameBytes(target),
});

function badAnswers(): number {
  return stack.counters(stack.firmware.dnsRegion(), 26, 1)[0]!;
}

describe("a question and its answer", () => {
  test("the query: one question, recursion desired", () => {
    const query = ask();
    expect(query).toMatchObject({ flags: 0x0100, counts: [1, 0, 0, 0], name: NAME, type: 1, class: 1 });
    expect(stack.resolve(NAME)).toBe(EAGAIN);
    stack.expectSilence();
    answer(query);
    expect(stack.resolve(NAME)).toBe(ADDRESS);
  });

  test.each(["a", "x.y", `${"l".repeat(63)}.${"m".repeat(63)}.${"n".repeat(63)}.${"o".repeat(61)}`])(
    "the name %s",
    (name) => {
      const query = ask(name);
      expect(query.name).toBe(name);
      answer(query);
      expect(stack.resolve(name)).toBe(ADDRESS);
    },
  );

  test("a dot at the end is the root", () => {
    const query = ask(`${NAME}.`);
    expect(query.name).toBe(NAME);
    answer(query);
    expect(stack.resolve(NAME)).toBe(ADDRESS);
  });

  test("case doesn't count, in the answer as in the cache", () => {
    const query = ask("WWW.example.COM");
    answer(query, {
      question: { name: "www.EXAMPLE.com" },
      answers: [{ name: "wwW.example.com", data: addressBytes(ADDRESS) }],
    });
    expect(stack.resolve("www.Example.com")).toBe(ADDRESS);
    stack.expectSilence();
  });

  test("the first of several addresses, other types and classes passed over", () => {
    const query = ask();
    const other = addressBytes(ADDRESS + 1);
    answer(query, {
      answers: [
        { name: "other.example.com", data: other },
        { name: [12], type: 16, data: [1, 65] },
        { name: [12], class: 3, data: other },
        { name: [12], type: 28, data: new Array<number>(16).fill(1) },
        { name: [12], data: [1, 2, 3] },
        { name: [12], data: addressBytes(ADDRESS) },
        { name: [12], data: other },
      ],
    });
    expect(stack.resolve(NAME)).toBe(ADDRESS);
  });

  test.each([
    ["10.1.2.3", 0x0a010203],
    ["255.255.255.255", 0xffffffff],
    ["0.0.0.0", EINVAL],
    ["1.2.3", EINVAL],
    ["1.2.3.4.5", EINVAL],
    ["1.2.3.256", EINVAL],
    ["1..2.3", EINVAL],
    ["1.2.3.4.", EINVAL],
    ["0001.2.3.4", EINVAL],
    ["12345", EINVAL],
  ])("dotted decimal needs no server: %s", (text, result) => {
    expect(stack.resolve(text)).toBe(result);
    stack.expectSilence();
  });

  test.each([
    "",
    ".",
    "a..b",
    ".a",
    "a b",
    "a\u0000b",
    "x".repeat(64),
    `${"abc.".repeat(63)}ab`,
    "\u00e4.de",
  ])("no name: %j", (name) => {
    expect(stack.resolve(name)).toBe(EINVAL);
    stack.expectSilence();
  });
});

describe("aliases", () => {
  test("a chain, in any order, compressed", () => {
    const query = ask();
    answer(query, {
      answers: [
        { name: "c.example.net", data: addressBytes(ADDRESS) },
        alias("b.example.net", "c.example.net"),
        alias([12], ["b", "example", "net", ""]),
      ],
    });
    expect(stack.resolve(NAME)).toBe(ADDRESS);
  });

  test("one that ends nowhere: no address", () => {
    answer(ask(), { answers: [alias([12], "gone.example.com")] });
    expect(stack.resolve(NAME)).toBe(EAI_NONAME);
  });

  test("one that goes in circles", () => {
    answer(ask(), { answers: [alias([12], "b.example.com"), alias("b.example.com", [12])] });
    expect(stack.resolve(NAME)).toBe(EAI_FAIL);
    answer(ask(), { answers: [alias([12], [12])] });
    expect(stack.resolve(NAME)).toBe(EAI_FAIL);
  });

  test("eight in a row are too many, seven are not", () => {
    for (const [links, result] of [
      [8, EAI_FAIL],
      [7, ADDRESS],
    ] as const) {
      const names = [NAME, ...Array.from({ length: links }, (_, i) => `n${i}.example.com`)];
      const answers = names.slice(1).map((target, i) => alias(names[i]!, target));
      answer(ask(), { answers: [...answers, { name: names[links]!, data: addressBytes(ADDRESS) }] });
      expect(stack.resolve(NAME)).toBe(result);
    }
  });
});

describe("what the server refuses", () => {
  test.each([
    [1, EAI_FAIL],
    [2, EAI_FAIL],
    [3, EAI_NONAME],
    [4, EAI_FAIL],
    [5, EAI_FAIL],
    [15, EAI_FAIL],
  ])("code %i: %i, and it is asked anew next time", (code, result) => {
    answer(ask(), { flags: 0x8180 | code, answers: [] });
    expect(stack.resolve(NAME)).toBe(result);
    ask();
  });

  test("no answers at all", () => {
    answer(ask(), { answers: [] });
    expect(stack.resolve(NAME)).toBe(EAI_NONAME);
  });

  test("truncated: what is there is used once, nothing there is a failure", () => {
    answer(ask(), { flags: 0x8380 });
    expect(stack.resolve(NAME)).toBe(ADDRESS);
    answer(ask(), { flags: 0x8380, answers: [] });
    expect(stack.resolve(NAME)).toBe(EAI_FAIL);
  });

  test.each([0, 0x7f000001, 0xe0000001, 0xffffffff])("an address that no host has: %i", (address) => {
    answer(ask(), { answers: [{ name: [12], data: addressBytes(address) }] });
    expect(stack.resolve(NAME)).toBe(EAI_FAIL);
  });
});

describe("lies (RFC 5452)", () => {
  test("identifiers and ports differ each time and can't be foreseen", () => {
    const asked = Array.from({ length: 50 }, (_, i) => ask(`n${i}.example.com`));
    for (const key of ["id", "port"] as const) {
      const values = asked.map((query) => query[key]);
      expect(new Set(values).size).toBeGreaterThan(45);
      expect(new Set(values.slice(1).map((value, i) => value - values[i]!)).size).toBeGreaterThan(45);
    }
  });

  test("from another host or port, to another port, with another number: not heard", () => {
    const query = ask();
    answer(query, {}, { source: PEER });
    answer(query, {}, { port: 54 });
    answer({ ...query, id: query.id ^ 1 });
    expect(badAnswers()).toBe(3);
    answer({ ...query, port: query.port ^ 1 });
    expect(stack.take().payload[1]).toBe(3); // port unreachable
    expect(stack.resolve(NAME)).toBe(EAGAIN);
    answer(query);
    expect(stack.resolve(NAME)).toBe(ADDRESS);
  });

  test("to another question, or no answer at all: not believed, and the right one still is", () => {
    const query = ask();
    const wrong: Partial<Message>[] = [
      { question: { name: "www.example.org" } },
      { question: { name: "www.example" } },
      { question: { name: "www.example.com.au" } },
      { question: { name: ["www", "example", "com", 12] } },
      { question: { name: NAME, type: 28 } },
      { question: { name: NAME, class: 3 } },
      { counts: [0, 1, 0, 0] },
      { counts: [2, 1, 0, 0] },
      { flags: 0x0100 },
      { flags: 0xa180 },
    ];
    wrong.forEach((message, i) => {
      answer(query, message);
      expect([stack.resolve(NAME), badAnswers()]).toEqual([EAGAIN, i + 1]);
    });
    answer(query);
    expect(stack.resolve(NAME)).toBe(ADDRESS);
  });

  test("the first answer counts, another one takes no buffers", () => {
    const query = ask();
    answer(query);
    const free = stack.firmware.freePbufs();
    answer(query, { answers: [{ name: [12], data: addressBytes(1 << 24) }] });
    expect(stack.firmware.freePbufs()).toBe(free);
    expect(stack.resolve(NAME)).toBe(ADDRESS);
  });

  test("an answer that comes late, to a question given up: its port is closed", () => {
    const query = ask();
    stack.firmware.cancel();
    answer(query);
    expect(stack.take().payload[1]).toBe(3);
    expect(ask().id).not.toBe(query.id);
  });

  test("an answer to the question before the last: not heard", () => {
    const first = ask();
    stack.advance(2000);
    const second = ask();
    expect([second.id === first.id, second.port === first.port]).toEqual([false, false]);
    answer(first);
    expect(stack.take().payload[1]).toBe(3);
    answer(second);
    expect(stack.resolve(NAME)).toBe(ADDRESS);
  });
});

describe("malformed", () => {
  const first = nameBytes(NAME).length + 16; // offset of the first record

  test.each<[string, Partial<Message>]>([
    [
      "more records announced than there are",
      { counts: [1, 9, 0, 0], answers: [alias([12], "b.example.com")] },
    ],
    ["a record's data beyond the end", { answers: [{ name: [12], length: 5, data: [1, 2, 3, 4] }] }],
    ["a name that points to itself", { answers: [{ name: [first], data: addressBytes(ADDRESS) }] }],
    ["a name that points forward", { answers: [{ name: [first + 4], data: addressBytes(ADDRESS) }] }],
    [
      "a label of a reserved kind",
      { answers: [{ name: Uint8Array.of(0x80, 0), data: addressBytes(ADDRESS) }] },
    ],
    ["a label beyond the end", { answers: [{ name: Uint8Array.of(63, 65), data: [] }] }],
    ["a pointer cut short", { answers: [{ name: Uint8Array.of(0xc0), data: [] }] }],
    ["nothing behind the question", { counts: [1, 1, 0, 0], answers: [] }],
  ])("%s", (_, message) => {
    answer(ask(), message);
    expect([EAI_FAIL, EAI_NONAME]).toContain(stack.resolve(NAME));
  });

  test("labels that lead back into themselves end", () => {
    const name = Uint8Array.of(1, 97, 0xc0, first);
    answer(ask(), {
      answers: [{ name, data: addressBytes(ADDRESS) }, alias([12], [first]), alias([first], [first])],
    });
    expect(stack.resolve(NAME)).toBeLessThan(0);
  });

  test("cut anywhere: no address, no trap, every buffer back", () => {
    const free = stack.firmware.freePbufs();
    const question = { name: NAME };
    const answers = [alias([12], "b.example.com"), { name: "b.example.com", data: addressBytes(ADDRESS) }];
    const { length } = dnsMessage({ id: 0, question, answers });
    for (let cut = 0; cut < length; cut++) {
      const query = ask();
      const data = dnsMessage({ id: query.id, question, answers }).subarray(0, cut);
      receive(stack, { sourcePort: 53, destPort: query.port, data }, { source: SERVER });
      expect(stack.resolve(NAME)).toBeLessThan(0);
      stack.firmware.cancel();
      expect(stack.firmware.freePbufs()).toBe(free);
    }
  });
});

describe("time", () => {
  test("asked four times in 30 s, then ETIMEDOUT", () => {
    const waits: number[] = [];
    ask();
    for (let i = 0; i < 3; i++) {
      waits.push(stack.firmware.resolveDue());
      stack.advance(waits.at(-1)! - 1);
      expect(stack.resolve(NAME)).toBe(EAGAIN);
      stack.expectSilence();
      stack.advance(1);
      ask();
    }
    waits.push(stack.firmware.resolveDue());
    stack.advance(waits.at(-1)!);
    expect([waits, stack.resolve(NAME)]).toEqual([[2000, 4000, 8000, 16000], ETIMEDOUT]);
    expect(stack.firmware.resolveDue() >>> 0).toBe(0xffffffff);
    stack.expectSilence();
    ask();
  });

  test("an address is remembered as long as the shortest TTL of its chain says", () => {
    answer(ask(), {
      answers: [
        alias([12], "b.example.com", 60),
        { name: "b.example.com", ttl: 600, data: addressBytes(ADDRESS) },
      ],
    });
    expect(stack.resolve(NAME)).toBe(ADDRESS);
    stack.advance(59_999);
    expect(stack.resolve(NAME)).toBe(ADDRESS);
    stack.expectSilence();
    stack.advance(1);
    ask();
  });

  test.each([0, 0x80000000, 0xffffffff])("TTL %i: not remembered (RFC 2181 section 8)", (ttl) => {
    answer(ask(), { answers: [{ name: [12], ttl, data: addressBytes(ADDRESS) }] });
    expect(stack.resolve(NAME)).toBe(ADDRESS);
    ask();
  });

  test("a TTL of years: a day, over the clock's wrap", () => {
    stack.now = 2 ** 32 - 1000;
    answer(ask(), { answers: [{ name: [12], ttl: 0x7fffffff, data: addressBytes(ADDRESS) }] });
    expect(stack.resolve(NAME)).toBe(ADDRESS);
    stack.advance(86_399_999);
    expect(stack.resolve(NAME)).toBe(ADDRESS);
    stack.advance(1);
    ask();
  });

  test("two names are remembered; a third takes the place of the one that expires first", () => {
    const ttls = { a: 100, b: 300, c: 200 };
    for (const [name, ttl] of Object.entries(ttls)) {
      answer(ask(name), { answers: [{ name: [12], ttl, data: addressBytes(ADDRESS + ttl) }] });
      expect(stack.resolve(name)).toBe(ADDRESS + ttl);
    }
    expect([stack.resolve("b"), stack.resolve("c")]).toEqual([ADDRESS + 300, ADDRESS + 200]);
    stack.expectSilence();
    ask("a");
  });

  test("another name takes the place of the one before", () => {
    const first = ask("first");
    answer(first);
    const second = ask("second");
    answer(second, { answers: [{ name: [12], data: addressBytes(ADDRESS + 9) }] });
    expect(stack.resolve("second")).toBe(ADDRESS + 9);
    ask("first");
  });
});

describe("the server", () => {
  test("the link's, unless another was set", () => {
    expect(stack.firmware.dnsServer()).toBe(SERVER);
    stack.firmware.setServer(PEER);
    expect(stack.firmware.dnsServer()).toBe(PEER);
    expect(stack.resolve(NAME)).toBe(EAGAIN);
    expect(takeDatagram(stack).packet.dest).toBe(PEER);
  });

  test("none: EHOSTUNREACH", () => {
    stack.linkDnsServer = 0;
    expect(stack.resolve(NAME)).toBe(EHOSTUNREACH);
  });

  test("the link is down: EAGAIN until it is up", () => {
    stack.isDown = true;
    expect(stack.resolve(NAME)).toBe(EAGAIN);
    stack.isDown = false;
    ask();
  });

  test("ICMP says that there is none: EHOSTUNREACH; about another packet: nothing", () => {
    ask();
    const forged = stack.rawSent.at(-1)!.slice();
    forged[21]! ^= 1;
    complain(stack, 3, 3, forged);
    expect(stack.resolve(NAME)).toBe(EAGAIN);
    complain(stack, 3);
    expect(stack.firmware.resolveDue()).toBe(0);
    expect(stack.resolve(NAME)).toBe(EHOSTUNREACH);
  });

  test("an empty pool: asked when there is room", () => {
    stack.isLineHeld = true;
    const s = stack.firmware.datagramSocket();
    stack.firmware.bind(s, 5000);
    const fill = (length: number) =>
      receive(stack, { sourcePort: 1, destPort: 5000, data: new Uint8Array(length) });
    fill(700);
    fill(1);
    expect(stack.resolve("x".repeat(60) + ".example.com")).toBe(EAGAIN);
    stack.isLineHeld = false;
    stack.firmware.close(s);
    stack.advance(2000);
    stack.sent.length = 0;
    ask("x".repeat(60) + ".example.com");
  });
});
