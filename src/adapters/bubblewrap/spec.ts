import path from 'node:path'
import { ChorusError } from '../../core/mod.ts'
import type { SandboxSpec } from '../../ports/mod.ts'

/** Refuses what could not be carried out as it is meant. Throws INPUT_INVALID. */
export const checkSpec = (spec: SandboxSpec): void => {
  const [program] = spec.command
  expect(program !== undefined && program !== '', 'a command of at least one word')
  expect(Buffer.byteLength(spec.command.join('\0')) <= COMMAND_BYTES_MAX, `a command of at most ${COMMAND_BYTES_MAX} bytes`)
  expect(/^[A-Za-z0-9-]{1,64}$/.test(spec.label), 'a label of 1 to 64 letters, digits and dashes', spec.label)
  const variables = Object.entries(spec.environment)
  expect(variables.length <= VARIABLES_MAX, `at most ${VARIABLES_MAX} environment variables`)
  for (const [name, value] of variables) {
    expect(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(name), 'the name of an environment variable', name)
    expect(Buffer.byteLength(value) <= VALUE_BYTES_MAX, `at most ${VALUE_BYTES_MAX} bytes in the environment variable ${name}`)
  }
  expect(isPlain(spec.workspace.path), 'an absolute path of the workspace', spec.workspace.path)
  for (const { source, target } of spec.mounts) {
    expect(isPlain(source), 'an absolute source of a mount', source)
    expect(TARGET.test(target) && !target.split('/').includes('..') && !target.startsWith('/opt/chorus/'), 'a mount below /workspace, /opt, /run, /srv, /tmp or /home/agent', target)
  }
  if (spec.network.kind === 'socket') {
    const { port, socketPath } = spec.network
    expect(Number.isInteger(port) && port >= 1024 && port <= 65_535, 'a port from 1024 to 65535', String(port))
    expect(path.isAbsolute(socketPath) && /^[A-Za-z0-9._-]+$/.test(path.basename(socketPath)), 'the absolute path of a socket with a plain name', socketPath)
  }
  for (const text of [...spec.command, ...variables.flat(), ...spec.mounts.flatMap((mount) => [mount.source, mount.target]), spec.workspace.path]) {
    expect(!text.includes('\0'), 'no NUL byte')
  }
  for (const [name, value] of Object.entries(spec.limits)) expect(Number.isFinite(value) && value > 0 || name === 'graceMs' && value === 0, `a positive limit ${name}`, String(value))
}

const COMMAND_BYTES_MAX = 100 * 1024
const VARIABLES_MAX = 256
const VALUE_BYTES_MAX = 32 * 1024
const TARGET = /^\/(?:workspace|opt|run|srv|tmp|home\/agent)(?:\/[^/]+)+$/

const isPlain = (file: string): boolean => path.isAbsolute(file) && path.normalize(file) === file

function expect(condition: boolean, expected: string, got?: string): asserts condition {
  if (condition) return
  throw new ChorusError('INPUT_INVALID', `the sandbox expects ${expected}${got === undefined ? '' : `, got ${JSON.stringify(got.slice(0, 200))}`}`)
}
