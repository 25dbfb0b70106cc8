import type { Site } from './site.ts'
import { CONTENT, TASK_KEY } from './site.ts'

export interface Step { readonly oid: string; readonly node: string; readonly session: string; readonly epoch: number; readonly state: string; readonly commit: string | undefined }

/** What the repository says of the one task, by plain git and nothing of Chorus. */
export interface Counted {
  /** Oldest first; empty when there is no claim. */
  readonly history: readonly Step[]
  /** Commits with the task's trailer on any branch. */
  readonly delivered: readonly string[]
  readonly onMain: readonly string[]
  readonly ended: string
}

export const count = async (site: Site): Promise<Counted> => {
  const git = (...args: readonly string[]): Promise<string> => site.git(site.remote, ...args)
  const lines = (text: string): readonly string[] => text.split('\n').filter(Boolean)
  const refs = lines(await git('for-each-ref', '--format=%(refname)', 'refs/chorus/claims'))
  if (refs.length > 1) throw new Error(`one claim expected, got ${refs.join(' ')}`)
  const history: Step[] = []
  for (const ref of refs) {
    for (const oid of lines(await git('rev-list', '--reverse', ref))) {
      const record = JSON.parse((await git('cat-file', 'commit', oid)).split('\n').at(-1) ?? '') as Step & { readonly key: string; readonly result?: { readonly commit?: string } }
      if (record.key !== TASK_KEY) throw new Error(`a record of ${record.key} on the claim of ${TASK_KEY}`)
      history.push({ oid, node: record.node, session: record.session, epoch: record.epoch, state: record.state, commit: record.result?.commit })
    }
  }
  const withTrailer = async (...where: readonly string[]): Promise<readonly string[]> => lines(await git('log', `--grep=^Chorus-Task: ${TASK_KEY}$`, '--format=%H', ...where))
  const ended = lines(await git('for-each-ref', '--format=%(refname)', 'refs/chorus/ended')).length === 0 ? '' : await git('cat-file', 'commit', 'refs/chorus/ended')
  return { history, delivered: await withTrailer('--branches'), onMain: await withTrailer('main'), ended }
}

export interface Verdict { readonly lost: boolean; readonly duplicated: boolean; readonly problems: readonly string[] }

/** Whether the task was carried through exactly once. `pruned`: its claim is gone on purpose, and the list of ended ones names it. */
export const judge = async (site: Site, counted: Counted, about: { readonly epochAtKill: number; readonly heldAtKill: boolean; readonly pruned: boolean; readonly firstCommits: number }): Promise<Verdict> => {
  const { history, delivered, onMain, ended } = counted
  const { delivery, remote } = site.options
  const problems: string[] = []
  const want = (holds: boolean, what: string): void => { if (!holds) problems.push(what) }
  const last = history.at(-1)
  if (about.pruned) want(history.length === 0 && ended.includes(`["${TASK_KEY}",`), 'the claim gone and named in the list of ended ones expected')
  else {
    want(last?.state === 'done', `done expected, got ${last?.state ?? 'no claim'}`)
    want(last?.commit !== undefined && delivered[0] === last.commit, `the commit of the record (${last?.commit}) on the branch expected, got ${delivered.join(' ')}`)
    for (const [index, step] of history.entries()) {
      const before = history[index - 1]
      const rise = step.epoch - (before?.epoch ?? 0)
      want(rise === 0 || rise === 1, `epochs go up one by one: ${before?.epoch} to ${step.epoch}`)
      want(rise === 1 || step.session === before?.session, `one session per epoch: epoch ${step.epoch}`)
    }
    if (about.heldAtKill) want((last?.epoch ?? 0) > about.epochAtKill, `an epoch after ${about.epochAtKill} expected, got ${last?.epoch}`)
    const deliveries = history.filter((step, index) => step.state === 'delivered' && history[index - 1]?.state !== 'delivered').length
    want(deliveries === 1, `one step to delivered expected, got ${deliveries}`)
    if (remote === 'http') {
      const accepted = site.ledger.filter((line) => line.includes(' refs/chorus/claims/')).map((line) => line.split(' ')[1])
      want(JSON.stringify(accepted) === JSON.stringify(history.map(({ oid }) => oid)), 'every record that the repository took is on the ref, and no other')
    }
  }
  want(delivered.length === 1, `one delivered commit expected, got ${delivered.length}`)
  const commits = Number(await site.git(site.remote, 'rev-list', '--count', 'main'))
  want(onMain.length === (delivery === 'merge' ? 1 : 0), `${delivery === 'merge' ? 'one' : 'no'} delivered commit on main expected, got ${onMain.length}`)
  want(commits === about.firstCommits + onMain.length, `${about.firstCommits + onMain.length} commits on main expected, got ${commits}`)
  const branch = delivery === 'merge' ? 'main' : 'chorus/1'
  const content = delivered.length === 0 ? '' : await site.git(site.remote, 'show', `${branch}:lines.txt`)
  want(content === CONTENT, `the file as ${JSON.stringify(CONTENT)} expected, got ${JSON.stringify(content)}`)
  const branches = (await site.git(site.remote, 'for-each-ref', '--format=%(refname:short)', 'refs/heads')).split('\n')
  want(branches.join() === (delivery === 'merge' ? 'main' : 'chorus/1,main'), `no other branch expected, got ${branches.join()}`)
  if (remote === 'here') {
    const status = await site.git(site.remote, 'status', '--porcelain')
    want(status === ' M notes.txt', `a work tree with nothing but the person's own edit expected, got ${status}`)
  }
  return { lost: delivered.length === 0 || (!about.pruned && last?.state !== 'done'), duplicated: delivered.length > 1 || onMain.length > 1, problems }
}
