import { describe, expect, it } from 'vitest'
import type { Task } from '../../ports/mod.ts'
import { newTaskFile, nextTaskId } from './new-task.ts'
import { readTaskFile } from './task-file.ts'

const classify = {
  typeOf: (title: string) => (title.includes('fix') ? 'bug_fix' as const : 'development' as const),
  priorityOf: ({ stated }: { readonly stated: string | undefined }) => (stated === undefined ? 4 : Number(stated)),
}
const read = (text: string | Uint8Array, path = '.chorus/tasks/7-some-thing.md'): ReturnType<typeof readTaskFile> =>
  readTaskFile(typeof text === 'string' ? Buffer.from(text) : text, { path, repository: 'lib', classify })
const taskOf = (text: string, path?: string): Task => {
  const result = read(text, path)
  if (!result.ok) throw new Error(`line ${result.reason.line}: ${result.reason.reason}`)
  return result.value.task
}

describe('readTaskFile', () => {
  it('reads a whole task', () => {
    const task = taskOf(`---
id: 12
title: fix the parser
priority: 8
role: backend engineer
expertise: [javascript, parsing]
labels: [bug, "expertise:numbers"]
depends_on: [3, "#4", "local:other#9"]
check: node --test test/parser.test.js
status: open
created: 2026-03-01
---

It drops the last field.
`)
    expect(task).toMatchObject({
      key: 'local:lib#12', provider: 'local', repository: 'lib', number: '12', title: 'fix the parser', description: 'It drops the last field.',
      labels: ['bug', 'expertise:numbers'], priority: 8, type: 'bug_fix', requiredRole: 'backend engineer', requiredExpertise: ['javascript', 'parsing', 'numbers'],
      dependsOn: ['local:lib#3', 'local:lib#4', 'local:other#9'], check: 'node --test test/parser.test.js', state: 'open', createdAtMs: Date.UTC(2026, 2, 1),
    })
    expect(task.contentHash).toMatch(/^[0-9a-f]{64}$/)
  })

  it.each([
    ['.chorus/tasks/7-some-thing.md', '7'], ['.chorus/tasks/cleanup.md', 'cleanup'], ['.chorus/tasks/T-1.md', 'T-1'],
  ])('takes the id of %s from its name when it does not say', (path, number) => {
    expect(taskOf('---\ntitle: x\n---\n', path).number).toBe(number)
  })

  it('is content with little, and with how editors on other systems write', () => {
    expect(taskOf('---\r\ntitle: a\r\nrole:\r\n---\r\n\r\nfirst\r\nsecond')).toMatchObject({ title: 'a', description: 'first\nsecond', requiredRole: undefined, priority: 4, state: 'open', dependsOn: [] })
    expect(taskOf('\uFEFF---  \n---\n# From the heading\ntext').title).toBe('From the heading')
    expect(taskOf('---\ntitle: a\nlabels: bug\ndepends_on: 3\n---\n')).toMatchObject({ labels: ['bug'], dependsOn: ['local:lib#3'] })
    expect(taskOf('---\ntitle: a\nlabels: [role:tester]\n---\n').requiredRole).toBe('tester')
  })

  it('keeps what only looks like a number, a date or a truth as it was written', () => {
    expect(taskOf('---\nid: 1.10\ntitle: yes\nlabels: [2026-01-01, 0x10, true, 1e3]\n---\n')).toMatchObject({ number: '1.10', title: 'yes', labels: ['2026-01-01', '0x10', 'true', '1e3'] })
  })

  it.each([
    ['no front matter', 'title: a', 1, 'expected front matter'],
    ['front matter that never ends', '---\ntitle: a\n', 1, 'expected front matter'],
    ['front matter that is code', '---js\nprocess.exit(1)\n---\n', 1, 'expected front matter'],
    ['broken YAML', '---\ntitle: a\nlabels: [a\n---\n', undefined, 'not valid YAML'],
    ['a doubled key', '---\ntitle: a\ntitle: b\n---\n', 3, 'not valid YAML'],
    ['a tag', '---\ntitle: !!js/function x\n---\n', 2, 'not valid YAML'],
    ['an alias', '---\ntitle: &a x\nrole: *a\n---\n', 3, 'role: expected text'],
    ['a list as front matter', '---\n- a\n---\n', 2, 'expected `key: value` lines'],
    ['no title', '---\nrole: x\n---\ntext', 1, 'title: expected a title, got nothing'],
    ['a title with a line break', '---\ntitle: "a\\nb"\n---\n', 2, 'title: expected one line without control or direction characters'],
    ['a title that reads backwards', '---\ntitle: "a \u202Egnp.exe"\n---\n', 2, 'title: expected one line'],
    ['a title that writes to the terminal', '---\ntitle: "a \\e[31mred"\n---\n', 2, 'title: expected one line without control'],
    ['a label that rings', '---\ntitle: a\nlabels: ["b\\a"]\n---\n', 3, 'labels: expected items of one line'],
    ['half a character', '---\ntitle: "a \\uD800"\n---\n', 2, 'title: expected one line'],
    ['half a character in a list', '---\ntitle: a\nexpertise: ["\\uDC00"]\n---\n', 3, 'expertise: expected items of one line'],
    ['a title too long', `---\ntitle: ${'x'.repeat(201)}\n---\n`, 2, 'title: expected at most 200 characters'],
    ['a title that is a map', '---\ntitle: { a: 1 }\n---\n', 2, 'title: expected text'],
    ['an id with spaces', '---\ntitle: a\nid: one two\n---\n', 3, 'id: expected up to 64 letters'],
    ['an id with a path', '---\ntitle: a\nid: ../../x\n---\n', 3, 'id: expected'],
    ['an id that no branch can end with', '---\ntitle: a\nid: x.lock\n---\n', 3, 'id: expected no two dots together'],
    ['an id that ends with a dot', '---\ntitle: a\nid: x.\n---\n', 3, 'id: expected no two dots together'],
    ['an id with two dots', '---\ntitle: a\nid: a..b\n---\n', 3, 'id: expected no two dots together'],
    ['a priority out of range', '---\ntitle: a\npriority: 11\n---\n', 3, 'priority: expected a whole number from 0 to 10, or P0 to P3, got "11"'],
    ['an unknown status', '---\ntitle: a\nstatus: done-ish\n---\n', 3, 'status: expected open or closed'],
    ['a date that is none', '---\ntitle: a\ncreated: 2026-13-45\n---\n', 3, 'created: expected a date'],
    ['a dependency that is no id', '---\ntitle: a\ndepends_on: [the other one]\n---\n', 3, 'depends_on: expected ids of tasks, got "the other one"'],
    ['labels that are maps', '---\ntitle: a\nlabels: [{ a: b }]\n---\n', 3, 'labels: expected a list of texts'],
    ['too many labels', `---\ntitle: a\nlabels: [${'x,'.repeat(51)}]\n---\n`, 3, 'labels: expected at most 50 items'],
    ['a check of two lines', '---\ntitle: a\ncheck: |\n  one\n  two\n---\n', 3, 'check: expected one line'],
  ])('refuses %s, naming line and reason', (_name, text, line, reason) => {
    const result = read(text)
    expect(result.ok).toBe(false)
    if (result.ok) return
    expect(result.reason.place).toBe('.chorus/tasks/7-some-thing.md')
    expect(result.reason.reason).toContain(reason)
    if (line !== undefined) expect(result.reason.line).toBe(line)
  })

  it.each([
    ['endless nesting', `---\ntitle: ${'['.repeat(60_000)}\n---\n`],
    ['an alias bomb', `---\na: &a [${'x,'.repeat(99)}]\ntitle: [${'*a,'.repeat(9_000)}]\n---\n`],
    ['a thousand keys', `---\n${Array.from({ length: 1_000 }, (_, index) => `k${index}: 1`).join('\n')}\n---\n`],
    ['bytes that are no text', new Uint8Array([0x2d, 0x2d, 0x2d, 0x0a, 0xff, 0xfe])],
    ['an empty file', ''],
  ])('survives %s', (_name, content) => {
    expect(read(content).ok).toBe(false)
  })

  it('takes no time over nesting that the parser would take seconds for', () => {
    const startedMs = performance.now()
    for (const open of ['[', '{', '- ']) expect(read(`---\ntitle: ${open.repeat(100_000)}\n---\n`).ok).toBe(false)
    for (let count = 0; count < 50; count += 1) expect(read(`---\ntitle: ${'['.repeat(60_000)}\n---\n`).ok).toBe(false)
    expect(performance.now() - startedMs).toBeLessThan(2_000)
  })

  it('is not led astray by a field called like a prototype', () => {
    const result = read('---\ntitle: a\n__proto__: { polluted: 1 }\n---\n')
    expect(result.ok && result.value.problems.map(({ line, reason }) => `${line}: ${reason}`)[0]).toContain('3: unknown field "__proto__"')
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })

  it('strips control characters from the description', () => {
    expect(taskOf('---\ntitle: a\n---\nred: \u001b[31m\u0007 \u009b tab:\t.').description).toBe('red: [31m  tab:\t.')
  })

  it('reports a field that it does not know, since a misspelt depends_on must not go unnoticed', () => {
    const result = read('---\ntitle: a\ndependson: [3]\n---\n')
    expect(result.ok && result.value.problems).toMatchObject([{ line: 3, reason: expect.stringContaining('unknown field "dependson"') }])
  })

  it('changes the content hash with everything that the agent is told, and with nothing else', () => {
    const hash = (front: string, body = 'text'): string => taskOf(`---\ntitle: a\n${front}---\n${body}`).contentHash
    const base = hash('')
    expect(hash('status: closed\npriority: 9\ndepends_on: [1]\n')).toBe(base)
    for (const other of [hash('', 'other'), hash('check: x\n'), hash('role: x\n'), hash('labels: [x]\n'), hash('expertise: [x]\n')]) expect(other).not.toBe(base)
  })
})

