/** A stretch of text. */
export interface TextRange {
  /** UTF-16 offsets, end exclusive. */
  readonly start: number
  readonly end: number
}
