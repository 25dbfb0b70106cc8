import { setTimeout as delay } from 'node:timers/promises'
import { openNodesSite } from '../nodes-site.ts'
import type { MeasuredProcess } from '../process.ts'
import type { BenchContext, Row, Rounds } from '../row.ts'

const ROUNDS = 2
const SETTLE_MS = 8_000
/** One poll of the repository falls into it, as often as a node polls by default. */
const WINDOW_MS = 30_000
/** Two of each meet by mDNS: idle is not alone. */
const PEERS = 2

interface Idle { readonly ours: Figures; readonly baseline: Figures }
interface Figures { readonly memoryMb: number[]; readonly cpuPercent: number[] }

/** Memory and time of the same idle processes, for two rows. */
let measured: Promise<Idle> | undefined
const measureIdle = (context: BenchContext): Promise<Idle> => measured ??= run(context)

const run = async (context: BenchContext): Promise<Idle> => {
  const { rounds = ROUNDS, say } = context
  const site = await openNodesSite(context, { name: 'idle', nodes: PEERS })
  const idle: Idle = { ours: { memoryMb: [], cpuPercent: [] }, baseline: { memoryMb: [], cpuPercent: [] } }
  try {
    for (let round = 0; round < rounds; round += 1) {
      const started: { readonly process: MeasuredProcess; readonly figures: Figures }[] = []
      const start = async (side: keyof Idle): Promise<void> => {
        for (let index = 0; index < PEERS; index += 1) started.push({ process: await (side === 'ours' ? site.startNode(index) : site.startBare(index)), figures: idle[side] })
      }
      for (const side of round % 2 === 0 ? ['ours', 'baseline'] as const : ['baseline', 'ours'] as const) await start(side)
      say(`idle: round ${round + 1} of ${rounds}, ${(SETTLE_MS + WINDOW_MS) / 1_000} s`)
      await delay(SETTLE_MS)
      const before = started.map(({ process }) => ({ cpuMs: process.cpuMs(), atMs: performance.now() }))
      await delay(WINDOW_MS)
      started.forEach(({ process, figures }, index) => {
        const { cpuMs = 0, atMs = 0 } = before[index] ?? {}
        figures.cpuPercent.push((process.cpuMs() - cpuMs) / (performance.now() - atMs) * 100)
        figures.memoryMb.push(process.memoryMb())
      })
      for (const { process } of started) await process.stop()
    }
    say(`idle: the bare peers took ${idle.baseline.cpuPercent.map((share) => share.toFixed(2)).join(', ')} % of a core`)
    return idle
  } finally {
    site.close()
  }
}

export const memoryRow: Row = {
  name: 'memory', goal: 1.3,
  measure: async (context): Promise<Rounds> => {
    const { ours, baseline } = await measureIdle(context)
    return { ours: ours.memoryMb, baseline: baseline.memoryMb, unit: 'MB' }
  },
  what: `resident memory (VmRSS, the processes that it keeps included) of \`chorus up\` ${(SETTLE_MS + WINDOW_MS) / 1_000} s after its start, idle, with one other member`,
  against: 'the bare peer, as long after its start, connected to another',
}

export const idleCpuRow: Row = {
  name: 'idle-cpu', goal: 1,
  measure: async (context): Promise<Rounds> => {
    const { ours } = await measureIdle(context)
    return { ours: ours.cpuPercent, baseline: [], limit: 1, unit: '% of a core' }
  },
  what: `processor time of the same idle nodes over ${WINDOW_MS / 1_000} s, the git programs of a poll included`,
  against: '1 % of a core',
}
