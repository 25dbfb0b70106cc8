import path from 'node:path'
import { pathToFileURL } from 'node:url'
import type { NodeStatus } from '../../../src/node/status.ts'
import { git, inFolder, prepareRepository, startNode, stopNode, taskRow } from './own-repository.ts'
import { chorus, expect, lastJson, until } from './scenario.ts'
import type { Scenario } from './scenario.ts'

/** Two nodes that speak different versions of the protocol name each other, and still do no task twice. */
export const versions: Scenario = {
  name: 'versions',
  run: (context) => inFolder(async (folder) => {
    const { repository, env } = await prepareRepository(context, folder)
    const oldEnv = { ...env, CHORUS_NETWORK_MDNS: 'false', CHORUS_POLL: '1s' }
    const clone = path.join(folder, 'clone')
    await git(folder, 'clone', '-q', repository, clone)
    const preload = pathToFileURL(path.join(context.root, 'test/e2e/fixtures/other-version.ts')).href
    const newEnv = { ...oldEnv, CHORUS_STATE: path.join(folder, 'state-2'), NODE_OPTIONS: `--import ${preload}` }
    const statusOf = async (cwd: string, of: NodeJS.ProcessEnv): Promise<NodeStatus | undefined> => {
      const status = lastJson(await chorus(context, ['status', '--json'], { cwd, env: { ...of, NODE_OPTIONS: '' } })) as unknown as NodeStatus & { readonly code?: string }
      return status.code === undefined ? status : undefined
    }
    const old = startNode(context, repository, oldEnv)
    try {
      const before = await until('the old node to answer', () => statusOf(repository, oldEnv))
      const { token } = lastJson(await chorus(context, ['member', 'invite', '--json'], { cwd: repository, env: oldEnv })) as { readonly token: string }
      lastJson(await chorus(context, ['join', token, '--json'], { cwd: clone, env: newEnv }))
      const next = startNode(context, clone, newEnv)
      try {
        const there = await until('the new node to answer', () => statusOf(clone, newEnv))
        await until('each to name the other', async () => {
          const [one, two] = [await statusOf(repository, oldEnv), await statusOf(clone, newEnv)]
          const names = (status: NodeStatus | undefined, other: NodeStatus): boolean => status?.problems.some((problem) => problem.startsWith('protocol: ') && problem.includes(other.node_id)) === true
          return names(one, there) && names(two, before) ? true : undefined
        })
        const seen = await statusOf(repository, oldEnv)
        expect(seen?.members.every(({ node_id }) => node_id !== there.node_id) === true, 'what cannot be understood must not count as a member')
        lastJson(await chorus(context, ['task', 'add', 'Fix the sum', '--check', 'node --test test/sum.test.js', '--json'], { cwd: repository, env: oldEnv }))
        const row = await until('the task to be done', async () => { const found = await taskRow(context, repository, oldEnv); return found.state === 'done' ? found : undefined })
        expect(row.epoch === 1 && row.result?.branch === 'chorus/1', `one owner and one result expected, got ${JSON.stringify(row)}`)
      } finally {
        await stopNode(next)
      }
    } finally {
      await stopNode(old)
    }
  }),
}
