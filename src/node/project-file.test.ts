import { describe, expect, it } from 'vitest'
import { parseProject } from './project-file.ts'

const parse = (text: string): ReturnType<typeof parseProject> => parseProject(Buffer.from(text))

describe('parseProject', () => {
  it('reads what the repository says of itself', () => {
    expect(parse('checks: [npm test]\nsetup: npm ci\nprotected: [deploy/]\nrepositories: [{ path: ., delivery: merge, approve_first: false }]')).toEqual({ ok: true, value: {
      checks: ['npm test'], setup: ['npm ci'], protected: ['deploy/'], policy: { delivery: 'merge', mergeOn: ['proved'], approveFirst: false },
    } })
    expect(parse('')).toEqual({ ok: true, value: { checks: undefined, setup: undefined, protected: [], policy: undefined } })
  })

  it('does not mind keys and sections of another version', () => {
    expect(parse('checks: [make]\nagent: { role: 7 }\nfuture: true\nrepositories: [{ provider: jira }]')).toMatchObject({ ok: true, value: { checks: ['make'], policy: undefined } })
  })

  it.each([
    ['poll: 5s\nchecks: npm test', 'line 2: checks: expected a list'],
    ['checks: [1]', 'checks.0: expected text'],
    ['checks: [a', 'line 1'],
    ['- x', 'line 1'],
    ['checks: [a]\nchecks: [b]', 'line 2'],
    [`checks: [${'a,'.repeat(30)}]`, 'at most 20'],
  ])('refuses %j', (text, reason) => {
    const parsed = parse(text)
    expect(parsed.ok ? '' : parsed.reason).toContain(reason)
  })

  it('refuses bytes that are no text', () => {
    expect(parseProject(new Uint8Array([0xff, 0xfe, 0x00])).ok).toBe(false)
  })
})
