// How deep the C stack can get: gcc's -fcallgraph-info=su, the frame of each function and who calls whom, put together.

/**
 * @param {string[]} texts the .ci files of all translation units
 * @returns {Map<string, {name: string, bytes: number, calls: string[]}>}
 * @throws Error when a frame has no fixed size
 */
export function readCallGraph(texts) {
  const graph = new Map();
  for (const [, title, label] of texts.join("\n").matchAll(/^node: { title: "(.*?)" label: "(.*?)"/gm)) {
    const [name, , usage] = label.split("\\n");
    const [, bytes] = /^(\d+) bytes \(static\)/.exec(usage ?? "") ?? [];
    if (usage && bytes === undefined) throw new Error(`the frame of ${name} has no fixed size: ${usage}`);
    if (bytes !== undefined) graph.set(title, { name, bytes: Number(bytes), calls: [] });
  }
  for (const [, from, to] of texts.join("\n").matchAll(/^edge: { sourcename: "(.*?)" targetname: "(.*?)"/gm))
    graph.get(from).calls.push(to);
  return graph;
}

/**
 * The deepest stack below `root`.
 * @param {(name: string) => boolean} counts whose frames are added up; default: all
 * @returns {{bytes: number, path: string[]}} path: the functions of the deepest chain that count
 * @throws Error on recursion, a call through a pointer or an unknown library function: there is no bound then
 */
export function deepest(graph, root, counts = () => true) {
  const known = new Map();
  const visit = (title, chain) => {
    if (chain.includes(title)) throw new Error(`recursion has no bound: ${[...chain, title].join(" > ")}`);
    const node = graph.get(title);
    if (!node) throw new Error(`no frame size is known for ${title}, called by ${chain.at(-1)}`);
    if (known.has(title)) return known.get(title);
    let below = { bytes: 0, path: [] };
    for (const callee of node.calls) {
      const candidate = visit(callee, [...chain, title]);
      if (candidate.bytes > below.bytes) below = candidate;
    }
    const result = counts(node.name)
      ? { bytes: node.bytes + below.bytes, path: [`${node.name} ${node.bytes}`, ...below.path] }
      : below;
    known.set(title, result);
    return result;
  };
  return visit(root, []);
}
