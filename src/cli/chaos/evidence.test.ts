import { describe, expect, test } from 'vitest'
import { parseLedger, parsePushes } from './evidence.ts'

const [A, B] = ['a'.repeat(40), 'b'.repeat(40)]
const REF = 'refs/chorus/claims/7-0123456789abcdef'
const start = (sid: string, argv: readonly string[]): string => JSON.stringify({ event: 'start', sid, time: '2026-03-01T10:00:00.250000Z', argv })
const exit = (sid: string, code: number): string => JSON.stringify({ event: 'exit', sid, time: '2026-03-01T10:00:01.000000Z', code })
const push = ['git', '-c', 'x=y', 'push', '--porcelain', `--force-with-lease=${REF}:${A}`, '--force-with-lease=refs/heads/chorus/7:', '--', 'http://host/r', `${B}:${REF}`, `${A}:refs/heads/chorus/7`]

describe('parsePushes()', () => {
  test('reads which claim was to move from where to where, and how git ended', () => {
    const text = [start('1', push), start('1/2', ['git', 'remote-http']), exit('1/2', 0), exit('1', 1), ''].join('\n')
    expect(parsePushes(text, 3)).toEqual([{ node: 3, begunMs: Date.parse('2026-03-01T10:00:00.250Z'), code: 1, updates: [{ ref: REF, from: A, to: B }] }])
  })

  test('a push that was killed has no code; other programs and a cut line are left out', () => {
    const text = [start('1', push), start('2', ['git', 'fetch', '--', 'http://host/r']), exit('2', 0), '{"event":"start","sid":"3","ar'].join('\n')
    expect(parsePushes(text, 0)).toMatchObject([{ code: undefined }])
  })

  test('a first claim has no lease to name', () => {
    expect(parsePushes(start('1', ['git', 'push', `--force-with-lease=${REF}:`, '--', 'u', `${B}:${REF}`]), 0)).toMatchObject([{ updates: [{ from: '', to: B }] }])
  })
})

describe('parseLedger()', () => {
  test('reads what the hook wrote', () => {
    expect(parseLedger(`1772359200123 ${A} ${B} ${REF}\n`)).toEqual([{ atMs: 1_772_359_200_123, from: A, to: B, ref: REF }])
    expect(parseLedger('')).toEqual([])
  })

  test.each(['soon a b refs/x', `1772359200123 ${A} ${B} somewhere`, `1772359200123 ${A}`])('a line that is none is an error: %j', (line) => {
    expect(() => parseLedger(`${line}\n`)).toThrow(/line of the ledger/)
  })
})
