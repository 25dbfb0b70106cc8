import { openNodesSite } from '../nodes-site.ts'
import type { NodeLine } from '../nodes-site.ts'
import type { BenchContext, Row, Rounds } from '../row.ts'

const ROUNDS = 7
const MEET_MS_MAX = 20_000

const measure = async (context: BenchContext): Promise<Rounds> => {
  const site = await openNodesSite(context, { name: 'mdns', nodes: 2 })
  const ours: number[] = []
  try {
    for (let round = 0; round < (context.rounds ?? ROUNDS); round += 1) {
      const joined = [Promise.withResolvers<number>(), Promise.withResolvers<number>()]
      let readyAtMs = 0
      const hear = (index: number) => (line: NodeLine): void => {
        if (line.kind === 'node_ready') readyAtMs = line.atMs
        if (line.kind === 'member_joined') joined[index]?.resolve(line.atMs)
      }
      const first = await site.startNode(0, hear(0))
      const second = await site.startNode(1, hear(1))
      const timer = setTimeout(() => { for (const meeting of joined) meeting.reject(new Error('two nodes did not meet through mDNS in time')) }, MEET_MS_MAX)
      try {
        const metAtMs = await Promise.all(joined.map(({ promise }) => promise))
        // Who has met while the other was still starting has waited for nothing.
        ours.push(Math.max(0, ...metAtMs.map((atMs) => atMs - readyAtMs)))
      } finally {
        clearTimeout(timer)
        await Promise.all([first.stop(), second.stop()])
      }
    }
    return { ours, baseline: [], limit: 1_000, unit: 'ms' }
  } finally {
    site.close()
  }
}

export const mdnsRow: Row = {
  name: 'mdns', goal: 1, measure,
  what: 'two nodes of one swarm and no known address on one machine, from the second one\'s `node_ready` until each has told that the other joined',
  against: '1 s',
}
