// The state transition table of RFC 1661 section 4.1, cell by cell: LCP is put into a state, an event happens (where one
// can, as a packet on the line), and what it sends and where it ends is compared.
import { beforeAll, describe, expect, test } from "vitest";
import { LCP, type Link, buildLink, decode, encode, packet } from "../support/link.ts";

/** As printed in the RFC, without the notes in brackets: its columns are states 0 to 5 and 6 to 9. */
const RFC_1661 = `
 Up   |    2     irc,scr/6     -         -         -         -
 Down |    -         -         0       tls/1       0         1
 Open |  tls/1       1     irc,scr/6     3         5         5
 Close|    0       tlf/0       2         2         4         4
  TO+ |    -         -         -         -       str/4     str/5
  TO- |    -         -         -         -       tlf/2     tlf/3
 RCR+ |    -         -       sta/2 irc,scr,sca/8   4         5
 RCR- |    -         -       sta/2 irc,scr,scn/6   4         5
 RCA  |    -         -       sta/2     sta/3       4         5
 RCN  |    -         -       sta/2     sta/3       4         5
 RTR  |    -         -       sta/2     sta/3     sta/4     sta/5
 RTA  |    -         -         2         3       tlf/2     tlf/3
 RUC  |    -         -       scj/2     scj/3     scj/4     scj/5
 RXJ+ |    -         -         2         3         4         5
 RXJ- |    -         -       tlf/2     tlf/3     tlf/2     tlf/3
 RXR  |    -         -         2         3         4         5

 Up   |    -         -         -           -
 Down |    1         1         1         tld/1
 Open |    6         7         8           9
 Close|irc,str/4 irc,str/4 irc,str/4 tld,irc,str/4
  TO+ |  scr/6     scr/6     scr/8         -
  TO- | tlf/3     tlf/3     tlf/3          -
 RCR+ |  sca/8   sca,tlu/9   sca/8   tld,scr,sca/8
 RCR- |  scn/6     scn/7     scn/6   tld,scr,scn/6
 RCA  |  irc/7     scr/6   irc,tlu/9   tld,scr/6
 RCN  |irc,scr/6   scr/6   irc,scr/8   tld,scr/6
 RTR  |  sta/6     sta/6     sta/6   tld,zrc,sta/5
 RTA  |    6         6         8       tld,scr/6
 RUC  |  scj/6     scj/7     scj/8   scj/9
 RXJ+ |    6         6         8           9
 RXJ- | tlf/3     tlf/3     tlf/3   tld,irc,str/5
 RXR  |    6         7         8         ser/9`;

const STATES = "Initial Starting Closed Stopped Closing Stopping Req-Sent Ack-Rcvd Ack-Sent Opened".split(
  " ",
);
const EVENTS = "Up Down Open Close TO+ TO- RCR+ RCR- RCA RCN RTR RTA RUC RXJ+ RXJ- RXR".split(" ");
const REQ_SENT = 6;

interface Cell {
  event: string;
  state: number;
  actions: string[];
  next: number;
}

const CELLS: Cell[] = RFC_1661.trim()
  .split("\n\n")
  .flatMap((half, ix) =>
    half.split("\n").flatMap((row) => {
      const [event = "", cells = ""] = row.split("|").map((part) => part.trim());
      return cells.split(/\s+/).map((cell, column) => parseCell(event, column + 6 * ix, cell));
    }),
  );

/** An event that cannot happen, "-", is expected to change nothing. */
function parseCell(event: string, state: number, cell: string): Cell {
  if (cell === "-") return { event, state, actions: [], next: state };
  const [actions, next] = cell.includes("/") ? (cell.split("/") as [string, string]) : ["", cell];
  return { event, state, actions: actions ? actions.split(",") : [], next: Number(next) };
}

// Fields of Fsm (firmware/link/ppp/fsm.ts).
const DEADLINE_AT = 0;
const [STATE_AT, COUNTER_AT, FAILURES_AT, ID_AT] = [4, 5, 6, 7];

let makeLink: () => Link;
let link: Link;
beforeAll(async () => void (makeLink = await buildLink("serial")));

function field(at: number): number {
  return new Uint8Array(link.exports.memory.buffer)[link.exports.lcpFsm() + at]!;
}

/** LCP in a given state, its request sent, the line silent. @returns that Configure-Request's frame */
function inState(state: number): number[] {
  link = makeLink();
  const [request = []] = decode(link.run());
  const memory = new Uint8Array(link.exports.memory.buffer);
  memory[link.exports.lcpFsm() + STATE_AT] = state;
  if (STATES[state] === "Stopped") memory[link.exports.lcpFsm() + DEADLINE_AT + 1] = 0x40; // no new attempt for 16 s
  return request;
}

