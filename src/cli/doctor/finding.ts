import { messageOf } from '../../core/mod.ts'

/** What was tried on this machine, what came of it, and how to mend it. */
export interface Finding {
  readonly name: string
  readonly ok: boolean
  /** False: the node works without it, with less. */
  readonly required: boolean
  readonly found: string
  /** Empty when there is nothing to mend. */
  readonly fix: string
}

export interface Probe {
  readonly name: string
  readonly required: boolean
  /** Used when `attempt` throws, or answers without a better one. */
  readonly fix: string
  /** What was found; throws, or answers `problem`, when it does not do. */
  attempt(): Promise<string | { readonly problem: string; readonly fix?: string }>
}

/** Never rejects, and always answers: a probe that hangs is a finding, too. */
export const tryOut = async ({ name, required, fix, attempt }: Probe): Promise<Finding> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => { reject(new Error(`no answer within ${PROBE_MS_MAX / 1_000} s`)) }, PROBE_MS_MAX)
  })
  try {
    const found = await Promise.race([attempt(), late])
    return typeof found === 'string' ? { name, ok: true, required, found, fix: '' } : { name, ok: false, required, found: found.problem, fix: found.fix ?? fix }
  } catch (thrown) {
    return { name, ok: false, required, found: messageOf(thrown), fix }
  } finally {
    clearTimeout(timer)
  }
}

const PROBE_MS_MAX = 75_000
