// A whole card that fetches: personalised over its reader, connected through the gateway and its outlet to servers on loopback,
// and asked over HTTPS for what came of it.
import type { CardFile } from "../../host/issuer/commands.ts";
import { targetFile } from "../../host/issuer/target.ts";
import { GATEWAY_ADDRESS } from "../../host/ras/gateway.ts";
import { type Identity, anchorsOf, pinOf } from "./certificates.ts";
import { type Personality, WholeCard, personality } from "./whole-card.ts";

export interface Errand {
  port: number;
  anchors?: Identity[];
  pins?: Identity[];
  /** YYYYMMDDHHMMSS; default: the start of 2026. */
  time?: string;
  host: string;
  path?: string;
  /** Default: the gateway's. */
  address?: string;
}

const file = (name: string, content: Uint8Array): CardFile => ({ name, type: "", content });

function errandFiles(errand: Errand): CardFile[] {
  const { port, anchors = [], pins = [], time = "20260101000000", host, path = "/page" } = errand;
  const { address = GATEWAY_ADDRESS } = errand;
  return [
    file("/.server", targetFile({ address, port, host, path })),
    file("/.time", Buffer.from(time)),
    ...(anchors.length > 0 ? [file("/.anchors", anchorsOf(...anchors))] : []),
    ...(pins.length > 0 ? [file("/.pins", Buffer.concat(pins.map(pinOf)))] : []),
  ];
}

/** @returns a card with an errand, to be copied */
export const clientPersonality = (errand: Errand): Promise<Personality> =>
  personality(errandFiles(errand), "client");

export interface Report {
  verdict: string;
  /** null: the card has no page. */
  page: string | null;
}

/** Switches a copy of a card on, and asks it what came of its errand. @param allow ports of loopback */
export async function runErrand(personality: Personality, allow: number[]): Promise<Report> {
  const card = await WholeCard.open(personality, { allow });
  try {
    const verdict = await card.fetch("/verdict.txt");
    const page = await card.fetch("/fetched.txt");
    await card.expectAllFree();
    return { verdict: verdict.body.toString(), page: page.status === 200 ? page.body.toString() : null };
  } finally {
    await card.close();
  }
}
