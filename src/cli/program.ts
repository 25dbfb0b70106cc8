import { Command } from 'commander'
import { readFileSync } from 'node:fs'
import { ERROR_CODES } from '../core/mod.ts'
import { makeConsole, tellError } from './console.ts'
import type { Console } from './console.ts'
import type { PlaceOptions } from './places.ts'

export interface GlobalOptions extends PlaceOptions { readonly json: boolean }

export interface Invocation {
  readonly console: Console
  readonly global: GlobalOptions
  readonly args: readonly string[]
  readonly options: Readonly<Record<string, string | boolean | string[] | undefined>>
  /** Ends the process with this code once the command is done; 0 when never called. */
  exitWith(code: number): void
}

export interface CommandContext {
  /** Wraps a command: global options, console, errors and exit code are the same for all. */
  run(action: (invocation: Invocation) => Promise<void>): (...given: unknown[]) => Promise<void>
}

export const makeProgram = (add: (program: Command, context: CommandContext) => void): Command => {
  const program = new Command('chorus')
    .description('a team of AI coding agents on machines you own')
    .version(version(), '-v, --version')
    .option('--config <file>', 'configuration (default: the nearest chorus.yaml)')
    .option('--state <folder>', 'state folder of this node')
    .option('--json', 'one JSON object as the last line', false)
    .showHelpAfterError('(`chorus --help` lists the commands)')
    .exitOverride((error) => {
      if (error.exitCode === 0) process.exit(0)
      // Commander has said it in words, on the other stream.
      const reason = error.code === 'commander.help' ? 'a command expected' : error.message.replace(/^error: /, '')
      if (program.opts<GlobalOptions>().json) process.stdout.write(`${JSON.stringify({ error: reason, code: 'USAGE' })}\n`)
      process.exit(ERROR_CODES.USAGE.exit)
    })
  const context: CommandContext = {
    run: (action) => async (...given) => {
      // commander passes the arguments, then the options, then the command.
      const command = given.at(-1) as Command
      const global = command.optsWithGlobals<GlobalOptions>()
      let code = 0
      try {
        await action({
          console: makeConsole(global.json), global, options: command.opts(),
          args: given.slice(0, -2).flat().filter((item): item is string => typeof item === 'string'),
          exitWith: (wanted) => { code = wanted },
        })
      } catch (thrown) {
        code = tellError(thrown, global.json)
      }
      process.exitCode = code
    },
  }
  add(program, context)
  return program
}

/** From the package that this file belongs to, in the repository as in an installation. */
export const version = (): string =>
  (JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }).version
