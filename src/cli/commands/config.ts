import type { Command } from 'commander'
import { configJsonSchema } from '../../node/config-schema.ts'
import { loadConfig } from '../bootstrap.ts'
import { placesOf } from '../places.ts'
import type { CommandContext } from '../program.ts'

export const addConfigCommand = (program: Command, context: CommandContext): void => {
  const config = program.command('config').description('the configuration of this node')
  config.command('show', { isDefault: true }).description('what holds now: file, environment and defaults together')
    .action(context.run(async ({ console: out, global }) => {
      const places = placesOf(global)
      const value = loadConfig(places.configFile)
      out.result({ file: places.configFile, state: places.stateFolder, config: value }, `# ${places.configFile}\n# state: ${places.stateFolder}\n${JSON.stringify(value, undefined, 2)}`)
      await Promise.resolve()
    }))
  config.command('schema').description('JSON Schema of chorus.yaml')
    .action(context.run(async ({ console: out }) => {
      out.result(configJsonSchema(), JSON.stringify(configJsonSchema(), undefined, 2))
      await Promise.resolve()
    }))
}
