import { describe, expect, it } from 'vitest'
import { canonicalJson, isoTime } from '../core/mod.ts'
import type { TaskKey } from '../core/mod.ts'
import { countingEntropy, HandClock, testSigner } from '../testing/gossip-kit.ts'
import { encode, Gate, isSignedByAuthor, LIMITS, openEnvelope, signedBytes, TOPICS } from './mod.ts'
import type { Draft, Opened, Opener } from './mod.ts'
import { ReplayWindow } from './replay-window.ts'

const alice = testSigner(1)
const mallory = testSigner(2)

const setup = () => {
  const clock = new HandClock()
  const entropy = countingEntropy()
  const gate = new Gate({ clock })
  const send = (draft: Draft = availability(), signer = alice) => encode(draft, { signer, clock, entropy })
  const judge = (bytes: Uint8Array, options: { author?: typeof alice.node; topic?: string } = {}) =>
    gate.judge({ topic: options.topic ?? TOPICS.coordination, author: options.author ?? alice.node, bytes })
  return { clock, gate, send, judge, wallMs: () => clock.wallMs() }
}

const availability = (node = alice.node): Draft<'availability_broadcast'> => ({
  type: 'availability_broadcast',
  data: { node_id: node, available_for_work: true, current_tasks: 1, max_tasks: 3, last_activity: 1727692800, status: 'working', timestamp: 1727692800 },
})

