import { readFile, writeFile } from 'node:fs/promises'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { makeBareRepository, makeFolder } from '../../testing/git-fixture.ts'
import { GitHttpServer } from '../../testing/git-http-server.ts'
import { git, gitText, runGit, runProgram } from './command.ts'
import { closedEnvironment, networkEnvironment } from './environment.ts'
import { GitRepository } from './repository.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  vi.unstubAllEnvs()
  for (const clean of cleanups.splice(0).reverse()) await clean()
})

describe('runProgram()', () => {
  test('ends a program that takes too long, and those that it started', async () => {
    const folder = await makeFolder()
    cleanups.push(() => folder.remove())
    const script = `sleep 300 & echo $! > ${folder.join('pid')}; wait`
    const outcome = await runProgram('sh', ['-c', script], { timeoutMs: 300 })
    expect(outcome.end).toBe('timeout')
    const pid = Number(await readFile(folder.join('pid'), 'utf8'))
    await expect.poll(() => { try { process.kill(pid, 0); return 'alive' } catch { return 'gone' } }, { timeout: 5_000 }).toBe('gone')
  })

  test('ends a program that prints too much, and keeps what fits', async () => {
    const outcome = await runProgram('sh', ['-c', 'while :; do echo 0123456789; done'], { outputBytesMax: 1_000, timeoutMs: 20_000 })
    expect(outcome).toMatchObject({ end: 'overflow' })
    expect(outcome.stdout.byteLength).toBe(1_000)
  })

  test('says when there is no such program, and passes input on', async () => {
    expect(await runProgram('/nowhere/git', [])).toMatchObject({ end: 'unstarted' })
    expect((await runProgram('cat', [], { input: 'hello' })).stdout.toString()).toBe('hello')
  })
})

describe('git()', () => {
  test('rejects with what git said', async () => {
    await expect(git(['-C', '/', 'rev-parse', '--verify', 'nothing'])).rejects.toMatchObject({ code: 'IO_FAILED', message: expect.stringContaining('rev-parse') as string })
  })

  test('names what git was asked for, not its git dir', async () => {
    await expect(git(['-c', 'a.b=c', '--git-dir', '/nowhere', 'cat-file', '-p', 'HEAD'])).rejects.toMatchObject({ message: expect.stringContaining('"git cat-file"') as string })
  })

  test('a copy of the repository that a power cut broke is said to be that, and is left alone', async () => {
    const folder = await makeFolder()
    cleanups.push(() => folder.remove())
    const options = { folder: folder.join('store'), remote: await makeBareRepository(folder.join('bare'), { 'a.txt': 'a\n' }) }
    const first = new GitRepository(options)
    await first.start()
    await first.stop()
    await writeFile(folder.join('store', 'HEAD'), '')
    await expect(new GitRepository(options).start()).rejects.toMatchObject({ code: 'STATE_INVALID', message: expect.stringContaining(`move ${folder.join('store')} away`) as string })
    expect(await readFile(folder.join('store', 'HEAD'), 'utf8')).toBe('')
  })

  test('is not moved by the environment or the configuration of the person', async () => {
    const folder = await makeFolder()
    cleanups.push(() => folder.remove())
    await writeFile(folder.join('.gitconfig'), '[user]\n\tname = Somebody\n')
    const bare = await makeBareRepository(folder.join('bare'))
    for (const [name, value] of [['HOME', folder.path], ['GIT_DIR', '/nowhere'], ['GIT_CONFIG_COUNT', '1'], ['GIT_CONFIG_KEY_0', 'user.name'], ['GIT_CONFIG_VALUE_0', 'Injected'], ['GIT_SSH_COMMAND', 'false']] as const) vi.stubEnv(name, value)
    expect(await gitText(['-C', bare, 'rev-parse', '--git-dir'])).toBe('.')
    expect((await runGit(['-C', bare, 'config', 'user.name'])).code).toBe(1)
    expect((await runGit(['-C', bare, 'config', 'user.name'], { environment: networkEnvironment({ userConfig: true }) })).stdout.toString()).toBe('Somebody\n')
    expect(Object.keys(closedEnvironment())).not.toContain('HOME')
  })
})

describe('a remote that asks who one is', () => {
  const setup = async () => {
    const folder = await makeFolder()
    cleanups.push(() => folder.remove())
    await makeBareRepository(folder.join('remotes', 'r'), { 'a.txt': 'a\n' })
    const server = new GitHttpServer(folder.join('remotes'))
    await server.start()
    cleanups.push(() => server.stop())
    server.requireCredential('bot', 't0ken')
    let opened = 0
    const open = async (options: { readonly credential?: { readonly username: string; readonly password: string }; readonly userConfig?: boolean; readonly url?: string }): Promise<GitRepository> => {
      const { url = server.url('r'), ...rest } = options
      const repository = new GitRepository({ folder: folder.join(`store-${opened += 1}`), remote: url, ...rest })
      await repository.start()
      cleanups.push(() => repository.stop())
      return repository
    }
    return { folder, server, open }
  }

  test('is told by the given credential, and nothing asks at the terminal without one', async () => {
    const { open } = await setup()
    expect((await (await open({ credential: { username: 'bot', password: 't0ken' } })).refresh()).tip).toMatch(/^[0-9a-f]{40}$/)
    await expect((await open({})).refresh()).rejects.toMatchObject({ code: 'REMOTE_UNAVAILABLE' })
    await expect((await open({ credential: { username: 'bot', password: 'wrong' } })).refresh()).rejects.toThrow(/^(?!.*wrong)/)
  })

  test('is told by the person\'s credential helper only when that is let in', async () => {
    const { folder, open } = await setup()
    await writeFile(folder.join('.gitconfig'), `[credential]\n\thelper = "!f() { echo username=bot; echo password=t0ken; }; f"\n`)
    vi.stubEnv('HOME', folder.path)
    vi.stubEnv('XDG_CONFIG_HOME', undefined)
    expect((await (await open({ userConfig: true })).refresh()).tip).toMatch(/^[0-9a-f]{40}$/)
    await expect((await open({ userConfig: false })).refresh()).rejects.toMatchObject({ code: 'REMOTE_UNAVAILABLE' })
  })

  test('does not see a password of the URL again in a message', async () => {
    const { server, open } = await setup()
    const repository = await open({ url: server.url('r').replace('http://', 'http://bot:s3cret@') })
    await expect(repository.refresh()).rejects.toThrow(/^(?!.*s3cret)/)
    expect(repository.remote.shown).toBe(server.url('r'))
  })
})
