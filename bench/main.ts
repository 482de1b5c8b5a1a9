// npm run bench -- link: what a card delivers over each link and network, on a virtual clock. Figures are exact, and the
// same each time.
import { LINKS, type Link, rateOf } from "./links.ts";
import { LwipServer } from "./lwip.ts";
import {
  type Case,
  FILE_BYTES,
  type Modules,
  type Protocol,
  type Result,
  measure,
  personality,
} from "./run.ts";
import type { MakeStack } from "./serial-port.ts";

const ROUND_TRIPS_MS = [0, 20, 200];
const LOSS = 0.01;
/** A figure with loss is the mean over seeds 1 to this one. */
export const SEEDS = 20;
/** firmware/profiles/card-6k.json: bytes of a segment, and of a record's content at most; and what a record adds to it. */
const SEGMENT = 244;
const RECORD_SEND = 2048;
const RECORD_OVERHEAD = 22;
/** PPP with its fields compressed, and a TCP/IP header compressed by VJ. */
const PACKET_OVERHEAD = 7;

export interface Options {
  modules: Modules;
  /** lwIP's program; undefined when there is none. */
  lwip: string | undefined;
  /** Measures only links whose name contains this. */
  only: string;
  /** Seeds of a figure with loss, 1..; default: SEEDS. */
  seeds?: number;
  /** Told of each row when it is there. */
  onRow?: (row: Row) => void;
}

/** One line of the table. Times are means, ms, from the client's SYN on. */
export interface Row {
  link: string;
  protocol: Protocol;
  rttMs: number;
  loss: number;
  /** Until the client sends its request. */
  handshakeMs: number;
  /** Until the first byte of the response. */
  firstByteMs: number;
  /** File bytes a second, from the request to the last byte. */
  goodput: number;
  /** The same as a share of the characters that the line carries. */
  share: number;
  /** The share that headers leave, at best. */
  bound: number;
  /** lwIP's share; null: it has no TLS; undefined: it is missing. */
  lwip: number | null | undefined;
}

export async function measureAll({ modules, lwip, only, seeds = SEEDS, onRow }: Options): Promise<Row[]> {
  const cells = await personality(modules.card);
  const rows: Row[] = [];
  for (const link of LINKS.filter(({ name }) => name.includes(only)))
    for (const protocol of ["HTTP", "HTTPS"] as const)
      for (const rttMs of ROUND_TRIPS_MS)
        for (const loss of [0, LOSS]) {
          const what = { link, protocol, rttMs, loss };
          const figures = await mean(modules, cells, what, seeds);
          const row = { ...what, link: link.name, ...figures, bound: boundOf(link, protocol), lwip: null };
          rows.push({ ...row, lwip: await rival(modules, cells, what, seeds, lwip) });
          onRow?.(rows.at(-1)!);
        }
  return rows;
}

type Figures = Pick<Row, "handshakeMs" | "firstByteMs" | "goodput" | "share">;

/** @param seeds over how many, when packets are lost */
async function mean(
  modules: Modules,
  cells: Uint8Array,
  what: Omit<Case, "seed">,
  seeds: number,
): Promise<Figures> {
  const results: Result[] = [];
  for (let seed = 1; seed <= (what.loss ? seeds : 1); seed++)
    results.push(await measure(modules, cells, { ...what, seed }));
  const over = (figure: (result: Result) => number) =>
    results.reduce((sum, result) => sum + figure(result), 0) / results.length;
  const goodput = over((result) => result.goodput);
  return {
    handshakeMs: over((result) => result.handshakeMs),
    firstByteMs: over((result) => result.firstByteMs),
    goodput,
    share: goodput / rateOf(what.link),
  };
}

async function rival(
  modules: Modules,
  cells: Uint8Array,
  what: Omit<Case, "seed">,
  seeds: number,
  lwip: string | undefined,
): Promise<Row["lwip"]> {
  if (what.protocol !== "HTTP") return null;
  if (!lwip) return undefined;
  const stack: MakeStack = (clock, hasRoom) => new LwipServer(lwip, clock, hasRoom);
  return (await mean(modules, cells, { ...what, stack }, seeds)).share;
}

/** n of n + overhead bytes; half-duplex, an acknowledgment for each segment takes its turn; and TLS has its records. */
export function boundOf({ kind }: Link, protocol: Protocol): number {
  const share = SEGMENT / (SEGMENT + PACKET_OVERHEAD * (kind === "serial" ? 1 : 2));
  const record = Math.floor((RECORD_SEND + RECORD_OVERHEAD) / SEGMENT) * SEGMENT;
  return protocol === "HTTP" ? share : (share * (record - RECORD_OVERHEAD)) / record;
}

const HEAD = [
  "link",
  "",
  "round trip",
  "loss",
  "goodput",
  "of the line",
  "bound",
  "lwIP",
  "handshake",
  "first byte",
];

/** The table, in Markdown. */
export function table(rows: Row[]): string {
  const lines = rows.map((row) => [
    row.link,
    row.protocol,
    `${row.rttMs} ms`,
    `${100 * row.loss} %`,
    `${row.goodput < 10_000 ? row.goodput.toFixed(0) : (row.goodput / 1000).toFixed(1) + " k"}`,
    percent(row.share),
    percent(row.bound),
    row.lwip === undefined ? "MISSING" : row.lwip === null ? "–" : percent(row.lwip),
    `${row.handshakeMs.toFixed(0)} ms`,
    `${row.firstByteMs.toFixed(0)} ms`,
  ]);
  const all = [HEAD, HEAD.map(() => ""), ...lines];
  const widths = HEAD.map((_, column) => Math.max(...all.map((cells) => cells[column]!.length)));
  return all
    .map((cells, line) => {
      if (line === 1)
        return `|${widths.map((w, i) => (i < 2 ? "-".repeat(w + 2) : `${"-".repeat(w + 1)}:`)).join("|")}|`;
      return `| ${cells.map((cell, i) => (i < 2 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join(" | ")} |`;
    })
    .join("\n");
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

export { FILE_BYTES };
