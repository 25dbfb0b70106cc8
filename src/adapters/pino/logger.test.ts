import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, it } from 'vitest'
import { ChorusError } from '../../core/mod.ts'
import { openLogger } from './logger.ts'
import type { OpenLogger } from './logger.ts'

const memory = (level: 'debug' | 'info' | 'warn' | 'silent' = 'debug'): { logger: OpenLogger; lines: () => Record<string, unknown>[]; text: () => string } => {
  let text = ''
  const logger = openLogger({ level, destination: { stream: { write: (line) => { text += line } } }, base: { node: 'n1' } })
  return { logger, text: () => text, lines: () => text.trim().split('\n').filter(Boolean).map((line) => JSON.parse(line) as Record<string, unknown>) }
}

it('writes one JSON line with level, time, message and data', () => {
  const { logger, lines } = memory()
  logger.child({ component: 'claims' }).info('claim won', { task: 'local:a#1', epoch: 2 })
  expect(lines()).toEqual([{ level: 'info', time: expect.stringMatching(/^\d{4}-.*Z$/), node: 'n1', component: 'claims', task: 'local:a#1', epoch: 2, msg: 'claim won' }])
})

it('writes nothing below its level', () => {
  const { logger, text } = memory('warn')
  logger.debug('a')
  logger.info('b', { c: 1 })
  expect(text()).toBe('')
  logger.error('d')
  expect(text()).toContain('"d"')
})

it('masks what is named like a secret, at any depth, and keeps what only sounds like it', () => {
  const { logger, text, lines } = memory()
  logger.info('m', { apiKey: 'hunter2', nested: { list: [{ swarm_key: 'hunter2', authorization: 'hunter2' }] }, tokens: { input: 3 }, key_env: 'NAME', signer: { seed: 'hunter2' } })
  logger.child({ token: 'hunter2' }).info('m')
  expect(text()).not.toContain('hunter2')
  expect(lines()[0]).toMatchObject({ tokens: { input: 3 }, key_env: 'NAME' })
})

it('shows errors with code, causes and data, and survives circles, bytes and long texts', () => {
  const { logger, lines } = memory()
  const circle: Record<string, unknown> = { bytes: new Uint8Array(9), long: 'x'.repeat(10_000), many: new Array(500).fill(1) }
  circle['self'] = circle
  logger.error('failed', { error: new ChorusError('IO_FAILED', 'disk full', { cause: new Error('ENOSPC'), data: { password: 'hunter2', at: 3 } }), circle })
  expect(lines()[0]).toMatchObject({
    error: { code: 'IO_FAILED', message: 'disk full', cause: { message: 'ENOSPC' }, data: { password: '[masked]', at: 3 } },
    circle: { bytes: '[9 bytes]' },
  })
  expect(JSON.stringify(lines()[0]).length).toBeLessThan(60_000)
})

it('appends to a file that only its owner may read', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'chorus-log-'))
  try {
    const file = path.join(folder, 'deeper', 'node.log')
    for (const message of ['one', 'two']) {
      const logger = openLogger({ level: 'info', destination: { file } })
      logger.info(message)
      logger.flush()
    }
    expect((await readFile(file, 'utf8')).trim().split('\n')).toHaveLength(2)
    expect((await stat(file)).mode & 0o777).toBe(0o600)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
