import { familiesFor } from './commands/mod.ts'
import { makeProgram } from './program.ts'

// Whoever read our output has gone away, as `head` does: the same as being told to stop, so that everything is cleared up.
let gone = false
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  if (!gone) process.kill(process.pid, 'SIGTERM')
  gone = true
})

const adds = await Promise.all(familiesFor(process.argv.slice(2)).map((family) => family.load()))
const program = makeProgram((root, context) => { for (const add of adds) add(root, context) })
await program.parseAsync()
