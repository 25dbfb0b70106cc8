/** A broken invariant: a defect of Chorus itself. Thrown in production too. */
export class AssertionError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'AssertionError'
  }
}

export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message)
}

/** Ends an exhaustive switch: the compiler refuses a forgotten case, and so does the running program. */
export const unreachable = (value: never): never => {
  throw new AssertionError(`unexpected case: ${JSON.stringify(value)}`)
}
