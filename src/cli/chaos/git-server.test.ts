import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { GitServer } from './git-server.ts'

const run = promisify(execFile)
const environment = { ...process.env, GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null', GIT_AUTHOR_NAME: 'a', GIT_AUTHOR_EMAIL: 'a@localhost', GIT_COMMITTER_NAME: 'a', GIT_COMMITTER_EMAIL: 'a@localhost' }

describe.each(['0', '2'])('the drill\'s git server, spoken to in version %s', (version) => {
  let folder: string
  let server: GitServer
  let url: string
  const git = async (...args: readonly string[]): Promise<string> =>
    (await run('git', ['-C', folder, '-c', `protocol.version=${version}`, ...args], { env: environment })).stdout.trim()
  const commits = async (repository: string, count: number): Promise<void> => {
    for (let number = 0; number < count; number += 1) await git('-C', repository, 'commit', '-q', '--allow-empty', '-m', `${number}`)
  }

  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'chorus-git-server-'))
    await git('init', '-q', '--bare', '-b', 'main', 'shop.git')
    server = new GitServer(folder)
    url = `http://127.0.0.1:${await server.start('127.0.0.1', 0)}/shop.git`
  })

  afterEach(async () => {
    server.stop()
    await rm(folder, { recursive: true, force: true })
  })

  it('takes a push and gives it out again, however much the other has already', async () => {
    await git('init', '-q', '-b', 'main', 'one')
    await commits('one', 3)
    await git('-C', 'one', 'push', '-q', url, 'main')
    await git('clone', '-q', url, 'two')
    // So much to name that the request is packed, and its last bytes come after the connection has told its end.
    const tree = await git('-C', 'two', 'rev-parse', 'HEAD^{tree}')
    for (let number = 0; number < 300; number += 1) await git('-C', 'two', 'update-ref', `refs/own/${number}`, await git('-C', 'two', 'commit-tree', tree, '-m', `${number}`))
    for (let round = 0; round < 5; round += 1) {
      await commits('one', 1)
      await git('-C', 'one', 'push', '-q', url, 'main')
      await git('-C', 'two', 'fetch', '-q', 'origin', 'main')
      expect(await git('-C', 'two', 'rev-parse', 'FETCH_HEAD')).toBe(await git('-C', 'one', 'rev-parse', 'main'))
    }
  })

  it('knows no other place and no other service', async () => {
    for (const place of ['', '/HEAD', '/info/refs?service=git-shell']) expect((await fetch(`${url}${place}`)).status).toBe(404)
  })
})
