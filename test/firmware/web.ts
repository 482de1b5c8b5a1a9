// The web server alone, on stand-ins for the layers below it.
import * as pbuf from "../../firmware/buffer/pbuf.ts";
import * as clock from "../../firmware/chip/clock.ts";
import * as ram from "../../firmware/chip/ram-map.ts";
import * as webServer from "../../firmware/apps/web-server.ts";

export function powerOn(): void {
  ram.powerOn();
  pbuf.powerOn();
  webServer.powerOn(clock.now());
}

export function poll(): u32 {
  return webServer.poll(clock.now());
}

/** Where TLS context `ctx` keeps its buffer: at the end of its memory. */
export function tlsBuffer(ctx: u32): usize {
  return ram.TLS + (ctx + 1) * (ram.TLS_CONTEXT_BYTES + TLS_BUFFER) - TLS_BUFFER;
}

export function stateAddress(): usize {
  return ram.WEB_SERVER;
}

export function stateBytes(): u32 {
  return ram.WEB_SERVER_BYTES;
}

export function contexts(): u32 {
  return TLS_CONTEXTS;
}
