// clients.mjs URL: queries and subscriptions with the clients in use. Every
// subscription is told the first two changes there ever were, and then ends.
import { createHash } from 'node:crypto';
import { load } from './load.mjs';

const url = process.argv[2];
const socket = url.replace(/^http/, 'ws');
const query = '{ timeline(input: {}) { verdict } }';
const subscription = 'subscription { changes(after: "pos:0", limit: 2) { id position } }';
const positions = ['pos:', 'pos:'];
let failed = 0;

// Some clients abort a request that they have had the answer of.
for (const event of ['uncaughtException', 'unhandledRejection']) {
  process.on(event, e => { if (e?.name !== 'AbortError') throw e; });
}

const check = async (name, ask) => {
  const late = new Promise((_, reject) => setTimeout(() => reject(new Error('no answer in 20 s')), 20_000).unref());
  try {
    await Promise.race([ask(), late]);
    console.log(`ok   ${name}`);
  } catch (e) {
    failed++;
    console.log(`FAIL ${name}: ${e?.message ?? JSON.stringify(e)}`);
  }
};

const must = (holds, what) => { if (!holds) throw new Error(what); };
const answered = data => must(typeof data?.timeline?.verdict === 'string', `answered ${JSON.stringify(data)}`);
const told = all => must(all.length === 2 && all.every((d, i) => d.changes.position.startsWith(positions[i])) && all[0].changes.id !== all[1].changes.id, `told ${JSON.stringify(all)}`);
const drain = async results => {
  const all = [];
  for await (const r of results) {
    if (r.errors) throw new Error(JSON.stringify(r.errors));
    all.push(r.data);
  }
  return all;
};

const urql = await load('@urql/core');
const apollo = await load('@apollo/client');
const ws = await load('ws');
const webSocketImpl = ws.WebSocket ?? ws.default;
const graphqlWS = await load('graphql-ws');
const graphqlSSE = await load('graphql-sse');
const graphqlHTTP = await load('graphql-http');

await check('graphql-http: query', () => new Promise((resolve, reject) => {
  let data;
  graphqlHTTP.createClient({ url }).subscribe({ query }, { next: r => { data = r.data; }, error: reject, complete: () => { try { resolve(answered(data)); } catch (e) { reject(e); } } });
}));

for (const preferGetMethod of [false, 'force']) {
  await check(`urql: query by ${preferGetMethod ? 'GET' : 'POST'}`, async () => {
    const client = new urql.Client({ url, exchanges: [urql.fetchExchange], preferGetMethod });
    const r = await client.query(query, {}).toPromise();
    if (r.error) throw r.error;
    answered(r.data);
  });
}

await check('urql: subscription over server-sent events', () => new Promise((resolve, reject) => {
  const client = new urql.Client({ url, exchanges: [urql.fetchExchange], preferGetMethod: false, fetchSubscriptions: true });
  const all = [];
  client.subscription(subscription, {}).subscribe(r => {
    if (r.error) return reject(r.error);
    if (r.data) all.push(r.data);
    if (all.length === 2) { try { resolve(told(all)); } catch (e) { reject(e); } }
  });
}));

await check('urql: subscription over graphql-ws', () => new Promise((resolve, reject) => {
  const wsClient = graphqlWS.createClient({ url: socket, webSocketImpl, retryAttempts: 0 });
  const forwardSubscription = request => ({ subscribe: sink => ({ unsubscribe: wsClient.subscribe({ ...request, query: request.query ?? '' }, sink) }) });
  const client = new urql.Client({ url, exchanges: [urql.subscriptionExchange({ forwardSubscription })], preferGetMethod: false });
  const all = [];
  client.subscription(subscription, {}).subscribe(r => {
    if (r.error) return reject(r.error);
    if (r.data) all.push(r.data);
    if (all.length === 2) { wsClient.dispose(); try { resolve(told(all)); } catch (e) { reject(e); } }
  });
}));

const apolloOver = link => new apollo.ApolloClient({ cache: new apollo.InMemoryCache(), link });

await check('Apollo: query', async () => {
  const client = apolloOver(new apollo.HttpLink({ uri: url, fetch }));
  const r = await client.query({ query: apollo.gql(query), fetchPolicy: 'no-cache' });
  if (r.error) throw r.error;
  answered(r.data);
});

await check('Apollo: persisted query, first unknown, then by its hash alone', async () => {
  const { PersistedQueryLink } = await load('@apollo/client/link/persisted-queries');
  const sent = [];
  const watched = (uri, options) => { sent.push(options.method === 'GET' ? uri : options.body); return fetch(uri, options); };
  const sha256 = text => createHash('sha256').update(text).digest('hex');
  for (const useGETForHashedQueries of [false, true]) {
    const link = new PersistedQueryLink({ sha256, useGETForHashedQueries }).concat(new apollo.HttpLink({ uri: url, fetch: watched }));
    const r = await apolloOver(link).query({ query: apollo.gql(query), fetchPolicy: 'no-cache' });
    if (r.error) throw r.error;
    answered(r.data);
  }
  must(sent.length === 3 && !sent[0].includes('timeline') && sent[1].includes('timeline') && !sent[2].includes('timeline'), `sent ${sent.join(' ')}`);
});

await check('Apollo: subscription over graphql-ws', async () => {
  const { GraphQLWsLink } = await load('@apollo/client/link/subscriptions');
  const wsClient = graphqlWS.createClient({ url: socket, webSocketImpl, retryAttempts: 0 });
  const client = apolloOver(new GraphQLWsLink(wsClient));
  const all = [];
  await new Promise((resolve, reject) => client.subscribe({ query: apollo.gql(subscription), fetchPolicy: 'no-cache' })
    .subscribe({ next: r => { r.error ? reject(r.error) : all.push(r.data); }, error: reject, complete: resolve }));
  await wsClient.dispose();
  told(all);
});

await check('graphql-ws: query', async () => {
  const client = graphqlWS.createClient({ url: socket, webSocketImpl, retryAttempts: 0 });
  answered((await drain(client.iterate({ query })))[0]);
  await client.dispose();
});

await check('graphql-ws: subscription', async () => {
  const client = graphqlWS.createClient({ url: socket, webSocketImpl, retryAttempts: 0 });
  told(await drain(client.iterate({ query: subscription })));
  await client.dispose();
});

await check('graphql-sse: subscription, distinct connections', async () => {
  const client = graphqlSSE.createClient({ url, retryAttempts: 0 });
  told(await drain(client.iterate({ query: subscription })));
  client.dispose();
});

console.log(`${failed} failed`);
process.exit(failed ? 1 : 0);
