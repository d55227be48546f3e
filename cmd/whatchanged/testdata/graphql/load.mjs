// The packages of package-lock.json stand in the folder NODE_DEPS, outside of
// the repository.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

export const require = createRequire(process.env.NODE_DEPS + '/package.json');
export const load = name => import(pathToFileURL(require.resolve(name)).href);
