import type { Plant } from './plant.ts'
import { SMALL, troubled } from './troubled.ts'

const RUN = 'src/coordinator/task-run.ts'
const COORDINATOR = 'src/coordinator/coordinator.ts'
const DELIVERY = 'src/coordinator/delivery.ts'
const NODE = 'src/node/node.ts'
const WORKSHOP = 'src/coordinator/workshop.ts'
const ORDER = 'src/work/matching/order.ts'
const ATTEMPT = 'src/work/execution/machine.ts'
const OPENING = 'src/wire/opening.ts'

/** Bugs on a task's way: from the choice over the work to the provider's word. */
export const LIFE_PLANTS: readonly Plant[] = [
  {
    name: 'no look at the task before work begins anew', checker: 'read again',
    edits: [{ file: RUN, find: 'this.#whileHeld(() => repository.sources.refresh()), this.#whileHeld(() => this.#askProvider())])', replace: 'this.#whileHeld(() => repository.sources.refresh()), Promise.resolve(this.#task as Task | undefined)])' }],
    world: SMALL,
  },
  {
    name: 'no look at the task before the delivery', checker: 'read again',
    edits: [{ file: RUN, find: 'const now = await this.#whileHeld(() => this.#askProvider())', replace: 'const now = this.#task as Task | undefined' }],
    world: SMALL,
  },
  {
    name: 'delivered after the close that was read', checker: 'read again',
    edits: [{ file: RUN, find: 'verdict: isGone(now) ? \'gone\' :', replace: 'verdict: isGone(now) ? \'same\' :' }],
    world: { ...SMALL, plan: troubled({ breakage: { people: 300 } }) },
  },
  {
    name: 'completion before confirmation', checker: 'told when true',
    edits: [{ file: RUN, find: 'await within(provider.complete(this.#task, result),', replace: 'void provider.complete(this.#task, result).catch(() => undefined)\n      await within(Promise.resolve(),' }],
    world: { ...SMALL, plan: troubled({}) },
  },
  {
    name: 'the provider is told before the delivery', checker: 'provider once',
    edits: [{
      file: RUN, find: 'const answer = await deliver({',
      replace: 'await this.#parts.repository.provider.complete(task, resultOf(verified, { commit: verified.commit, branch: \'\', mode: \'merge\', evidence: verified.evidence, title: \'\' }))\n    const answer = await deliver({',
    }],
    world: { ...SMALL, plan: troubled({}) },
  },
  {
    name: 'capacity leak: what failed keeps its slot', checker: 'slots',
    edits: [{ file: COORDINATOR, find: 'this.#runs.delete(key)', replace: 'if (how.kind !== \'failed\') this.#runs.delete(key)' }],
    world: { ...SMALL, plan: troubled({ engine: 0.6 }) },
  },
  {
    name: 'more tasks than slots', checker: 'slots',
    edits: [{ file: NODE, find: 'maxTasks: agent.maxTasks,', replace: 'maxTasks: agent.maxTasks + 1,' }],
    world: { ...SMALL, nodes: 2, plan: troubled({}) },
  },
  {
    name: 'dependencies are not looked at', checker: 'dependencies first',
    edits: [{ file: ORDER, find: 'if (waitsFor.length === 0) candidates.push', replace: 'if (waitsFor.length < 100) candidates.push' }],
    world: { ...SMALL, plan: troubled({}) },
  },
  {
    name: 'signatures are not verified', checker: 'signed only',
    edits: [{ file: OPENING, find: 'if (!isSignedByAuthor(raw, verify)) return \'signature-invalid\'', replace: '' }],
    world: { ...SMALL, plan: troubled({ breakage: { forgeries: 400 } }) },
  },
  {
    name: 'red checks are taken for green', checker: 'delivered once',
    edits: [{
      file: ATTEMPT, find: 'const judged = judgeChecks({ check: plan.check, taskType: plan.taskType, addedPaths, base: state.base, now })',
      replace: 'const judged = { ok: true as const, proved: true, flags: [] as readonly string[], problems: [] }',
    }],
    world: { ...SMALL, plan: troubled({ engine: 0.6 }) },
  },
  {
    name: 'a branch that moved is pushed over', checker: 'delivered once',
    edits: [
      { file: DELIVERY, find: 'if (into !== undefined && !triedBefore && into.tip !== verified.base) return', replace: 'if (into !== undefined && into.tip === undefined) return' },
      { file: DELIVERY, find: 'await repository.branchTip(ref) : verified.base, to', replace: 'await repository.branchTip(ref) : into.tip ?? null, to' },
    ],
    world: { ...SMALL, nodes: 4, plan: troubled({}) },
  },
  {
    name: 'work trees are left', checker: 'nothing left',
    edits: [{ file: WORKSHOP, find: 'await verified?.dispose()', replace: 'await Promise.resolve(verified)' }],
    world: { ...SMALL, plan: troubled({}) },
  },
]
