import path from 'node:path'
import type { BenchContext, Row, Rounds } from '../row.ts'
import { alternate, timed } from '../row.ts'
import { keyOf, openClaimsSite } from '../claims-site.ts'

const ROUNDS = 25
const WARM_UP = 3

const measure = async ({ scratch, rounds = ROUNDS }: BenchContext): Promise<Rounds> => {
  const site = await openClaimsSite(path.join(scratch, 'claim'))
  try {
    const { claims } = site
    claims.track(Array.from({ length: rounds + WARM_UP }, (_, index) => keyOf(index)))
    // The last poll: from now on every tip is known.
    await claims.refresh()
    const { ours, baseline } = await alternate({
      ours: async (round) => {
        const ms = await timed(async () => {
          const won = await claims.acquire(keyOf(round))
          if (!won.ok) throw new Error(`the claim was not won: ${won.reason}`)
        })
        await site.settled()
        return ms
      },
      baseline: async (round) => {
        const commit = await site.commit(null, `bare ${round}`)
        return timed(() => site.push([{ ref: `refs/chorus/bare/${round}`, from: null, to: commit }]))
      },
    }, { rounds, warmUp: WARM_UP })
    return { ours, baseline, unit: 'ms' }
  } finally {
    await site.close()
  }
}

export const claimRow: Row = {
  name: 'claim', goal: 1.3, measure,
  what: 'a task that was free at the last poll is claimed: record signed, intent durable in the log, pushed, won',
  against: 'one `git push --force-with-lease` of one commit that is there already, to the same git server over http on loopback',
}
