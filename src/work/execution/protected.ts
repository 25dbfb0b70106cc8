import type { FileChange } from '../../ports/mod.ts'
import { mentions } from './evidence.ts'
import { UNUSUAL, quoted } from './names.ts'

/**
 * Which changes only a person may let through, because they change what judges or runs the work (architecture,
 * "The way of a task" 7). Pure. Paths compare without regard to case, as some file systems do.
 */
export interface ChangesQuestion {
  readonly changes: readonly FileChange[]
  /** Commands of the project and the task, and of the package scripts they call. */
  readonly checkCommands: readonly string[]
  /** Further patterns from chorus.yaml at the base commit: `*` within a folder, `**` across, a trailing `/` = all below. */
  readonly patterns: readonly string[]
  /** Texts of `comparedPaths`, before and after; undefined = absent or unreadable. */
  readonly contents: ReadonlyMap<string, { readonly before: string | undefined; readonly after: string | undefined }>
  /** As `twinsOf` finds them. */
  readonly twins: ReadonlyMap<string, string>
}

export interface ChangesVerdict {
  /** Empty = nothing protected is touched. For people; paths are quoted. */
  readonly reasons: readonly string[]
  readonly flags: readonly string[]
  /** Added files that belong to tests. */
  readonly addedTests: readonly string[]
  readonly lockfileChanged: boolean
}

const REASONS_MAX = 20

export const judgeChanges = (question: ChangesQuestion): ChangesVerdict => {
  const { changes } = question
  const reasons = changes.flatMap((change) => {
    const why = protectedBecause(change, question)
    return why === undefined ? [] : [`${quoted(change.path)}: ${why}`]
  })
  const lockfileChanged = changes.some(({ path }) => LOCKFILES.has(nameOf(path)))
  const flags = [
    ...(lockfileChanged ? ['lockfile-changed'] : []),
    ...(changes.some((change) => change.modeAfter === '100755' && change.modeBefore !== '100755') ? ['executable-added'] : []),
    ...(changes.some(({ path }) => DEPENDENCY_FILES.has(nameOf(path))) && !lockfileChanged ? ['package-manifest-changed'] : []),
  ]
  return {
    reasons: reasons.length > REASONS_MAX ? [...reasons.slice(0, REASONS_MAX), `and ${reasons.length - REASONS_MAX} more`] : reasons,
    flags,
    addedTests: changes.filter((change) => change.kind === 'added' && isTestPath(change.path)).map(({ path }) => path),
    lockfileChanged,
  }
}

/** Changed files whose content decides; the caller reads them on both sides. */
export const comparedPaths = (changes: readonly FileChange[]): readonly string[] =>
  changes.filter(({ kind, path }) => kind === 'modified' ? COMPARED.has(nameOf(path)) : kind === 'added' && COMPARED_NEW.has(nameOf(path))).map(({ path }) => path)

export const isTestPath = (path: string): boolean => {
  const parts = path.toLowerCase().split('/')
  const name = parts.at(-1) ?? ''
  return parts.slice(0, -1).some((part) => TEST_FOLDERS.has(part)) || TEST_NAMES.some((pattern) => pattern.test(name)) || /[A-Za-z0-9](?:Test|Tests|Spec)\.[a-z]+$/.test(path)
}

export const LOCKFILES: ReadonlySet<string> = new Set([
  'package-lock.json', 'npm-shrinkwrap.json', 'pnpm-lock.yaml', 'yarn.lock', 'bun.lock', 'bun.lockb', 'poetry.lock', 'uv.lock', 'pdm.lock',
  'pipfile.lock', 'go.sum', 'cargo.lock', 'gemfile.lock', 'composer.lock', 'requirements.txt',
])

const DEPENDENCY_FILES: ReadonlySet<string> = new Set(['package.json', 'pyproject.toml', 'go.mod', 'cargo.toml', 'pipfile', 'gemfile'])
const TEST_FOLDERS: ReadonlySet<string> = new Set(['test', 'tests', '__tests__', 'spec', 'specs', 'e2e', 'testdata', '__snapshots__', '__fixtures__', '__mocks__'])
const TEST_NAMES = [/\.(?:test|spec)\.[^.]+$/, /^test_.*\.py$/, /_test\.[^.]+$/, /_spec\.rb$/, /^conftest\.py$/, /\.snap$/, /^test\.[cm]?[jt]sx?$/, /^tests?\.py$/]
const COMPARED: ReadonlySet<string> = new Set(['package.json', 'pyproject.toml', 'setup.cfg', 'tox.ini', 'go.mod', 'cargo.toml'])
/** A new one of these configures the tests that were there before. */
const COMPARED_NEW: ReadonlySet<string> = new Set(['pyproject.toml', 'setup.cfg', 'tox.ini'])

