// Reads a JSON list of Mermaid diagrams, parses each with the real parser, and prints what it found in them.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(pathToFileURL(process.argv[2] + "/"));
const { JSDOM } = require("jsdom");
const { window } = new JSDOM("<!doctype html><body></body>");
globalThis.window = window;
globalThis.document = window.document;
const { default: mermaid } = await import(
  pathToFileURL(process.argv[2] + "/node_modules/mermaid/dist/mermaid.core.mjs")
);
mermaid.initialize({ startOnLoad: false, securityLevel: "strict" });

let input = "";
for await (const chunk of process.stdin) input += chunk;
const found = [];
for (const text of JSON.parse(input)) {
  try {
    const diagram = await mermaid.mermaidAPI.getDiagramFromText(text);
    const { db } = diagram;
    found.push({
      type: diagram.type,
      nodes: Object.fromEntries([...db.getVertices().values()].map((node) => [node.id, node.text])),
      stages: db.getSubGraphs().map((graph) => ({ title: graph.title, nodes: graph.nodes })),
      edges: db.getEdges().map((edge) => [edge.start, edge.end]),
      classes: [...db.getVertices().values()].flatMap((node) => node.classes),
      limits: mermaid.mermaidAPI.getConfig().maxEdges + " " + mermaid.mermaidAPI.getConfig().maxTextSize,
    });
  } catch (error) {
    found.push({ error: String(error.message ?? error) });
  }
}
process.stdout.write(JSON.stringify(found));
