// A card as a client, its TLS alone, on a TCP of this machine's that cuts as it likes.
import { once } from "node:events";
import { connect } from "node:net";
import { targetFile } from "../../host/issuer/target.ts";
import { type Identity, anchorsOf, pinOf } from "./certificates.ts";
import { build } from "./firmware.ts";
import { type Chop, EAGAIN, NVM_BYTES, SAFE, TlsCard } from "./tls-card.ts";

export interface Trust {
  anchors?: Identity[];
  pins?: Identity[];
  /** YYYYMMDDHHMMSS. */
  time?: string;
  host?: string;
}

export const TARGET = "/.server";
const PATIENCE_MS = 20_000;

/** Both versions. */
export function clientFirmware(use: Record<string, number> = {}): Promise<WebAssembly.Module> {
  return build("test/firmware/tls.ts", {
    profile: "card-client",
    use,
    replace: { "firmware/socket/socket.ts": "test/firmware/doubles/tls-socket.ts" },
  });
}

/** A card that knows one server, and whom to trust. */
export function clientCard(module: WebAssembly.Module, trust: Trust = {}): TlsCard {
  const { anchors = [], pins = [], time = "20260101000000", host = "www.example.com" } = trust;
  const card = new TlsCard(module, NVM_BYTES);
  card.storeFile(TARGET, targetFile({ address: "10.77.0.1", port: 443, host, path: "/" }));
  if (anchors.length > 0) card.storeFile("/.anchors", anchorsOf(...anchors));
  if (pins.length > 0) card.storeFile("/.pins", Buffer.concat(pins.map(pinOf)));
  card.storeFile("/.time", Buffer.from(time));
  return card;
}

/** What a connection came to: 0 for an orderly end, or the error, and what the server said. */
export interface Outcome {
  result: number;
  text: string;
}

/** Connects, says `request` in one record, and listens to the end. */
export async function converse(card: TlsCard, port: number, request: string, chop?: Chop): Promise<Outcome> {
  const tcp = card.connectTo(TARGET);
  if (chop) tcp.chop = chop;
  const socket = connect({ host: "127.0.0.1", port, noDelay: true });
  await once(socket, "connect");
  let isOpen = true;
  socket.on("data", (data) => tcp.arrive(data));
  socket.on("error", () => (tcp.ended = true));
  socket.on("end", () => (tcp.ended = true));
  socket.on("close", () => (isOpen = false));
  tcp.onSent = (bytes) => socket.write(bytes);
  const outcome = await drive(card, request, () => tcp.acknowledge(card));
  while (card.exports.close(0) === EAGAIN) tcp.acknowledge(card);
  card.guard();
  socket.end();
  if (isOpen)
    await Promise.race([once(socket, "close"), new Promise((resolve) => setTimeout(resolve, 1000))]);
  socket.destroy();
  return outcome;
}

async function drive(card: TlsCard, request: string, acknowledge: () => boolean): Promise<Outcome> {
  const deadline = performance.now() + PATIENCE_MS;
  const turn = async () => {
    if (performance.now() > deadline) throw new Error("nothing comes any more");
    await new Promise((resolve) => setImmediate(resolve));
  };
  let result = EAGAIN;
  while (result === EAGAIN) {
    result = card.exports.connect(0);
    acknowledge();
    await turn();
  }
  if (result < 0) return { result, text: "" };
  while (card.write(Buffer.from(request)) === EAGAIN) {
    acknowledge();
    await turn();
  }
  const parts: Buffer[] = [];
  while ((result = card.exports.recv(0, SAFE)) > 0 || result === EAGAIN) {
    if (result > 0) parts.push(card.read(0, result));
    acknowledge();
    await turn();
  }
  return { result, text: Buffer.concat(parts).toString("latin1") };
}
