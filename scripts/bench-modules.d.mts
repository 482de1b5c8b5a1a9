import type { Modules } from "../bench/run.ts";

export function benchModules(): Promise<Modules>;
