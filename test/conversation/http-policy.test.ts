// Whom the card serves, whom it keeps and for whom it waits: one TLS context, browsers with six connections, a fake clock.
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Client, WebCard, webServer } from "../support/web-card.ts";

const GET = "GET / HTTP/1.1\r\nHost: card\r\n\r\n";

let module: WebAssembly.Module;
let card: WebCard;

const boot = (compiled: WebAssembly.Module): WebCard => {
  const booted = new WebCard(compiled);
  booted.store("/index.html", "<p>card</p>".repeat(50));
  booted.store("/a", "A", "text/plain");
  booted.store("/b", "B", "text/plain");
  booted.run();
  return booted;
};

beforeAll(async () => {
  module = await webServer();
});

beforeEach(() => {
  card = boot(module);
});

const request = (target: string) => `GET ${target} HTTP/1.1\r\nHost: card\r\n\r\n`;
const slow = (): Client => Object.assign(new Client(), { hasGreeted: false });
const endless = (): Client => Object.assign(new Client(), { handshake: Infinity });
/** A client that is accepted, served once, and stays. */
const served = (): Client => {
  const client = card.connect().send(GET);
  card.run();
  return client;
};
const connectionFields = (client: Client) => client.responses().map((r) => r.fields.Connection);

describe("nobody else is there", () => {
  test("the connection is kept for 5 s after a response, then closed in order", () => {
    const client = served();
    card.advance(4900);
    client.send(GET);
    card.advance(4900);
    expect(client.state).toBe("accepted");
    expect(connectionFields(client)).toEqual([undefined, undefined]);
    card.advance(200);
    expect(client).toMatchObject({ state: "closed", gotCloseNotify: true, gotFin: true });
  });

  test("poll() says when it wants to be called", () => {
    served();
    expect(card.run()).toBe(5000);
    card.now += 4999;
    expect(card.run()).toBe(1);
    card.now += 1;
    expect(card.run()).toBe(1 << 20);
  });

  test("TLS sessions that are too old are looked for every 17 minutes, whatever the clock says", () => {
    card.now = 0xffffffff - (1 << 20);
    card.run();
    const before = card.expiries.length;
    for (let i = 0; i < 3; i++) {
      card.now = (card.now + card.run()) >>> 0;
      card.run();
    }
    expect(card.expiries).toHaveLength(before + 3);
    card.run();
    expect(card.expiries).toHaveLength(before + 3);
  });

  test("a handshake has 30 s, its hello included", () => {
    const quiet = card.connect(slow());
    card.advance(29_900);
    quiet.hasGreeted = true;
    quiet.handshake = Infinity;
    card.run();
    expect(quiet.state).toBe("accepted");
    card.advance(200);
    expect(quiet).toMatchObject({ state: "closed", gotFin: true });
  });

  test("a request has 15 s from its first byte, however it dribbles", () => {
    const client = card.connect();
    card.advance(4000);
    for (let second = 0; second < 14; second++) {
      client.send("GET / HTTP/1.1"[second] ?? "");
      card.advance(1000);
    }
    expect(client.state).toBe("accepted");
    client.send("\r");
    card.advance(1000);
    expect(client).toMatchObject({ state: "closed", gotCloseNotify: true });
    expect(client.text).toBe("");
  });

  test("a client that does not take its response is cut off after 15 s", () => {
    const client = card.connect().send(GET);
    client.acknowledges = false;
    card.advance(14_900);
    expect(client.state).toBe("accepted");
    card.advance(200);
    expect(client.state).toBe("reset");
  });

  test("a client that takes it slowly is not", () => {
    const client = card.connect().send(GET);
    client.acknowledges = false;
    for (let record = 1; record <= 3; record++) {
      card.advance(14_000);
      client.outstanding = 0;
    }
    card.run();
    expect(client.responses()).toHaveLength(1);
    expect(client.state).not.toBe("reset");
  });

  test("the last words are waited for, but not for ever", () => {
    const client = card.connect().send("GET /a HTTP/1.0\r\n\r\n");
    client.acknowledges = false;
    card.run();
    client.outstanding = 0;
    card.run();
    expect(client).toMatchObject({ state: "accepted", gotCloseNotify: true });
    card.advance(14_900);
    expect(client.state).toBe("accepted");
    card.advance(100);
    expect(client.state).toBe("reset");
    expect(card.backlog).toBe(1);
  });
});

