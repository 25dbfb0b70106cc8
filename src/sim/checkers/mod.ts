import type { MakeChecker } from '../checker.ts'
import { atomicDelivery } from './atomic-delivery.ts'
import { deliveredOnce } from './delivered-once.ts'
import { dependenciesFirst } from './dependencies-first.ts'
import { epochsRise } from './epochs-rise.ts'
import { intentsFirst } from './intents-first.ts'
import { intentsSettled } from './intents-settled.ts'
import { leaseKept } from './lease-kept.ts'
import { nothingLeft, withinLimits } from './limits.ts'
import { liveness } from './liveness.ts'
import { oneOwner } from './one-owner.ts'
import { providerOnce } from './provider-once.ts'
import { readAgain } from './read-again.ts'
import { selfFence } from './self-fence.ts'
import { signedOnly } from './signed-only.ts'
import { slots } from './slots.ts'
import { superseded } from './superseded.ts'
import { toldWhenTrue } from './told-when-true.ts'

/** What a swarm promises, one watcher each; made anew for every world. */
export const CHECKERS: readonly MakeChecker[] = [
  oneOwner, epochsRise, superseded, atomicDelivery, deliveredOnce, intentsFirst, intentsSettled, readAgain, providerOnce, toldWhenTrue,
  signedOnly, dependenciesFirst, leaseKept, selfFence, slots, withinLimits, nothingLeft, liveness,
]