/** The packet of an event, given our last request; undefined when no packet brings it. */
function packetOf(event: string, request: number[]): number[] | undefined {
  const id = field(ID_AT);
  const options = request.slice(6);
  switch (event) {
    case "RCR+":
      return packet(LCP, 1, 77, [5, 6, 1, 2, 3, 4]);
    case "RCR-":
      return packet(LCP, 1, 77, [3, 4, 0xc0, 0x23]); // demands PAP
    case "RCA":
      return packet(LCP, 2, id, options);
    case "RCN":
      return packet(LCP, 3, id, [5, 6, 9, 9, 9, 9]);
    case "RTR":
      return packet(LCP, 5, 77);
    case "RTA":
      return packet(LCP, 6, 77);
    case "RUC":
      return packet(LCP, 99, 77, [1, 2, 3]);
    case "RXJ+":
      return packet(LCP, 7, 77, [12, 1, 0, 4]); // a code that we can do without
    case "RXJ-":
      return packet(LCP, 7, 77, [1, 1, 0, 4]); // Configure-Request
    case "RXR":
      return packet(LCP, 9, 77, [0, 0, 0, 0, 0x55]);
  }
  return undefined;
}

function happen(event: string, request: number[]): number[][] {
  const frame = packetOf(event, request);
  if (frame) link.receive(encode(frame));
  else if (event === "TO+" || event === "TO-") {
    const memory = new Uint8Array(link.exports.memory.buffer);
    memory[link.exports.lcpFsm() + COUNTER_AT] = event === "TO+" ? 2 : 0;
    return decode(link.after(3000)); // a timer that does not run does nothing
  } else link.exports.lcpEvent(EVENTS.indexOf(event));
  return decode(link.run()).filter((sent) => sent[0] === LCP >> 8);
}

/** The packet that an action sends: its code, or codes. */
const CODES: Record<string, number[]> = {
  scr: [1],
  sca: [2],
  scn: [3, 4],
  str: [5],
  sta: [6],
  scj: [7],
  ser: [10],
};

describe.each(CELLS)("$event", ({ event, state, actions, next }) => {
  const wanted = actions.filter((action) => action in CODES);
  const what = `${STATES[state]}: ${actions.join(", ") || "nothing"}, then ${STATES[next]}`;
  test(what, () => {
    const request = inState(state);
    const asked = packetOf(event, request)?.[3];
    const sent = happen(event, request);
    const allowed = wanted.map((action) => CODES[action]!);
    // Replies leave before requests, whatever the order of the RFC's list.
    expect(sent.map((frame) => frame[2]).sort()).toEqual(
      allowed.map((codes) => sent.find((frame) => codes.includes(frame[2]!))?.[2]).sort(),
    );
    expect(STATES[field(STATE_AT)]).toBe(STATES[next]);
    const replies = sent.filter((frame) => [2, 3, 4, 6, 10].includes(frame[2]!));
    for (const reply of replies) expect(reply[3]).toBe(asked);
    if (actions.includes("irc"))
      expect(field(COUNTER_AT)).toBe(actions.includes("str") ? 1 : actions.includes("scr") ? 9 : 10);
    if (actions.includes("zrc")) expect(field(COUNTER_AT)).toBe(0);
    link.expectAllPbufsFree();
    link.expectUnharmed();
  });
});

test("the table is whole: sixteen events in ten states", () => {
  expect(CELLS).toHaveLength(160);
});

test("Req-Sent: ten requests, one every three seconds, then Stopped, and a new attempt later", () => {
  inState(REQ_SENT);
  for (let tries = 1; tries < 10; tries++) {
    expect(link.after(2999)).toEqual([]);
    expect(decode(link.after(1)).map((frame) => frame[2])).toEqual([1]);
  }
  expect(link.after(3000)).toEqual([]);
  expect(STATES[field(STATE_AT)]).toBe("Stopped");
  expect(decode(link.after(5000)).map((frame) => frame[2])).toEqual([1]);
  expect(STATES[field(STATE_AT)]).toBe("Req-Sent");
});

test("Req-Sent: after five Naks an option is rejected", () => {
  inState(REQ_SENT);
  const small = encode(packet(LCP, 1, 5, [1, 4, 0, 20])); // an MRU of 20
  const answers = Array.from({ length: 6 }, () => (link.receive(small), decode(link.run())[0]));
  expect(answers.map((frame) => frame![2])).toEqual([3, 3, 3, 3, 3, 4]);
  expect(answers[0]!.slice(6)).toEqual([1, 4, 0, 128]);
  expect(answers[5]!.slice(6)).toEqual([1, 4, 0, 20]);
  expect(field(FAILURES_AT)).toBe(5);
});
