import path from 'node:path'
import type { Oid } from '../../src/core/mod.ts'
import { keyOf, openClaimsSite } from '../claims-site.ts'
import type { BenchContext, Row, Rounds } from '../row.ts'
import { alternate, timed } from '../row.ts'

const ROUNDS = 9
const WARM_UP = 1
const LEASES = 100
const AT_ONCE = 4

const measure = async ({ scratch, rounds = ROUNDS, say }: BenchContext): Promise<Rounds> => {
  const site = await openClaimsSite(path.join(scratch, 'renewals'))
  try {
    const { claims } = site
    const keys = Array.from({ length: LEASES }, (_, index) => keyOf(index))
    claims.track(keys)
    await claims.refresh()
    say(`renewals: ${LEASES} claims first`)
    for (let from = 0; from < LEASES; from += AT_ONCE) {
      const won = await Promise.all(keys.slice(from, from + AT_ONCE).map((key) => claims.acquire(key)))
      for (const claim of won) if (!claim.ok) throw new Error(`a claim was not won: ${claim.reason}`)
    }
    await site.settled()
    // The baseline's refs: as many, each with a commit to build on.
    let tips: (Oid | null)[] = keys.map(() => null)
    const next = async (round: number) => {
      const commits = await Promise.all(tips.map((tip, index) => site.commit(tip, `bare ${round} ${index}`)))
      const updates = commits.map((to, index) => ({ ref: `refs/chorus/bare/${index}`, from: tips[index] ?? null, to }))
      tips = commits
      return updates
    }
    await site.push(await next(-1))
    const { ours, baseline } = await alternate({
      ours: async () => {
        const before = claims.stats.renewals
        const ms = await timed(() => claims.renewAll())
        const renewed = claims.stats.renewals - before
        if (renewed !== LEASES) throw new Error(`${LEASES} renewals expected, ${renewed} happened`)
        return ms
      },
      baseline: async (round) => {
        const updates = await next(round)
        return timed(() => site.push(updates))
      },
    }, { rounds, warmUp: WARM_UP })
    return { ours, baseline, unit: 'ms' }
  } finally {
    await site.close()
  }
}

export const renewalsRow: Row = {
  name: 'renewals', goal: 1.5, measure,
  what: `${LEASES} leases are renewed: ${LEASES} records signed and written, pushed together, judged ref by ref`,
  against: `one \`git push --force-with-lease\` of ${LEASES} refs by a commit each that is there already, to the same server`,
}
