// What the card answers to which request: RFC 9110 and 9112 as conversations with the web server.
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Client, WebCard, webServer } from "../support/web-card.ts";

const PAGE = "<!doctype html><title>card</title>" + "<p>a smart card speaks HTTPS</p>".repeat(20);
const GET = "GET / HTTP/1.1\r\nHost: card\r\n\r\n";
const TAG = '"0123abcd"';

let module: WebAssembly.Module;
let card: WebCard;

beforeAll(async () => {
  module = await webServer();
});

beforeEach(() => {
  card = new WebCard(module);
  card.store("/index.html", PAGE);
  card.store("/dir/index.html", "<p>dir</p>");
  card.store("/style.css", "p{}", "text/css");
  card.store("/a b", "blank");
  card.store("/empty", "", "text/plain");
  card.store("/.certificate", "secret");
  card.run();
  card.mark();
  return () => {
    expect(card.trespass()).toEqual([]);
  };
});

const get = (target: string, fields = "", version = "HTTP/1.1") =>
  `GET ${target} ${version}\r\nHost: card\r\n${fields}\r\n`;
/** The only response to a request on a connection of its own. */
const only = (request: string) => {
  const client = card.connect();
  const responses = card.fetch(request, client);
  expect(responses).toHaveLength(1);
  client.hasEnded = true;
  card.run();
  return responses[0] as NonNullable<(typeof responses)[0]>;
};

describe("a file", () => {
  test("is served whole, its head exactly so", () => {
    const client = card.connect().send(GET);
    card.run();
    expect(client.text).toBe(
      "HTTP/1.1 200 OK\r\n" +
        "X-Content-Type-Options: nosniff\r\n" +
        "Cache-Control: no-cache\r\n" +
        `ETag: ${TAG}\r\n` +
        "Content-Type: text/html; charset=utf-8\r\n" +
        `Content-Length: ${String(PAGE.length)}\r\n` +
        "\r\n" +
        PAGE,
    );
  });

  test("starts in the piece of its head, and fills all pieces but the last", () => {
    const client = card.connect().send(GET);
    card.run();
    const sizes = client.received.map((piece) => piece.length);
    expect(sizes.slice(0, -1).every((size) => size === 243)).toBe(true);
    expect(sizes).toHaveLength(Math.ceil(client.text.length / 243));
  });

  test("of no bytes", () => expect(only(get("/empty"))).toMatchObject({ status: 200, body: "" }));

  test("of 100 KB arrives intact", () => {
    const content = Uint8Array.from({ length: 100_000 }, (_, i) => (i * 7) ^ (i >> 8));
    card.store("/big", content, "application/octet-stream");
    const { fields, body } = only(get("/big"));
    expect(fields["Content-Length"]).toBe("100000");
    expect(Buffer.from(body, "latin1").equals(content)).toBe(true);
  });

  test("with the longest content type still leaves its head in one record", () => {
    card.store("/long", "x".repeat(99_999), "a/" + "b".repeat(29));
    const client = card.connect().send(`GET /long HTTP/1.0\r\nConnection: keep-alive\r\n\r\n`);
    card.run();
    expect(client.text.indexOf("\r\n\r\n") + 4).toBeLessThanOrEqual(234);
    expect(client.responses()[0]).toMatchObject({ status: 200 });
  });

  test("that can't be read is answered with 503, and the next request is served", () => {
    card.files.set("/bad", { type: "text/plain", content: Buffer.from("abc"), etag: 1, damagedFrom: 0 });
    const client = card.connect().send(get("/bad")).send(get("/empty"));
    card.run();
    const [bad, good] = client.responses();
    expect(bad).toMatchObject({ status: 503, fields: { "Retry-After": "1" } });
    expect(good).toMatchObject({ status: 200 });
  });

  test("that can't be read to its end is cut off, so that the client knows", () => {
    card.files.set("/bad", {
      type: "text/plain",
      content: Buffer.alloc(999, "x"),
      etag: 1,
      damagedFrom: 500,
    });
    const client = card.connect().send(get("/bad"));
    card.run();
    expect(client.state).toBe("reset");
    expect(() => client.responses()).toThrow(/ends after 344/); // whole pieces only
  });
});

