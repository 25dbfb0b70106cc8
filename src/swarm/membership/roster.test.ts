import { isoTime } from '../../core/mod.ts'
import { describe, expect, it } from 'vitest'
import type { NodeId, TaskKey } from '../../core/mod.ts'
import type { MessageData } from '../../wire/mod.ts'
import { memberOf } from './entry.ts'
import type { PresenceEnvelope } from './entry.ts'
import { emptyRoster, isUnreachable, ROSTER_TIMES, stepRoster, unreachableNow } from './roster.ts'
import type { RosterInput, RosterTimes } from './roster.ts'

const WALL_MS = 1_800_000_000_000
const bob = 'bob' as NodeId

/** A roster with its story: what was told to the world, one line per effect. */
const story = (times: Partial<RosterTimes> = {}) => {
  let state = emptyRoster(times)
  const lines: string[] = []
  const step = (nowMs: number, input: RosterInput): void => {
    const { state: next, effects } = stepRoster(state, input, nowMs)
    state = next
    for (const effect of effects) {
      if (effect.kind === 'newcomer') lines.push(`${nowMs} newcomer`)
      else lines.push(`${nowMs} ${effect.event.kind} ${effect.event.member.node} ${effect.event.member.status}${effect.event.kind === 'member_left' ? ` ${effect.event.reason}` : ''}`)
    }
  }
  const hear = (nowMs: number, type: PresenceEnvelope['type'], data: object, options: { from?: NodeId; atMs?: number } = {}): void =>
    step(nowMs, { kind: 'heard', envelope: { from: options.from ?? bob, type, timestamp: isoTime(WALL_MS + (options.atMs ?? nowMs)), data } as PresenceEnvelope })
  const available = (nowMs: number, numbers: Partial<MessageData<'availability_broadcast'>> = {}, options: { from?: NodeId; atMs?: number } = {}): void =>
    hear(nowMs, 'availability_broadcast', { current_tasks: 0, max_tasks: 2, status: 'ready', ...numbers }, options)
  const progress = (nowMs: number, status: string, options: { key?: string; atMs?: number } = {}): void =>
    hear(nowMs, 'task_progress', { status, task_key: (options.key ?? 'local:a#1') as TaskKey }, options)
  const link = (nowMs: number, connected: boolean): void => step(nowMs, { kind: 'link', node: bob, connected })
  const tick = (nowMs: number): void => step(nowMs, { kind: 'tick' })
  const member = (node = bob) => { const entry = state.entries.get(node); return entry === undefined ? undefined : memberOf(entry, state.connected.has(entry.node)) }
  const take = (): string[] => lines.splice(0)
  return { hear, available, progress, link, tick, member, take, wakeMs: () => state.wakeMs, state: () => state }
}

