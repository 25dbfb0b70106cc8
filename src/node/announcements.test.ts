import { beforeEach, describe, expect, it } from 'vitest'
import type { DeliveredResult, HeldClaim, Hint } from '../coordinator/mod.ts'
import type { Epoch, Oid, TaskKey } from '../core/mod.ts'
import type { Logger } from '../ports/mod.ts'
import { TaskBoard } from '../testing/coordinator-doubles.ts'
import { ManualClock } from '../testing/manual-clock.ts'
import { MemoryNetwork } from '../testing/memory-gossip.ts'
import { SeededEntropy } from '../testing/seeded-entropy.ts'
import { SeededSigner } from '../testing/seeded-signer.ts'
import { Post } from '../wire/mod.ts'
import type { Envelope } from '../wire/mod.ts'
import { listenForTasks, makeTell } from './announcements.ts'

const KEY = 'local:demo#42' as TaskKey
const claim: HeldClaim = { key: KEY, epoch: 2 as Epoch, attempt: 0, oid: 'a'.repeat(40) as Oid, takenDelivered: false, signal: new AbortController().signal }
const result: DeliveredResult = { commit: 'b'.repeat(40) as Oid, branch: 'main', mode: 'merge', evidence: 'proved', title: 'x' }

describe('what is said on the wire of a task', () => {
  const clock = new ManualClock()
  let warnings: string[]
  let heard: Envelope[]
  let hints: Hint[]
  let tell: ReturnType<typeof makeTell>
  let ada: Post
  let stop: () => void

  beforeEach(async () => {
    const network = new MemoryNetwork()
    warnings = []
    heard = []
    hints = []
    const logger: Logger = { debug: () => undefined, info: () => undefined, warn: (message) => { warnings.push(message) }, error: (message) => { warnings.push(message) }, child: () => logger }
    const post = async (name: string): Promise<Post> => {
      const signer = new SeededSigner(name)
      const gossip = network.join(signer.node)
      const made = new Post({ gossip, signer, clock, entropy: new SeededEntropy(name), logger, self: () => ({ role: 'developer', expertise: [] }), redact: (data) => Promise.resolve(data) })
      await gossip.start()
      await made.start()
      return made
    }
    ada = await post('ada')
    const bob = await post('bob')
    for (const type of ['task_announcement', 'task_claim', 'task_progress', 'task_complete'] as const) bob.on(type, (envelope) => { heard.push(envelope as Envelope) })
    stop = listenForTasks(bob, { heard: (hint) => { hints.push(hint) } })
    tell = makeTell({
      post: ada, clock, logger, leaseMs: 90_000,
      identity: { node: new SeededSigner('ada').node, agentId: 'ada', role: 'developer', expertise: [], maxTasks: 1, logAddress: 'ab' },
    })
  })
  const board = new TaskBoard()
  const task = board.add(42, { title: 'Mend the parser', labels: ['bug'], priority: 7 })
  const kinds = (): readonly string[] => heard.map(({ type, data }) => `${type}${'status' in data ? ` ${String(data.status)}` : ''}`)
  const settled = (): Promise<void> => clock.advance(0)

  it('is a claim, then what became of it, in the order of the calls', async () => {
    void tell.claimed(task, claim)
    void tell.progress(task, claim, 'started')
    void tell.progress(task, claim, 'completed')
    void tell.complete(task, claim, result, 12.5)
    await settled()
    expect(kinds()).toEqual(['task_claim', 'task_progress claimed', 'task_progress started', 'task_progress completed', 'task_complete'])
    expect(heard.find(({ type }) => type === 'task_claim')?.data).toMatchObject({ task_key: KEY, task_number: 42, repository: 'demo', agent_id: 'ada', epoch: 2, claim: claim.oid, lease_ms: 90_000 })
    expect(heard.find(({ type }) => type === 'task_complete')?.data).toMatchObject({ success: true, duration: 12.5, evidence: 'proved', commit: result.commit, branch: 'main' })
    expect(warnings).toEqual([])
  })

  it('becomes hints, each of the kind that it is', async () => {
    await tell.found([task])
    await tell.claimed(task, claim)
    await tell.progress(task, claim, 'started')
    for (const status of ['completed', 'failed', 'released', 'parked', 'escalated', 'lost'] as const) await tell.progress(task, claim, status, 'because')
    await tell.complete(task, claim, result, 1)
    await settled()
    expect(hints.map(({ kind }) => kind)).toEqual(['announced', 'claimed', ...Array.from({ length: 7 }, () => 'ended')])
    expect(hints[0]).toEqual({ kind: 'announced', key: KEY, contentHash: task.contentHash, state: 'open', by: new SeededSigner('ada').node })
  })

  it('is heard no more after the listening ended', async () => {
    stop()
    await tell.claimed(task, claim)
    await settled()
    expect(hints).toEqual([])
    expect(heard).not.toEqual([])
  })

  it('is cut to what fits, however the task is written', async () => {
    const monster = board.add('monster', {
      title: `${'x'.repeat(500)}\nrm -rf\u001b[31m`, labels: Array.from({ length: 100 }, (_, index) => `label\n${index} ${'y'.repeat(200)}`), requiredExpertise: ['', '\ud800'],
      requiredRole: 'r'.repeat(300), url: `https://x/${'u'.repeat(1_000)}`,
    })
    await tell.found([monster])
    await tell.claimed(monster, claim)
    await tell.progress(monster, claim, 'failed', `line one\nline two \u001b]0;title\u0007 ${'z'.repeat(1_000)}\ud83d`)
    await settled()
    expect(warnings).toEqual([])
    expect(kinds()).toEqual(['task_announcement', 'task_claim', 'task_progress claimed', 'task_progress failed'])
    expect(JSON.stringify(heard)).not.toMatch(/\\u001b|\\n/)
  })

  it('that cannot be sent is logged, and fails nobody', async () => {
    await ada.stop()
    await tell.complete(task, claim, { ...result, branch: 'x'.repeat(5_000) }, -1)
    await tell.claimed(task, { ...claim, epoch: 0 as Epoch })
    expect(warnings).toContain('a message could not be sent')
  })
})
