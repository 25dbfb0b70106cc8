import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { keptSeeds } from '../../src/sim/kept-seeds.ts'
import { runSeed } from '../../src/sim/run-seed.ts'
import { calmPlan } from '../../src/sim/plan.ts'
import { tellStory } from '../../src/sim/story.ts'

const root = path.resolve(import.meta.dirname, '../..')

/** The last lines of a story, in a process of its own. */
const digestElsewhere = (seed: string): string => {
  const story = execFileSync(process.execPath, [path.join(root, 'src/sim/main.ts'), '--replay', seed, '--nodes', '4', '--tasks', '6'], { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })
  return /digest ([0-9a-f]{16})/.exec(story)?.[1] ?? 'none'
}

describe('a world', () => {
  it('is the same from the same seed, in another process too, and another from another seed', async () => {
    const here = await runSeed({ seed: '11', nodes: 4, tasks: 6 })
    const again = await runSeed({ seed: '11', nodes: 4, tasks: 6 })
    const other = await runSeed({ seed: '12', nodes: 4, tasks: 6 })
    expect(again.digest).toBe(here.digest)
    expect(digestElsewhere('11')).toBe(here.digest)
    expect(other.digest).not.toBe(here.digest)
  }, 60_000)

  it('delivers everything once where nothing breaks', async () => {
    const { violations, lost, delivered, duplicateDeliveries, faults } = await runSeed({ seed: 'calm', nodes: 5, tasks: 12, plan: calmPlan() })
    expect({ violations, lost, delivered, duplicateDeliveries }).toEqual({ violations: [], lost: 0, delivered: 12, duplicateDeliveries: 0 })
    expect(Object.keys(faults)).toEqual(['a person adds'])
  }, 60_000)

  it('tells its story: who took a task, proved it, delivered it and closed it', async () => {
    const { world, violations } = await runSeed({ seed: 'story', nodes: 2, tasks: 1, plan: calmPlan(), keep: true })
    const story = tellStory(world.kept, { nameOf: (node) => world.nameOf(node), violations, number: '1' }).map((line) => line.slice(12))
    const taker = story.find((line) => line.includes('pushes task 1 as held, epoch 1'))?.slice(0, 2) ?? ''
    const order = ['a person adds task 1', `${taker}: pushes task 1 as held, epoch 1`, `${taker}: the check of task 1 ended badly`, `${taker}: the agent of task 1 has ended`,
      `${taker}: the check of task 1 ended well`, `${taker}: pushes task 1 as delivered, epoch 1 in one push with main`, `${taker}: the provider was told that task 1 is done: answered, completed`,
      `${taker}: pushes task 1 as done, epoch 1`, `${taker}: says task completed 1`]
    expect(order.map((line) => story.indexOf(line))).toEqual(order.map((line) => story.indexOf(line)).toSorted((a, b) => a - b))
    for (const line of order) expect(story).toContain(line)
  }, 60_000)

  it.each(keptSeeds().map((world) => [world] as const))('keeps its promises where one was broken once: %o', async (world) => {
    const { violations, lost } = await runSeed(world)
    expect({ violations, lost }).toEqual({ violations: [], lost: 0 })
  }, 120_000)
})
