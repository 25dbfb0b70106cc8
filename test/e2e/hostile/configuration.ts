import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { chorus, lastJson } from '../scenarios/scenario.ts'
import type { ScenarioContext } from '../scenarios/scenario.ts'
import type { HostileCase } from './case.ts'

/** A `chorus.yaml` that a node must not start with. */
export interface ConfigCase extends HostileCase {
  readonly area: 'configuration'
  readonly content: string | Buffer | { readonly folder: true } | ((canary: string, repository: string) => string)
  readonly env?: Readonly<Record<string, string>> | undefined
  readonly because: string
  readonly code: 'CONFIG_INVALID' | 'REMOTE_UNAVAILABLE' | 'REPOSITORY_INVALID'
  readonly exit: number
}

const EXITS = { CONFIG_INVALID: 78, REMOTE_UNAVAILABLE: 69, REPOSITORY_INVALID: 65 } as const
const refused = (name: string, does: string, because: string, content: ConfigCase['content'], more: { readonly code?: ConfigCase['code']; readonly env?: ConfigCase['env'] } = {}): ConfigCase => {
  const code = more.code ?? 'CONFIG_INVALID'
  return { area: 'configuration', name, does, because, content, code, exit: EXITS[code], env: more.env, ends: `exit code ${EXITS[code]}, ${code}: “${because}”` }
}

export const configCases: readonly ConfigCase[] = [
  refused('config-key', 'a key that is not known, near one that is', 'did you mean', 'executoin:\n  engine: repair\n'),
  refused('config-types', 'values of wrong types', 'expected a whole number', 'agent: {max_tasks: many}\npoll: [1]\nclaims: true\n'),
  refused('config-huge', 'a file of 10 MB', 'at most 256 KiB', `# ${'x'.repeat(10_000_000)}\n`),
  refused('config-bomb', 'a bomb of aliases', 'alias', `a: &a [x, x, x, x, x, x, x, x, x]\n${'bcdefghi'.split('').map((name, at) => `${name}: &${name} [${Array.from({ length: 9 }, () => `*${'abcdefgh'[at]}`).join(', ')}]`).join('\n')}\n`),
  refused('config-nested', 'brackets, 50,000 deep', 'chorus.yaml', `checks: ${'['.repeat(50_000)}${']'.repeat(50_000)}\n`),
  refused('config-twice', 'one key twice, so that a reader sees the other value', 'unique', 'poll: 1s\npoll: 2s\n'),
  refused('config-proto', 'keys that change objects of the language', 'unknown key', '__proto__: {execution: {engine: command}}\nconstructor: {prototype: {poll: 1s}}\n'),
  refused('config-control', 'escapes for the terminal in a role', 'without control characters', 'agent: {role: "\\e[2Jowned"}\n'),
  refused('config-binary', 'bytes that are no text', 'UTF-8', Buffer.concat([Buffer.from('agent: {role: "'), Buffer.from([0xff, 0xfe, 0xc0, 0x80]), Buffer.from('"}\n')])),
  refused('config-folder', 'a folder in place of the file', 'cannot be read', { folder: true }),
  refused('config-shell', 'a shell command with the prompt in it, which the shell would run', '{prompt}', 'execution: {command: "agent {prompt}"}\n'),
  refused('config-variable', 'an environment variable with a wrong value', 'CHORUS_POLL', 'poll: 1s\n', { env: { CHORUS_POLL: '$(id)' } }),
  refused('config-ext', 'a remote whose address is a command', 'a repository is an absolute path', (canary) => `repositories: [{url: "ext::sh -c 'echo ext >> ${canary}'"}]\n`),
  refused('config-option', 'a remote that is an option of git', 'could not be read', (canary) => `repositories: [{url: "--upload-pack=echo option >> ${canary};"}]\n`, { code: 'REMOTE_UNAVAILABLE' }),
  refused('config-branch', 'a branch that is an option of git', 'branch', (canary, repository) => `repositories: [{path: ${repository}, branch: "--upload-pack=echo branch >> ${canary};"}]\n`, { code: 'REPOSITORY_INVALID' }),
]

/** `repository`: a prepared one, for what only shows when a remote is read. */
export const tryConfig = async (context: ScenarioContext, about: ConfigCase, place: { readonly folder: string; readonly canary: string; readonly repository: string }): Promise<readonly string[]> => {
  const home = path.join(place.folder, about.name)
  mkdirSync(home)
  const file = path.join(home, 'chorus.yaml')
  const { content } = about
  if (typeof content === 'object' && 'folder' in content) mkdirSync(file)
  else writeFileSync(file, typeof content === 'function' ? content(place.canary, place.repository) : content)
  const ended = await chorus(context, ['up', '--json', '--config', file, '--state', path.join(home, 'state')], { cwd: home, env: { ...about.env }, timeoutMs: 60_000 })
  return judgeEnd(ended, about)
}

/** A clear error: the exit code, the code, and the words; no trace of the program's own, no control characters. */
export const judgeEnd = (ended: { readonly code: number | null; readonly stdout: string; readonly stderr: string }, about: { readonly because: string; readonly code: string; readonly exit: number }): readonly string[] => {
  let said: Record<string, unknown>
  try {
    said = lastJson({ ...ended })
  } catch (thrown) {
    return [String(thrown).slice(0, 500)]
  }
  const words = String(said['error'])
  return [
    ...(ended.code === about.exit && said['code'] === about.code ? [] : [`exit code ${about.exit} and ${about.code} expected, got ${ended.code} and ${String(said['code'])}: ${words.slice(0, 300)}`]),
    ...(words.includes(about.because) ? [] : [`${JSON.stringify(about.because)} expected, got ${JSON.stringify(words.slice(0, 300))}`]),
    ...(words.length <= 4_000 ? [] : [`an error of ${words.length} characters`]),
    ...(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e]/.test(words) ? ['control characters came through'] : []),
  ]
}
