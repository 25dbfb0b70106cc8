// Plain JavaScript without dependencies, so that any Node can read it: runs its arguments under a Node that is new
// enough, this one or the one that npm brought along.
import { spawn } from 'node:child_process'
import path from 'node:path'
import { findNode } from './find-node.js'

const node = findNode()
const child = spawn(node, process.argv.slice(2), {
  stdio: 'inherit',
  env: { ...process.env, PATH: `${path.dirname(node)}${path.delimiter}${process.env.PATH ?? ''}` },
})
// The child decides what a signal means; this process only waits for it.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.on('error', (error) => { console.error(`chorus: ${node} does not start: ${error.message}`); process.exit(78) })
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 143)))
