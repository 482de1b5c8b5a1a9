// netcard board run: the card on a microcontroller in QEMU, for the rest as `netcard run`.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Command, Option } from "commander";
import { BoardContacts } from "../host/board/contacts.ts";
import { NetcardError } from "../host/errors.ts";
import { type RunOptions, addRunOptions, folderOf, runCard } from "./run.ts";

/** The project's folder, seen from dist/cli. */
const ROOT = fileURLToPath(new URL("../..", import.meta.url));

interface BoardRunOptions extends RunOptions {
  board?: string;
}

export function addBoard(program: Command): void {
  const board = program.command("board").description("the card on a microcontroller's memory map, in QEMU");
  addRunOptions(
    board
      .command("run")
      .description("build the image of a board, boot it in QEMU and let browsers reach it on loopback")
      .addOption(
        new Option("--board <name>", "the board (default: one that has room for the card)").choices([
          "lm3s811evb",
          "stm32vldiscovery",
        ]),
      ),
  ).action((options: BoardRunOptions) =>
    runCard(options, new BoardContacts({ image: buildImage(options), folder: folderOf(options) })),
  );
}

/** @returns path of image.json @throws NetcardError when a tool is missing or the image does not fit */
function buildImage({ board, card }: BoardRunOptions): string {
  const argv = [join(ROOT, "boards/build.mjs"), "--card", card, ...(board ? ["--board", board] : [])];
  const { status, stdout, stderr } = spawnSync(process.execPath, argv, { encoding: "utf8" });
  if (status !== 0) throw new NetcardError(stderr.replace(/^netcard: /, "").trim());
  return stdout.trim();
}
