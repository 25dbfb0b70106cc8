import type { NodeId } from '../core/mod.ts'

/** Holds the node's private key; nothing else sees it. */
export interface Signer {
  readonly node: NodeId
  /** Ed25519 over the bytes, base64url (86 characters). Synchronous: 50 µs. */
  sign(data: Uint8Array | string): string
}
