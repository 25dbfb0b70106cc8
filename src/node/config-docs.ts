import { environmentNameOf } from './config-environment.ts'
import { configKeys } from './config-keys.ts'
import type { ConfigKey } from './config-keys.ts'

/** docs/configuration.md, made from the schema so that it cannot fall behind. */
export const configDocs = (): string => {
  const rows = configKeys().map((key) => `| \`${key.name}\` | ${kindOf(key)} | ${defaultOf(key)} | ${environmentOf(key)} | ${key.description.replaceAll('|', '\\|')} |`)
  return `${INTRODUCTION}\n| key | kind | default | environment | meaning |\n|---|---|---|---|---|\n${rows.join('\n')}\n${CLOSING}`
}

const INTRODUCTION = `# Configuration: chorus.yaml

One file configures a node and, committed to a repository, says how that repository is checked. Every key has a
default: an empty file is a working node for the repository in which it lies. Paths are relative to the file.
Durations and sizes carry their unit (\`90s\`, \`10m\`, \`2GiB\`). Unknown keys, doubled keys and values out of range are
refused with the line and what was expected. \`schema/chorus.schema.json\` is the JSON Schema for editors:

\`\`\`yaml
# yaml-language-server: $schema=./node_modules/chorus-swarm/schema/chorus.schema.json
agent:
  role: Senior Backend Developer
  expertise: [Go, PostgreSQL]
  max_tasks: 3
  models:
    - name: llama3.1:70b
      provider: ollama
      endpoint: http://192.168.1.72:11434
repositories:
  - path: .
    delivery: branch
checks:
  - npm test
\`\`\`

Environment variables override the file (lists are separated by commas). Secrets never stand in it: \`key_env\` names the
environment variable that holds a key.

## Keys
`

const CLOSING = `
## What is read from where

\`checks\`, \`setup\` and \`protected\` are read from the chorus.yaml of the commit that a task starts from, so that a change
cannot weaken what judges it; all else is read from the node's own file. Two variables are the command line's, not the
file's: \`CHORUS_CONFIG\` (the file) and \`CHORUS_STATE\` (the state folder).
`

const kindOf = (key: ConfigKey): string => {
  if (key.kind === 'section') return 'section'
  if (key.choices.length > 0) return `${key.choices.map((choice) => `\`${choice}\``).join(', ')}${key.kind === 'texts' ? ' (list)' : ''}`
  return { text: 'text', number: 'number', flag: 'true or false', texts: 'list of texts' }[key.kind]
}

const defaultOf = (key: ConfigKey): string => {
  const empty = key.default === undefined || (typeof key.default === 'object' && JSON.stringify(key.default) === '{}')
  return empty ? '' : `\`${typeof key.default === 'string' ? (key.default === '' ? "''" : key.default) : JSON.stringify(key.default)}\``
}

const environmentOf = (key: ConfigKey): string => {
  const name = environmentNameOf(key)
  return name === undefined ? '' : `\`${name}\``
}
