/**
 * The one registry of failure codes. Expected outcomes are values (`Result`); a ChorusError is for what the
 * caller could not plan for. `exit` is the process exit code that the command line gives for it
 * (sysexits.h where one fits).
 */
export const ERROR_CODES = {
  CONFIG_INVALID: { exit: 78, retryable: false },
  CONFIG_MISSING: { exit: 78, retryable: false },
  STATE_INVALID: { exit: 65, retryable: false },
  STATE_LOCKED: { exit: 75, retryable: true },
  USAGE: { exit: 64, retryable: false },
  NOT_FOUND: { exit: 66, retryable: false },
  REMOTE_UNAVAILABLE: { exit: 69, retryable: true },
  REPOSITORY_INVALID: { exit: 65, retryable: false },
  SANDBOX_UNAVAILABLE: { exit: 69, retryable: false },
  ENGINE_UNAVAILABLE: { exit: 69, retryable: true },
  NETWORK_UNAVAILABLE: { exit: 69, retryable: true },
  LOG_CORRUPT: { exit: 65, retryable: false },
  LOG_UNAVAILABLE: { exit: 74, retryable: true },
  PROVIDER_FAILED: { exit: 69, retryable: true },
  SECRET_DENIED: { exit: 77, retryable: false },
  INPUT_INVALID: { exit: 65, retryable: false },
  LIMIT_EXCEEDED: { exit: 65, retryable: false },
  IO_FAILED: { exit: 74, retryable: true },
  CHECK_FAILED: { exit: 1, retryable: false },
  INTERNAL: { exit: 70, retryable: false },
} as const satisfies Record<string, { exit: number; retryable: boolean }>

export type ErrorCode = keyof typeof ERROR_CODES

export interface ErrorOptions {
  readonly cause?: unknown
  /** The configuration key that the user can change to mend it, as in `agent.max_tasks`. */
  readonly setting?: string
  /** Facts for the log; never secrets. */
  readonly data?: Readonly<Record<string, unknown>>
}

export class ChorusError extends Error {
  readonly code: ErrorCode
  readonly retryable: boolean
  readonly setting: string | undefined
  readonly data: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'ChorusError'
    this.code = code
    this.retryable = ERROR_CODES[code].retryable
    this.setting = options.setting
    this.data = options.data ?? {}
  }
}

/** The message of anything thrown, without stack, at most 500 characters. */
export const messageOf = (thrown: unknown): string => {
  const text = thrown instanceof Error ? thrown.message : String(thrown)
  return text.length > 500 ? `${text.slice(0, 499)}…` : text
}
