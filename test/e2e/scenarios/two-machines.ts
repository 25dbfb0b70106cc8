import path from 'node:path'
import type { NodeStatus } from '../../../src/node/status.ts'
import { git, inFolder, prepareRepository, startNode, stopNode } from './own-repository.ts'
import { chorus, expect, lastJson, until } from './scenario.ts'
import type { Scenario } from './scenario.ts'

/** A second machine comes in with the token alone (no multicast); then pause, resume and stop, as a person types them. */
export const twoMachines: Scenario = {
  name: 'two-machines',
  run: (context) => inFolder(async (folder) => {
    const { repository, env: first } = await prepareRepository(context, folder)
    const firstEnv = { ...first, CHORUS_NETWORK_MDNS: 'false', CHORUS_POLL: '1s' }
    const clone = path.join(folder, 'clone')
    await git(folder, 'clone', '-q', repository, clone)
    const secondEnv = { ...firstEnv, CHORUS_STATE: path.join(folder, 'state-2'), CHORUS_AGENT_ROLE: 'reviewer' }
    const say = async (args: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Promise<Record<string, unknown>> => lastJson(await chorus(context, [...args, '--json'], { cwd, env }))
    const one = startNode(context, repository, firstEnv)
    try {
      await until('the first node to answer', async () => { const status = await say(['status'], repository, firstEnv); return status.code === undefined ? true : undefined })
      const { token } = await say(['member', 'invite'], repository, firstEnv) as { readonly token: string }
      const joined = await say(['join', token], clone, secondEnv)
      expect(joined.joined === true && Array.isArray(joined.bootstrap) && joined.bootstrap.length > 0, `addresses in the token expected: ${JSON.stringify(joined)}`)
      const two = startNode(context, clone, secondEnv)
      try {
        const seen = await until('the first node to see the second with its role', async () => {
          const status = await say(['status'], repository, firstEnv) as unknown as NodeStatus
          return status.members.find((member) => member.role === 'reviewer' && member.status === 'ready')
        })
        await say(['pause'], clone, secondEnv)
        await until('the pause to be seen by the other', async () => {
          const status = await say(['status'], repository, firstEnv) as unknown as NodeStatus
          return status.members.some((member) => member.node_id === seen.node_id && member.status === 'offline') ? true : undefined
        })
        await stopNode(two)
        const again = startNode(context, clone, secondEnv)
        try {
          const paused = await until('the second node to come back', async () => {
            const status = await say(['status'], clone, secondEnv) as unknown as NodeStatus & { code?: string }
            // `offline` while it still starts.
            return status.code === undefined && status.status !== 'offline' ? status : undefined
          })
          expect(paused.status === 'paused', `a pause must survive a restart, got ${paused.status}`)
          await say(['resume'], clone, secondEnv)
          expect(((await say(['status'], clone, secondEnv)) as unknown as NodeStatus).status === 'ready', 'ready after resume')
          await say(['stop'], clone, secondEnv)
          await until('the second node to end', () => Promise.resolve(again.exitCode === null ? undefined : true))
          expect(again.exitCode === 0, `exit code 0 after stop expected, got ${again.exitCode}`)
        } finally {
          await stopNode(again)
        }
      } finally {
        await stopNode(two)
      }
    } finally {
      await stopNode(one)
    }
  }),
}