const FOLDERS: Readonly<Record<string, string>> = {
  '.chorus': 'configures the swarm', '.github': 'is CI configuration', '.gitlab': 'is CI configuration', '.gitea': 'is CI configuration',
  '.forgejo': 'is CI configuration', '.circleci': 'is CI configuration', '.buildkite': 'is CI configuration', '.woodpecker': 'is CI configuration',
  '.teamcity': 'is CI configuration', '.husky': 'holds hooks', '.githooks': 'holds hooks', '.git': 'is git\'s own', 'node_modules': 'is installed, not written',
  '.cargo': 'configures tests',
}
/** Python packages at the root come before those that are installed (`python -m`). */
const STAND_INS: ReadonlySet<string> = new Set(['pytest', '_pytest', 'unittest', 'pluggy'])

const NAMES: readonly (readonly [RegExp, string])[] = [
  [/^\.gitattributes$/, 'changes how git reads files'],
  [/^\.gitmodules$/, 'changes submodules'],
  [/^chorus\.ya?ml$/, 'configures the swarm'],
  [/^(?:\.gitlab-ci|\.travis|\.appveyor|appveyor|\.drone|\.cirrus|azure-pipelines|bitbucket-pipelines|cloudbuild|\.woodpecker)\.ya?ml$|^jenkinsfile/, 'is CI configuration'],
  [/^(?:\.pre-commit-config\.ya?ml|\.?lefthook\.(?:ya?ml|toml|json))$/, 'configures hooks'],
  [/^codeowners$/, 'says who reviews'],
  [/^(?:agents|claude|gemini)\.md$|^\.cursorrules$/, 'instructs agents'],
  [/^\.npmrc$|^\.yarnrc(?:\.ya?ml)?$|^\.pnp\.[cm]?js$|^\.pnpmfile\.cjs$|^pip\.conf$/, 'configures a package manager'],
  [/^(?:vite|vitest|jest|karma|playwright|cypress|ava|wtr|web-test-runner)\.(?:config|conf|workspace|setup|preset)\.[^/]*$|^\.mocharc(?:\.[a-z]+)?$|^\.taprc$|^setuptests\.[a-z]+$/, 'configures tests'],
  // What the test files are compiled with decides what their assertions do.
  [/^(?:babel|swc)\.config\.[a-z]+$|^\.(?:babel|swc)rc(?:\.[a-z]+)?$|^[tj]sconfig(?:\.[^/]*)?\.json$|^(?:deno\.jsonc?|bunfig\.toml)$/, 'configures tests'],
  [/^(?:eslint|prettier|stylelint)\.config\.[a-z]+$|^\.(?:eslint|prettier|stylelint)(?:rc(?:\.[a-z]+)?|ignore)$|^biome\.jsonc?$/, 'configures checks'],
  [/^(?:\.?mypy\.ini|\.?ruff\.toml|\.flake8|\.?pylintrc|\.coveragerc|\.nycrc(?:\.[a-z]+)?|\.c8rc(?:\.[a-z]+)?|\.golangci\.[a-z]+|\.?clippy\.toml|\.rubocop\.yml|\.rspec|phpunit\.xml(?:\.dist)?)$/, 'configures checks'],
  // Python takes these from the folder it starts in rather than from the library.
  [/^(?:pytest|unittest|doctest|pluggy)\.py$|\.pth$/, 'stands in for a test library'],
  [/^(?:rakefile|\.?justfile|taskfile\.ya?ml|build\.gradle(?:\.kts)?|pom\.xml|go\.work)$/, 'defines check commands'],
  [/^(?:pytest\.ini|\.?pytest\.toml|conftest\.py|sitecustomize\.py|usercustomize\.py|noxfile\.py)$/, 'configures tests'],
  [/^(?:gnu)?makefile$/, 'defines check commands'],
]

const protectedBecause = (change: FileChange, question: ChangesQuestion): string | undefined => {
  const { path } = change
  const parts = path.toLowerCase().split('/')
  const name = parts.at(-1) ?? ''
  if (path === '' || path.startsWith('/') || UNUSUAL.test(path) || parts.some((part) => part === '' || part === '.' || part === '..')) return 'is an unusual path'
  if (change.modeBefore === '160000' || change.modeAfter === '160000') return 'is a submodule'
  if (change.modeAfter === '120000') return 'is a new or changed symbolic link'
  const twin = question.twins.get(path)
  if (twin !== undefined) return `differs from ${quoted(twin)} in case alone, or looks the same`
  const folder = parts.find((part) => Object.hasOwn(FOLDERS, part))
  if (folder !== undefined && (parts.length > 1 || folder === '.git' || folder === 'node_modules')) return FOLDERS[folder]
  if (parts.length > 1 && STAND_INS.has(parts[0] ?? '')) return 'stands in for a test library'
  const special = NAMES.find(([pattern]) => pattern.test(name))
  if (special !== undefined) return special[1]
  if (question.patterns.some((pattern) => matches(pattern, path))) return 'is protected by chorus.yaml'
  if (change.kind === 'added') return COMPARED_NEW.has(name) ? judgeContent(name, change, question) : undefined
  if (isTestPath(path)) return change.kind === 'deleted' ? 'deletes an existing test' : 'edits an existing test'
  if (question.checkCommands.some((command) => mentions(command, path) || mentionsBelow(command, path))) return 'is named by a check command'
  if (COMPARED.has(name)) return judgeContent(name, change, question)
  return undefined
}