describe('newTaskFile', () => {
  it('writes what is read back as the same, whatever the text', () => {
    const wanted = { id: '12', title: 'fix: "quotes" & #hash - [brackets] ü', description: '---\ntricky: yes\n---\nbody', priority: 8, role: 'dev: ops', expertise: ['c#', 'no'], labels: ['- a'], dependsOn: ['3'], check: "node --test 'a b'" }
    const { path, text } = newTaskFile(wanted)
    expect(path).toBe('.chorus/tasks/12-fix-quotes-hash-brackets.md')
    expect(taskOf(text, path)).toMatchObject({
      number: '12', title: wanted.title, description: wanted.description, priority: 8, requiredRole: 'dev: ops', requiredExpertise: ['c#', 'no'],
      labels: ['- a'], dependsOn: ['local:lib#3'], check: wanted.check, state: 'open',
    })
  })

  it('numbers the next task', () => {
    expect(nextTaskId([])).toBe('1')
    expect(nextTaskId(['1', 'x', '12', '3-a'])).toBe('13')
  })
})

it('tells of a title that would turn a screen around without turning it', () => {
  const result = read('---\ntitle: "fix \\u202Egpj.exe \\e[2J"\n---\n')
  expect(result.ok ? '' : result.reason.reason).toBe('title: expected one line without control or direction characters, got "fix \\u202egpj.exe \\u001b[2J"')
})
