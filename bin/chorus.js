#!/usr/bin/env node
// Plain JavaScript that an old Node can read: hands over to the command line, compiled (installed package) or as
// sources (repository), under a Node that is new enough.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { findNode, isNewEnough } from './find-node.js'

const compiled = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))
const entry = existsSync(compiled) ? compiled : fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))
if (isNewEnough()) {
  process.argv[1] = entry
  await import(entry)
} else {
  const child = spawn(findNode(), [entry, ...process.argv.slice(2)], { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 143)))
}