test("the buffer of a reset connection is not used while the link still reads from it", () => {
  const client = card.connect().send(GET);
  client.acknowledges = false;
  client.isInLink = true;
  card.advance(15_000);
  expect(client.state).toBe("reset");
  expect(card.backlog).toBe(0);
  client.outstanding = 0;
  card.run();
  expect(card.backlog).toBe(1);
  expect(card.fetch(GET)).toMatchObject([{ status: 200 }]);
});

describe("others knock", () => {
  test("while a context is free one SYN is taken, while none is they are dropped", () => {
    expect(card.backlog).toBe(1);
    const first = card.connect();
    const second = card.connect();
    card.run();
    expect(card.backlog).toBe(0);
    expect([first.state, second.state]).toEqual(["accepted", "knocking"]);
    first.hasEnded = true;
    card.run();
    expect(card.backlog).toBe(1);
  });

  test("the response closes the connection, and the next client comes in", () => {
    const first = card.connect();
    card.run();
    const second = card.connect();
    first.send(GET);
    card.run();
    expect(connectionFields(first)).toEqual(["close"]);
    expect(first.state).toBe("closed");
    card.connect(second).send(GET);
    card.run();
    expect(second.responses()).toHaveLength(1);
  });

  test("its own knocks are not held against a client", () => {
    const first = card.connect();
    card.run();
    const second = card.connect();
    first.send(GET);
    card.run();
    card.connect(second).send(GET);
    card.run();
    expect(connectionFields(second)).toEqual([undefined]);
    expect(second.state).toBe("accepted");
  });

  test("an idle connection has 500 ms, also when it was idle before", () => {
    const client = served();
    card.advance(400);
    card.connect();
    card.run();
    expect(client.state).toBe("accepted");
    card.advance(100);
    expect(client.state).toBe("closed");
  });

  test("a knock is forgotten after 2 s", () => {
    const client = card.connect(endless());
    card.run();
    card.connect();
    card.advance(2100);
    client.handshake = 0;
    client.send(GET);
    card.run();
    expect(connectionFields(client)).toEqual([undefined]);
    card.advance(4000);
    expect(client.state).toBe("accepted");
  });

  test("a ClientHello has 5 s, from the connection's first byte to its end; then there is no reset", () => {
    const client = card.connect(slow());
    card.run();
    card.advance(4900);
    card.connect();
    card.advance(90);
    expect(client.state).toBe("accepted");
    card.advance(10);
    expect(client).toMatchObject({ state: "closed", gotFin: true });
  });

  test("who has shaken hands has 2 s for the first request", () => {
    const client = card.connect();
    card.run();
    card.connect();
    card.advance(1900);
    expect(client.state).toBe("accepted");
    card.connect();
    card.advance(100);
    expect(client).toMatchObject({ state: "closed", gotCloseNotify: true });
  });

  test("a handshake on its way is not hurried", () => {
    const client = card.connect(endless());
    card.run();
    for (let i = 0; i < 100; i++) {
      card.connect();
      card.advance(100);
    }
    expect(client.state).toBe("accepted");
  });

  test("six clients that want a page each are all served, one after the other", () => {
    const clients = Array.from({ length: 6 }, () => new Client().send(GET));
    for (let i = 0; i < 100; i++) {
      for (const client of clients) if (!card.clients.includes(client)) card.connect(client);
      card.advance(50);
    }
    expect(clients.map((client) => client.responses().length)).toEqual([1, 1, 1, 1, 1, 1]);
  });
});

