import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync, realpathSync } from 'node:fs'
import path from 'node:path'

/** What plain git and /proc say; nothing here asks a node or uses its code. */
export const gitSays = (gitDir: string, ...args: readonly string[]): string =>
  execFileSync('git', ['--git-dir', gitDir, '-c', 'core.fsmonitor=false', '-c', 'core.hooksPath=/dev/null', ...args], { encoding: 'utf8', maxBuffer: 2 ** 26, stdio: ['ignore', 'pipe', 'pipe'] })

export interface ClaimSeen { readonly state: string; readonly reason: string; readonly epoch: number; readonly attempt: number }

/** The records of a task's claim, oldest first. Only those by the node itself are well-formed. */
export const claimRecords = (gitDir: string, number: string): readonly ClaimSeen[] => {
  const ref = gitSays(gitDir, 'for-each-ref', '--format=%(refname)', `refs/chorus/claims/${number}-*`).trim()
  if (ref === '') return []
  return gitSays(gitDir, 'log', '--reverse', '-z', '--format=%b', ref).split('\0').flatMap((body) => {
    if (!body.trim().startsWith('{')) return []
    const { state, reason = '', epoch, attempt } = JSON.parse(body) as ClaimSeen
    return [{ state, reason, epoch, attempt }]
  })
}

/** Branches by name. */
export const branches = (gitDir: string): ReadonlyMap<string, string> =>
  new Map(gitSays(gitDir, 'for-each-ref', '--format=%(refname:lstrip=2) %(objectname)', 'refs/heads').split('\n').filter((line) => line !== '').map((line) => line.split(' ') as [string, string]))

/** Task numbers that commits on these branches, after `since`, say they did. */
export const deliveredNumbers = (gitDir: string, refs: readonly string[], since: string): readonly string[] =>
  refs.length === 0 ? [] : gitSays(gitDir, 'log', '--format=%(trailers:key=Chorus-Task,valueonly,separator=%x20)%x09%H', `^${since}`, ...refs.map((name) => `refs/heads/${name}`)).split('\n')
    .filter((line) => line !== '').map((line) => /#([^\s#]+)\t/.exec(line)?.[1] ?? `nobody's ${line.trim()}`)

export const fileAt = (gitDir: string, ref: string, file: string): string | undefined => {
  try {
    return gitSays(gitDir, 'show', `${ref}:${file}`)
  } catch {
    return undefined
  }
}

/** Whatever could run when git works in a repository: its configuration and its hooks. */
export const programsOf = (gitDir: string): string =>
  createHash('sha256').update(readFileSync(path.join(gitDir, 'config'))).update(JSON.stringify(readdirSync(path.join(gitDir, 'hooks')).sort())).digest('hex')

/** Processes of the host, in any namespace, whose command line or environment carries the mark. */
export const processesWith = (mark: string): readonly number[] => readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number)
  .filter((pid) => pid !== process.pid && ['cmdline', 'environ'].some((part) => readIfThere(`/proc/${pid}/${part}`).includes(mark)))

/** Processes in the control groups of the node with this state folder. */
export const processesOfNode = (stateFolder: string): readonly number[] => {
  const prefix = `chorus-${createHash('sha256').update(realpathSync(stateFolder)).digest('hex').slice(0, 12)}-`
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => readIfThere(`/proc/${pid}/cgroup`).includes(prefix))
}

const readIfThere = (file: string): string => {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    // It has ended meanwhile, or is another user's.
    return ''
  }
}

export const canariesIn = (folder: string): readonly string[] => existsSync(folder) ? readdirSync(folder) : []
