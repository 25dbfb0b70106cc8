import { ChorusError } from '../../core/mod.ts'

/** The remote did not answer: nothing is known, and it may be tried again. */
export const isUnavailable = (thrown: unknown): boolean => thrown instanceof ChorusError && thrown.code === 'REMOTE_UNAVAILABLE'

export const unavailable = (reason: string): ChorusError => new ChorusError('REMOTE_UNAVAILABLE', `the claim ref could not be moved: ${reason}`)
