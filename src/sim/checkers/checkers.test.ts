import { describe, expect, it } from 'vitest'
import type { Epoch, TaskKey } from '../../core/mod.ts'
import type { MakeChecker, Truth } from '../checker.ts'
import type { Stamped } from '../events.ts'
import {
  actor, at, branch, completes, intent, judge, KEY, LEASE_MS, move, nodeTruth, ran, reads, record, result, RIGHT, settled, task, told, truth, wholeWay, WRONG,
} from './hand-made.ts'
import { CHECKERS } from './mod.ts'

const ada = actor('ada')
const adaAgain = actor('ada', 2)
const bob = actor('bob')
const held = record(ada)
const second = { epoch: 2 as Epoch }
const delivered = record(ada, { state: 'delivered', result: result() })
const merged = [branch('main', RIGHT)]
const stopping = at(90_000, { kind: 'phase', phase: 'stopping' })

/** What each promise looks like when it is broken. */
interface Broken {
  readonly checker: string
  readonly when: string
  readonly happenings: readonly Stamped[]
  readonly says: RegExp
  readonly truth?: Truth
}

const without = (out: (happening: Stamped) => boolean): readonly Stamped[] => wholeWay(ada).filter((happening) => !out(happening))
const delivery = (given: Parameters<typeof record>[1] = {}): Parameters<typeof move>[1] => ({ ...delivered, ...given })

