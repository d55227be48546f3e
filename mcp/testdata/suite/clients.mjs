// clients.mjs NODE_MODULES URL TOOL ARGUMENTS
// Asks a server with the official TypeScript clients, each era of each, and prints a line for every one; exit 1 if any fails.
// They check structuredContent against the tool's output schema on their side.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [, , modules, url, tool, args] = process.argv;
const require = createRequire(modules + '/package.json');
const load = (path) => import(pathToFileURL(require.resolve(path)).href);
const v1 = await load('@modelcontextprotocol/sdk/client/index.js');
const v1http = await load('@modelcontextprotocol/sdk/client/streamableHttp.js');
const v2 = await load('@modelcontextprotocol/client');

const info = { name: 'clients', version: '0' };
const clients = {
  'sdk 1': () => [new v1.Client(info, { capabilities: {} }), new v1http.StreamableHTTPClientTransport(new URL(url))],
};
for (const mode of ['legacy', 'auto', { pin: '2026-07-28' }]) {
  clients['client 2 ' + JSON.stringify(mode)] = () => [
    new v2.Client(info, { capabilities: {}, versionNegotiation: { mode } }),
    new v2.StreamableHTTPClientTransport(new URL(url)),
  ];
}

let failed = 0;
for (const [name, make] of Object.entries(clients)) {
  const [client, transport] = make();
  try {
    await client.connect(transport);
    const tools = (await client.listTools()).tools.length;
    const templates = (await client.listResourceTemplates()).resourceTemplates.length;
    const resources = (await client.listResources()).resources.length;
    const prompts = (await client.listPrompts()).prompts.length;
    const result = await client.callTool({ name: tool, arguments: JSON.parse(args) });
    if (result.isError || !result.structuredContent) throw new Error(JSON.stringify(result.content));
    const glossary = (await client.readResource({ uri: 'prod://glossary' })).contents[0].text;
    if (!glossary) throw new Error('no glossary');
    console.log(`ok ${name}: ${tools} tools, ${templates} templates, ${resources} resources, ${prompts} prompts`);
  } catch (e) {
    failed++;
    console.log(`FAIL ${name}: ${e?.message ?? e}`);
  } finally {
    await client.close().catch(() => {});
  }
}
process.exit(failed ? 1 : 0);
