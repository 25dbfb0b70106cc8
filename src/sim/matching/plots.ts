import { THRESHOLDS } from './rows.ts'
import type { Row } from './rows.ts'
import { bar, legend, line, svg, text } from './svg.ts'
import type { JobResult } from './worker.ts'
import { isFit, staticScore } from './workload.ts'

/** Plots of the report by name; text of an SVG each. */
export const plotsOf = (rows: readonly Row[]): ReadonlyMap<string, string> => {
  const timeline = rows.find(({ nodes, arrival }) => nodes === 10 && arrival === 'batch')?.results[0]
  return new Map([
    ['quality', barsOf(rows, { title: 'Matching quality (1 = optimum, 0 = chance)', swarm: (row) => row.quality, dispatcher: (row) => row.dispatcher.quality, from: 0, to: 1, limit: THRESHOLDS.qualityMin })],
    ['makespan', barsOf(rows, { title: 'Makespan, as a multiple of its lower bound', swarm: (row) => row.makespanRatio, dispatcher: (row) => row.dispatcher.makespanRatio, from: 0, to: 1.5, limit: THRESHOLDS.makespanRatioMax })],
    ['attempts', barsOf(rows, { title: 'Claim attempts per claim that was won', swarm: (row) => row.claimAttemptsPerTask, from: 0, to: 1.5, limit: THRESHOLDS.claimAttemptsPerTaskMax })],
    ...timeline === undefined ? [] : [['timeline', timelineOf(timeline)] as const],
  ])
}

interface Bars {
  readonly title: string
  readonly swarm: (row: Row) => number
  readonly dispatcher?: (row: Row) => number
  readonly from: number
  readonly to: number
  readonly limit: number
}

const WIDTH = 720
const HEIGHT = 300
const PLOT = { left: 46, right: WIDTH - 16, top: 58, bottom: HEIGHT - 44 }

/** One group of bars for each size and arrival, with a line at what is to be reached. */
const barsOf = (rows: readonly Row[], { title, swarm, dispatcher, from, to, limit }: Bars): string => {
  const y = (value: number): number => PLOT.bottom - (Math.min(to, Math.max(from, value)) - from) / (to - from) * (PLOT.bottom - PLOT.top)
  const step = (PLOT.right - PLOT.left) / Math.max(1, rows.length)
  const width = step * 0.3
  const grid = Array.from({ length: 6 }, (_, index) => from + (to - from) * index / 5)
  return svg(WIDTH, HEIGHT, {
    title,
    body: [
      ...legend(16, 44, [['swarm', 'swarm'], ...dispatcher === undefined ? [] : [['dispatcher', 'one dispatcher who sees all at once'] as const]]),
      ...grid.flatMap((value) => [line(PLOT.left, y(value), { x: PLOT.right, y: y(value), kind: 'grid' }), text(PLOT.left - 6, y(value) + 4, value.toFixed(1), { anchor: 'end', kind: 'faint' })]),
      ...rows.flatMap((row, index) => {
        const middle = PLOT.left + step * (index + 0.5)
        const draw = (value: number, kind: string, x: number): readonly string[] => [
          bar(x, y(value), { width, height: PLOT.bottom - y(value), kind, hint: `${row.nodes} nodes, ${row.arrival}, ${kind}: ${value.toFixed(3)}` }),
          text(x + width / 2, y(value) - 4, value.toFixed(2), { anchor: 'middle', kind: 'faint' }),
        ]
        return [
          ...draw(swarm(row), 'swarm', dispatcher === undefined ? middle - width / 2 : middle - width - 1),
          ...dispatcher === undefined ? [] : draw(dispatcher(row), 'dispatcher', middle + 1),
          text(middle, PLOT.bottom + 16, `${row.nodes} nodes`, { anchor: 'middle' }),
          text(middle, PLOT.bottom + 32, row.arrival, { anchor: 'middle', kind: 'faint' }),
        ]
      }),
      line(PLOT.left, y(limit), { x: PLOT.right, y: y(limit), kind: 'limit' }),
      line(PLOT.left, PLOT.bottom, { x: PLOT.right, y: PLOT.bottom, kind: 'axis' }),
    ],
  })
}

/** Who worked what when, a line for each slot; coloured by how near the node's score is to the best of all nodes. */
const timelineOf = ({ nodes, tasks, swarm }: JobResult): string => {
  const rows = slotsOf(swarm.assignments)
  const height = 84 + rows.length * 14
  const lastMs = Math.max(1, ...swarm.assignments.map(({ endedAtMs }) => endedAtMs))
  const x = (ms: number): number => 60 + ms / lastMs * (WIDTH - 80)
  const byName = new Map(nodes.map((node) => [node.name, node]))
  const byNumber = new Map(tasks.map((task) => [task.number, task]))
  return svg(WIDTH, height, {
    title: `Who worked what: ${nodes.length} nodes, ${tasks.length} tasks at once, over ${(lastMs / 60_000).toFixed(0)} minutes`,
    body: [
      ...legend(16, 44, [['exact', 'nobody suits it better'], ['partial', 'others suit it better'], ['poor', 'hardly fit for it']]),
      ...rows.flatMap(({ node, work }, index) => {
        const y = 58 + index * 14
        return [
          text(52, y + 9, node, { anchor: 'end', kind: 'faint' }),
          ...work.map(({ task: number, claimedAtMs, endedAtMs }) => {
            const [task, who] = [byNumber.get(number), byName.get(node)]
            if (task === undefined || who === undefined) return ''
            const score = staticScore(task, who)
            const best = Math.max(...nodes.filter((each) => isFit(task, each)).map((each) => staticScore(task, each)))
            const kind = score >= best ? 'exact' : score > 0.6 ? 'partial' : 'poor'
            return bar(x(claimedAtMs), y, { width: Math.max(1, x(endedAtMs) - x(claimedAtMs) - 1), height: 11, kind, hint: `task ${number} on ${node}: score ${score.toFixed(2)}, best ${best.toFixed(2)}` })
          }),
        ]
      }),
      line(60, height - 22, { x: WIDTH - 20, y: height - 22, kind: 'axis' }),
      ...Array.from({ length: 6 }, (_, index) => text(60 + index / 5 * (WIDTH - 80), height - 6, `${(lastMs / 60_000 * index / 5).toFixed(0)} min`, { anchor: 'middle', kind: 'faint' })),
    ],
  })
}

/** The work of each node on as many lines as it had slots in use. */
const slotsOf = (assignments: JobResult['swarm']['assignments']): readonly { readonly node: string; readonly work: JobResult['swarm']['assignments'] }[] => {
  const lines: { readonly node: string; readonly work: JobResult['swarm']['assignments'][number][]; untilMs: number }[] = []
  for (const one of [...assignments].sort((a, b) => a.claimedAtMs - b.claimedAtMs)) {
    const free = lines.find(({ node, untilMs }) => node === one.node && untilMs <= one.claimedAtMs)
    if (free === undefined) lines.push({ node: one.node, work: [one], untilMs: one.endedAtMs })
    else { free.work.push(one); free.untilMs = one.endedAtMs }
  }
  return lines.sort((a, b) => Number(a.node.slice(1)) - Number(b.node.slice(1)))
}
