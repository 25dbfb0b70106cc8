import { expect, it } from 'vitest'
import { Redactor, StreamRedactor } from './mod.ts'

const redactor = new Redactor({ hashKey: new Uint8Array(32) })
const token = ['ghp', '_', 'a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8'].join('')
const key = ['-----BEGIN ', 'PRIVATE KEY-----\n', 'MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7\n'.repeat(60), '-----END ', 'PRIVATE KEY-----\n'].join('')

const stream = async (text: string, chunkCharacters: number): Promise<{ out: string; pieces: number }> => {
  const redacting = new StreamRedactor(redactor, { where: 'output' })
  let out = ''
  let pieces = 0
  for (let start = 0; start < text.length; start += chunkCharacters) {
    const piece = await redacting.push(text.slice(start, start + chunkCharacters))
    if (piece !== '') pieces += 1
    out += piece
  }
  return { out: out + await redacting.end(), pieces }
}

it('gives out the same text, whatever the chunks', async () => {
  const text = 'a line of output 0123456789\n'.repeat(2_000)
  for (const chunk of [1, 7, 1_000, 100_000]) {
    const { out, pieces } = await stream(text, chunk)
    expect(out).toBe(text)
    if (chunk <= 1_000) expect(pieces).toBeGreaterThan(5)
  }
})

it('takes out a token wherever the chunks cut it', async () => {
  for (let shift = 0; shift < token.length + 2; shift += 3) {
    const text = `${'x '.repeat(4_096 / 2 - 30 + shift)}${token} and ${'y '.repeat(5_000)}`
    const { out } = await stream(text, 1_024)
    expect(out).not.toContain(token.slice(0, 12))
    expect(out).not.toContain(token.slice(-12))
    expect(out).toContain('[REDACTED:oauth-token]')
  }
})

it('takes out a private key that comes in over many chunks', async () => {
  const { out } = await stream(`${'before\n'.repeat(1_500)}${key}${'after\n'.repeat(1_500)}`, 300)
  expect(out).toBe(`${'before\n'.repeat(1_500)}[REDACTED:private-key]\n${'after\n'.repeat(1_500)}`)
})

it('takes out a private key that never ends', async () => {
  const { out } = await stream(`${'before\n'.repeat(1_500)}${key.slice(0, 2_000)}`, 300)
  expect(out).toBe(`${'before\n'.repeat(1_500)}[REDACTED:private-key]`)
})

it('holds a bounded amount of a run without any space', async () => {
  const redacting = new StreamRedactor(redactor, { where: 'output' })
  let out = ''
  for (let count = 0; count < 100; count += 1) out += await redacting.push('z'.repeat(4_096))
  expect(out.length).toBeGreaterThan(100 * 4_096 - 128 * 1_024)
  expect(out + await redacting.end()).toBe('z'.repeat(100 * 4_096))
})

it('says when something came that must be denied', async () => {
  const redacting = new StreamRedactor(redactor, { where: 'output' })
  await redacting.push(`join with chorus-1-${'abcDEF123'.repeat(20)} now`)
  expect(await redacting.end()).toBe('join with [REDACTED:chorus-join-token] now')
  expect(redacting.denied).toBe(true)
})
