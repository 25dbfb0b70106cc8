import { canonicalJson, sha256 } from '../../core/mod.ts'

/** How a repository's dependencies are brought in, by what its lockfile implies. Pure. */
export interface SetupPlan {
  readonly commands: readonly string[]
  /** Folders of the work tree that hold the result; each that exists is kept and bound read-only. */
  readonly folders: readonly string[]
  /** The texts that decide the result: lockfile, manifest, package manager's configuration. */
  readonly inputsHash: string
}

/** Undefined when there is nothing to bring in. `configured` is `setup` of chorus.yaml. */
export const detectSetup = (files: ReadonlyMap<string, string>, configured: readonly string[] | undefined): SetupPlan | undefined => {
  const plan = (commands: readonly string[], folders: readonly string[]): SetupPlan => ({
    commands, folders, inputsHash: sha256(canonicalJson(INPUTS.map((name) => files.get(name) ?? null))),
  })
  if (configured !== undefined && configured.length > 0) return plan(configured.slice(0, 20), ['node_modules', '.venv', 'vendor'])
  const npmLock = files.get('npm-shrinkwrap.json') ?? files.get('package-lock.json')
  if (npmLock !== undefined) return npmLocksNothing(npmLock) ? undefined : plan(['npm ci --no-audit --no-fund'], ['node_modules'])
  if (files.has('pnpm-lock.yaml')) return /^(?:packages|importers):/m.test(files.get('pnpm-lock.yaml') ?? '') ? plan(['pnpm install --frozen-lockfile'], ['node_modules']) : undefined
  if (files.has('yarn.lock')) return plan(['yarn install --frozen-lockfile'], ['node_modules'])
  if (/^\s*[A-Za-z0-9]/m.test(files.get('requirements.txt') ?? '')) {
    return plan(['python3 -m venv .venv && .venv/bin/pip install -r requirements.txt'], ['.venv'])
  }
  if ((files.get('go.sum') ?? '').trim() !== '') return plan(['go mod vendor'], ['vendor'])
  return undefined
}

/** Key of the kept result. What a change brings is kept apart from what base commits bring: its scripts are not trusted. */
export const setupKey = (plan: SetupPlan, about: { readonly platform: string; readonly change: string | undefined }): string =>
  sha256(canonicalJson({ version: 1, commands: plan.commands, inputs: plan.inputsHash, platform: about.platform, change: about.change ?? null }))

/** True for what a broken connection leaves in the output of a package manager. */
export const looksLikeNetwork = (output: string): boolean =>
  /\b(?:ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|EPIPE|ERR_SOCKET_TIMEOUT|E50[0-9]|E429)\b|socket hang up|network (?:timeout|is unreachable|request)|tunneling socket|Temporary failure in name resolution|Max retries exceeded|Could not resolve host|\b50[234] (?:Bad Gateway|Service Unavailable|Gateway)/i.test(output)

export const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Undefined for what is no JSON object: the caller then finds nothing in it. */
export const readJson = (text: string | undefined): Record<string, unknown> | undefined => {
  try {
    const parsed: unknown = JSON.parse(text ?? 'null')
    return isRecord(parsed) ? parsed : undefined
  } catch {
    return undefined
  }
}

const INPUTS = ['package.json', 'package-lock.json', 'npm-shrinkwrap.json', 'pnpm-lock.yaml', 'yarn.lock', '.npmrc', 'requirements.txt', 'pyproject.toml', 'go.mod', 'go.sum', 'Cargo.lock']

const npmLocksNothing = (text: string): boolean => {
  const lock = readJson(text)
  // A lock that is no JSON goes to npm, whose message says what is wrong with it.
  if (lock === undefined) return false
  const packages = lock['packages'] ?? lock['dependencies']
  return !isRecord(packages) || Object.keys(packages).every((name) => name === '')
}
