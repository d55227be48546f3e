// audit.mjs URL: the GraphQL-over-HTTP audits of graphql-http. Every one must
// pass, those of SHOULD and MAY too.
import { load } from './load.mjs';

const { serverAudits } = await load('graphql-http');
let passed = 0, failed = 0;
for (const audit of serverAudits({ url: process.argv[2], fetchFn: fetch })) {
  const result = await audit.fn();
  if (result.status === 'ok') { passed++; continue; }
  failed++;
  console.log(`FAIL ${audit.id} ${audit.name}: ${result.reason}`);
}
console.log(`${passed} audits passed, ${failed} failed`);
process.exit(failed || passed < 61 ? 1 : 0);
