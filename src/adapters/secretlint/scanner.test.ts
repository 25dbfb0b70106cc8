import { expect, it } from 'vitest'
import { SecretlintScanner } from './mod.ts'

const scanner = new SecretlintScanner()
// Put together at run time, so that no scanner takes this file for a leak.
const slack = ['xoxb', '-123456789012-', 'abcdefABCDEF123456'].join('')
const github = ['ghp', '_', 'a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8'].join('')

it('finds vendors\' tokens at their places, sorted, under the rule\'s short name', async () => {
  const text = `one ${slack} two ${github}`
  const found = await scanner.scan(text)
  expect(found.map(({ start, end, rule }) => [rule, text.slice(start, end)])).toEqual([['slack', slack], ['github', github]])
})

it('is not silenced by a comment in the text', async () => {
  for (const comment of ['// secretlint-disable', '# secretlint-disable-next-line', '/* secretlint-disable */']) {
    expect(await scanner.scan(`${comment}\n${github}`)).toHaveLength(1)
  }
})

it('finds nothing in plain text', async () => {
  expect(await scanner.scan('')).toEqual([])
  expect(await scanner.scan('a task: make the parser accept tabs')).toEqual([])
})

it('answers several scans at once', async () => {
  const found = await Promise.all(Array.from({ length: 20 }, (_, number) => scanner.scan(`${'x'.repeat(number)} ${github}`)))
  expect(found.map(([finding]) => finding?.start)).toEqual(Array.from({ length: 20 }, (_, number) => number + 1))
})

it('refuses a text over 1 MiB', async () => {
  await expect(scanner.scan('é'.repeat(524_289))).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' })
})
