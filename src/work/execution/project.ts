import type { Oid, Result } from '../../core/mod.ts'
import { ChorusError, fail, messageOf, ok } from '../../core/mod.ts'
import type { SourceTree } from '../../ports/mod.ts'
import { detectSetup, isRecord, readJson } from './setup-plan.ts'
import type { SetupPlan } from './setup-plan.ts'

/** What chorus.yaml may say of a repository. The schema is the parser's. */
export interface ProjectFile {
  readonly checks?: readonly string[] | undefined
  readonly setup?: readonly string[] | undefined
  readonly protected?: readonly string[] | undefined
}

export type ParseProject = (bytes: Uint8Array) => Result<ProjectFile>

/** How a repository is built and judged, read at one commit. */
export interface Project {
  readonly checks: readonly string[]
  readonly checksFrom: 'chorus.yaml' | 'detected' | 'none'
  readonly setup: SetupPlan | undefined
  readonly patterns: readonly string[]
  /** The checks, and the package scripts they may call: files that these name are protected. */
  readonly checkCommands: readonly string[]
  /** AGENTS.md at the root, bounded. */
  readonly guidance: string | undefined
}

const COMMANDS_MAX = 20
const COMMAND_LENGTH_MAX = 2_000
const TEXT_BYTES_MAX = 2 ** 20
const LOCKFILE_BYTES_MAX = 32 * 2 ** 20

/** `reason` when a file at that commit is broken: a person must mend it. Rejects when the repository cannot be read. */
export const readProject = async (sources: SourceTree, commit: Oid, parse: ParseProject): Promise<Result<Project>> => {
  const files = new Map<string, string>()
  for (const path of ROOT_FILES) {
    const text = await readText(sources, commit, path)
    if (!text.ok) return text
    if (text.value !== undefined) files.set(path, text.value)
  }
  const configuration = files.get('chorus.yaml')
  const parsed = configuration === undefined ? ok({}) : parse(Buffer.from(configuration))
  if (!parsed.ok) return fail(`chorus.yaml at ${commit.slice(0, 12)} is not valid: ${parsed.reason}`)
  const tests = await sources.list(commit, 'tests')
  return ok(detectProject(files, parsed.value, tests.some(({ path }) => /(?:^|\/)(?:test_[^/]*|[^/]*_test)\.py$/.test(path))))
}

/** Pure. `files` are root files by name. */
export const detectProject = (files: ReadonlyMap<string, string>, file: ProjectFile, hasPythonTests: boolean): Project => {
  const configured = file.checks?.filter((command) => command.trim() !== '' && command.length <= COMMAND_LENGTH_MAX).slice(0, COMMANDS_MAX)
  const detected = configured === undefined || configured.length === 0 ? detectChecks(files, hasPythonTests) : []
  const checks = configured !== undefined && configured.length > 0 ? configured : detected
  return {
    checks,
    checksFrom: checks.length === 0 ? 'none' : checks === configured ? 'chorus.yaml' : 'detected',
    setup: detectSetup(files, file.setup),
    patterns: file.protected ?? [],
    checkCommands: [...checks, ...packageScripts(files.get('package.json'))],
    guidance: files.get('AGENTS.md')?.slice(0, 16_384),
  }
}

const ROOT_FILES = [
  'chorus.yaml', 'package.json', 'package-lock.json', 'npm-shrinkwrap.json', 'pnpm-lock.yaml', 'yarn.lock', '.npmrc', 'Makefile', 'pyproject.toml',
  'pytest.ini', 'requirements.txt', 'go.mod', 'go.sum', 'Cargo.toml', 'Cargo.lock', 'AGENTS.md',
]
const LOCK_NAMES: ReadonlySet<string> = new Set(['package-lock.json', 'npm-shrinkwrap.json', 'pnpm-lock.yaml', 'yarn.lock', 'go.sum', 'Cargo.lock'])

const detectChecks = (files: ReadonlyMap<string, string>, hasPythonTests: boolean): readonly string[] => {
  const test = readJson(files.get('package.json'))?.['scripts']
  const script = isRecord(test) ? test['test'] : undefined
  // npm init writes a script that always fails.
  if (typeof script === 'string' && script.trim() !== '' && !script.includes('no test specified')) return ['npm test']
  if (/^test\s*:(?!=)/m.test(files.get('Makefile') ?? '')) return ['make test']
  if (files.has('pytest.ini') || /^\[tool\.pytest/m.test(files.get('pyproject.toml') ?? '') || hasPythonTests) return ['python3 -m pytest']
  if (files.has('go.mod')) return ['go test ./...']
  if (files.has('Cargo.toml')) return ['cargo test']
  return []
}

const packageScripts = (text: string | undefined): readonly string[] => {
  const scripts = readJson(text)?.['scripts']
  if (!isRecord(scripts)) return []
  return Object.values(scripts).filter((script) => typeof script === 'string' && script.length <= COMMAND_LENGTH_MAX).slice(0, 100) as string[]
}

const readText = async (sources: SourceTree, commit: Oid, path: string): Promise<Result<string | undefined>> => {
  try {
    const bytes = await sources.read(commit, path, { bytesMax: LOCK_NAMES.has(path) ? LOCKFILE_BYTES_MAX : TEXT_BYTES_MAX })
    return ok(bytes === undefined ? undefined : Buffer.from(bytes).toString('utf8'))
  } catch (thrown) {
    if (thrown instanceof ChorusError && thrown.code === 'LIMIT_EXCEEDED') return fail(`${path} at ${commit.slice(0, 12)} is too large: ${messageOf(thrown)}`)
    throw thrown
  }
}
