import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/{unit,conversation,fuzz,repo}/**/*.test.ts"],
    testTimeout: process.env["NETCARD_LONG"] ? 600_000 : 120_000,
    hookTimeout: 120_000,
    pool: "forks",
    maxWorkers: Math.max(2, availableParallelism() - 1), // no test depends on time
  },
});
