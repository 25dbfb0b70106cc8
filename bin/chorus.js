// Plain JavaScript that an old Node can read: starts the command line, as sources (repository) or compiled (installed
// package), under a Node that is new enough.
import { existsSync, lstatSync, mkdirSync } from 'node:fs'
import module from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { isNewEnough } from './find-node.js'

// Sources first: a repository may hold an old dist/ from packing. The package has no sources.
const sources = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))
const entry = existsSync(sources) ? sources : fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))
// What was compiled once is kept: a fifth of a start. In the user's own cache folder and nowhere that others may write,
// because what lies there is run.
const keepCompiled = () => {
  try {
    const cache = process.env.XDG_CACHE_HOME || path.join(os.homedir(), '.cache')
    if (!path.isAbsolute(cache) || process.env.NODE_COMPILE_CACHE !== undefined) return
    const folder = path.join(cache, 'chorus', 'compiled')
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const found = lstatSync(folder)
    if (!found.isDirectory() || found.uid !== process.getuid?.() || (found.mode & 0o022) !== 0) return
    module.enableCompileCache(folder)
    // For the nodes that a demo or a drill starts.
    process.env.NODE_COMPILE_CACHE = folder
  } catch {
    // Without a home of its own or room in it there is no cache, and everything works without one.
  }
}

if (isNewEnough()) {
  keepCompiled()
  process.argv[1] = entry
  await import(entry)
} else {
  process.argv.splice(2, 0, entry)
  await import('./with-node.js')
}
