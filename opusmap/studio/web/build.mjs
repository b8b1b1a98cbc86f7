// Builds ../static/studio.js from src/, and lists the licences of what is in it. `npm ci && npm run build`.
import {build} from "esbuild";
import {readFileSync, readdirSync, existsSync, writeFileSync} from "node:fs";

const result = await build({
  entryPoints: ["src/main.js"],
  outfile: "../static/studio.js",
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  metafile: true,
});

const packages = [...new Set(Object.keys(result.metafile.inputs)
  .map((path) => path.match(/^node_modules\/((?:@[^/]+\/)?[^/]+)\//)?.[1]).filter(Boolean))].sort();
const notices = packages.map((name) => {
  const {version, license} = JSON.parse(readFileSync(`node_modules/${name}/package.json`, "utf8"));
  const file = readdirSync(`node_modules/${name}`).find((one) => /^licen[cs]e/i.test(one));
  const text = file ? readFileSync(`node_modules/${name}/${file}`, "utf8").trim() : `License: ${license}`;
  return `${name} ${version}\n\n${text}\n`;
});
writeFileSync("../static/LICENSES.txt", notices.join(`\n${"-".repeat(72)}\n\n`));
