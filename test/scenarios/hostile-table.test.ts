import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'
import { allCases, withTable } from '../e2e/hostile/table.ts'

const page = readFileSync(path.resolve(import.meta.dirname, '../../docs/security.md'), 'utf8')

it('docs/security.md lists the hostile cases as they are tried; `npm run e2e:hostile -- --table` writes them', () => {
  expect(page).toBe(withTable(page))
})

it('each hostile case has a name of its own, and at least forty are tried', () => {
  expect(new Set(allCases.map(({ name }) => name)).size).toBe(allCases.length)
  expect(allCases.length).toBeGreaterThanOrEqual(40)
})