const BROKEN: readonly Broken[] = [
  {
    checker: 'one owner', when: 'another goes on in the same epoch', says: /went from/,
    happenings: [at(1, move(ada, held)), at(2, move(bob, record(bob), { before: held }))],
  },
  {
    checker: 'one owner', when: 'two believe that they won', says: /as ada\/1 does/,
    happenings: [at(1, move(ada, held)), at(2, told(ada, 'task_claimed')), at(3, told(bob, 'task_claimed'))],
  },
  {
    checker: 'one owner', when: 'somebody works without a claim', says: /which no claim says/, happenings: [at(1, told(bob, 'task_claimed'))],
  },
  {
    checker: 'epochs rise', when: 'a record falls back', says: /fell from epoch 2 to 1/,
    happenings: [at(1, move(bob, record(bob, second))), at(2, move(ada, held, { before: record(bob, second) }))],
  },
  {
    checker: 'epochs rise', when: 'a pruned task begins at 1 again and is worked on', says: /it had come to 2 before/,
    happenings: [at(1, move(ada, held)), at(2, move(bob, record(bob, second), { before: held })), at(3, move(bob, record(bob, { nonce: 'x' }))), at(4, told(bob, 'task_claimed'))],
  },
  {
    checker: 'superseded', when: 'the old holder delivers over the new one', says: /over epoch 2, held/,
    happenings: [at(1, move(ada, held)), at(2, move(bob, record(bob, second), { before: held })), at(3, move(ada, delivered, { before: record(bob, second), alongside: merged }))],
  },
  {
    checker: 'one push', when: 'main moves alone', says: /without the claim that delivers it/,
    happenings: [at(1, { kind: 'push', node: ada.node, life: ada.life, atomic: false, updates: merged })],
  },
  {
    checker: 'one push', when: 'the claim moves alone', says: /without moving main/, happenings: [at(1, move(ada, delivered, { before: held }))],
  },
  {
    checker: 'delivered once', when: 'the change is wrong', says: /not right/,
    happenings: [at(1, move(ada, delivery({ result: result(WRONG) }), { before: held }))],
  },
  {
    checker: 'delivered once', when: 'no check was green', says: /no check was seen/,
    happenings: without(({ kind }) => kind === 'ran'), truth: truth({ tasks: [task()] }),
  },
  {
    checker: 'delivered once', when: 'it is delivered again', says: /2 times/,
    happenings: [...wholeWay(ada), at(9_900, move(ada, delivered, { before: held }))],
  },
  {
    checker: 'delivered once', when: 'the branch lost it', says: /has lost/, happenings: wholeWay(ada), truth: truth({ merged: () => [] }),
  },
  {
    checker: 'intents first', when: 'the log says nothing', says: /does not say so/, happenings: without(({ kind }) => kind === 'log'),
  },
  {
    checker: 'intents first', when: 'the log says it too late', says: /only after/,
    happenings: [at(5, intent(ada, held)), at(9, move(ada, held, { sentMs: 4 }))],
  },
  {
    checker: 'intents first', when: 'the log says something else', says: /its log says/,
    happenings: [at(1, intent(ada, held, { state: 'parked' })), at(2, move(ada, held))],
  },
  {
    checker: 'intents settled', when: 'what landed is said not to have happened', says: /and it had$/,
    happenings: [at(1, intent(ada, held)), at(2, move(ada, held)), at(3, settled(ada, held, 'did-not-happen'))],
  },
  {
    checker: 'intents settled', when: 'a restart claims before it has looked', says: /did not know/,
    happenings: [at(1, intent(ada, held)), at(2, move(adaAgain, record(adaAgain, second), { before: record(bob) }))],
  },
  {
    checker: 'read again', when: 'an agent starts unread', says: /had not read it at all/,
    happenings: [at(1, move(ada, held)), at(2, ran(ada, 'agent'))],
  },
  {
    checker: 'read again', when: 'a delivery follows no new look', says: /had not read it since/,
    happenings: without(({ atMs }) => atMs === 5_100),
  },
  {
    checker: 'read again', when: 'the last look showed it closed', says: /was closed/,
    happenings: wholeWay(ada).map((happening) => happening.atMs === 5_100 ? at(5_100, reads(ada, 'closed')) : happening),
  },
  {
    checker: 'provider once', when: 'it is completed twice', says: /which ada\/1 had done/, happenings: [...wholeWay(ada), at(9_900, completes(bob))],
  },
  {
    checker: 'provider once', when: 'it is completed before it is delivered', says: /before it was delivered/, happenings: [at(1, completes(ada))],
  },
  {
    checker: 'told when true', when: 'the claim is done first', says: /before the provider had confirmed it/,
    happenings: without(({ kind, atMs }) => kind === 'provider' && atMs === 6_500),
  },
  {
    checker: 'told when true', when: 'the claim is not done', says: /was not done/,
    happenings: without(({ atMs }) => atMs === 6_700),
  },
  {
    checker: 'signed only', when: 'a forged message is taken in', says: /was forged/,
    happenings: [at(1, { kind: 'foul', node: ada.node, life: ada.life, foul: 'forged', verdict: 'accept' })],
  },
  {
    checker: 'signed only', when: 'a record is in the name of another', says: /pushed a record of/, happenings: [at(1, move(ada, record(bob)))],
  },
  {
    checker: 'dependencies first', when: 'the other task is not finished', says: /which it depends on/,
    happenings: [at(1, move(ada, held))], truth: truth({ tasks: [task({ dependsOn: ['board:town/hall#6' as TaskKey] }), task({ key: 'board:town/hall#6' as TaskKey })] }),
  },
  {
    checker: 'lease kept', when: 'a live claim is taken', says: /could be reached/,
    happenings: [at(1_000, move(ada, held)), at(2_000, move(bob, record(bob, second), { before: held }))],
  },
  {
    checker: 'lease kept', when: 'too few could not reach the holder', says: /could be reached/, truth: truth({ nodes: ['ada', 'bob', 'eve', 'kim'].map((name) => nodeTruth(actor(name))), unreachableFor: () => 2 }),
    happenings: [at(1_000, move(ada, held)), at(2_000, move(bob, record(bob, second), { before: held }))],
  },
  {
    checker: 'self-fence', when: 'an agent goes on without a renewal', says: /still worked on/,
    happenings: [at(1_000, move(ada, held)), at(1_000 + LEASE_MS * 1.1, ran(ada, 'agent'))],
  },
  {
    checker: 'self-fence', when: 'a delivery leaves without a renewal', says: /sent a delivery/,
    happenings: [at(1_000, move(ada, held)), at(50_000, move(ada, delivered, { before: held, accepted: false, alongside: merged, sentMs: 1_000 + LEASE_MS * 1.1 }))],
  },
  {
    checker: 'slots', when: 'a node takes more than it can', says: /2 tasks, with 1 slots/,
    happenings: [at(1, told(ada, 'task_claimed')), at(2, { kind: 'told', node: ada.node, life: ada.life, event: { kind: 'task_claimed', key: 'board:town/hall#8' as TaskKey, title: '', epoch: 1, score: 1 } })],
  },
  {
    checker: 'slots', when: 'a slot does not come back', says: /counts 1 tasks/,
    happenings: [at(1, told(ada, 'task_claimed')), at(2, told(ada, 'task_released')), stopping], truth: truth({ nodes: [nodeTruth(ada, { currentTasks: 1 })] }),
  },
  {
    checker: 'within limits', when: 'something grows over it', says: /at most 10/,
    happenings: [at(1, { kind: 'overflow', node: ada.node, life: ada.life, queue: 'messages', length: 11, limit: 10 })],
  },
  {
    checker: 'nothing left', when: 'a timer stays', says: /left 1 timers/, happenings: [at(1, { kind: 'left', node: ada.node, life: ada.life, left: ['1 timers'] })],
  },
  {
    checker: 'liveness', when: 'a task is forgotten', says: /never claimed/, happenings: [stopping], truth: truth({ tasks: [task()] }),
  },
  {
    checker: 'liveness', when: 'a claim never ends', says: /held in epoch 1, and not ended/, happenings: [stopping], truth: truth({ tasks: [task()], tips: new Map([[KEY, held]]) }),
  },
  {
    checker: 'liveness', when: 'a node stays busy', says: /still has 1 tasks/, happenings: [stopping], truth: truth({ nodes: [nodeTruth(ada, { currentTasks: 1 })] }),
  },
]

