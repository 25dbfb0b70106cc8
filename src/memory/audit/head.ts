import { canonicalJson, isNodeId, SIGNATURE_LENGTH, verify as verifySignature } from '../../core/mod.ts'
import type { NodeId } from '../../core/mod.ts'
import type { Signer } from '../../ports/mod.ts'
import { isRecord } from './entries.ts'

/**
 * A node's word for the state of its log at one moment. Kept beside the log, gossiped, and witnessed by peers in their
 * own logs: a log that no longer contains it was rewritten. `last` (SHA-256 of the entry at length - 1, 64 zeros for an
 * empty log) commits to every entry through the `prev` chain; `treeHash` is the store's Merkle root.
 */
export interface SignedHead {
  readonly version: 1
  readonly node: NodeId
  /** Public key of the log, hex. */
  readonly key: string
  readonly length: number
  readonly treeHash: string
  readonly last: string
  readonly at: string
  readonly signature: string
}

const signable = (head: Omit<SignedHead, 'signature'>): string => canonicalJson({ head: 'chorus/audit-head/v1', ...head })

export const signHead = (signer: Signer, head: Omit<SignedHead, 'signature' | 'version' | 'node'>): SignedHead => {
  const unsigned = { version: 1 as const, node: signer.node, ...head }
  return { ...unsigned, signature: signer.sign(signable(unsigned)) }
}

export type HeadCheck = (head: SignedHead) => boolean

export const headCheck = (verify: typeof verifySignature): HeadCheck => ({ signature, ...head }) => verify(head.node, signable(head), signature)

export const headSignatureHolds: HeadCheck = headCheck(verifySignature)

export const formatSignedHead = (head: SignedHead): string => canonicalJson(head)

const HEAD_CHARACTERS_MAX = 2_048

/** Undefined for anything that is no head; its signature is not checked here. */
export const parseSignedHead = (text: string): SignedHead | undefined => {
  if (text.length > HEAD_CHARACTERS_MAX) return undefined
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // Not JSON, so no head; the caller says what it expected.
    return undefined
  }
  if (!isRecord(value)) return undefined
  const { version, node, key, length, treeHash, last, at, signature } = value
  if (version !== 1 || typeof node !== 'string' || !isNodeId(node) || !isHash(key) || !isHash(treeHash) || !isHash(last)) return undefined
  if (typeof length !== 'number' || !Number.isSafeInteger(length) || length < 0 || typeof at !== 'string') return undefined
  if (typeof signature !== 'string' || signature.length !== SIGNATURE_LENGTH) return undefined
  return { version, node, key, length, treeHash, last, at, signature }
}

const isHash = (value: unknown): value is string => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
