import type { Command } from 'commander'
import type { CommandContext } from '../program.ts'

type Add = (program: Command, context: CommandContext) => void

/** Commands that live in one file, in the order of the help. */
export interface CommandFamily {
  readonly names: readonly string[]
  readonly load: () => Promise<Add>
}

/** What a command needs is loaded when it is asked for: a node needs no drill, and `status` no network. */
export const COMMAND_FAMILIES: readonly CommandFamily[] = [
  { names: ['init', 'join', 'member'], load: async () => (await import('./init.ts')).addSwarmCommands },
  { names: ['up'], load: async () => (await import('./up.ts')).addUpCommand },
  { names: ['status', 'pause', 'resume', 'stop', 'logs'], load: async () => (await import('./control.ts')).addControlCommands },
  { names: ['task'], load: async () => (await import('./task.ts')).addTaskCommands },
  { names: ['audit'], load: async () => (await import('./audit.ts')).addAuditCommands },
  { names: ['doctor'], load: async () => (await import('./doctor.ts')).addDoctorCommand },
  { names: ['config'], load: async () => (await import('./config.ts')).addConfigCommand },
  { names: ['demo'], load: async () => (await import('./demo.ts')).addDemoCommand },
  { names: ['chaos'], load: async () => (await import('./chaos.ts')).addChaosCommand },
]

/** Global options that take what follows them. */
const WITH_VALUE: ReadonlySet<string> = new Set(['--config', '--state'])
const VERSION: ReadonlySet<string> = new Set(['-v', '--version'])

/** The families that these arguments can be about: one, none for the version, all for the help and for what is misspelt. */
export const familiesFor = (args: readonly string[]): readonly CommandFamily[] => {
  const name = args.find((arg, index) => !arg.startsWith('-') && !WITH_VALUE.has(args[index - 1] ?? ''))
  const family = COMMAND_FAMILIES.find(({ names }) => names.includes(name ?? ''))
  if (family !== undefined) return [family]
  return name === undefined && args.some((arg) => VERSION.has(arg)) ? [] : COMMAND_FAMILIES
}
