// introspect.mjs URL FILE: what a server says of its schema is what stands in a
// file.
import { readFileSync } from 'node:fs';
import { require } from './load.mjs';

const { buildClientSchema, buildSchema, getIntrospectionQuery, lexicographicSortSchema, printSchema } = require('graphql');
const [, , url, file] = process.argv;
const query = getIntrospectionQuery({ specifiedByUrl: true, inputValueDeprecation: true, schemaDescription: true });
const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', accept: 'application/json' }, body: JSON.stringify({ query }) });
const { data, errors } = await response.json();
if (!data) throw new Error(JSON.stringify(errors));
const lines = schema => printSchema(lexicographicSortSchema(schema)).split('\n');
const told = lines(buildClientSchema(data)), written = lines(buildSchema(readFileSync(file, 'utf8')));
const at = told.findIndex((line, i) => line !== written[i]);
if (at >= 0 || told.length !== written.length) {
  console.log(`FAIL told: ${told[at]}\n     want: ${written[at]}`);
  process.exit(1);
}
console.log(`${told.length} lines agree`);
