import { calmPlan, NO_BREAKAGE } from '../plan.ts'
import type { Breakage, Plan } from '../plan.ts'

/** A calm world but for what is named. */
export const troubled = (given: { readonly breakage?: Partial<Breakage>; readonly remote?: Partial<Plan['remote']>; readonly disk?: Plan['disk']; readonly engine?: number; readonly provider?: number; readonly delivery?: Plan['delivery']; readonly sharedFiles?: boolean }): Plan => {
  const calm = calmPlan(given.delivery)
  const { engine = 0, provider = 0, sharedFiles = false } = given
  return { ...calm, disk: given.disk ?? calm.disk, engine, provider, sharedFiles, remote: { ...calm.remote, ...given.remote }, breakage: { ...NO_BREAKAGE, ...given.breakage } }
}

export const SMALL = { nodes: 3, tasks: 5, hours: 0.05, quietMs: 300_000 } as const
