import { badDayScenarios, badDays } from './bad-days.ts'
import { chaos } from './chaos.ts'
import { demo, demoKill } from './demo.ts'
import { opencodeCorrects, opencodeFixes, opencodeLies } from './opencode.ts'
import { ownRepository, restart } from './own-repository.ts'
import { twoMachines } from './two-machines.ts'
import { packed } from './packed.ts'
import { versions } from './versions.ts'
import type { Scenario } from './scenario.ts'

export const scenarios: readonly Scenario[] = [ownRepository, restart, twoMachines, versions, packed, opencodeFixes, opencodeLies, opencodeCorrects, demo, demoKill, badDays, ...badDayScenarios, chaos]
