import type { Plant } from './plant.ts'
import { SMALL, troubled } from './troubled.ts'

const REMOTE = 'src/work/claims/remote.ts'
const RECORD = 'src/work/claims/record.ts'
const MOVE = 'src/work/claims/move.ts'
const TRANSITION = 'src/work/claims/transition.ts'
const SERVICE = 'src/work/claims/service.ts'
const PRUNING = 'src/work/claims/pruning.ts'

/** A node that everybody says to be. */
const EVERYBODY = '12D3KooWH1pk7J1ibCuR7KDJrTm3xXMYLiujSdfah8fT3xnU1Wtf'
const NO_UUID = '00000000-0000-4000-8000-000000000000'

/** Bugs in how claims are pushed, numbered, fenced and remembered. */
export const CLAIM_PLANTS: readonly Plant[] = [
  {
    name: 'no fencing: a delivery goes on whatever the claim is now', checker: 'superseded',
    edits: [{
      file: REMOTE,
      find: 'const answers = await store.push([update, ...alongside], { atomic: alongside.length > 0 })',
      replace: 'const answers = await store.push([alongside.length > 0 ? { ...update, from: await this.tip(entry) } : update, ...alongside], { atomic: alongside.length > 0 })',
    }],
    world: { ...SMALL, tasks: 8, plan: troubled({ breakage: { pauses: 500 }, disk: { latency: { p50: 1_500, p99: 5_000 } }, delivery: 'branch' }) },
  },
  {
    name: 'same commit for all claimants: who finds it there has won', checker: 'one owner', says: 'as n',
    edits: [
      {
        file: REMOTE, find: 'const message = sealRecord(record, signer, names.mark)',
        replace: `const message = sealRecord({ ...record, node: '${EVERYBODY}' as never, session: '${NO_UUID}' as never, nonce: '${NO_UUID}', atSeconds: 0 }, signer, names.mark)`,
      },
      { file: RECORD, find: 'const signature = signer.sign(signedBytes(record))', replace: 'const signature = \'A\'.repeat(86)' },
      { file: RECORD, find: 'if (!verify(record.node, signedBytes(record), signature)) return', replace: 'if (signature === \'\') return' },
    ],
    world: SMALL,
  },
  {
    name: 'epoch not raised on takeover', checker: 'one owner',
    edits: [
      {
        file: MOVE, find: 'const { record } = seen\n  const epoch = (record.epoch + 1) as Epoch', replace: 'const { record } = seen\n  const epoch = record.epoch',
      },
      { file: TRANSITION, find: 'if (!isSameOwner(previous, next)) return \'another node or session continues the epoch\'', replace: '' },
      { file: TRANSITION, find: 'released: [],', replace: 'released: [\'held\'],' },
    ],
    world: { ...SMALL, plan: troubled({ breakage: { kills: 100 }, engine: 0.5 }) },
  },
  {
    name: 'main outside the atomic push', checker: 'one push',
    edits: [
      { file: SERVICE, find: 'const result = boundedResult(delivery.result)', replace: 'const result = boundedResult(delivery.result)\n    await this.#components.store.push(delivery.alongside, { atomic: false })' },
      { file: SERVICE, find: 'alongside: delivery.alongside })', replace: 'alongside: [] })' },
    ],
    world: SMALL,
  },
  {
    name: 'prune without the list of ended claims', checker: 'epochs rise', reopens: true,
    edits: [{ file: PRUNING, find: 'store.push([...updates, ...moves], { atomic: true })', replace: 'store.push(moves.length > 0 ? updates : [], { atomic: true })' }],
    world: { ...SMALL, hours: 0.15, plan: troubled({}) },
  },
  {
    name: 'intent after the push', checker: 'intents first',
    edits: [{ file: REMOTE, find: 'await this.#parts.intents.append(', replace: 'void this.#parts.intents.append(' }],
    world: SMALL,
  },
  {
    name: 'an answer that was lost is taken for a no', checker: 'intents settled',
    edits: [
      { file: REMOTE, find: 'const found = await this.#whatHappened(entry, update)', replace: 'const found = answer.kind === \'unclear\' ? \'not there\' : await this.#whatHappened(entry, update)' },
      { file: REMOTE, find: 'if (found === \'not there\' && answer.kind === \'refused\' && (alongside.length > 0 || tries >= PUSH_TRIES)) {', replace: 'if (found === \'not there\') {' },
      { file: REMOTE, find: 'assert(answer.kind === \'refused\' || answer.kind === \'unclear\', \'only a push that failed has a reason\')', replace: '' },
    ],
    world: { ...SMALL, plan: troubled({ remote: { answerLost: 0.1 } }) },
  },
  {
    name: 'intents of the last run are not settled', checker: 'intents settled',
    edits: [{ file: SERVICE, find: 'this.#settled ??= settleIntents(this.#components.intents, this.#components.store, this.#names).catch(', replace: 'this.#settled ??= Promise.resolve([]).catch(' }],
    world: { ...SMALL, plan: troubled({ breakage: { kills: 300 }, disk: { latency: { p50: 40, p99: 400 } } }) },
  },
]
