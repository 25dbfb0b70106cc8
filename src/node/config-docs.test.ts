import path from 'node:path'
import { expect, it } from 'vitest'
import { configDocs } from './config-docs.ts'
import { environmentNameOf } from './config-environment.ts'
import { configKeys } from './config-keys.ts'
import { configJsonSchema } from './config-schema.ts'

const root = path.resolve(import.meta.dirname, '../..')

// Both are written anew by `vitest run src/node/config-docs.test.ts --update`.
it('schema/chorus.schema.json is what the parser accepts', async () => {
  await expect(`${JSON.stringify(configJsonSchema(), undefined, 2)}\n`).toMatchFileSnapshot(path.join(root, 'schema/chorus.schema.json'))
})

it('docs/configuration.md names every key with its default and its variable', async () => {
  await expect(configDocs()).toMatchFileSnapshot(path.join(root, 'docs/configuration.md'))
})

it('every key but a plain section is described, and no two share a variable', () => {
  expect(configKeys().filter((key) => key.description === '' && key.kind !== 'section' && !key.name.startsWith('matching.weights.')).map((key) => key.name)).toEqual([])
  const names = configKeys().map(environmentNameOf).filter((name) => name !== undefined)
  expect(new Set(names).size).toBe(names.length)
  expect(names).toContain('CHORUS_CLAIMS_LEASE')
})
