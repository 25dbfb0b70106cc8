import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import path from 'node:path'

interface Entry { readonly oid: string; readonly atMs: number; readonly key: string; readonly node: string; readonly session: string; readonly epoch: number; readonly state: string; readonly commit: string | undefined }

export interface Recount {
  readonly counts: Readonly<Record<string, number>>
  readonly problems: readonly string[]
}

/**
 * The count of a kept drill, from plain git and the files beside it: the served repository, its hook's ledger, git's
 * traces of the nodes' pushes, and `kills`, where the drill wrote each kill -9 before it was sent. Shares no code with
 * the drill on purpose.
 */
export const recount = (folder: string): Recount => {
  const remote = path.join(folder, 'served', 'drill.git')
  const git = (...args: readonly string[]): string => plainGit(remote, args)
  const acceptedMs = new Map<string, number>()
  for (const line of linesOf(path.join(folder, 'ledger'))) {
    const [at = '', , to = ''] = line.split(' ')
    acceptedMs.set(to, Number(at))
  }
  const histories = new Map<string, readonly Entry[]>()
  for (const ref of git('for-each-ref', '--format=%(refname)', 'refs/chorus/claims').split('\n').filter(Boolean)) {
    histories.set(ref, git('rev-list', '--reverse', ref).split('\n').filter(Boolean).map((oid): Entry => {
      const record = recordIn(git('cat-file', 'commit', oid))
      return { ...record, oid, atMs: acceptedMs.get(oid) ?? Infinity }
    }))
  }
  const all = [...histories.values()]
  const byKey = new Map(all.map((history) => [history[0]?.key ?? '', history]))
  const tasks = git('ls-tree', '-r', '--name-only', 'main', '.chorus/tasks/').split('\n').filter((name) => name.endsWith('.md')).map((name) => `local:drill#${path.basename(name, '.md')}`)
  const onBranch = (key: string): readonly string[] => {
    const branch = `refs/heads/chorus/${key.slice(key.lastIndexOf('#') + 1)}`
    return git('for-each-ref', '--format=%(refname)', branch) === '' ? [] : git('log', `--grep=^Chorus-Task: ${key}$`, '--format=%H', `main..${branch}`).split('\n').filter(Boolean)
  }
  const onMain = git('log', '--grep=^Chorus-Task: ', '--format=%H', 'main').split('\n').filter(Boolean)
  const results = new Map(tasks.map((key) => [key, onBranch(key)]))
  const delivered = tasks.filter((key) => {
    const last = byKey.get(key)?.at(-1)
    return last?.state === 'done' && last.commit !== undefined && (results.get(key) ?? []).includes(last.commit)
  })
  const twice = tasks.filter((key) => {
    const history = byKey.get(key) ?? []
    const steps = history.filter((entry, index) => entry.state === 'delivered' && history[index - 1]?.state !== 'delivered').length
    return (results.get(key) ?? []).length > 1 || steps > 1
  })
  const kills = linesOf(path.join(folder, 'kills')).map((line) => { const [at = '', node = ''] = line.split(' '); return { atMs: Number(at), node } })
  const takeovers = kills.map((kill) => takeoversAfter(kill, all))
  const times = takeovers.flatMap(({ byOthers }) => byOthers).sort((a, b) => a - b)
  return {
    counts: {
      tasks: tasks.length, delivered: delivered.length, duplicated: twice.length + onMain.length,
      lost: tasks.filter((key) => !delivered.includes(key) && byKey.get(key)?.at(-1)?.state !== 'escalated').length,
      kills: kills.length, killsOfHolders: takeovers.filter(({ held }) => held > 0).length,
      zombiesRefused: zombies(folder, histories),
      reclaimMsP50: rank(times, 0.5), reclaimMsP95: rank(times, 0.95),
    },
    problems: all.flatMap((history) => history.filter(({ atMs }) => atMs === Infinity).map(({ key, oid }) => `${key}: ${oid} is on its ref and was never accepted`)),
  }
}

