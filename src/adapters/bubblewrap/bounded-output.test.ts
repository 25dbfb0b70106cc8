import { describe, expect, it } from 'vitest'
import { BoundedOutput } from './bounded-output.ts'

describe('BoundedOutput', () => {
  it('keeps the first bytes for whoever comes late and counts the rest', async () => {
    const output = new BoundedOutput(5)
    output.accept(Buffer.from('abc'))
    output.accept(Buffer.from('defg'))
    output.accept(Buffer.from('h'))
    output.end()
    expect((await output.toArray()).map(String).join('')).toBe('abcde')
    expect(output.bytesDropped).toBe(3)
  })
})
