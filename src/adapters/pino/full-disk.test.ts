import { expect, it } from 'vitest'
import { openLogger } from './mod.ts'

it('a log file that cannot be written loses lines and nothing else', async () => {
  // Every write to it fails with ENOSPC.
  const logger = openLogger({ level: 'info', destination: { file: '/dev/full' } })
  const thrown: unknown[] = []
  const onUncaught = (error: unknown): void => { thrown.push(error) }
  process.on('uncaughtException', onUncaught)
  try {
    for (let line = 0; line < 3; line += 1) expect(() => { logger.info('a line', { line }) }).not.toThrow()
    await new Promise((resolve) => { setImmediate(resolve) })
    expect(thrown).toEqual([])
  } finally {
    process.off('uncaughtException', onUncaught)
  }
})
