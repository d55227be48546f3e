// lint.mjs FILE: graphql-eslint's recommended and Relay rules on a schema, and a
// description of everything.
import { dirname } from 'node:path';
import { readFileSync } from 'node:fs';
import { load } from './load.mjs';

const file = process.argv[2];
const { ESLint } = await load('eslint');
const imported = await load('@graphql-eslint/eslint-plugin');
const plugin = imported.default ?? imported;

const eslint = new ESLint({
  cwd: dirname(file),
  overrideConfigFile: true,
  overrideConfig: [{
    files: ['**/*.graphql'],
    languageOptions: { parser: plugin.parser, parserOptions: { graphQLConfig: { schema: file } } },
    plugins: { '@graphql-eslint': plugin },
    rules: {
      ...plugin.configs['flat/schema-recommended'].rules,
      ...plugin.configs['flat/schema-relay'].rules,
      // An id is asked for where there is an object to find again; answers, pages
      // and parts of them have none.
      '@graphql-eslint/strict-id-in-types': 'off',
      '@graphql-eslint/description-style': 'off', // the document is printed
      // Answers hold lists that are no connections, the changes of a page are no
      // nodes, and a log is read forward.
      '@graphql-eslint/relay-edge-types': ['error', { withEdgeSuffix: true, shouldImplementNode: false, listTypeCanWrapOnlyEdgeType: false }],
      '@graphql-eslint/relay-arguments': ['error', { includeBoth: false }],
      '@graphql-eslint/require-description': ['error', { types: true, FieldDefinition: true, InputValueDefinition: true, EnumValueDefinition: true, rootField: true }],
    },
  }],
});
// "compared" is no prefix of its type's name, but another word.
const fine = m => m.ruleId === '@graphql-eslint/no-typename-prefix' && m.message.includes('"compared"');
const [result] = await eslint.lintText(readFileSync(file, 'utf8'), { filePath: file });
const found = result.messages.filter(m => !fine(m));
for (const m of found) console.log(`FAIL ${m.line}: ${m.message} (${m.ruleId})`);
console.log(`${found.length} found`);
process.exit(found.length ? 1 : 0);
