// node check.mjs FILE…: whether each dashboard is what Grafana's types say. Prints what is not; the exit status is 1 then.
import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const here = dirname(fileURLToPath(import.meta.url));
const options = {
  noEmit: true,
  strict: true,
  skipLibCheck: true,
  types: [],
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
};

// Each dashboard becomes a source file in memory, so that a literal's surplus members are found, too.
const sources = new Map();
for (const file of process.argv.slice(2)) {
  const json = JSON.stringify(JSON.parse(readFileSync(file, 'utf8')), null, 2);
  const text = `import type { Ours } from './types';\nexport const dashboard: Ours = ${json};\n`;
  sources.set(join(here, `${basename(file)}.ts`), text);
}
if (sources.size === 0) {
  console.error('no dashboard is named');
  process.exit(2);
}

const host = ts.createCompilerHost(options);
const { fileExists, getSourceFile, readFile } = host;
host.fileExists = (name) => sources.has(name) || fileExists(name);
host.readFile = (name) => sources.get(name) ?? readFile(name);
host.getSourceFile = (name, version, ...rest) => sources.has(name)
  ? ts.createSourceFile(name, sources.get(name), version) : getSourceFile(name, version, ...rest);
const program = ts.createProgram([...sources.keys()], options, host);
const found = ts.getPreEmitDiagnostics(program);
if (found.length > 0) {
  process.stdout.write(ts.formatDiagnostics(found.slice(0, 100), {
    getCanonicalFileName: (name) => name,
    getCurrentDirectory: () => here,
    getNewLine: () => '\n',
  }));
  process.exit(1);
}
console.log(`${sources.size} dashboards are what Grafana's types say`);
