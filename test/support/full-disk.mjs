// Preloaded into netcard: a disk that takes $NETCARD_ROOM single bytes, and then has no room.
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

const { writeSync } = fs;
let room = Number(process.env.NETCARD_ROOM);

fs.writeSync = (fd, buffer, offset, length, position) => {
  if (length === 1 && room-- <= 0)
    throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
  return writeSync(fd, buffer, offset, length, position);
};
syncBuiltinESMExports();