describe("a response whose pieces get lost", () => {
  const content = Buffer.from(Uint8Array.from({ length: 3000 }, (_, i) => i * 31));

  test("is made again from there, and ends as if nothing had been", () => {
    card.store("/long", content);
    const client = Object.assign(card.connect(), { flight: 4 }).send(get("/long"));
    for (const piece of [0, 3, 2, 9, 1, 12]) {
      for (let i = 0; i < 12; i++) card.exports.poll();
      client.wantedPiece = Math.min(piece, client.wantedPiece);
      client.outstanding = 0;
    }
    card.run();
    expect(client.madeInVain).toBeGreaterThan(5);
    expect(client.responses().map(({ body }) => body)).toEqual([content.toString("latin1")]);
  });

  test("is cut off when a file has changed meanwhile: nothing is sealed under a number that was used", () => {
    card.store("/long", content);
    const client = Object.assign(card.connect(), { flight: 4 }).send(get("/long"));
    for (let i = 0; i < 12; i++) card.exports.poll();
    card.store("/long", Buffer.from(content).reverse());
    card.generation++;
    client.wantedPiece = 1;
    client.outstanding = 0;
    card.run();
    expect(client.state).toBe("reset");
  });

  test("is cut off when TLS fails in the midst of a record: there is no place for an alert", () => {
    card.store("/long", content);
    const client = Object.assign(card.connect(), { flight: 4 }).send(get("/long"));
    for (let i = 0; i < 12; i++) card.exports.poll();
    client.isBroken = client.isRecordOpen = true;
    client.isInLink = true;
    card.exports.poll();
    card.exports.poll();
    expect(client.state).toBe("reset");
    client.outstanding = 0; // the link has read the buffer
    card.run();
    expect(card.fetch(get("/"))).toMatchObject([{ status: 200, body: PAGE }]);
  });
});

describe("the target", () => {
  test.each([
    ["/", PAGE],
    ["/?x=1", PAGE],
    ["/index.html", PAGE],
    ["/dir/", "<p>dir</p>"],
    ["/style.css?v=%zz", "p{}"],
    ["/%73tyle%2Ecss", "p{}"],
    ["/a%20b", "blank"],
    ["http://card/style.css", "p{}"],
    ["HTTPS://card:443/style.css?q", "p{}"],
    ["https://card", PAGE],
    ["https://card?q", PAGE],
  ])("%s names a file", (target, content) =>
    expect(only(get(target))).toMatchObject({ status: 200, body: content }),
  );

  test.each([
    "/nothing",
    "/.certificate",
    "/%2ecertificate",
    "/%2Ecertificate",
    "//.certificate",
    "/./.certificate",
    "/../index.html",
    "/style.css/",
    "/STYLE.CSS",
    "/style.css%00",
    "/" + "x".repeat(63),
    "/" + "x".repeat(52) + "/",
  ])("%s is not found", (target) =>
    expect(only(get(target))).toMatchObject({ status: 404, body: "404 Not Found\n" }),
  );

  test.each([
    "/" + "x".repeat(64),
    "/" + "%41".repeat(64),
    "/" + "x".repeat(3000),
    "/" + "x".repeat(60) + "/",
  ])("%s is too long, and the connection goes on", (target) => {
    const client = card.connect().send(get(target)).send(get("/empty"));
    card.run();
    expect(client.responses().map((r) => r.status)).toEqual([414, 200]);
  });
});

