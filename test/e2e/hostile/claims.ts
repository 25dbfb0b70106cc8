import { execFileSync } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { KeySigner } from '../../../src/adapters/system/mod.ts'
import { epoch, taskKey } from '../../../src/core/mod.ts'
import type { Oid, SessionId } from '../../../src/core/mod.ts'
import { leafOf, sealRecord } from '../../../src/work/claims/mod.ts'
import type { ClaimRecord } from '../../../src/work/claims/mod.ts'
import type { HostileCase } from './case.ts'
import { gitSays } from './look.ts'
import type { Listing } from './task-files.ts'

/** Something at a claim ref that no node of Chorus put there. Its task has an honest agent: nobody may get as far as that. */
export interface ClaimCase extends HostileCase {
  readonly area: 'claim'
  readonly because: string
  /** Gives the object that the ref points to. */
  readonly forge: (forge: Forge) => string
}

interface Forge {
  readonly number: string
  object(type: 'blob' | 'tree' | 'tag' | 'commit', content: string | Buffer): string
  commit(message: string, parent?: string): string
  /** A record as a node would write it. */
  seal(more?: Partial<ClaimRecord>, by?: KeySigner): string
}

const quarantined = (name: string, does: string, because: string, forge: ClaimCase['forge']): ClaimCase => ({ area: 'claim', name, does, because, forge, ends: `quarantined: “${because}”; nobody works on it` })

export const claimCases: readonly ClaimCase[] = [
  quarantined('claim-blob', 'a blob', 'a commit was expected', (by) => by.object('blob', 'x')),
  quarantined('claim-tag', 'a tag', 'a commit was expected', (by) => by.object('tag', `object ${by.commit('x')}\ntype commit\ntag x\ntagger a <a@b> 0 +0000\n\nx\n`)),
  quarantined('claim-tree', 'a tree', 'a commit was expected', (by) => by.object('tree', '')),
  quarantined('claim-unsigned', 'a commit that is no record', 'no claim record', (by) => by.commit('claimed by me')),
  quarantined('claim-huge', 'a record of 5 MB', 'a record has a message of at most', (by) => by.commit(`${by.seal()}${' '.repeat(5_000_000)}`)),
  quarantined('claim-signature', 'a record in the name of a node, signed with another key', 'the signature does not fit', (by) => by.commit(by.seal({ node: new KeySigner(randomBytes(32)).node }))),
  quarantined('claim-edited', 'a signed record whose epoch was raised afterwards', 'the signature does not fit', (by) => by.commit(by.seal().replace('"epoch":1,', '"epoch":9,').replace('(epoch 1)', '(epoch 9)'))),
  quarantined('claim-parent', 'a signed record on a parent that it does not name', 'another parent', (by) => by.commit(by.seal(), by.commit('x'))),
  quarantined('claim-other-task', 'the signed record of another task', 'of another task', (by) => by.commit(by.seal({ key: taskKey({ provider: 'local', repository: 'sums', number: '1' }) }))),
  quarantined('claim-start', 'a signed chain that begins as done', 'a first record is held', (by) => by.commit(by.seal({ state: 'done', epoch: epoch(7) }))),
  quarantined('claim-merge', 'a record with two parents', '2 parents', (by) => by.object('commit', `tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nparent ${by.commit('x')}\nparent ${by.commit('y')}\nauthor a <a@b> 0 +0000\ncommitter a <a@b> 0 +0000\n\n${by.seal()}`)),
  quarantined('claim-bytes', 'a record that is no UTF-8 and holds escapes for the terminal', 'no claim record', (by) => by.commit('\u001b[2J\u202e owned')),
]

const refOf = (number: string): string => `refs/chorus/claims/${leafOf(keyOf(number))}`
const keyOf = (number: string): ReturnType<typeof taskKey> => taskKey({ provider: 'local', repository: 'sums', number })

/** Puts it there, as anyone with push rights could. Gives ref and object. */
export const layClaim = (remote: string, number: string, about: ClaimCase): { readonly ref: string; readonly oid: string } => {
  const object: Forge['object'] = (type, content) => execFileSync('git', ['--git-dir', remote, 'hash-object', '-w', '-t', type, '--literally', '--stdin'], { input: content, encoding: 'utf8' }).trim()
  const commit: Forge['commit'] = (message, parent) =>
    object('commit', `tree ${object('tree', '')}\n${parent === undefined ? '' : `parent ${parent}\n`}author a <a@b> 0 +0000\ncommitter a <a@b> 0 +0000\n\n${message}`)
  const seal: Forge['seal'] = (more = {}, by = new KeySigner(randomBytes(32))) => sealRecord({
    version: 1, key: keyOf(number), node: by.node, session: randomUUID() as SessionId, epoch: epoch(1), epochBase: 0, attempt: 0, state: 'held', leaseMs: 90_000,
    nonce: randomUUID(), parent: null as Oid | null, atSeconds: 1, ...more,
  }, by)
  const ref = refOf(number)
  const oid = about.forge({ number, object, commit, seal })
  gitSays(remote, 'update-ref', '--no-deref', ref, oid)
  return { ref, oid }
}

export const claimProblems = (about: ClaimCase, laid: { readonly number: string; readonly ref: string; readonly oid: string }, seen: { readonly remote: string; readonly listing: Listing; readonly needsPerson: readonly string[]; readonly started: ReadonlySet<string> }): readonly string[] => {
  const row = seen.listing.tasks.find(({ number }) => number === laid.number)
  const now = gitSays(seen.remote, 'rev-parse', laid.ref).trim()
  return [
    ...(row?.state === 'quarantined' ? [] : [`quarantined expected, got ${row?.state}`]),
    ...(row?.reason?.includes(about.because) === true ? [] : [`the reason ${JSON.stringify(about.because)} expected, got ${JSON.stringify(row?.reason ?? null)}`]),
    ...(seen.needsPerson.some((problem) => problem.includes(`#${laid.number} is quarantined`)) ? [] : ['`status` does not say that it needs a person']),
    ...(now === laid.oid ? [] : ['the ref was moved']),
    ...(seen.started.has(laid.number) ? ['work was begun on it'] : []),
  ]
}
