/** Finds secrets in text. An adapter over a well-kept scanner's rules. */
export interface SecretScanner {
  /** Ranges are UTF-16 offsets, end exclusive, sorted, may overlap. Text is at most 1 MiB; longer is refused with LIMIT_EXCEEDED. */
  scan(text: string): Promise<readonly SecretFinding[]>
}

export interface SecretFinding {
  readonly start: number
  readonly end: number
  /** Stable rule name, safe to log. */
  readonly rule: string
}
