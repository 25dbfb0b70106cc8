import type { NodeParts } from '../node/node.ts'
import { envelopeOpener } from '../wire/mod.ts'
import type { Opener } from '../wire/mod.ts'
import type { SimRemote } from './remote.ts'
import { verifySimulated } from './signatures.ts'

/** What depends on bytes alone is worked out once for all nodes of a world: the same message, the same record. */
export class SharedOpeners {
  readonly #remote: SimRemote
  readonly #envelopes = new WeakMap<Uint8Array, ReturnType<Opener>>()

  constructor(remote: SimRemote) { this.#remote = remote }

  parts(): Pick<NodeParts, 'openers'> { return { openers: { envelope: this.#open, record: this.#remote.open } } }

  readonly #open: Opener = (bytes) => {
    const known = this.#envelopes.get(bytes)
    if (known !== undefined) return known
    const opened = openEnvelope(bytes)
    this.#envelopes.set(bytes, opened)
    return opened
  }
}

const openEnvelope = envelopeOpener(verifySimulated)