describe('the roster', () => {
  it('learns a member from its announcement, capabilities and availability, in any order', () => {
    const { hear, available, member, take } = story()
    available(0, { current_tasks: 1, status: 'working' })
    hear(1, 'capability_broadcast', { agent_id: 'b', role: 'QA', expertise: ['Go'], capabilities: ['test'], models: ['m'], repositories: ['local:a'], max_tasks: 2 })
    hear(2, 'role_announcement', { agent_id: 'b', role: 'QA', expertise: ['Go'], capabilities: ['test'], specialization: 'fuzzing', max_tasks: 2, current_tasks: 1, status: 'working' })
    expect(member()).toMatchObject({ agentId: 'b', role: 'QA', specialization: 'fuzzing', models: ['m'], repositories: ['local:a'], currentTasks: 1, maxTasks: 2, status: 'working', present: true, lastSeenMs: 2 })
    expect(take()).toEqual(['0 newcomer', '0 member_joined bob working', '1 member_changed bob working', '2 member_changed bob working'])
  })

  it.each([
    [0, 2, 'ready'], [1, 2, 'working'], [2, 2, 'busy'], [0, 0, 'busy'],
  ])('calls %i of %i tasks %s', (current, max, status) => {
    const { available, member } = story()
    available(0, { current_tasks: current, max_tasks: max, status: 'ready' })
    expect(member()?.status).toBe(status)
  })

  it('tells whom it cannot reach once a link has been closed for five seconds, and what others say of that', () => {
    const { available, link, member, state, wakeMs } = story()
    available(0)
    link(0, true)
    link(1_000, false)
    expect(wakeMs()).toBe(6_000)
    expect([unreachableNow(state(), 5_999), isUnreachable(state(), bob, 5_999)]).toEqual([[], false])
    expect([unreachableNow(state(), 6_000), isUnreachable(state(), bob, 6_000)]).toEqual([[bob], true])
    available(7_000)
    expect([unreachableNow(state(), 7_000), isUnreachable(state(), bob, 7_000)]).toEqual([[], false])
    available(8_000, { unreachable: ['carol' as NodeId] })
    expect(member()?.unreachable).toEqual(['carol'])
    available(9_000)
    expect(member()?.unreachable).toEqual([])
  })

  it('shows a paused member as offline and still present', () => {
    const { available, member, take } = story()
    available(0)
    available(1, { status: 'offline' })
    expect(member()).toMatchObject({ status: 'offline', present: true })
    expect(take()).toEqual(['0 newcomer', '0 member_joined bob ready', '1 member_changed bob offline'])
  })

  it('lets a member go after 90 s of silence, and have it back when it speaks', () => {
    const { available, tick, take, wakeMs } = story()
    available(0)
    expect(wakeMs()).toBe(90_000)
    tick(89_999)
    expect(take()).toEqual(['0 newcomer', '0 member_joined bob ready'])
    tick(90_000)
    expect(take()).toEqual(['90000 member_left bob offline silent'])
    available(95_000)
    expect(take()).toEqual(['95000 newcomer', '95000 member_joined bob ready'])
  })

  it('waits as long as its settings say', () => {
    const { available, link, tick, take, wakeMs } = story({ silentMs: 900, disconnectedMs: 200, forgetMs: 1_000 })
    available(0)
    expect(wakeMs()).toBe(900)
    link(100, false)
    expect(wakeMs()).toBe(300)
    tick(300)
    expect(take().at(-1)).toBe('300 member_left bob offline disconnected')
    expect(wakeMs()).toBe(1_300)
  })

  it('lets a member go 20 s after its link closed, unless it is heard by another way', () => {
    const { available, link, tick, take, member, wakeMs } = story()
    available(0)
    link(0, true)
    link(1_000, false)
    expect(member()).toMatchObject({ connected: false, unreachableSinceMs: 1_000, status: 'ready' })
    tick(6_000)
    expect(wakeMs()).toBe(21_000)
    // Still on its way when the link closed: no sign of life.
    available(2_000)
    expect(member()?.unreachableSinceMs).toBe(1_000)
    tick(21_000)
    expect(take().at(-1)).toBe('21000 member_left bob offline disconnected')
    available(30_000)
    expect(take().at(-1)).toBe('30000 member_joined bob ready')
    expect(member()).toMatchObject({ connected: false, unreachableSinceMs: undefined })
    tick(60_000)
    expect(take()).toEqual([])
  })

  it('forgives a link that comes back in time', () => {
    const { available, link, tick, take, member } = story()
    available(0)
    link(0, true)
    link(1_000, false)
    link(15_000, true)
    tick(21_000)
    expect(member()).toMatchObject({ present: true, connected: true, unreachableSinceMs: undefined })
    expect(take().filter((line) => line.includes('left'))).toEqual([])
  })

  it('takes a goodbye at its word, and is not fooled by what was said before it', () => {
    const { available, hear, take, tick, member } = story()
    available(0)
    available(10, { status: 'offline', leaving: true })
    expect(take()).toEqual(['0 newcomer', '0 member_joined bob ready', '10 member_left bob offline left'])
    hear(20, 'role_announcement', { agent_id: 'b', role: 'QA', expertise: [], capabilities: [], specialization: '', max_tasks: 2, current_tasks: 0, status: 'ready' }, { atMs: 5 })
    available(21, {}, { atMs: 9 })
    expect(take()).toEqual([])
    tick(10 + ROSTER_TIMES.forgetMs)
    expect(member()).toBeUndefined()
  })

  it('does not meet somebody by its goodbye', () => {
    const { available, take, member } = story()
    available(0, { leaving: true, status: 'offline' })
    expect([take(), member()]).toEqual([[], undefined])
  })

  it('counts claims and ends that availability has not counted yet, each once', () => {
    const { available, progress, member } = story()
    available(0)
    progress(10, 'claimed')
    expect(member()).toMatchObject({ currentTasks: 1, status: 'working', tasks: ['local:a#1'] })
    progress(11, 'started')
    expect(member()?.currentTasks).toBe(1)
    // Availability told at 12 knows of both; the claim told at 11.5 comes after it.
    available(20, { current_tasks: 2, status: 'busy' }, { atMs: 12 })
    progress(21, 'claimed', { key: 'local:a#2', atMs: 12 })
    expect(member()).toMatchObject({ currentTasks: 2, tasks: ['local:a#1', 'local:a#2'] })
    progress(30, 'completed')
    progress(31, 'failed', { key: 'local:a#2' })
    expect(member()).toMatchObject({ currentTasks: 0, status: 'ready', tasks: [] })
    progress(32, 'released', { key: 'local:a#3' })
    expect(member()?.currentTasks).toBe(0)
  })

  it('tells a change of anything that others can see, and nothing else', () => {
    const { hear, available, progress, link, take } = story()
    const words = { agent_id: 'b', role: 'QA', expertise: ['Go'], capabilities: ['test'], models: ['m'], repositories: ['local:a'], max_tasks: 2 }
    const announced = { ...words, specialization: '', current_tasks: 0, status: 'ready' }
    available(0)
    hear(0, 'role_announcement', announced)
    hear(0, 'capability_broadcast', words)
    take()
    const told = (change: () => void): string[] => { change(); return take() }
    // All again, word by word.
    expect(told(() => { hear(1, 'role_announcement', announced); hear(2, 'capability_broadcast', words); available(3, { unreachable: [] }) })).toEqual([])
    const changed = (at: number, status = 'ready'): string[] => [`${at} member_changed bob ${status}`]
    expect(told(() => { hear(10, 'role_announcement', { ...announced, agent_id: 'c' }) })).toEqual(changed(10))
    expect(told(() => { hear(11, 'role_announcement', { ...announced, agent_id: 'c', role: 'Dev' }) })).toEqual(changed(11))
    expect(told(() => { hear(12, 'role_announcement', { ...announced, agent_id: 'c', role: 'Dev', specialization: 'x' }) })).toEqual(changed(12))
    expect(told(() => { hear(13, 'role_announcement', { ...announced, agent_id: 'c', role: 'Dev', specialization: 'x', expertise: ['Go', 'SQL'] }) })).toEqual(changed(13))
    expect(told(() => { hear(14, 'role_announcement', { ...announced, agent_id: 'c', role: 'Dev', specialization: 'x', expertise: ['Go', 'C'] }) })).toEqual(changed(14))
    const now = { ...words, agent_id: 'c', role: 'Dev', expertise: ['Go', 'C'] }
    expect(told(() => { hear(15, 'capability_broadcast', { ...now, capabilities: ['review'] }) })).toEqual(changed(15))
    expect(told(() => { hear(16, 'capability_broadcast', { ...now, capabilities: ['review'], models: [] }) })).toEqual(changed(16))
    expect(told(() => { hear(17, 'capability_broadcast', { ...now, capabilities: ['review'], models: [], repositories: ['local:b'] }) })).toEqual(changed(17))
    expect(told(() => { available(18, { max_tasks: 3 }) })).toEqual(changed(18))
    expect(told(() => { available(19, { max_tasks: 3, unreachable: ['carol' as NodeId] }) })).toEqual(changed(19))
    expect(told(() => { available(20, { max_tasks: 3, unreachable: ['carol' as NodeId], status: 'offline' }) })).toEqual(changed(20, 'offline'))
    expect(told(() => { available(21, { max_tasks: 3, unreachable: ['carol' as NodeId] }) })).toEqual(changed(21))
    expect(told(() => { progress(22, 'claimed') })).toEqual(changed(22, 'working'))
    expect(told(() => { progress(23, 'started') })).toEqual([])
    // Told of late: the numbers know of it, the list of tasks does not yet.
    expect(told(() => { available(30, { max_tasks: 3, current_tasks: 1 }); take(); progress(31, 'started', { key: 'local:a#2', atMs: 29 }) })).toEqual(changed(31, 'working'))
    expect(told(() => { link(40, true) })).toEqual(['40 newcomer', '40 member_changed bob working'])
    expect(told(() => { link(41, true) })).toEqual(['41 newcomer'])
    expect(told(() => { link(42, false) })).toEqual(changed(42, 'working'))
  })

  it('wakes in time for whatever comes next, and an early wake changes nothing', () => {
    const { available, link, tick, take, wakeMs, state } = story()
    expect(wakeMs()).toBe(Infinity)
    available(0)
    available(50_000)
    take()
    // Put off meanwhile: the first wake finds nothing to do, and sets the next.
    expect(wakeMs()).toBe(90_000)
    tick(90_000)
    expect([take(), wakeMs()]).toEqual([[], 140_000])
    link(100_000, false)
    expect(wakeMs()).toBe(105_000)
    tick(104_999)
    expect(wakeMs()).toBe(105_000)
    tick(105_000)
    expect([wakeMs(), unreachableNow(state(), 105_000)]).toEqual([120_000, [bob]])
    tick(120_000)
    expect([take(), wakeMs(), unreachableNow(state(), 120_000)]).toEqual([['100000 member_changed bob ready', '120000 member_left bob offline disconnected'], 720_000, [bob]])
    tick(720_000)
    expect([wakeMs(), unreachableNow(state(), 720_000), state().entries.size]).toEqual([Infinity, [], 0])
  })

  it('ignores what comes too late', () => {
    const { available, member } = story()
    available(0, { current_tasks: 2 }, { atMs: 100 })
    available(1, { current_tasks: 0 }, { atMs: 99 })
    expect(member()?.currentTasks).toBe(2)
  })

  it('has a thousand places; those gone make room, those present do not', () => {
    const { available, state, tick } = story()
    const name = (index: number) => `n${index}` as NodeId
    for (let index = 0; index < 1_000; index += 1) available(index, {}, { from: name(index) })
    available(1_000, {}, { from: name(1_000) })
    expect([state().entries.size, state().refused, state().entries.has(name(1_000))]).toEqual([1_000, 1, false])
    tick(90_001)
    available(90_002, {}, { from: name(1_000) })
    expect([state().entries.size, state().entries.has(name(0)), state().entries.has(name(1)), state().entries.has(name(1_000))]).toEqual([1_000, false, true, true])
  })
})
