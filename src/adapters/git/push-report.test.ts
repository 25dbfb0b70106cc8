import { describe, expect, test } from 'vitest'
import type { GitOutcome } from './command.ts'
import { pushAnswers } from './push-report.ts'

const REF = 'refs/chorus/claims/1'
const outcome = (fields: Partial<Omit<GitOutcome, 'stdout'>> & { readonly stdout?: string }): GitOutcome =>
  ({ end: 'exited', code: 1, stderr: '', ...fields, stdout: Buffer.from(fields.stdout ?? '') })
const line = (flag: string, summary: string): string => `To x\n${flag}\tabc:${REF}\t${summary}\nDone\n`

describe('pushAnswers()', () => {
  test.each([
    { what: 'a new ref', stdout: line('*', '[new reference]'), kind: 'accepted' },
    { what: 'a fast-forward', stdout: line(' ', 'aaa..bbb'), kind: 'accepted' },
    { what: 'a forced update', stdout: line('+', 'aaa...bbb (forced update)'), kind: 'accepted' },
    { what: 'a deletion', stdout: line('-', '[deleted]'), kind: 'accepted' },
    { what: 'what was there already', stdout: line('=', '[up to date]'), kind: 'refused' },
    { what: 'a stale lease', stdout: line('!', '[rejected] (stale info)'), kind: 'refused' },
    { what: 'a race lost on the server', stdout: line('!', '[remote rejected] (failed to update ref)'), kind: 'refused' },
    { what: 'a lost report', stdout: line('!', '[remote failure] (remote failed to report status)'), kind: 'unclear' },
    { what: 'an unknown flag', stdout: line('?', '[new thing]'), kind: 'unclear' },
    { what: 'no line at all', stdout: '', kind: 'unclear' },
    { what: 'no line for this ref and a good end', stdout: 'To x\n*\tabc:refs/other\t[new reference]\nDone\n', code: 0, kind: 'unclear' },
    { what: 'a timeout', end: 'timeout' as const, kind: 'unclear' },
    { what: 'a remote without atomic pushes', stderr: 'fatal: the receiving end does not support --atomic push', kind: 'refused' },
  ])('$what is $kind', ({ kind, stdout = '', end, stderr, code }) => {
    const answer = pushAnswers([REF], outcome({ stdout, ...(end === undefined ? {} : { end }), ...(stderr === undefined ? {} : { stderr }), ...(code === undefined ? {} : { code }) })).get(REF)
    expect(answer?.kind).toBe(kind)
  })

  test('a line is believed for its ref even when the push failed as a whole', () => {
    const stdout = `*\ta:refs/one\t[new reference]\n!\tb:refs/two\t[rejected] (stale info)\n`
    expect([...pushAnswers(['refs/one', 'refs/two', 'refs/three'], outcome({ stdout })).values()].map((answer) => answer.kind)).toEqual(['accepted', 'refused', 'unclear'])
  })

  test('no password reaches a reason', () => {
    const answer = pushAnswers([REF], outcome({ stderr: 'fatal: unable to access https://me:s3cret@example.org/r/: no route' })).get(REF)
    expect(JSON.stringify(answer)).not.toContain('s3cret')
  })
})
