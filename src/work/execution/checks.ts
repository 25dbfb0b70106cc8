import { sha256, truncate } from '../../core/mod.ts'
import type { CheckReport, ResourceUsage, Sandbox, SandboxEnd, SandboxLimits, SandboxMount, SandboxNetwork } from '../../ports/mod.ts'
import { collect } from './collect.ts'
import { parseTestReport } from './test-report.ts'
import type { TestStatus } from './test-report.ts'

/** One run of one check command. Green = it ended by itself with exit code 0, whatever it printed; see also `endedByItself`. */
export interface CommandRun {
  readonly command: string
  readonly green: boolean
  readonly end: SandboxEnd
  /** Last part of standard output, then of standard error. */
  readonly output: string
  /** SHA-256 over all that was kept of both. */
  readonly outputHash: string
  readonly tests: ReadonlyMap<string, TestStatus>
  /** False when output was dropped, so that tests may be missing from `tests`. */
  readonly complete: boolean
}

export interface CheckPlace {
  readonly sandbox: Sandbox
  /** A checkout, bound writable: tests write files. */
  readonly folder: string
  readonly mounts: readonly SandboxMount[]
  readonly environment: Readonly<Record<string, string>>
  readonly network?: SandboxNetwork
  readonly limits: SandboxLimits
  readonly label: string
  readonly signal: AbortSignal
  readonly onUsage: (usage: ResourceUsage) => void
}

const OUTPUT_KEPT_BYTES = 16_384

/** Runs one command through the shell. Rejects with SANDBOX_UNAVAILABLE, or with the signal's reason. */
export const runCommand = async (command: string, place: CheckPlace): Promise<CommandRun> => {
  place.signal.throwIfAborted()
  const process = await place.sandbox.start({
    command: ['sh', '-c', `${preludeOf(place.mounts)}${command}`],
    workspace: { path: place.folder, writable: true },
    mounts: place.mounts,
    environment: { ...CHECK_ENVIRONMENT, ...place.environment },
    network: place.network ?? { kind: 'none' },
    limits: place.limits,
    label: place.label,
    signal: place.signal,
  })
  const { end, stdout, stderr } = await collect(process, place.limits.outputBytesMax)
  place.onUsage(end.usage)
  place.signal.throwIfAborted()
  return {
    command,
    green: end.outcome === 'exited' && end.code === 0,
    end,
    output: [tail(stdout), tail(stderr)].filter((part) => part !== '').join('\n'),
    outputHash: sha256(`${stdout}\0${stderr}`),
    tests: parseTestReport(stdout),
    complete: end.outputBytesDropped === 0,
  }
}

/** In order, on one checkout: a later check may need what an earlier one built. */
export const runCommands = async (commands: readonly string[], place: CheckPlace): Promise<readonly CommandRun[]> => {
  const runs: CommandRun[] = []
  for (const command of commands) runs.push(await runCommand(command, place))
  return runs
}

/** What an agent is shown of a run. A name counts as passed only when it passed in every command. */
export const toCheckReport = (runs: readonly CommandRun[]): CheckReport => {
  const tests = new Map<string, TestStatus>()
  for (const run of runs) {
    for (const [name, status] of run.tests) if (tests.get(name) !== 'fail') tests.set(name, status)
  }
  return {
    green: runs.every((run) => run.green),
    commands: runs.map(({ command, green, end, output }) => ({ command, green, end, output })),
    tests,
  }
}

/** False when the sandbox ended it: then it is not green, and says as little of being red. */
export const endedByItself = ({ end }: { readonly end: SandboxEnd }): boolean => end.outcome === 'exited'

/** Why a run is not green, in a few words. */
export const endOf = (end: SandboxEnd): string => {
  const after = `after ${Math.round(end.usage.wallMs / 1_000)} s`
  switch (end.outcome) {
    case 'exited': return `exit code ${end.code ?? 'unknown'}`
    case 'timeout': return `out of time ${after}`
    case 'out-of-memory': return `out of memory ${after}`
    case 'disk-full': return `over the disk limit ${after}`
    case 'killed': return `killed ${after}`
  }
}

const CHECK_ENVIRONMENT = {
  CI: 'true',
  NO_COLOR: '1',
  // pytest names every test in its summary, and writes no cache folder.
  PYTEST_ADDOPTS: '-rA -p no:cacheprovider',
}

/** Programs of a virtual environment that set-up made come first; the sandbox owns PATH itself. */
const preludeOf = (mounts: readonly SandboxMount[]): string =>
  mounts.some((mount) => mount.target === '/workspace/.venv') ? 'PATH="/workspace/.venv/bin:$PATH"; export PATH; ' : ''

const tail = (text: string): string => {
  const bytes = Buffer.byteLength(text)
  if (bytes <= OUTPUT_KEPT_BYTES) return text
  const kept = truncate(Buffer.from(text).subarray(bytes - OUTPUT_KEPT_BYTES).toString('utf8').replace(/^\uFFFD+/u, ''), OUTPUT_KEPT_BYTES + 8)
  return `[${bytes - OUTPUT_KEPT_BYTES} bytes cut] …${kept}`
}
