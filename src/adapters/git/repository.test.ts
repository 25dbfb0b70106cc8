import { afterEach, describe, expect, test } from 'vitest'
import { commitInBare, makeBareRepository, makeFolder, plainGit } from '../../testing/git-fixture.ts'
import { GitHttpServer } from '../../testing/git-http-server.ts'
import { GitRepository } from './repository.ts'
import { GitSourceTree } from './source-tree.ts'

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => { for (const clean of cleanups.splice(0).reverse()) await clean() })

const setup = async (refs: readonly string[]) => {
  const folder = await makeFolder()
  cleanups.push(() => folder.remove())
  const bare = await makeBareRepository(folder.join('remotes', 'r'), { 'a.txt': 'a\n' })
  const tips = new Map<string, string>()
  for (const ref of refs) {
    const tip = await commitInBare(bare, { branch: 'main', files: { 'a.txt': `${ref}\n` }, message: `for ${ref}` })
    await plainGit(bare, 'update-ref', ref, tip)
    tips.set(ref, tip)
  }
  const server = new GitHttpServer(folder.join('remotes'))
  await server.start()
  cleanups.push(() => server.stop())
  const repository = new GitRepository({ folder: folder.join('store'), remote: server.url('r') })
  await repository.start()
  cleanups.push(() => repository.stop())
  return { bare, tips, server, repository }
}

const exchanges = (server: GitHttpServer): number => server.requests.filter((request) => request.startsWith('GET')).length

describe('bringRef()', () => {
  test('refs that are asked for together come in one exchange', async () => {
    const refs = Array.from({ length: 12 }, (_, index) => `refs/chorus/claims/${index + 1}`)
    const { tips, server, repository } = await setup(refs)
    const before = exchanges(server)
    expect(await Promise.all(refs.map((ref) => repository.bringRef(ref)))).toEqual(refs.map(() => true))
    expect(exchanges(server) - before).toBe(1)
    for (const tip of tips.values()) expect(await repository.objects.has(tip as never)).toBe(true)
  })

  test('one that is not there does not keep the others from coming', async () => {
    const { tips, repository } = await setup(['refs/chorus/claims/1', 'refs/chorus/claims/2'])
    const wanted = ['refs/chorus/claims/1', 'refs/chorus/claims/3', 'refs/chorus/claims/2']
    expect(await Promise.all(wanted.map((ref) => repository.bringRef(ref)))).toEqual([true, false, true])
    for (const tip of tips.values()) expect(await repository.objects.has(tip as never)).toBe(true)
  })

  test('a remote that is away is a failure for each who asked', async () => {
    const { server, repository } = await setup(['refs/chorus/claims/1', 'refs/chorus/claims/2'])
    server.goAway()
    const asked = await Promise.allSettled(['refs/chorus/claims/1', 'refs/chorus/claims/2'].map((ref) => repository.bringRef(ref)))
    expect(asked).toMatchObject([{ status: 'rejected', reason: { code: 'REMOTE_UNAVAILABLE' } }, { status: 'rejected', reason: { code: 'REMOTE_UNAVAILABLE' } }])
  })
})

describe('GitSourceTree over it', () => {
  test('what a commit holds is listed once, and a folder that failed is listed again', async () => {
    const { repository } = await setup([])
    const tree = new GitSourceTree(repository)
    const { tip } = await tree.refresh()
    const first = await tree.list(tip!, '')
    expect(await tree.list(tip!, '')).toBe(first)
    const nowhere = '0123456789012345678901234567890123456789'
    await expect(tree.list(nowhere as never, '')).rejects.toThrow()
    await expect(tree.list(nowhere as never, '')).rejects.toThrow()
  })
})
