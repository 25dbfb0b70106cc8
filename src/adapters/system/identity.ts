import { chmod, stat } from 'node:fs/promises'
import { ChorusError } from '../../core/mod.ts'
import type { NodeId } from '../../core/mod.ts'
import type { Entropy, Logger } from '../../ports/mod.ts'
import { readFileIfPresent, writeFileDurably } from './files.ts'
import { KeySigner } from './signer.ts'

/** Who this node is. `seed` is for the transport, which needs the raw key; nothing else may see it. */
export interface NodeIdentity {
  readonly node: NodeId
  readonly signer: KeySigner
  /** 32 bytes, Ed25519. */
  readonly seed: Uint8Array
  /** True when it was made just now. */
  readonly created: boolean
}

/**
 * Reads the node's key from its file, or makes one. The file is for its owner alone (0600): one that others may
 * read is closed to them and reported, because the key may be known elsewhere by now.
 */
export const loadIdentity = async (file: string, options: { readonly entropy: Entropy; readonly logger?: Logger | undefined }): Promise<NodeIdentity> => {
  const text = await readFileIfPresent(file)
  if (text === undefined) {
    const seed = options.entropy.bytes(32)
    const signer = new KeySigner(seed)
    await writeFileDurably(file, `${JSON.stringify({ version: 1, kind: 'ed25519', node: signer.node, seed: Buffer.from(seed).toString('base64url') }, undefined, 2)}\n`, 0o600)
    return { node: signer.node, signer, seed, created: true }
  }
  if (((await stat(file)).mode & 0o077) !== 0) {
    await chmod(file, 0o600)
    options.logger?.warn('the node key could be read by other users of this machine; it is closed to them now', { file })
  }
  const seed = parseSeed(text, file)
  const signer = new KeySigner(seed.bytes)
  if (signer.node !== seed.node) throw invalid(file, `it names node ${JSON.stringify(seed.node).slice(0, 80)}, its key belongs to ${signer.node}`)
  return { node: signer.node, signer, seed: seed.bytes, created: false }
}

const parseSeed = (text: string, file: string): { readonly bytes: Uint8Array; readonly node: unknown } => {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    // The parser's message may quote the file: it is left out, since the file is a secret.
    throw invalid(file, 'it is not JSON')
  }
  if (typeof parsed !== 'object' || parsed === null) throw invalid(file, 'it is not a JSON object')
  const { version, kind, node, seed } = parsed as Record<string, unknown>
  if (version !== 1 || kind !== 'ed25519') throw invalid(file, `version 1 of kind ed25519 expected, got version ${String(version)} of kind ${String(kind)}`)
  const bytes = typeof seed === 'string' ? Buffer.from(seed, 'base64url') : undefined
  if (bytes?.byteLength !== 32) throw invalid(file, 'a seed of 32 bytes in base64url expected')
  return { bytes: new Uint8Array(bytes), node }
}

const invalid = (file: string, reason: string): ChorusError =>
  new ChorusError('STATE_INVALID', `the node key ${file} is not usable: ${reason}. Restore it from a backup, or remove it to become a new node`)
