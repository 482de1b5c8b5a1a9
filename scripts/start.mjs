// npm start: whatever is missing is installed and built, then `netcard run` takes over with the same arguments.
import "./prepare.mjs";

await import("./build.mjs");
const { main } = await import("../dist/cli/main.js");
await main(["run", ...process.argv.slice(2)]);
