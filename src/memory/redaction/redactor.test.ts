import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { SecretlintScanner } from '../../adapters/secretlint/mod.ts'
import { sha256 } from '../../core/mod.ts'
import type { Json } from '../../core/mod.ts'
import { Redactor } from './mod.ts'
import type { SecretFound } from './mod.ts'

// Put together at run time, so that no scanner takes this file for a leak.
const join = (...parts: string[]): string => parts.join('')
const SECRETS = {
  github: join('ghp', '_', 'a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8'),
  openai: join('sk', '-proj-', 'Ab3dEf6hIj9LmN2pQr5tUv8xYz1bCd4fGh7j'),
  jwt: join('eyJ', 'hbGciOiJIUzI1NiJ9.', 'eyJ', 'zdWIiOiIxMjM0In0.', 'c2lnbmF0dXJlLWhlcmU'),
  aws: join('AKIA', 'IOSFODNN7EXAMPLE'),
  pem: join('-----BEGIN ', 'EC PRIVATE KEY-----\nMHcCAQEEIIrYSSNQFaA2Hwf1duRSxKtLYX5CB04fSeQ6tF1aY/PuoAoGCCqGSM49\n-----END ', 'EC PRIVATE KEY-----'),
  password: 'hunter2-and-more',
}

const redactor = new Redactor({ scanner: new SecretlintScanner(), hashKey: new Uint8Array(32).fill(1) })
const clean = async (value: Json): Promise<string> => {
  const result = await redactor.redact(value, { where: 'test' })
  return result.kind === 'denied' ? 'denied' : JSON.stringify(result.value)
}