describe("a request that is not understood", () => {
  const host = "Host: card\r\n";
  test.each<[number, string, string]>([
    [400, "no version", `GET /\r\n\r\n`],
    [400, "no target", `GET HTTP/1.1\r\n${host}\r\n`],
    [400, "two spaces", `GET  / HTTP/1.1\r\n${host}\r\n`],
    [400, "a space too many", `GET / HTTP/1.1 \r\n${host}\r\n`],
    [400, "a space before", ` GET / HTTP/1.1\r\n${host}\r\n`],
    [400, "a tab", `GET\t/ HTTP/1.1\r\n${host}\r\n`],
    [400, "a method with odd characters", `G@T / HTTP/1.1\r\n${host}\r\n`],
    [400, "TLS in TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"],
    [400, "a fragment", `GET /#x HTTP/1.1\r\n${host}\r\n`],
    [400, "a control character in the path", `GET /\x01 HTTP/1.1\r\n${host}\r\n`],
    [400, "a control character in the query", `GET /?\x01 HTTP/1.1\r\n${host}\r\n`],
    [400, "a byte above 127 in the path", `GET /\xe4 HTTP/1.1\r\n${host}\r\n`],
    [400, "half an escape", `GET /%2 HTTP/1.1\r\n${host}\r\n`],
    [400, "no escape", `GET /%zz HTTP/1.1\r\n${host}\r\n`],
    [400, "a relative target", `GET index.html HTTP/1.1\r\n${host}\r\n`],
    [400, "an asterisk", `GET * HTTP/1.1\r\n${host}\r\n`],
    [400, "another scheme", `GET ftp://card/ HTTP/1.1\r\n${host}\r\n`],
    [400, "a scheme alone", `GET https: HTTP/1.1\r\n${host}\r\n`],
    [400, "one slash", `GET https:/card HTTP/1.1\r\n${host}\r\n`],
    [400, "no authority", `GET https:/// HTTP/1.1\r\n${host}\r\n`],
    [400, "a lower-case version", `GET / http/1.1\r\n${host}\r\n`],
    [400, "another protocol", `GET / HTCPCP/1.0\r\n${host}\r\n`],
    [400, "a version of two digits", `GET / HTTP/1.10\r\n${host}\r\n`],
    [400, "a version without minor", `GET / HTTP/1.\r\n${host}\r\n`],
    [505, "HTTP/2.0", `GET / HTTP/2.0\r\n${host}\r\n`],
    [505, "the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    [505, "HTTP/0.9 by name", `GET / HTTP/0.9\r\n${host}\r\n`],
    [400, "bare LF after the request line", `GET / HTTP/1.1\nHost: card\n\n`],
    [400, "bare LF after a field", `GET / HTTP/1.1\r\nHost: card\n\r\n`],
    [400, "bare LF at the end", `GET / HTTP/1.1\r\n${host}\n`],
    [400, "bare CR after the request line", `GET / HTTP/1.1\rHost: card\r\r`],
    [400, "bare CR in a value", `GET / HTTP/1.1\r\n${host}X: a\rb\r\n\r\n`],
    [400, "bare CR at the end", `GET / HTTP/1.1\r\n${host}\rX`],
    [400, "a NUL in a value", `GET / HTTP/1.1\r\n${host}X: a\0b\r\n\r\n`],
    [400, "a DEL in a value", `GET / HTTP/1.1\r\n${host}X: a\x7f\r\n\r\n`],
    [400, "obs-fold", `GET / HTTP/1.1\r\n${host}X: a\r\n b\r\n\r\n`],
    [400, "a fold before the first field", `GET / HTTP/1.1\r\n X: a\r\n${host}\r\n`],
    [400, "a space before the colon", `GET / HTTP/1.1\r\nHost : card\r\n\r\n`],
    [400, "a field without colon", `GET / HTTP/1.1\r\n${host}X\r\n\r\n`],
    [400, "a field without name", `GET / HTTP/1.1\r\n${host}: x\r\n\r\n`],
    [400, "a name with odd characters", `GET / HTTP/1.1\r\n${host}X(): x\r\n\r\n`],
    [400, "no Host", `GET / HTTP/1.1\r\n\r\n`],
    [400, "an empty Host", `GET / HTTP/1.1\r\nHost:\r\n\r\n`],
    [400, "two Hosts", `GET / HTTP/1.1\r\n${host}${host}\r\n`],
    [400, "two Hosts in one", `GET / HTTP/1.1\r\nHost: a b\r\n\r\n`],
    [400, "a list of Hosts", `GET / HTTP/1.1\r\nHost: a,b\r\n\r\n`],
    [400, "a Host with a path", `GET / HTTP/1.1\r\nHost: a/b\r\n\r\n`],
    [400, "a Host with a user", `GET / HTTP/1.1\r\nHost: a@b\r\n\r\n`],
    [400, "two Hosts in HTTP/1.0", `GET / HTTP/1.0\r\n${host}${host}\r\n`],
    [400, "two lengths", `POST / HTTP/1.1\r\n${host}Content-Length: 1\r\nContent-Length: 2\r\n\r\nx`],
    [
      400,
      "the same length twice",
      `POST / HTTP/1.1\r\n${host}Content-Length: 1\r\nContent-Length: 1\r\n\r\nx`,
    ],
    [400, "a list of lengths", `POST / HTTP/1.1\r\n${host}Content-Length: 1, 1\r\n\r\nx`],
    [400, "a signed length", `POST / HTTP/1.1\r\n${host}Content-Length: +1\r\n\r\nx`],
    [400, "a negative length", `POST / HTTP/1.1\r\n${host}Content-Length: -1\r\n\r\nx`],
    [400, "a hexadecimal length", `POST / HTTP/1.1\r\n${host}Content-Length: 0x1\r\n\r\nx`],
    [400, "an empty length", `POST / HTTP/1.1\r\n${host}Content-Length: \r\n\r\nx`],
    [413, "a length beyond 32 bits", `POST / HTTP/1.1\r\n${host}Content-Length: 4294967297\r\n\r\nx`],
    [
      400,
      "chunks and length",
      `POST / HTTP/1.1\r\n${host}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    [
      400,
      "length and chunks",
      `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`,
    ],
    [400, "chunks in HTTP/1.0", `POST / HTTP/1.0\r\n${host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    [
      400,
      "chunks of chunks",
      `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n`,
    ],
    [501, "another coding", `POST / HTTP/1.1\r\n${host}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`],
    [501, "a disguised coding", `POST / HTTP/1.1\r\n${host}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`],
    [414, "8 KB of target", `GET /${"x".repeat(8200)} HTTP/1.1\r\n`],
    [414, "8 KB of query", `GET /?${"x".repeat(8200)} HTTP/1.1\r\n`],
    [414, "8 KB of method", "X".repeat(8200)],
    [414, "8 KB of empty lines", "\r\n".repeat(4100)],
    [431, "8 KB of name", `GET / HTTP/1.1\r\n${"x".repeat(8200)}`],
    [431, "8 KB of value", `GET / HTTP/1.1\r\n${host}X: ${"x".repeat(8200)}`],
    [431, "8 KB of fields", `GET / HTTP/1.1\r\n${host}${"A: b\r\n".repeat(1400)}\r\n`],
  ])("%i for %s, then the connection closes", (status, _what, request) => {
    const client = card.connect();
    const responses = card.fetch(request + GET, client);
    expect(responses.map((r) => r.status)).toEqual([status]);
    expect(responses[0]?.fields.Connection).toBe("close");
    expect(client).toMatchObject({ state: "closed", gotCloseNotify: true, gotFin: true });
  });
});

describe("a request that is understood but not served", () => {
  const host = "Host: card\r\n";
  test.each<[number, string, string]>([
    [405, "POST", `POST / HTTP/1.1\r\n${host}Content-Length: 3\r\n\r\nabc`],
    [405, "PUT", `PUT /x HTTP/1.1\r\n${host}Content-Length: 0\r\n\r\n`],
    [405, "DELETE", `DELETE / HTTP/1.1\r\n${host}\r\n`],
    [405, "PATCH", `PATCH / HTTP/1.1\r\n${host}\r\n`],
    [405, "TRACE", `TRACE / HTTP/1.1\r\n${host}\r\n`],
    [405, "OPTIONS *", `OPTIONS * HTTP/1.1\r\n${host}\r\n`],
    [405, "CONNECT", `CONNECT card:443 HTTP/1.1\r\n${host}\r\n`],
    [501, "an unknown method", `BREW / HTTP/1.1\r\n${host}\r\n`],
    [501, "a lower-case method", `get / HTTP/1.1\r\n${host}\r\n`],
    [501, "a long method", `${"X".repeat(300)} / HTTP/1.1\r\n${host}\r\n`],
    [501, "a method that is a field", `host / HTTP/1.1\r\n${host}\r\n`],
    [
      404,
      "a body that looks like a request",
      `GET /no HTTP/1.1\r\n${host}Content-Length: ${String(GET.length)}\r\n\r\n${GET}`,
    ],
  ])("%i for %s, then the next one is served", (status, _what, request) => {
    const client = card.connect().send(request).send(get("/empty"));
    card.run();
    const [first, second] = client.responses();
    expect(first).toMatchObject({ status });
    expect(first?.fields.Connection).toBeUndefined();
    expect(first?.fields.Allow).toBe(status === 405 ? "GET, HEAD" : undefined);
    expect(second).toMatchObject({ status: 200 });
  });

  test.each<[number, string, string]>([
    [
      200,
      "chunks, whose end it doesn't look for",
      `GET / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
    ],
    [405, "chunks of a POST", `POST / HTTP/1.1\r\n${host}Transfer-Encoding:chunked\r\n\r\n0\r\n\r\n`],
    [
      405,
      "a body not yet sent",
      `POST / HTTP/1.1\r\n${host}Content-Length: 9\r\nExpect: 100-continue\r\n\r\n`,
    ],
    [413, "a GET with a body of a megabyte", `GET / HTTP/1.1\r\n${host}Content-Length: 1000000\r\n\r\nabc`],
    [405, "a POST with a body of a megabyte", `POST / HTTP/1.1\r\n${host}Content-Length: 1000000\r\n\r\nabc`],
  ])("%i for %s, and the connection closes", (status, _what, request) => {
    const client = card.connect();
    const responses = card.fetch(request, client);
    expect(responses.map((r) => r.status)).toEqual([status]);
    expect(responses[0]?.fields.Connection).toBe("close");
    expect(client.state).toBe("closed");
  });

  test("a body of 16 KB is read past", () => {
    const body = "x".repeat(16384);
    const client = card.connect();
    client.send(`POST / HTTP/1.1\r\n${host}Content-Length: 16384\r\n\r\n`).send(body).send(get("/empty"));
    card.run();
    expect(client.responses().map((r) => r.status)).toEqual([405, 200]);
  });
});

describe("leniency that RFC 9112 asks for", () => {
  test.each([
    ["empty lines before a request", `\r\n\r\n${GET}`],
    ["names in any case", "GET / HTTP/1.1\r\nhOST: card\r\n\r\n"],
    ["no space after the colon", "GET / HTTP/1.1\r\nHost:card\r\n\r\n"],
    ["white space around a value", "GET / HTTP/1.1\r\nHost: \t card \t \r\n\r\n"],
    ["an IPv6 Host", "GET / HTTP/1.1\r\nHost: [::1]:8443\r\n\r\n"],
    ["a value of foreign bytes", "GET / HTTP/1.1\r\nHost: card\r\nX: \xff\xfe\r\n\r\n"],
    ["an empty value", "GET / HTTP/1.1\r\nHost: card\r\nX:\r\n\r\n"],
    ["HTTP/1.9", "GET / HTTP/1.9\r\nHost: card\r\n\r\n"],
    ["HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n"],
    ["a head of exactly 8 KB", `GET / HTTP/1.1\r\nHost: card\r\nX: ${"x".repeat(8192 - 35)}\r\n\r\n`],
    ["a length of 0", "GET / HTTP/1.1\r\nHost: card\r\nContent-Length: 000\r\n\r\n"],
    ["an unknown expectation", "GET / HTTP/1.1\r\nHost: card\r\nExpect: tea\r\n\r\n"],
  ])("%s", (_what, request) => expect(only(request)).toMatchObject({ status: 200, body: PAGE }));
});

describe("HEAD", () => {
  test("is GET without content", () => {
    const { fields } = only(GET);
    const [head] = card.fetch("HEAD / HTTP/1.1\r\nHost: card\r\n\r\n");
    expect(head).toMatchObject({ status: 200, fields, body: "" });
  });

  test("of nothing", () => {
    const client = card.connect();
    expect(card.fetch("HEAD /no HTTP/1.1\r\nHost: card\r\n\r\n", client)).toHaveLength(1);
    expect(client.text.endsWith("\r\n\r\n")).toBe(true);
  });
});

describe("If-None-Match", () => {
  test.each([TAG, `W/${TAG}`, "*", `"x", ${TAG}`, `"x",${TAG},"y"`, `"x"\r\nIf-None-Match: ${TAG}`])(
    "%s: not modified, without content",
    (tags) => {
      const client = card.connect();
      expect(card.fetch(get("/", `If-None-Match: ${tags}\r\n`), client)).toHaveLength(1);
      expect(client.text).toBe(
        `HTTP/1.1 304 Not Modified\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-cache\r\nETag: ${TAG}\r\n\r\n`,
      );
    },
  );

  test.each([
    '"0123abce"',
    '"0123ABCD"',
    "0123abcd",
    '"0123abcd',
    'w/"0123abcd"',
    '""',
    "**",
    "",
    `"${"x".repeat(99)}"`,
  ])("%s: sent whole", (tags) =>
    expect(only(get("/", `If-None-Match: ${tags}\r\n`))).toMatchObject({ status: 200, body: PAGE }),
  );

  test("does not make a missing file found", () => {
    expect(only(get("/no", "If-None-Match: *\r\n"))).toMatchObject({ status: 404 });
  });
});

describe("/status.json", () => {
  test("holds the card's figures, and says its length beforehand", () => {
    only(GET);
    card.now += 4321;
    const { fields, body } = only(get("/status.json?now"));
    expect(fields).toMatchObject({ "Content-Type": "application/json", "Cache-Control": "no-store" });
    expect(fields.ETag).toBeUndefined();
    expect(JSON.parse(body)).toMatchObject({
      uptimeMs: 4321,
      pages: 1,
      handshakes: 2,
      pbufs: 8,
      pbufsFree: 8,
      headersFree: 2,
      pbufsLacking: 0,
      tcbs: 5,
      tcbsUsed: 2,
      nvmBytes: 262144,
      nvmFree: 123456,
      arenaBytes: 5120,
    });
  });

  test("is never unmodified by a tag", () => {
    expect(only(get("/status.json", 'If-None-Match: "00000000"\r\n'))).toMatchObject({ status: 200 });
  });
});

test.each([1, 17, 64, 233])("a client that takes %i bytes in a record gets the same bytes", (recordLimit) => {
  for (const target of ["/", "/no", "/status.json"]) {
    const [whole, pieces] = [only(get(target)), Object.assign(card.connect(), { recordLimit })];
    expect(card.fetch(get(target), pieces)).toMatchObject([{ status: whole.status, fields: whole.fields }]);
    if (target === "/") expect(pieces.responses()[0]?.body).toBe(PAGE);
    if (target === "/status.json")
      expect(JSON.parse(pieces.responses()[0]?.body ?? "")).toMatchObject({ pbufs: 8 });
    pieces.hasEnded = true;
    card.run();
  }
});

test("chopped at every position the request is the same request", () => {
  const request =
    get("https://card/%73tyle.css?x", `If-None-Match: "1", "2"\r\nContent-Length: 3\r\n`) + "abc";
  const answered = (client: Client) => {
    card.run();
    expect(client.responses()).toMatchObject([{ status: 200, body: "p{}" }]);
    client.hasEnded = true;
    card.run();
  };
  for (let cut = 1; cut < request.length; cut++) {
    const pieces = card.connect().send(request);
    pieces.chunk = cut;
    answered(pieces);
    answered(card.connect().send(request.slice(0, cut)).send(request.slice(cut)));
  }
});
