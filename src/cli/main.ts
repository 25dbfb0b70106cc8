import { addAuditCommands } from './commands/audit.ts'
import { addChaosCommand } from './commands/chaos.ts'
import { addConfigCommand } from './commands/config.ts'
import { addControlCommands } from './commands/control.ts'
import { addDemoCommand } from './commands/demo.ts'
import { addDoctorCommand } from './commands/doctor.ts'
import { addSwarmCommands } from './commands/init.ts'
import { addTaskCommands } from './commands/task.ts'
import { addUpCommand } from './commands/up.ts'
import { makeProgram } from './program.ts'

// Whoever read our output has gone away, as `head` does: the same as being told to stop, so that everything is cleared up.
let gone = false
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  if (!gone) process.kill(process.pid, 'SIGTERM')
  gone = true
})

const program = makeProgram((root, context) => {
  addSwarmCommands(root, context)
  addUpCommand(root, context)
  addControlCommands(root, context)
  addTaskCommands(root, context)
  addAuditCommands(root, context)
  addDoctorCommand(root, context)
  addConfigCommand(root, context)
  addDemoCommand(root, context)
  addChaosCommand(root, context)
})
await program.parseAsync()
