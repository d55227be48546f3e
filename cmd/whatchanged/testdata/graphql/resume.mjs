// resume.mjs URL CLIENT COUNT: reads COUNT changes as they come, with graphql-ws
// or graphql-sse, cutting the connection after every few and going on after the
// position told last. Prints their ids, one a line.
import { load } from './load.mjs';

const [, , url, client, count] = process.argv;
for (const event of ['uncaughtException', 'unhandledRejection']) {
  process.on(event, e => { if (e?.name !== 'AbortError') throw e; });
}
const ws = await load('ws');
const graphqlWS = await load('graphql-ws');
const graphqlSSE = await load('graphql-sse');

const connect = () => client === 'graphql-ws'
  ? graphqlWS.createClient({ url: url.replace(/^http/, 'ws'), webSocketImpl: ws.WebSocket ?? ws.default, retryAttempts: 0 })
  : graphqlSSE.createClient({ url, retryAttempts: 0 });

const query = 'subscription($after: Position) { changes(after: $after, filter: { namespaces: ["resume"] }) { id position } }';
const ids = [];
let after = 'pos:0';
for (let cut = 1; ids.length < count; cut++) {
  const c = connect();
  let few = 1 + (cut * 7) % 20;
  for await (const r of c.iterate({ query, variables: { after } })) {
    if (r.errors) throw new Error(JSON.stringify(r.errors));
    ids.push(r.data.changes.id);
    after = r.data.changes.position;
    if (--few === 0 || ids.length == count) break;
  }
  c.terminate?.();
  await c.dispose();
}
console.log(ids.join('\n'));
process.exit(0);
