import { describe, expect, it } from 'vitest'
import type { Clock, Logger, SourceTree, TaskListing, TaskProvider } from '../ports/mod.ts'
import { parseConfig } from './config.ts'
import { BackoffProvider } from './provider-backoff.ts'
import { openProviders } from './providers.ts'
import { repositoryNameOf } from './repository-name.ts'

const silent: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined, child: () => silent }
const handClock = (): Clock & { nowMs: number } => ({
  nowMs: 0,
  monotonicMs() { return this.nowMs },
  wallMs: () => 0,
  arm: () => () => undefined,
  delay: () => Promise.resolve(),
})
const provider = (repository: string, list: () => Promise<TaskListing> = () => Promise.resolve({ tasks: [], problems: [] })): TaskProvider => ({
  name: 'local', repository, list, get: () => Promise.resolve(undefined), report: () => Promise.resolve(), complete: () => Promise.resolve(),
})
const [config] = parseConfig('', { env: {} }).repositories
const spec = (repository: string): { config: NonNullable<typeof config>; repository: string; source: SourceTree } => {
  if (config === undefined) throw new Error('expected a repository')
  return { config, repository, source: {} as SourceTree }
}

describe('openProviders', () => {
  it('opens several repositories, and one that fails does not stop the others', async () => {
    const factories = new Map([['local', ({ repository }: { readonly repository: string }) => {
      if (repository === 'b') throw new Error('no such folder')
      return provider(repository)
    }]])
    const { opened, failed } = await openProviders([spec('a'), spec('b'), spec('c')], { factories, clock: handClock(), logger: silent })
    expect(opened.map((one) => one.provider.repository)).toEqual(['a', 'c'])
    expect(failed.map((one) => [one.spec.repository, String(one.error)])).toEqual([['b', 'Error: no such folder']])
  })

  it('reports a provider that nobody registered', async () => {
    const { failed } = await openProviders([spec('a')], { factories: new Map(), clock: handClock(), logger: silent })
    expect(failed[0]?.error).toMatchObject({ code: 'CONFIG_INVALID', setting: 'repositories[0].provider' })
  })

  it('refuses two repositories whose tasks would have the same keys', async () => {
    const options = { factories: new Map([['local', () => provider('a')]]), clock: handClock(), logger: silent }
    await expect(openProviders([spec('a'), spec('b'), spec('a')], options)).rejects.toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining('repositories[0] and repositories[2]') })
  })
})

describe('BackoffProvider', () => {
  it('asks less and less often while it fails, and at once again when it works', async () => {
    const clock = handClock()
    let asked = 0
    let broken = true
    const backoff = new BackoffProvider(provider('a', () => {
      asked += 1
      return broken ? Promise.reject(new Error('down')) : Promise.resolve({ tasks: [], problems: [] })
    }), clock)
    await expect(backoff.list()).rejects.toThrow('down')
    await expect(backoff.list()).rejects.toMatchObject({ code: 'PROVIDER_FAILED', message: 'a: not asked for another 5 s after 1 failures; the last: down' })
    expect(asked).toBe(1)
    clock.nowMs = 5_000
    await expect(backoff.list()).rejects.toThrow('down')
    clock.nowMs = 10_000
    await expect(backoff.list()).rejects.toMatchObject({ code: 'PROVIDER_FAILED' })
    expect(asked).toBe(2)
    for (let round = 0; round < 20; round += 1) {
      clock.nowMs += 300_000
      await expect(backoff.list()).rejects.toThrow('down')
    }
    expect(asked).toBe(22)
    broken = false
    clock.nowMs += 300_000
    await backoff.list()
    await backoff.list()
    expect(asked).toBe(24)
  })
})

describe('repositoryNameOf', () => {
  it.each([
    ['git@host:team/app.git', 'app'], ['https://host/team/app.git/', 'app'], ['ssh://git@host:22/app', 'app'], ['/srv/git/app.git', 'app'], ['/srv/me/app/.git', 'app'],
    ['file:///srv/my app', 'my-app'], ['C:\\work\\app', 'app'], ['host:app.git', 'app'], ['https://host/app.git?x=1#y', 'app'], ['/srv/app#1:2', 'app'],
    ['', 'repository'], ['/', 'repository'], ['../..', 'repository'], ['/x/.hidden', 'hidden'],
  ])('%s is %s', (place, name) => {
    expect(repositoryNameOf(place)).toBe(name)
  })
})
