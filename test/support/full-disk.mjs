// Preloaded into netcard: a disk that takes as many single bytes as the file $NETCARD_ROOM says, which may change, and
// then has no room.
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

const { readFileSync, writeSync } = fs;
let written = 0;

fs.writeSync = (fd, buffer, offset, length, position) => {
  if (length !== 1) return writeSync(fd, buffer, offset, length, position);
  if (written >= Number(readFileSync(process.env.NETCARD_ROOM, "utf8")))
    throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
  written++;
  return writeSync(fd, buffer, offset, length, position);
};
syncBuiltinESMExports();
