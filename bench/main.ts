// npm run bench -- link [--json] [--quick]: what a card delivers over each link, on a virtual clock.
import { LINKS, type Link, rateOf } from "./links.ts";
import { type Modules, type Protocol, measure, personality } from "./run.ts";

export async function main(modules: Modules, filter: string, lwip?: string): Promise<void> {
  const cells = await personality(modules.card);
  const wanted = (link: Link) => link.name.includes(filter);
  for (const link of LINKS.filter(wanted)) {
    for (const protocol of ["HTTP", "HTTPS"] as Protocol[]) {
      for (const rttMs of [0, 20, 200]) {
        const result = await measure(modules, cells, {
          link,
          protocol,
          rttMs,
          loss: Number(process.env["LOSS"] ?? 0),
          seed: Number(process.env["SEED"] ?? 1),
        });
        const share = ((100 * result.goodput) / rateOf(link)).toFixed(1);
        console.log(link.name, protocol, rttMs, `${share} %`, JSON.stringify(result));
      }
    }
    if (lwip && link.kind === "serial")
      for (const rttMs of [0, 20, 200]) {
        const result = await measure(modules, cells, {
          link,
          protocol: "HTTP",
          rttMs,
          loss: Number(process.env["LOSS"] ?? 0),
          seed: 1,
          lwip,
        });
        const share = ((100 * result.goodput) / rateOf(link)).toFixed(1);
        console.log("lwIP", link.name, rttMs, `${share} %`, JSON.stringify(result));
      }
  }
}
