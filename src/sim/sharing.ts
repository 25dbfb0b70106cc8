import type { Oid } from '../core/mod.ts'
import { headCheck } from '../memory/audit/mod.ts'
import type { NodeParts } from '../node/node.ts'
import { envelopeOpener } from '../wire/mod.ts'
import type { Opener } from '../wire/mod.ts'
import { turnOpener } from '../work/turn/mod.ts'
import type { TurnOpener } from '../work/turn/mod.ts'
import type { SimRemote } from './remote.ts'
import { verifySimulated } from './signatures.ts'

/** What depends on bytes alone is worked out once for all nodes of a world: the same message, the same record. */
export class SharedOpeners {
  readonly #remote: SimRemote
  readonly #envelopes = new WeakMap<Uint8Array, ReturnType<Opener>>()

  #lastTurn: { readonly message: string; readonly branch: string; readonly parent: Oid | null; readonly opened: ReturnType<TurnOpener> } | undefined

  constructor(remote: SimRemote) { this.#remote = remote }

  parts(): Pick<NodeParts, 'openers'> { return { openers: { envelope: this.#open, record: this.#remote.open, turn: this.#turn, head: headHolds } } }

  /** The last is what everybody looks at. */
  readonly #turn: TurnOpener = (message, at) => {
    const { branch, parent } = at
    if (this.#lastTurn?.message !== message || this.#lastTurn.branch !== branch || this.#lastTurn.parent !== parent) {
      this.#lastTurn = { message, branch, parent, opened: openTurn(message, at) }
    }
    return this.#lastTurn.opened
  }

  readonly #open: Opener = (bytes) => {
    const known = this.#envelopes.get(bytes)
    if (known !== undefined) return known
    const opened = openEnvelope(bytes)
    this.#envelopes.set(bytes, opened)
    return opened
  }
}

const openEnvelope = envelopeOpener(verifySimulated)
const openTurn = turnOpener(verifySimulated)
const headHolds = headCheck(verifySimulated)