describe("the client decides", () => {
  test.each([
    ["HTTP/1.0 ends the connection", "GET /a HTTP/1.0\r\n\r\n", "close"],
    ["unless it asks to keep it", "GET /a HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "keep-alive"],
    ["close", "GET /a HTTP/1.1\r\nHost: card\r\nConnection: close\r\n\r\n", "close"],
    ["close, in a list", "GET /a HTTP/1.1\r\nHost: card\r\nConnection: TE ,\tCLOSE\r\n\r\n", "close"],
    ["close against keep-alive", "GET /a HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", "close"],
    [
      "keep-alive is what HTTP/1.1 does",
      "GET /a HTTP/1.1\r\nHost: card\r\nConnection: keep-alive\r\n\r\n",
      undefined,
    ],
    ["a name that only begins so", "GET /a HTTP/1.1\r\nHost: card\r\nConnection: closed\r\n\r\n", undefined],
  ])("%s", (_what, text, field) => {
    const client = card.connect().send(text);
    card.run();
    expect(connectionFields(client)).toEqual([field]);
    expect(client.state).toBe(field === "close" ? "closed" : "accepted");
  });

  test("close_notify is answered with close_notify, and the context is free at once", () => {
    const client = served();
    client.hasEnded = true;
    card.run();
    expect(client).toMatchObject({ state: "closed", gotCloseNotify: true, gotFin: true });
    expect(card.backlog).toBe(1);
  });

  test("a request together with close_notify is still answered", () => {
    const client = card.connect().send(GET);
    client.hasEnded = true;
    card.run();
    expect(client.responses()).toHaveLength(1);
    expect(client.state).toBe("closed");
  });
});

describe("authentication", () => {
  test("of a forged record nothing is answered", () => {
    const client = card.connect().send(GET, false);
    card.run();
    expect(client).toMatchObject({ text: "", state: "closed", gotCloseNotify: false, gotFin: true });
  });

  test("a bad request is not complained about before the end of its record", () => {
    const client = card.connect().send(`\0${"x".repeat(5000)}`, false);
    card.run();
    expect(client).toMatchObject({ text: "", state: "closed" });
  });

  test("a forged record after a good one does not undo the answer", () => {
    const client = served();
    client.send(GET, false);
    card.run();
    expect(client.responses()).toHaveLength(1);
    expect(client).toMatchObject({ state: "closed", gotCloseNotify: false });
  });

  test("a forged record that is read before an answer is sent closes at once, without one", () => {
    const client = card.connect().send(GET).send(GET, false);
    card.run();
    expect(client).toMatchObject({ text: "", state: "closed", gotCloseNotify: false });
  });
});

describe("pipelining", () => {
  const targets = (client: Client) => client.responses().map((r) => r.body);

  test.each([false, true])(
    "requests in records of their own are answered in order (read ahead: %s)",
    (readsAhead) => {
      const client = Object.assign(card.connect(), { readsAhead });
      for (const target of ["/a", "/b", "/a"]) client.send(request(target));
      card.run();
      expect(targets(client)).toEqual(["A", "B", "A"]);
      expect(client.state).toBe("accepted");
    },
  );

  test("three in one record", () => {
    const client = card.connect().send(request("/a") + request("/b") + request("/a"));
    card.run();
    expect(targets(client)).toEqual(["A", "B", "A"]);
    expect(client.state).toBe("accepted");
  });

  test("of more than four in one record four are answered, and the client learns that there are no more", () => {
    const client = card.connect().send((request("/a") + request("/b")).repeat(5));
    card.run();
    expect(targets(client)).toEqual(["A", "B", "A", "B"]);
    expect(connectionFields(client)).toEqual([undefined, undefined, undefined, "close"]);
    expect(client.state).toBe("closed");
  });

  test("a request that begins in the record of another", () => {
    const client = card.connect().send(request("/a") + request("/b").slice(0, 20));
    card.run();
    expect(targets(client)).toEqual(["A"]);
    client.send(request("/b").slice(20));
    card.run();
    expect(targets(client)).toEqual(["A", "B"]);
  });

  test("when others knock, all that is owed is sent before the connection closes", () => {
    const client = card.connect();
    card.run();
    card.connect();
    client.send(request("/a") + request("/b"));
    card.run();
    expect(targets(client)).toEqual(["A", "B"]);
    expect(connectionFields(client)).toEqual([undefined, "close"]);
  });

  test("nothing is read after an error", () => {
    const client = card.connect().send(`${request("/a")}\x01${request("/b")}`);
    card.run();
    expect(client.responses().map((r) => r.status)).toEqual([200, 400]);
  });
});

test("with two contexts two clients are served side by side", async () => {
  card = boot(await webServer(2));
  expect(card.backlog).toBe(2);
  const [first, second, third] = [card.connect(), card.connect(), card.connect()] as const;
  card.run();
  expect([first.state, second.state, third.state]).toEqual(["accepted", "accepted", "knocking"]);
  first.send(request("/a").slice(0, 9));
  second.send(request("/b"));
  card.run();
  first.send(request("/a").slice(9));
  card.run();
  expect(first.responses()).toMatchObject([{ body: "A" }]);
  expect(second.responses()).toMatchObject([{ body: "B" }]);
});
