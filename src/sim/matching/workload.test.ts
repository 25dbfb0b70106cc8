import { describe, expect, it } from 'vitest'
import { Chance } from '../chance.ts'
import { boundedPareto, DURATION, isFit, makeWorkload, SCARCE, STREAM_LOAD } from './workload.ts'
import type { Arrival } from './workload.ts'

const make = (nodes: number, arrival: Arrival = 'batch', seed = '1') => makeWorkload({ nodes, tasksPerNode: 4, arrival, entropy: new Chance(seed) })

describe('makeWorkload', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(make(10)).toEqual(make(10))
    expect(make(10, 'batch', '2')).not.toEqual(make(10))
  })

  it('holds the published shares exactly where whole nodes and tasks allow it', () => {
    const { nodes, tasks } = make(100)
    const share = <T>(items: readonly T[], what: (item: T) => boolean): number => items.filter(what).length / items.length
    expect(share(nodes, (node) => node.expertise.includes(SCARCE))).toBe(0.05)
    expect(share(tasks, (task) => task.requiredExpertise.includes(SCARCE))).toBe(0.15)
    expect(share(nodes, (node) => node.role === 'backend developer')).toBe(0.4)
    expect(share(tasks, (task) => task.requiredRole === undefined)).toBeCloseTo(0.15, 2)
    expect([10, 8, 5, 4, 2].map((priority) => share(tasks, (task) => task.priority === priority))).toEqual([0.05, 0.1, 0.1, 0.7, 0.05])
    expect([1, 2, 3].map((slots) => share(nodes, (node) => node.maxTasks === slots))).toEqual([0.4, 0.5, 0.1])
  })

  it('asks for nothing that nobody is fit for, in the smallest swarm too', () => {
    for (let seed = 0; seed < 20; seed += 1) {
      const { nodes, tasks } = make(3, 'batch', `${seed}`)
      expect(tasks).toHaveLength(12)
      expect(tasks.every((task) => nodes.some((node) => isFit(task, node)))).toBe(true)
      expect(nodes.filter((node) => node.expertise.includes(SCARCE))).toHaveLength(1)
    }
  })

  it('has all tasks of a batch at once, and those of a stream about as fast as the slots can work them', () => {
    expect(make(100).tasks.every((task) => task.arrivalMs === 0)).toBe(true)
    const { nodes, tasks } = make(100, 'stream')
    const slots = nodes.reduce((sum, node) => sum + node.maxTasks, 0)
    const workMs = tasks.reduce((sum, task) => sum + task.durationMs, 0)
    expect(workMs / slots / (tasks.at(-1)?.arrivalMs ?? 1)).toBeGreaterThan(STREAM_LOAD * 0.8)
    expect(workMs / slots / (tasks.at(-1)?.arrivalMs ?? 1)).toBeLessThan(STREAM_LOAD * 1.25)
    expect(tasks.map((task) => task.arrivalMs)).toEqual(tasks.map((task) => task.arrivalMs).sort((a, b) => a - b))
  })
})

describe('boundedPareto', () => {
  it('keeps within its bounds, most of it near the lower one', () => {
    expect(boundedPareto(0, DURATION)).toBe(DURATION.fromMs)
    expect(boundedPareto(1, DURATION)).toBe(DURATION.toMs)
    expect(boundedPareto(0.5, DURATION)).toBeLessThan(120_000)
    expect(boundedPareto(0.99, DURATION)).toBeGreaterThan(1_500_000)
  })
})
