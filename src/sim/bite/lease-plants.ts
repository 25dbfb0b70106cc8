import type { Plant } from './plant.ts'
import { SMALL, troubled } from './troubled.ts'

const JUDGEMENT = 'src/work/claims/judgement.ts'
const KEEPER = 'src/work/claims/keeper.ts'
const MACHINE = 'src/work/claims/machine.ts'
const SERVICE = 'src/work/claims/service.ts'
const TABLE = 'src/work/claims/table.ts'

/** Bugs in what time means to a claim. */
export const LEASE_PLANTS: readonly Plant[] = [
  {
    name: 'expiry by the wall clock', checker: 'lease kept',
    edits: [
      {
        file: TABLE, find: 'stepLease(entry.lease, input, this.#parts.clock.monotonicMs())',
        replace: 'stepLease({ ...entry.lease, wallMs: this.#parts.clock.wallMs() } as never, input, this.#parts.clock.monotonicMs())',
      },
      {
        file: SERVICE, find: 'const view = claimView(lease, this.#components.clock.monotonicMs(), this.#witnesses(lease))',
        replace: 'const view = claimView({ ...lease, wallMs: this.#components.clock.wallMs() } as never, this.#components.clock.monotonicMs(), this.#witnesses(lease))',
      },
      { file: JUDGEMENT, find: 'if (seenMs >= record.leaseMs) return', replace: 'if ((lease as unknown as { wallMs: number }).wallMs - record.atSeconds * 1_000 >= record.leaseMs) return' },
    ],
    world: { ...SMALL, plan: troubled({ breakage: { clockJumps: 200 } }) },
  },
  {
    name: 'renewals are not seen by others', checker: 'lease kept',
    edits: [{ file: MACHINE, find: 'record: tip.record, sinceMs: now,', replace: 'record: tip.record, sinceMs: sameEpoch ? before.sinceMs : now,' }],
    world: { ...SMALL, plan: troubled({ engine: 0.6 }) },
  },
  {
    name: 'no self-fence', checker: 'self-fence',
    edits: [{ file: MACHINE, find: 'if (sinceMs >= times.fenceMs && now >= graceUntilMs) {', replace: 'if (sinceMs >= Infinity && now >= graceUntilMs) {' }],
    world: { ...SMALL, plan: troubled({ breakage: { cutOffs: 100, outages: 30 }, engine: 0.5 }) },
  },
  {
    name: 'a timer is left at the stop', checker: 'nothing left',
    edits: [{ file: KEEPER, find: 'this.#running = false\n    this.#disarm?.()', replace: '' }],
    world: { ...SMALL, plan: troubled({}) },
  },
  {
    name: 'each look at the leases leaves a timer', checker: 'within limits',
    edits: [{ file: KEEPER, find: '() => { this.#tick(); this.#arm() }', replace: '() => { this.#tick(); this.#arm(); clock.arm(600_000, () => undefined) }' }],
    world: { ...SMALL, plan: troubled({}) },
  },
  {
    name: 'what was given back is nobody\'s', checker: 'liveness',
    edits: [{ file: JUDGEMENT, find: 'return seenMs >= (record.retryAfterMs ?? 0) ?', replace: 'return seenMs >= (record.retryAfterMs ?? 0) + 1e12 ?' }],
    world: { ...SMALL, plan: troubled({ breakage: { cutOffs: 100, outages: 30 }, engine: 0.5 }) },
  },
]