/** A command that changes its folder names files from there. */
const mentionsBelow = (command: string, path: string): boolean => {
  if (!/(?:^|[\s;&|(])(?:cd|pushd)\s|\s(?:-C|--prefix|--cwd|--dir|--directory|--chdir|--manifest-path)[\s=]/.test(command)) return false
  const parts = path.split('/')
  return parts.some((_, from) => from > 0 && mentions(command, parts.slice(from).join('/')))
}

const judgeContent = (name: string, change: FileChange, question: ChangesQuestion): string | undefined => {
  if (change.kind !== 'modified' && change.kind !== 'added') return 'defines check commands'
  const { before, after } = question.contents.get(change.path) ?? { before: undefined, after: undefined }
  const compared = change.kind === 'added' ? '' : before
  if (compared === undefined || after === undefined) return 'may define check commands, and could not be compared'
  const judged = JUDGED[name] ?? judgedSections
  return judged(compared) === judged(after) ? undefined : 'changes check commands or their configuration'
}

const PACKAGE_MEMBERS = [
  'scripts', 'config', 'jest', 'mocha', 'ava', 'tap', 'vitest', 'nyc', 'c8', 'babel', 'ts-node', 'eslintConfig', 'eslintIgnore', 'husky', 'lint-staged',
  'simple-git-hooks', 'pre-commit', 'packageManager', 'workspaces',
]

/** The members of package.json that choose what runs. Text that is no JSON counts whole, so that any edit shows. */
const judgedMembers = (text: string): string => {
  try {
    const parsed: unknown = JSON.parse(text)
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return text
    const record = parsed as Record<string, unknown>
    return JSON.stringify(PACKAGE_MEMBERS.map((member) => record[member] ?? null))
  } catch {
    return text
  }
}

/** The sections of an INI or TOML file that speak of tests. */
const judgedSections = (text: string): string => sectionsNamed(text, /pytest|tox|nox|testenv|coverage|tool\.hatch\.envs|tool\.(?:ruff|mypy|pylint)/i)

/** Whether and how tests are built, and what stands in for a library they use. */
const judgedCargo = (text: string): string => [
  sectionsNamed(text, /^(?:test|lib|patch|replace|profile)(?:$|\.)/i),
  ...text.split('\n').filter((line) => /^\s*(?:autotests|build)\s*=/.test(line)),
].join('\n')

const sectionsNamed = (text: string, wanted: RegExp): string => {
  let judged = false
  return text.split('\n').filter((line) => {
    const header = /^\s*\[+\s*([^\]]+?)\s*\]+/.exec(line)
    if (header !== null) judged = wanted.test(header[1] ?? '')
    return judged
  }).join('\n')
}

/** go.mod: a replaced module may be one that the tests use. In a block (`replace (`) the arrow tells. */
const judgedModules = (text: string): string => text.split('\n').filter((line) => /^\s*(?:replace|exclude|toolchain|tool)\b|=>/.test(line)).join('\n')

const JUDGED: Readonly<Record<string, (text: string) => string>> = { 'package.json': judgedMembers, 'go.mod': judgedModules, 'cargo.toml': judgedCargo }

const WILDCARDS_MAX = 8

/** A pattern over the limits protects everything: refusing too much is the safe mistake. */
const matches = (pattern: string, path: string): boolean => {
  if (pattern.length > 200 || (pattern.match(/\*+/g)?.length ?? 0) > WILDCARDS_MAX) return true
  const whole = pattern.replace(/^\/+/, '').replace(/\/$/, '/**')
  const source = whole.split(/(\*\*\/?|\*|\?)/).map((part) => {
    if (part === '**/') return '(?:.*/)?'
    if (part === '**') return '.*'
    if (part === '*') return '[^/]*'
    if (part === '?') return '[^/]'
    return part.replace(/[.+^${}()|[\]\\]/g, '\\$&')
  }).join('')
  return new RegExp(`^${source}$`, 'iu').test(path)
}

const nameOf = (path: string): string => (path.split('/').at(-1) ?? '').toLowerCase()
