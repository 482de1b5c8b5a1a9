// Hostile requests: whatever comes, the server neither traps nor writes where it must not, and serves the next client.
import { beforeAll, expect, test } from "vitest";
import { cases } from "../support/long.ts";
import { WebCard, webServer } from "../support/web-card.ts";

const CASES = Number(process.env.FUZZ_CASES ?? cases(50_000, 200_000));
const SEED = Number(process.env.FUZZ_SEED ?? 1);
const BATCH = 2000;

const CORPUS = [
  "GET / HTTP/1.1\r\nHost: localhost:8443\r\nConnection: keep-alive\r\nUser-Agent: Mozilla/5.0\r\nAccept: */*\r\n\r\n",
  'HEAD /style.css?v=%20 HTTP/1.1\r\nHost: [::1]\r\nIf-None-Match: W/"00000007", *\r\n\r\n',
  "GET https://card/%69ndex.html HTTP/1.0\r\nConnection: Keep-Alive, close\r\n\r\n",
  "POST /cgi-bin/sh HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
  "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
  "GET /status.json HTTP/1.1\r\nHost: a\r\n\r\nGET /dir/ HTTP/1.1\r\nHost: a\r\n\r\n",
];
const FRAGMENTS = [
  "\r\n",
  "\r",
  "\n",
  "\0",
  ":",
  " ",
  "\t",
  "%",
  "%2",
  "%00",
  "/",
  "//",
  "?",
  "#",
  "*",
  ",",
  '"',
  "x".repeat(70),
]
  .concat([
    "Content-Length: 4294967296\r\n",
    "Host:",
    "HTTP/1.1",
    "HTTP/9.9",
    "\xff",
    "chunked",
    "x".repeat(9000),
  ])
  .map((text) => Buffer.from(text, "latin1"));

let module: WebAssembly.Module;

beforeAll(async () => {
  module = await webServer();
});

/** xorshift32: a seed is a run, anywhere. */
function generator(seed: number): (below: number) => number {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

function mutate(random: (below: number) => number): Buffer {
  let bytes = Buffer.from(CORPUS[random(CORPUS.length)] ?? "", "latin1");
  for (let changes = random(5); changes > 0; changes--) {
    const at = random(bytes.length + 1);
    const end = Math.min(bytes.length, at + random(12));
    const piece = FRAGMENTS[random(FRAGMENTS.length)] ?? Buffer.alloc(0);
    const kind = random(8);
    if (kind < 2 && at < bytes.length) bytes[at] = random(256);
    else if (kind === 2) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]);
    else if (kind === 3) bytes = Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)]);
    // The 9,000 bytes are one fragment of many: most cases stay short, and quick.
    else
      bytes = Buffer.concat([
        bytes.subarray(0, at),
        random(20) > 0 ? piece.subarray(0, 99) : piece,
        bytes.subarray(end),
      ]);
  }
  return bytes;
}

test(`${String(CASES)} mutated requests from seed ${String(SEED)}`, () => {
  const random = generator(SEED);
  const statuses = new Map<number, number>();
  for (let done = 0; done < CASES;) {
    const card = new WebCard(module);
    card.store("/index.html", "<p>card</p>".repeat(30));
    card.store("/dir/index.html", "");
    card.store("/style.css", "p{}", "text/css", 7);
    for (let i = 0; i < BATCH && done < CASES; i++, done++) {
      const client = card.connect();
      client.chunk = 1 + random(240);
      const bytes = mutate(random);
      const cut = random(bytes.length + 1);
      if (cut > 0) client.send(bytes.subarray(0, cut));
      if (cut < bytes.length) client.send(bytes.subarray(cut), random(50) > 0);
      card.run();
      const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(client.text)?.[1] ?? 0);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      client.hasEnded = true;
      card.advance(16_000);
      if (client.state === "accepted")
        throw new Error(`case ${String(done)} keeps the context: ${bytes.toString("latin1")}`);
      card.clients.length = 0;
    }
    expect(card.fetch("GET /style.css HTTP/1.1\r\nHost: card\r\n\r\n")).toMatchObject([
      { status: 200, body: "p{}" },
    ]);
    expect(card.trespass()).toEqual([]);
  }
  // The mutations reach every answer that a request can cause.
  const reached = [...statuses.keys()].sort((a, b) => a - b);
  expect(reached).toEqual([0, 200, 304, 400, 404, 405, 413, 414, 431, 501, 505]);
});
