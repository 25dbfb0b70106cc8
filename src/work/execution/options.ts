import type { SandboxLimits } from '../../ports/mod.ts'

const MEBIBYTE = 2 ** 20
const GIBIBYTE = 2 ** 30

export interface ExecutionOptions {
  /** Of all rounds together. */
  readonly agentTimeoutMs: number
  readonly roundsMax: number
  /** `timeoutMs` is the longest single program; the agent's rest of time bounds it too. */
  readonly agentLimits: SandboxLimits
  /** Per command. */
  readonly checkLimits: SandboxLimits
  readonly setupLimits: SandboxLimits
  /** A change of more files is refused. */
  readonly changesMax: number
  /** A larger diff cannot be searched for secrets, so it parks. */
  readonly diffBytesMax: number
  readonly promptBytesMax: number
  readonly feedbackBytesMax: number
  /** For the model gate; undefined = the gate's own cap. */
  readonly tokensMax: number | undefined
}

const limits = (special: Partial<SandboxLimits>): SandboxLimits => ({
  timeoutMs: 300_000,
  graceMs: 3_000,
  memoryBytesMax: GIBIBYTE,
  processesMax: 256,
  cpusMax: 2,
  outputBytesMax: 4 * MEBIBYTE,
  fileBytesMax: 512 * MEBIBYTE,
  diskBytesMax: 2 * GIBIBYTE,
  ...special,
})

export const defaultExecutionOptions: ExecutionOptions = {
  agentTimeoutMs: 600_000,
  roundsMax: 3,
  // Real agents are killed at 512 MiB; their protocol runs over standard output.
  agentLimits: limits({ timeoutMs: 600_000, memoryBytesMax: 2 * GIBIBYTE, outputBytesMax: 64 * MEBIBYTE }),
  checkLimits: limits({}),
  setupLimits: limits({ timeoutMs: 600_000, memoryBytesMax: 2 * GIBIBYTE, diskBytesMax: 4 * GIBIBYTE }),
  changesMax: 500,
  diffBytesMax: 900_000,
  promptBytesMax: 60_000,
  feedbackBytesMax: 16_000,
  tokensMax: undefined,
}
