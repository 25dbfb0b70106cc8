import { ChorusError } from '../../core/mod.ts'
import type { SessionId } from '../../core/mod.ts'
import type { Signer } from '../../ports/mod.ts'
import { boundedData, IN_ENTRY, IN_LARGE_ENTRY } from './bounded-data.ts'
import type { EntryFacts } from './bounded-data.ts'
import { encodeEntry, ENTRY_BYTES_MAX, signableText } from './entries.ts'
import type { Entry } from './entries.ts'

export interface Draft {
  readonly index: number
  readonly prev: string
  readonly at: string
  readonly session: SessionId
  readonly type: string
  /** Redacted. */
  readonly data: EntryFacts
}

/** Bounds, signs and encodes. Data that makes too large an entry is cut shorter; LIMIT_EXCEEDED when that is not enough. */
export const sealEntry = (signer: Signer, draft: Draft): { readonly entry: Entry; readonly bytes: Uint8Array } => {
  for (const bounds of [IN_ENTRY, IN_LARGE_ENTRY]) {
    const unsigned = { version: 1 as const, node: signer.node, ...draft, data: boundedData(draft.data, bounds) }
    const entry = { ...unsigned, signature: signer.sign(signableText(unsigned)) }
    const bytes = encodeEntry(entry)
    if (bytes.byteLength <= ENTRY_BYTES_MAX) return { entry, bytes }
  }
  throw new ChorusError('LIMIT_EXCEEDED', `a log entry has at most ${ENTRY_BYTES_MAX} bytes; this ${draft.type} has more`)
}
