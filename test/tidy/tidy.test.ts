import { describe, expect, it } from 'vitest'
import { tidyFindings } from './rules.ts'
import { repositoryTexts } from './source.ts'

describe('the repository', () => {
  const files = repositoryTexts()

  it('is read as a whole', () => {
    const paths = files.map(({ path }) => path)
    for (const path of ['package.json', 'src/core/ids.ts', 'src/ports/clock.ts', 'test/tidy/tidy.test.ts', 'ARCHITECTURE.md', 'examples/textkit/src/duration.js']) expect(paths).toContain(path)
  })

  it('keeps its house in order', () => {
    expect(tidyFindings(files).map(({ rule, place, reason }) => `${place} ${rule}: ${reason}`)).toEqual([])
  })
})
