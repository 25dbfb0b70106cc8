import { openNodesSite } from '../nodes-site.ts'
import type { MeasuredProcess } from '../process.ts'
import { alternate } from '../row.ts'
import type { BenchContext, Row, Rounds } from '../row.ts'

const ROUNDS = 9

const measure = async (context: BenchContext): Promise<Rounds> => {
  const site = await openNodesSite(context, { name: 'start', nodes: 1 })
  const readyMs = async (starting: Promise<MeasuredProcess>): Promise<number> => {
    const started = await starting
    await started.stop()
    return started.readyMs
  }
  try {
    const { ours, baseline } = await alternate({ ours: () => readyMs(site.startNode(0)), baseline: () => readyMs(site.startBare(0)) }, { rounds: context.rounds ?? ROUNDS, warmUp: 0 })
    return { ours, baseline, unit: 'ms' }
  } finally {
    site.close()
  }
}

export const startRow: Row = {
  name: 'start', goal: 2, measure,
  what: '`chorus up` with a state folder from before, from spawn to `node_ready`: log verified, sandbox tried, network up, repository joined',
  against: 'the bare peer of `bench/baselines/bare-peer.ts` (libp2p, GossipSub, mDNS, one Hypercore) on the same Node, from spawn to ready',
}
