import { describe, expect, it } from 'vitest'
import { jobsOf } from './jobs.ts'
import { plotsOf } from './plots.ts'
import { reportWith } from './report.ts'
import { publicRow, rowsOf, shortfalls } from './rows.ts'
import { runJob } from './worker.ts'

describe('production nodes on the workload', () => {
  it('work it alike for the same seed, to the last delivery or to the last claim', async () => {
    const job = { nodes: 3, tasksPerNode: 3, arrival: 'batch', seed: 'a', until: 'delivered' } as const
    const [one, again, short] = [await runJob(job), await runJob(job), await runJob({ ...job, until: 'claimed' })]
    expect({ ...again, wallMs: 0 }).toEqual({ ...one, wallMs: 0 })
    expect(one.swarm.claimWins).toBe(9)
    expect(short.swarm.assignments.map(({ task, node }) => `${task} ${node}`)).toEqual(one.swarm.assignments.map(({ task, node }) => `${task} ${node}`))
    expect(Math.abs(short.swarm.makespanMs - one.swarm.makespanMs)).toBeLessThan(30_000)
    expect(one.swarm.makespanMs).toBeGreaterThanOrEqual(one.swarm.bound.ms)
  })

  it('become rows, plots and a table', async () => {
    const jobs = jobsOf([{ nodes: 10, tasksPerNode: 2, runs: 1 }])
    const rows = rowsOf(await Promise.all(jobs.map(runJob)))
    expect(rows.map(({ nodes, arrival }) => `${nodes} ${arrival}`)).toEqual(['10 batch', '10 stream'])
    for (const row of rows) {
      expect(publicRow(row)).toMatchObject({ nodes: 10, tasks: 20, runs: 1 })
      expect(row.claimAttemptsPerTask).toBeGreaterThanOrEqual(1)
      expect(row.quality).toBeLessThanOrEqual(1)
    }
    expect([...plotsOf(rows).keys()]).toEqual(['quality', 'makespan', 'attempts', 'timeline'])
    for (const text of plotsOf(rows).values()) expect(text).toMatch(/^<svg xmlns=[^]+<\/svg>\n$/)
    const page = reportWith('# Page\n<!-- figures: written by npm run sim:matching -- --write -->\nold\n<!-- end of figures -->\nrest\n', rows, { seconds: 1, commit: 'abc', date: '2026-01-01' })
    expect(page).toContain('| 10 | 20 | batch | 1 |')
    expect(page).not.toContain('old')
    expect(page.endsWith('<!-- end of figures -->\nrest\n')).toBe(true)
  })

  it('are told where they fall short', () => {
    const row = { runs: 1, quality: 0.9, qualityEven: 0.9, makespanRatio: 1.1, makespanRatioMax: 1.1, claimAttemptsPerTask: 1.1, tasks: 400, looksPerNodeMinute: 1, results: [] }
    const rows = [{ ...row, nodes: 100, arrival: 'batch' as const, dispatcher: row }, { ...row, nodes: 100, arrival: 'stream' as const, dispatcher: row }]
    expect(shortfalls(rows)).toEqual([])
    const [batch, stream] = rows
    if (batch === undefined || stream === undefined) throw new Error('two rows were made')
    expect(shortfalls([{ ...batch, quality: 0.84, makespanRatio: 1.21 }, { ...stream, quality: 0, claimAttemptsPerTask: 1.31 }])).toEqual([
      '100 nodes, batch: quality 0.840, at least 0.850 wanted', '100 nodes, batch: makespan 1.210 of the bound, at most 1.200 wanted',
      '100 nodes, stream: 1.310 claim attempts per task, at most 1.3 wanted',
    ])
  })

  it('are held to the dispatcher where even that falls short', () => {
    const row = { runs: 1, quality: 0.78, qualityEven: 0.7, makespanRatio: 1.3, makespanRatioMax: 1.4, claimAttemptsPerTask: 1, tasks: 12, looksPerNodeMinute: 1, results: [], nodes: 3, arrival: 'batch' as const }
    const dispatcher = { ...row, quality: 0.8, makespanRatio: 1.25 }
    expect(shortfalls([{ ...row, dispatcher }])).toEqual([])
    expect(shortfalls([{ ...row, quality: 0.75, makespanRatio: 1.32, dispatcher }])).toHaveLength(2)
  })
})
