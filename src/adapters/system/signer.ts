import type { KeyObject } from 'node:crypto'
import { nodeIdOfKey, privateKeyFromSeed, publicKeyBytes, sign } from '../../core/mod.ts'
import type { NodeId } from '../../core/mod.ts'
import type { Signer } from '../../ports/mod.ts'

/** Signs with the node's Ed25519 key. The key stays inside: printing or serialising the signer shows the id alone. */
export class KeySigner implements Signer {
  readonly node: NodeId
  readonly #key: KeyObject

  /** From the 32-byte seed of the identity file. */
  constructor(seed: Uint8Array) {
    this.#key = privateKeyFromSeed(seed)
    this.node = nodeIdOfKey(publicKeyBytes(this.#key))
  }

  sign(data: Uint8Array | string): string {
    return sign(this.#key, data)
  }
}