describe('redact() takes out', () => {
  const texts: readonly (readonly [string, string, string])[] = [
    ['a forge token', `push with ${SECRETS.github} please`, SECRETS.github],
    ['an OpenAI key', `OPENAI_API_KEY=${SECRETS.openai}`, SECRETS.openai],
    ['a bearer token', 'curl -H "Authorization: Bearer 8f4Kz0aQ2mN7pX1rT6vB3c"', '8f4Kz0aQ2mN7pX1rT6vB3c'],
    ['a JSON web token', `session ${SECRETS.jwt}`, SECRETS.jwt],
    ['an AWS key id', `id ${SECRETS.aws}`, SECRETS.aws],
    ['a private key', `here:\n${SECRETS.pem}\nthanks`, 'MHcCAQEEIIrYSSNQFaA2'],
    ['a private key that was cut off', SECRETS.pem.slice(0, 70), 'MHcCAQEEI'],
    ['a password in JSON text', `{"password": "${SECRETS.password}"}`, SECRETS.password],
    ['a password in an environment file', `DB_PASSWORD=${SECRETS.password}`, SECRETS.password],
    ['a password in escaped JSON', JSON.stringify(JSON.stringify({ password: SECRETS.password })), SECRETS.password],
    ['credentials in a URL', `git clone https://bot:${SECRETS.password}@git.example/a.git`, SECRETS.password],
    ['a token in a URL', 'https://3f2a9c81d4e57b60a1c2@git.example/a.git', '3f2a9c81d4e57b60a1c2'],
    ['a forge token of plain hex behind its name', `GITEA_TOKEN=${sha256('x').slice(0, 40)}`, sha256('x').slice(0, 40)],
    ['an npm token line', '//registry.example/:_authToken=3f2a9c81-d4e5-47b6-80a1-c2f3a4b5c6d7', '3f2a9c81-d4e5-47b6-80a1-c2f3a4b5c6d7'],
  ]
  for (const [name, text, secret] of texts) {
    it(name, async () => {
      const result = await clean(text)
      expect(result).not.toContain(secret)
      expect(result).toContain('[REDACTED:')
    })
  }

  it('a secret in base64, and in base64 of base64', async () => {
    const once = Buffer.from(`the token is ${SECRETS.github}`).toString('base64')
    const twice = Buffer.from(once).toString('base64')
    expect(await clean(`blob ${once}`)).toMatch(/^"blob \[REDACTED:/)
    expect(await clean(`blob ${twice}`)).toMatch(/^"blob \[REDACTED:/)
  })

  it('secrets in nested values, lists and member names', async () => {
    const result = await clean({ a: [{ b: { [`k ${SECRETS.github}`]: ['x', SECRETS.openai] } }], c: 3, d: null, e: true })
    expect(result).not.toContain(SECRETS.github)
    expect(result).not.toContain(SECRETS.openai)
    expect(JSON.parse(result)).toMatchObject({ c: 3, d: null, e: true })
  })

  it('a private key that a list holds line by line', async () => {
    const result = await clean({ output: SECRETS.pem.split('\n') })
    expect(result).not.toContain('MHcCAQEEIIrY')
  })

  it('whatever stands under a name that means a secret', async () => {
    expect(await clean({ password: 'correct horse', apiKey: 'abc', nested: { forge_token: ['one two'] } }))
      .toBe('{"password":"[REDACTED:named-secret]","apiKey":"[REDACTED:named-secret]","nested":{"forge_token":["[REDACTED:named-secret]"]}}')
  })

  it('the node\'s own secrets, which no pattern could know', async () => {
    const own = new Redactor({ hashKey: new Uint8Array(32), known: [{ name: 'forge-token', secret: 'plain words/with slash' }] })
    for (const text of ['x plain words/with slash y', `x ${encodeURIComponent('plain words/with slash')} y`]) {
      expect(await own.redact(text, { where: 'test' })).toEqual({ kind: 'redacted', value: 'x [REDACTED:known-secret] y', rules: ['known-secret'] })
    }
  })

  it('a secret that lies on the border of two windows of a long text', async () => {
    for (const offset of [-60, -30, -10, 0]) {
      const text = `${'word '.repeat(60_000).slice(0, 256 * 1024 + offset)} ${SECRETS.github} ${'word '.repeat(60_000)}`
      expect(await clean(text)).not.toContain(SECRETS.github)
    }
  })

  it('a secret although the text says that no one should look', async () => {
    expect(await clean(`// secretlint-disable\n${SECRETS.github}\n${join('xoxb', '-123456789012-abcdefABCDEF')}`)).not.toMatch(/ghp_|xoxb/)
  })
})

describe('redact()', () => {
  it('passes a clean value as it is', async () => {
    const value = { task_key: 'local:demo#1', priority: 5 }
    expect(await redactor.redact(value, { where: 'test' })).toEqual({ kind: 'passed', value })
  })

  it('changes nothing that it redacted before', async () => {
    const once = await redactor.redact({ text: `password: "${SECRETS.password}" https://a:${SECRETS.password}@b.example`, token: SECRETS.github }, { where: 'test' })
    if (once.kind !== 'redacted') throw new Error('redaction expected')
    expect(await redactor.redact(once.value, { where: 'test' })).toEqual({ kind: 'passed', value: once.value })
  })

  it('denies what opens the swarm', async () => {
    const token = `chorus-1-${Buffer.from(JSON.stringify({ key: sha256('k'), peers: [] })).toString('base64url')}`
    expect(await redactor.redact(`join with ${token}`, { where: 'gossip' })).toEqual({ kind: 'denied', rules: ['chorus-join-token'] })
    expect(await clean(`/key/swarm/psk/1.0.0/\n/base16/\n${sha256('k')}\n`)).toBe('denied')
    expect(await clean(`swarm_key: ${sha256('k')}`)).toBe('denied')
  })

  it('does for a rule what the configuration says', async () => {
    const strict = new Redactor({ hashKey: new Uint8Array(32), actions: { 'oauth-token': 'deny' } })
    expect((await strict.redact(SECRETS.github, { where: 'test' })).kind).toBe('denied')
  })

  it('tells where and which rule, with a keyed hash, never the secret', async () => {
    const told: SecretFound[] = []
    const own = new Redactor({ hashKey: new Uint8Array(32).fill(9), onFound: (found) => { told.push(found) } })
    const other = new Redactor({ hashKey: new Uint8Array(32).fill(8), onFound: (found) => { told.push(found) } })
    for (const one of [own, own, other]) await one.redact(SECRETS.github, { where: 'log:task_failed' })
    expect(told[0]).toMatchObject({ where: 'log:task_failed', rule: 'oauth-token', action: 'redact' })
    expect(told[0]?.hash).toBe(told[1]?.hash)
    expect(told[0]?.hash).not.toBe(told[2]?.hash)
    expect(told[0]?.hash).not.toBe(sha256(SECRETS.github).slice(0, 16))
    expect(JSON.stringify(told)).not.toContain(SECRETS.github.slice(6, 20))
    expect(own.counts()).toEqual({ 'oauth-token': { redacted: 2, denied: 0 } })
  })

  it('rejects when the scanner fails, since what was not searched may not pass', async () => {
    const broken = new Redactor({ hashKey: new Uint8Array(32), scanner: { scan: () => Promise.reject(new Error('broken')) } })
    await expect(broken.redact('text', { where: 'test' })).rejects.toThrow('broken')
  })

  it('refuses what is too large or too deep to be searched', async () => {
    await expect(redactor.redact('x'.repeat(8 * 1024 * 1024 + 1), { where: 'test' })).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' })
    let deep: Json = 'x'
    for (let level = 0; level < 80; level += 1) deep = [deep]
    await expect(redactor.redact(deep, { where: 'test' })).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' })
  })

  it('takes time in proportion to hostile text', async () => {
    const patterns = ['-----BEGIN PRIVATE KEY-----!', 'eyJ-', 'eyJaaaaaa.', 'sk-a-', 'a://', 'a://b:', 'password=', 'api_key: "', 'bearer ', 'AAAA'.repeat(10) + ' ', 'a_', 'token', '\\"', 'authorization: basic ']
    for (const pattern of patterns) {
      // The processor's time, not the wall's: other work on the machine does not count.
      const before = process.cpuUsage()
      await redactor.inspect(pattern.repeat(Math.ceil(262_144 / pattern.length)))
      expect(process.cpuUsage(before).user / 1_000, JSON.stringify(pattern)).toBeLessThan(2_000)
    }
  })
})

describe('redact() leaves alone', () => {
  it('object ids, digests, UUIDs, peer ids and integrity hashes', async () => {
    const value = {
      claim_oid: sha256('a').slice(0, 40), prev: sha256('b'), session: '3f2a9c81-d4e5-47b6-80a1-c2f3a4b5c6d7',
      node: '12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA', integrity: `sha512-${Buffer.from(sha256('c')).toString('base64')}`,
      address: '/ip4/10.0.0.7/tcp/4001/p2p/12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA',
      text: `commit ${sha256('d').slice(0, 40)} fixes it; tree ${sha256('e')}`, tokens: 12_000, ref: `refs/chorus/claims/12-${sha256('f').slice(0, 16)}`,
      signature: Buffer.alloc(64, sha256('g')).toString('base64url'), max_tokens: 4096, url: 'https://git.example:8443/a/b.git',
    }
    expect(await redactor.redact(value, { where: 'test' })).toEqual({ kind: 'passed', value })
  })

  it('this repository\'s lockfile', async () => {
    const lockfile = readFileSync(path.join(ROOT, 'package-lock.json'), 'utf8')
    expect(await redactor.inspect(lockfile)).toEqual([])
  })

  it('this repository\'s sources', async () => {
    const found: string[] = []
    for (const file of sources(path.join(ROOT, 'src'))) {
      const text = readFileSync(file, 'utf8')
      for (const { start, end, rule } of await redactor.inspect(text)) found.push(`${path.relative(ROOT, file)}: ${rule}: ${text.slice(Math.max(0, start - 20), end).slice(0, 120)}`)
    }
    expect(found).toEqual([])
  })
})

const ROOT = path.resolve(import.meta.dirname, '../../..')
/** Tests hold made-up secrets on purpose. */
const sources = (folder: string): readonly string[] => readdirSync(folder, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.test.ts') && !entry.parentPath.includes('testing'))
  .map((entry) => path.join(entry.parentPath, entry.name))
