// diff.mjs OLD NEW: what differs between two schemas. Fails when a client that
// was right with the old one may be wrong with the new one.
import { readFileSync } from 'node:fs';
import { require } from './load.mjs';

const { buildSchema } = require('graphql');
const { diff, CriticalityLevel } = require('@graphql-inspector/core');
const [older, newer] = process.argv.slice(2).map(file => buildSchema(readFileSync(file, 'utf8')));

let breaking = 0;
for (const change of await diff(older, newer)) {
  const breaks = change.criticality.level === CriticalityLevel.Breaking;
  if (breaks) breaking++;
  if (breaks || change.criticality.level === CriticalityLevel.Dangerous) console.log(`${change.criticality.level} ${change.message}`);
}
console.log(`${breaking} breaking changes`);
process.exit(breaking ? 1 : 0);
