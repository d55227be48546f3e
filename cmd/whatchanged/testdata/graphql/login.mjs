// login.mjs URL TOKEN: asks over a WebSocket with no header, as a page in a
// browser does, with the token in the first message, with a wrong one and with
// none. Prints what came of each.
import { load } from './load.mjs';

const [url, token] = process.argv.slice(2);
const { createClient } = await load('graphql-ws');
const ws = await load('ws');
const webSocketImpl = ws.WebSocket ?? ws.default;

const ask = async connectionParams => {
  const client = createClient({ url: url.replace(/^http/, 'ws'), webSocketImpl, connectionParams, retryAttempts: 0 });
  try {
    for await (const r of client.iterate({ query: '{ timeline(input: {}) { verdict } }' })) {
      return typeof r.data?.timeline?.verdict === 'string' ? 'answered' : JSON.stringify(r);
    }
    return 'nothing';
  } catch (e) {
    return `closed with ${e.code} ${e.reason}`;
  } finally {
    await client.dispose();
  }
};

console.log(`right: ${await ask({ authorization: `Bearer ${token}` })}`);
console.log(`wrong: ${await ask({ authorization: 'Bearer wrong' })}`);
console.log(`none: ${await ask()}`);
const page = new webSocketImpl(url.replace(/^http/, 'ws'), 'graphql-transport-ws', { origin: 'https://evil.example' });
console.log(`a foreign page: ${await new Promise(resolve => { page.on('open', () => resolve('let in')); page.on('error', e => resolve(e.message)); })}`);