const text = (value: unknown): Uint8Array => new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value))
const parse = (bytes: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown> & { data: Record<string, unknown> }
/** Signs whatever it is given, as a hostile member with a proper key would. */
const signed = (envelope: Record<string, unknown>, signer = alice): Uint8Array =>
  text({ ...envelope, signature: signer.sign(signedBytes(envelope)) })

describe('the gate (docs/protocol.md §1.5)', () => {
  it('lets a proper message in, with its data typed', () => {
    const { send, judge } = setup()
    const judgement = judge(send().bytes)
    expect(judgement).toMatchObject({ verdict: 'accept', reason: 'delivered', envelope: { type: 'availability_broadcast', from: alice.node, hop_count: 0, data: { current_tasks: 1 } } })
  })

  it('keeps unknown members, which are signed like the rest', () => {
    const { send, judge } = setup()
    const envelope = parse(send().bytes)
    const wider = signed({ ...envelope, colour: 'blue', data: { ...envelope.data, mood: [1, { a: null }] } })
    expect(judge(wider)).toMatchObject({ reason: 'delivered', envelope: { colour: 'blue', data: { mood: [1, { a: null }] } } })
    const painted = parse(wider)
    painted['colour'] = 'red'
    painted['id'] = '00000000-0000-4000-8000-0000000000ff'
    expect(judge(text(painted)).reason).toBe('signature-invalid')
  })

  it('rejects a forged from, whichever way it is forged', () => {
    const { send, judge } = setup()
    // Mallory relays under her own transport key what claims to be from Alice ...
    expect(judge(send().bytes, { author: mallory.node })).toEqual({ verdict: 'reject', reason: 'author-mismatch' })
    // ... or signs Alice's name with her own key,
    const envelope = parse(send().bytes)
    expect(judge(signed(envelope, mallory)).reason).toBe('signature-invalid')
    // ... or passes on as hers what names no node in its data,
    const claim = send({ type: 'task_claim', data: {
      task_key: 'local:a#1' as TaskKey, task_number: 1, repository: 'a', agent_id: 'a', agent_role: 'QA', epoch: 1 as never, claim: 'a'.repeat(40) as never, lease_ms: 90_000,
    } })
    expect(judge(claim.bytes, { author: mallory.node }).reason).toBe('author-mismatch')
    expect(judge(claim.bytes).reason).toBe('delivered')
    // ... or speaks as herself about Alice's node.
    expect(judge(send(availability(alice.node), mallory).bytes, { author: mallory.node }).reason).toBe('author-mismatch')
  })

  it('rejects altered data', () => {
    const { send, judge } = setup()
    const envelope = parse(send().bytes)
    envelope.data['current_tasks'] = 0
    expect(judge(text(envelope))).toEqual({ verdict: 'reject', reason: 'signature-invalid' })
  })

  it('rejects a message moved to another topic', () => {
    const { send, judge } = setup()
    const envelope = parse(send().bytes)
    expect(judge(text(envelope), { topic: TOPICS.discussion }).reason).toBe('topic-mismatch')
    expect(judge(text({ ...envelope, topic: TOPICS.discussion }), { topic: TOPICS.discussion }).reason).toBe('topic-mismatch')
    // Signed for another topic, and brought to the one where this type is spoken.
    expect(judge(signed({ ...envelope, topic: TOPICS.discussion })).reason).toBe('topic-mismatch')
    // Signed anew for a topic where this type is not spoken.
    expect(judge(signed({ ...envelope, topic: TOPICS.context }), { topic: TOPICS.context }).reason).toBe('topic-mismatch')
  })

  it('ignores a replay for as long as the message could be let in', async () => {
    const { send, judge, clock } = setup()
    const { bytes } = send()
    expect(judge(bytes).reason).toBe('delivered')
    expect(judge(bytes)).toEqual({ verdict: 'ignore', reason: 'replayed' })
    await clock.advance(LIMITS.lifetimeMsDefault + LIMITS.clockSkewMsMax)
    expect(judge(bytes).reason).toBe('replayed')
    await clock.advance(1)
    expect(judge(bytes).reason).toBe('expired')
  })

  it('ignores what it has no room to remember, since it could not tell a replay of it', () => {
    const { send, clock } = setup()
    const gate = new Gate({ clock, window: new ReplayWindow({ idsMax: 2, idsPerAuthorMax: 2, authorsMax: 2 }) })
    const reasons = [send(), send(), send()].map(({ bytes }) => gate.judge({ topic: TOPICS.coordination, author: alice.node, bytes }).reason)
    expect(reasons).toEqual(['delivered', 'delivered', 'window-full'])
  })

  it('ignores what is expired or from the future, and rejects what lives too long', async () => {
    const { send, judge, clock, wallMs } = setup()
    const envelope = parse(send().bytes)
    const at = (fromMs: number, toMs: number) => judge(signed({ ...envelope, timestamp: isoTime(wallMs() + fromMs), expires_at: isoTime(wallMs() + toMs) })).reason
    const late = send().bytes
    await clock.advance(LIMITS.lifetimeMsDefault + LIMITS.clockSkewMsMax + 1)
    expect(judge(late)).toEqual({ verdict: 'ignore', reason: 'expired' })
    expect(at(LIMITS.clockSkewMsMax + 1, LIMITS.clockSkewMsMax + 1_000)).toBe('from-the-future')
    expect(at(0, LIMITS.lifetimeMsMax + 1)).toBe('lifetime-invalid')
    expect(at(0, 0)).toBe('lifetime-invalid')
    expect(at(0, LIMITS.lifetimeMsMax)).toBe('delivered')
  })

  it('ignores what went through too many agents', () => {
    const { send, judge } = setup()
    const envelope = parse(send().bytes)
    expect(judge(signed({ ...envelope, hop_count: LIMITS.hopsMax + 1 }))).toEqual({ verdict: 'ignore', reason: 'hop-limit' })
    expect(judge(signed({ ...envelope, hop_count: LIMITS.hopsMax })).reason).toBe('delivered')
  })

  it('ignores unknown versions and unknown types', () => {
    const { send, judge } = setup()
    const envelope = parse(send().bytes)
    expect(judge(signed({ version: 2, wholly: 'different' }))).toEqual({ verdict: 'ignore', reason: 'version-unknown' })
    expect(judge(signed({ ...envelope, type: 'mentorship_request' }))).toEqual({ verdict: 'ignore', reason: 'type-unknown' })
    // Not found on Object.prototype either.
    for (const type of ['constructor', 'valueof', 'tostring']) expect(judge(signed({ ...envelope, type })).reason).toBe('type-unknown')
  })

  it('rejects what is too large before it looks at it', () => {
    const { judge, gate } = setup()
    expect(judge(new Uint8Array(LIMITS.messageBytesMax + 1))).toEqual({ verdict: 'reject', reason: 'too-large' })
    expect(gate.counts.of('too-large')).toBe(1)
  })

  it('rejects data that does not fit its type', () => {
    const { send, judge } = setup()
    const envelope = parse(send().bytes)
    const wrong = [{}, { ...envelope.data, current_tasks: -1 }, { ...envelope.data, current_tasks: 1e9 }, { ...envelope.data, status: 'asleep' },
      { ...envelope.data, available_for_work: 'yes' }, { ...envelope.data, node_id: 'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N' }]
    for (const data of wrong) expect(judge(signed({ ...envelope, data }))).toEqual({ verdict: 'reject', reason: 'data-invalid' })
  })

  it('survives hostile JSON', () => {
    const { send, judge } = setup()
    const envelope = parse(send().bytes)
    const json = new TextDecoder().decode(send().bytes)
    const hostile: (string | Uint8Array)[] = [
      '', ' ', 'null', '[]', '7', '"x"', '{', '{}', '{"version":1}', '{"version":"1"}', '{"version":1e999}', '{"version":1.5}',
      '['.repeat(60_000), '{"a":'.repeat(10_000), `{"version":1,"a":${'['.repeat(20_000)}${']'.repeat(20_000)}}`,
      new Uint8Array([0xff, 0xfe, 0x7b, 0x7d]), new Uint8Array([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x7d]),
      json.replace('"working"', '"\\ud800"'), json.replace(/"current_tasks":1/, '"current_tasks":1e400'),
      json.replace('{', '{"__proto__":{"polluted":true},'), json.replace('"data":{', '"data":{"__proto__":{"polluted":true},'),
      json.replace(alice.node, `${alice.node}x`), json.replace(/"id":"[^"]*"/, `"id":"${'a'.repeat(5_000)}"`),
      text({ ...envelope, data: [] }), text({ ...envelope, from: { toString: 1 } }), text({ ...envelope, to_roles: Array.from({ length: 100 }, () => 'x') }),
      text({ ...envelope, signature: 'A'.repeat(86) }), text({ ...envelope, topic: 'x'.repeat(1_000) }), text({ ...envelope, from_role: 'a\u001b[2Jb' }),
    ]
    for (const bytes of hostile) {
      const judgement = judge(typeof bytes === 'string' ? text(bytes) : bytes)
      expect(judgement.verdict, String(bytes).slice(0, 60)).toBe('reject')
    }
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })

  it('gives a signed __proto__ member no power over the data', () => {
    const { send, judge } = setup()
    const envelope = parse(send().bytes)
    const data = JSON.parse(JSON.stringify(envelope.data).replace('{', '{"__proto__":{"leaving":true},')) as Record<string, unknown>
    const judgement = judge(text(canonicalJson({ ...envelope, data, signature: alice.sign(signedBytes({ ...envelope, data })) })))
    expect(judgement.reason).toBe('delivered')
    expect('envelope' in judgement && judgement.envelope.type === 'availability_broadcast' && judgement.envelope.data.leaving).toBeUndefined()
  })

  it('ignores an author who talks too much, and hears it again later', async () => {
    const { send, judge, clock } = setup()
    for (let index = 0; index < LIMITS.messagesBurst; index += 1) judge(text('rubbish'))
    expect(judge(send().bytes)).toEqual({ verdict: 'ignore', reason: 'rate-limited' })
    expect(judge(send(availability(mallory.node), mallory).bytes, { author: mallory.node }).reason).toBe('delivered')
    await clock.advance(1_000)
    for (let index = 0; index < LIMITS.messagesPerSecond; index += 1) expect(judge(send().bytes).reason).toBe('delivered')
    expect(judge(send().bytes).reason).toBe('rate-limited')
  })

  it('ignores whom the member list does not admit', () => {
    const { send, clock } = setup()
    const gate = new Gate({ clock, admits: (node) => node !== alice.node })
    expect(gate.judge({ topic: TOPICS.coordination, author: alice.node, bytes: send().bytes })).toEqual({ verdict: 'ignore', reason: 'author-refused' })
  })

  it('may share what it opened with others, and judges by its own clock and window', () => {
    const { send, clock } = setup()
    const opened = new Map<Uint8Array, ReturnType<Opener>>()
    let looks = 0
    const opener: Opener = (bytes) => {
      const known = opened.get(bytes) ?? openEnvelope(bytes)
      opened.set(bytes, known)
      if (typeof known === 'string') return known
      return { ...known, message: () => { looks += 1; return known.message() } }
    }
    const here = new Gate({ clock, opener })
    const there = new Gate({ clock: { wallMs: () => clock.wallMs() + 2 * LIMITS.lifetimeMsMax, monotonicMs: () => clock.monotonicMs() }, opener })
    const elsewhere = new Gate({ clock, opener })
    const message = { topic: TOPICS.coordination, author: alice.node, bytes: send().bytes }
    const first = here.judge(message)
    expect(elsewhere.judge(message)).toEqual(first)
    expect([here.judge(message).reason, there.judge(message).reason, elsewhere.judge({ ...message, topic: TOPICS.discussion }).reason]).toEqual(['replayed', 'expired', 'topic-mismatch'])
    // Whoever refuses it for a reason of its own never looks further.
    expect([opened.size, looks]).toEqual([1, 2])
    const forged = { ...message, bytes: signed({ ...parse(message.bytes), id: '00000000-0000-4000-8000-0000000000fe' }, mallory) }
    expect([here, elsewhere].map((gate) => gate.judge(forged).reason)).toEqual(['signature-invalid', 'signature-invalid'])
    const found = opened.get(message.bytes) as Opened
    expect(found.message()).toBe(found.message())
  })

  it('counts every verdict by its reason', () => {
    const { send, judge, gate } = setup()
    const { bytes } = send()
    judge(bytes); judge(bytes); judge(bytes); judge(text('x'))
    expect(gate.counts.snapshot()).toMatchObject({ delivered: 1, replayed: 2, 'not-json': 1, expired: 0 })
  })
})

describe('an envelope outside gossip', () => {
  it('stays provable without a clock', async () => {
    const { send, clock } = setup()
    const { bytes } = send()
    await clock.advance(86_400_000)
    expect(isSignedByAuthor(parse(bytes))).toBe(true)
    expect(isSignedByAuthor({ ...parse(bytes), hop_count: 1 })).toBe(false)
  })
})

describe('encode()', () => {
  const claim: Draft<'task_progress'> = {
    type: 'task_progress',
    data: {
      task_key: 'github:acme/shop#42' as TaskKey, task_number: 42, repository: 'acme/shop', agent_id: 'agent-001', agent_role: 'Senior Backend Developer',
      epoch: 1 as never, status: 'claimed', timestamp: '2025-09-30T10:00:00Z', title: 'Add authentication endpoint',
      claim_time: '2025-09-30T10:00:00Z', estimated_completion: '2025-09-30T11:00:00Z',
    },
  }

  it('refuses what others would reject', () => {
    const { send } = setup()
    expect(() => send({ ...claim, data: { ...claim.data, claim_time: undefined } })).toThrow(/task_progress.*claim_time/)
    expect(() => send({ ...claim, data: { ...claim.data, title: 'x'.repeat(301) } })).toThrow(/data\.title/)
    expect(() => send({ ...claim, data: { ...claim.data, title: '\ud800' } })).toThrow(/lone surrogate/)
    expect(() => send({ ...claim, lifetimeMs: LIMITS.lifetimeMsMax + 1 })).toThrow(/lifetimeMs/)
    expect(() => send({ ...claim, hopCount: LIMITS.hopsMax + 1 })).toThrow(/hopCount/)
    expect(() => send({ ...claim, toRoles: [''] })).toThrow(/to_roles/)
    expect(() => send({ ...claim, data: { ...claim.data, extra: 'x'.repeat(LIMITS.messageBytesMax) } as never })).toThrow(/65536 bytes/)
  })

  it('writes the seed\'s members in the seed\'s words', () => {
    const { send, judge } = setup()
    const { bytes } = send({ ...claim, fromRole: 'Senior Backend Developer', toRoles: ['QA'], requiredExpertise: ['Go'], projectId: 'p', priority: 'high', threadId: 'task-x', replyTo: '00000000-0000-4000-8000-0000000000ff' })
    expect(parse(bytes)).toMatchObject({
      type: 'task_progress', from: alice.node, hop_count: 0, from_role: 'Senior Backend Developer', to_roles: ['QA'], required_expertise: ['Go'],
      project_id: 'p', priority: 'high', thread_id: 'task-x', version: 1, topic: TOPICS.coordination,
    })
    expect(judge(bytes).reason).toBe('delivered')
  })
})
