import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import path from 'node:path'
import { GitRefStore, GitRepository, GitSourceTree } from '../../adapters/git/mod.ts'
import { messageOf } from '../../core/mod.ts'
import type { ChorusConfig, RepositoryConfig } from '../../node/config.ts'
import { checkPin } from '../../node/pin.ts'
import { remoteOf } from '../bootstrap.ts'
import type { Places } from '../places.ts'
import type { Probe } from './finding.ts'

const CLOCK_MS_MAX = 15_000
const HTTP_MS_MAX = 5_000

/** Each repository: read, write as a claim would (a dry run, so that nothing is left there), and the clock of its server. */
export const repositoryProbes = (config: ChorusConfig, places: Places): readonly Probe[] => config.repositories.flatMap((settings) => {
  const remote = remoteOf(settings, places)
  const open = <T>(use: (repository: GitRepository) => Promise<T>): Promise<T> => withRepository({ settings, remote, places }, use)
  return [
    {
      name: 'repository', required: true, fix: 'see the message; the address is repositories[].url or path',
      attempt: () => open(async (repository) => {
        const pin = await checkPin(new GitSourceTree(repository), { namespace: config.claims.namespace, known: undefined })
        return `${repository.remote.shown} is reachable, claims at ${pin.namespace}`
      }),
    },
    {
      name: 'push', required: true, fix: 'the node needs to push: a key or token with write access (as your own git uses), on a server that takes atomic pushes',
      attempt: () => open((repository) => tryPush(repository, config.claims.namespace)),
    },
    ...remote.startsWith('http') ? [serverClock(remote)] : [],
  ]
})

const withRepository = async <T>(
  { settings, remote, places }: { readonly settings: RepositoryConfig; readonly remote: string; readonly places: Places }, use: (repository: GitRepository) => Promise<T>,
): Promise<T> => {
  const folder = await mkdtemp(path.join(places.stateFolder, 'doctor-'))
  const repository = new GitRepository({ folder, remote, branch: settings.branch, userConfig: !existsSync(remote) })
  try {
    await repository.start()
    return await use(repository)
  } finally {
    await repository.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

/** Two refs in one atomic push that the server is asked for and not made to do; rules that it has for branches show only in the deed. */
const tryPush = async (repository: GitRepository, namespace: string): Promise<string | { readonly problem: string }> => {
  const atSeconds = Math.floor(Date.now() / 1_000)
  const commit = await new GitRefStore(repository).create({ parent: null, atSeconds, message: 'chorus doctor\n' })
  const refs = ['one', 'two'].map((name) => `${commit}:${namespace}/doctor/${name}`)
  const outcome = await repository.network(['push', '--dry-run', '--atomic', '--porcelain', '--no-verify', '--', repository.remote.url, ...refs])
  if (outcome.end === 'exited' && outcome.code === 0) return `may push to ${repository.remote.shown}, several refs at once (tried without writing)`
  return { problem: messageOf(repository.unavailable('a push was refused', outcome)) }
}

/** The server's clock stands for those of the peers: messages of a node whose own is off are refused. */
const serverClock = (remote: string): Probe => ({
  name: 'clock', required: false, fix: 'set the clock (timedatectl set-ntp true): messages from a clock that is 30 s off are refused by the other nodes',
  attempt: async () => {
    const answer = await fetch(new URL(remote).origin, { method: 'HEAD', redirect: 'manual', signal: AbortSignal.timeout(HTTP_MS_MAX) })
    const thereMs = Date.parse(answer.headers.get('date') ?? '')
    if (Number.isNaN(thereMs)) return 'the server does not say what time it is'
    const offMs = Date.now() - thereMs
    const said = `${Math.abs(offMs) < 2_000 ? 'as' : `${Math.round(Math.abs(offMs) / 1_000)} s ${offMs > 0 ? 'ahead of' : 'behind'}`} the server's`
    return Math.abs(offMs) <= CLOCK_MS_MAX ? said : { problem: said }
  },
})