const takeoversAfter = (kill: { readonly atMs: number; readonly node: string }, histories: readonly (readonly Entry[])[]): { readonly held: number; readonly byOthers: readonly number[] } => {
  let held = 0
  const byOthers: number[] = []
  for (const history of histories) {
    const then = history.filter(({ atMs }) => atMs <= kill.atMs).at(-1)
    if (then?.node !== kill.node || !['held', 'delivered'].includes(then.state)) continue
    const later = history.filter(({ atMs }) => atMs > kill.atMs)
    if (later[0]?.session === then.session && later[0].state !== then.state) continue
    held += 1
    const next = later.find(({ epoch }) => epoch > then.epoch)
    if (next !== undefined && next.node !== kill.node) byOthers.push(next.atMs - kill.atMs)
  }
  return { held, byOthers }
}

/** Pushes that git itself saw refused (exit code 1), of records whose epoch had been superseded before they began. */
const zombies = (folder: string, histories: ReadonlyMap<string, readonly Entry[]>): number => {
  const found = new Set<string>()
  for (const name of readdirSync(path.join(folder, 'nodes'))) {
    const home = path.join(folder, 'nodes', name)
    const state = existsSync(path.join(home, 'state.kept')) ? 'state.kept' : 'state'
    const stores = path.join(home, state, 'repositories')
    const ends = new Map<string, number>()
    const starts: { readonly sid: string; readonly atMs: number; readonly argv: readonly string[] }[] = []
    for (const line of linesOf(path.join(home, 'git-trace'))) {
      const event = eventIn(line)
      if (event === undefined || event.sid.includes('/')) continue
      if (event.event === 'exit') ends.set(event.sid, event.code ?? -1)
      if (event.event === 'start' && event.argv?.includes('push') === true) starts.push({ sid: event.sid, atMs: Date.parse(event.time), argv: event.argv })
    }
    for (const { sid, atMs, argv } of starts) {
      if (ends.get(sid) !== 1) continue
      for (const argument of argv) {
        const [, oid = '', ref = ''] = /^([0-9a-f]{40}):(refs\/chorus\/claims\/.+)$/.exec(argument) ?? []
        const history = histories.get(ref)
        if (history === undefined || history.some((entry) => entry.oid === oid)) continue
        const pushed = recordOfObject(stores, oid)
        if (pushed === undefined) continue
        const wasHolder = history.some(({ session, epoch }) => session === pushed.session && epoch === pushed.epoch)
        const overtaken = history.some((entry) => entry.epoch > pushed.epoch && entry.session !== pushed.session && entry.atMs < atMs)
        if (wasHolder && overtaken) found.add(`${ref} ${pushed.session} ${pushed.epoch}`)
      }
    }
  }
  return found.size
}

const recordOfObject = (stores: string, oid: string): Omit<Entry, 'oid' | 'atMs'> | undefined => {
  for (const store of readdirSync(stores)) {
    try {
      return recordIn(plainGit(path.join(stores, store, 'git'), ['cat-file', 'commit', oid]))
    } catch {
      // Not in this copy.
    }
  }
  return undefined
}

const recordIn = (commit: string): Omit<Entry, 'oid' | 'atMs'> => {
  const { key, node, session, epoch, state, result } = JSON.parse(commit.trimEnd().split('\n').at(-1) ?? '') as Entry & { readonly result?: { readonly commit?: string } }
  return { key, node, session, epoch, state, commit: result?.commit }
}

const eventIn = (line: string): { readonly event: string; readonly sid: string; readonly time: string; readonly argv?: readonly string[]; readonly code?: number } | undefined => {
  if (!/"event":"(?:start|exit)"/.test(line)) return undefined
  try {
    return JSON.parse(line) as { readonly event: string; readonly sid: string; readonly time: string }
  } catch {
    // The node was killed in the middle of this line.
    return undefined
  }
}

/** Nearest rank; a time that was never measured is an error. */
const rank = (sorted: readonly number[], share: number): number => {
  const found = sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)]
  if (found === undefined) throw new Error('no takeover after a kill was seen, so there is no time to tell')
  return found
}

const linesOf = (file: string): readonly string[] => (existsSync(file) ? readFileSync(file, 'utf8') : '').split('\n').filter(Boolean)

const plainGit = (folder: string, args: readonly string[]): string =>
  execFileSync('git', ['-C', folder, ...args], { encoding: 'utf8', maxBuffer: 256 * 1024 * 1024, stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env['PATH'], LC_ALL: 'C', GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' } })
