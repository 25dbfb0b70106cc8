import { createHash } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { nodeIdOfKey, privateKeyFromSeed, publicKeyBytes, sign } from '../core/mod.ts'
import type { NodeId } from '../core/mod.ts'
import type { Signer } from '../ports/mod.ts'

/** A signer whose key follows from a name: the same name, the same node. For tests only. */
export class SeededSigner implements Signer {
  readonly node: NodeId
  readonly #key: KeyObject

  constructor(name: string) {
    this.#key = privateKeyFromSeed(createHash('sha256').update(`signer ${name}`).digest())
    this.node = nodeIdOfKey(publicKeyBytes(this.#key))
  }

  sign(data: Uint8Array | string): string { return sign(this.#key, data) }
}
