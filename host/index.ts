// The library: import { … } from "netcard".
export type { CardKind } from "./cards.mjs";
export { FaultyLink, type FaultyLinkOptions } from "./capture/faulty-link.ts";
export { Chip, ChipTrap, type ChipOptions } from "./chip/chip.ts";
export { CuttingNvm, MemoryNvm, PowerCut, type Nvm } from "./chip/nvm.ts";
export { NetcardError } from "./errors.ts";
export { NetcardHost, type HostOptions } from "./netcard-host.ts";
export { Gateway } from "./ras/gateway.ts";
export { Tun } from "./ras/tun.ts";
export { Forwarder } from "./ras/forwarder.ts";
