// Plain JavaScript that an old Node can read: starts the command line, as sources (repository) or compiled (installed
// package), under a Node that is new enough.
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { isNewEnough } from './find-node.js'

// Sources first: a repository may hold an old dist/ from packing. The package has no sources.
const sources = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))
const entry = existsSync(sources) ? sources : fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))
if (isNewEnough()) {
  process.argv[1] = entry
  await import(entry)
} else {
  process.argv.splice(2, 0, entry)
  await import('./with-node.js')
}