/** What looks like a broken promise and is none. */
const ALLOWED: readonly Omit<Broken, 'says'>[] = [
  {
    checker: 'epochs rise', when: 'who made the ref too low goes on after what had ended',
    happenings: [at(1, move(bob, record(bob, second))), at(2, move(ada, held)), at(3, move(ada, record(ada, { epoch: 3 as Epoch, epochBase: 2 }), { before: held })), at(4, told(ada, 'task_claimed', 3))],
  },
  {
    checker: 'delivered once', when: 'a person asked for rework', truth: truth({ merged: () => [{ key: KEY, commit: RIGHT }, { key: KEY, commit: RIGHT }] }),
    happenings: [...wholeWay(ada), at(9_600, move(bob, record(bob, { ...second, state: 'released', epochBase: 2 }), { before: delivered })), at(9_900, move(ada, delivered, { before: held }))],
  },
  {
    checker: 'one push', when: 'the patch of a parked attempt is kept', happenings: [at(1, { kind: 'push', node: ada.node, life: ada.life, atomic: false, updates: [branch('chorus/7-parked-e1', WRONG)] })],
  },
  {
    checker: 'read again', when: 'a delivery that was under way arrives after its sender claimed anew', happenings: [
      ...wholeWay(ada), at(20_000, move(ada, held)), at(20_500, move(ada, delivered, { before: held, accepted: false, alongside: merged, sentMs: 6_150 })),
    ],
  },
  {
    checker: 'lease kept', when: 'the lease ran out', happenings: [at(1_000, move(ada, held)), at(1_000 + LEASE_MS, move(bob, record(bob, second), { before: held }))],
  },
  {
    checker: 'lease kept', when: 'the holder was killed',
    happenings: [at(1_000, move(ada, held)), at(1_500, { kind: 'process', node: ada.node, life: ada.life, what: 'killed' }), at(2_000, move(bob, record(bob, second), { before: held }))],
  },
  {
    checker: 'lease kept', when: 'a restarted node takes its own', happenings: [at(1_000, move(ada, held)), at(1_500, move(adaAgain, record(adaAgain, second), { before: held }))],
  },
  {
    checker: 'self-fence', when: 'the node was stopped meanwhile',
    happenings: [
      at(1_000, move(ada, held)), at(2_000, { kind: 'process', node: ada.node, life: ada.life, what: 'paused' }), at(40_000, ran(ada, 'agent')),
      at(60_000, { kind: 'process', node: ada.node, life: ada.life, what: 'resumed' }), at(60_100, ran(ada, 'agent')),
    ],
  },
  {
    checker: 'intents settled', when: 'the restart has looked first',
    happenings: [at(1, intent(ada, held)), at(2, settled(adaAgain, held, 'did-not-happen')), at(3, move(adaAgain, record(adaAgain, second), { before: record(bob) }))],
  },
  {
    checker: 'dependencies first', when: 'the other task was finished', happenings: [at(1, { kind: 'person', what: 'closes', number: '6' }), at(2, move(ada, held))],
    truth: truth({ tasks: [task({ dependsOn: ['board:town/hall#6' as TaskKey] }), task({ key: 'board:town/hall#6' as TaskKey })] }),
  },
  {
    checker: 'liveness', when: 'it waits for one that people have', happenings: [stopping],
    truth: truth({
      tasks: [task({ dependsOn: ['board:town/hall#6' as TaskKey] }), task({ key: 'board:town/hall#6' as TaskKey })],
      tips: new Map([['board:town/hall#6' as TaskKey, record(bob, { state: 'escalated' })]]),
    }),
  },
]

const makeOf = (name: string): MakeChecker => {
  const make = CHECKERS.find((candidate) => candidate().name === name)
  if (make === undefined) throw new Error(`there is no checker ${name}`)
  return make
}

describe('checkers', () => {
  it('find nothing wrong with a task that goes its whole way', () => {
    for (const make of CHECKERS) expect([make().name, ...judge(make(), wholeWay(ada))]).toEqual([make().name])
  })

  it('are named differently, each with its promise in one sentence, and each is seen to catch something', () => {
    const names = CHECKERS.map((make) => make().name)
    expect(new Set(names).size).toBe(names.length)
    for (const make of CHECKERS) expect(make().promise).toMatch(/^[A-Z][^.]+\.$/)
    expect(new Set(BROKEN.map(({ checker }) => checker))).toEqual(new Set(names))
  })

  it.each(BROKEN)('"$checker" catches it when $when', ({ checker, happenings, says, truth: seen }) => {
    expect(judge(makeOf(checker)(), happenings, seen).join('; ')).toMatch(says)
  })

  it.each(ALLOWED)('"$checker" allows it when $when', ({ checker, happenings, truth: seen }) => {
    expect(judge(makeOf(checker)(), happenings, seen)).toEqual([])
  })
})
