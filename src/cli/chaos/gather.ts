import { readFile, readdir } from 'node:fs/promises'
import path from 'node:path'
import { crossCheckClaims } from '../../memory/audit/mod.ts'
import type { ClaimHistory } from '../../memory/audit/mod.ts'
import { openRecord } from '../../work/claims/mod.ts'
import type { ClaimRecord } from '../../work/claims/mod.ts'
import { readLog, verifyFolder } from '../commands/audit.ts'
import type { Evidence, Kill } from './counting.ts'
import { parseLedger, parsePushes, readChains } from './evidence.ts'
import type { Chain, Push } from './evidence.ts'
import { git } from './stage.ts'
import type { Stage } from './stage.ts'

/** Reads everything that is counted: repository, its ledger, git's accounts of the nodes' pushes. */
export const gatherEvidence = async (stage: Stage, kills: readonly Kill[]): Promise<Evidence> => {
  const chains = await readChains(stage.remote)
  const pushes = (await Promise.all(stage.nodes.map(async (node, index) => parsePushes(await readIfThere(node.traceFile), index)))).flat()
  return {
    tasks: await readTaskKeys(stage), chains, pushes, kills,
    ledger: parseLedger(await readFile(stage.ledgerFile, 'utf8')),
    resultCommits: await readResults(stage),
    refusedRecords: await readRefused(stage, chains, pushes),
  }
}

/** Problems of all nodes' logs, each verified by itself and against the claim refs. */
export const auditLogs = async (stage: Stage, chains: readonly Chain[]): Promise<readonly string[]> => {
  const histories = chains.map(historyOf)
  const problems: string[] = []
  for (const node of stage.nodes) {
    const verified = await verifyFolder(node.stateFolder)
    problems.push(...verified.problems.map(({ problem }) => `${node.name}: ${problem}`))
    if (verified.node === undefined) problems.push(`${node.name}: its log names no node`)
    else problems.push(...crossCheckClaims(await readLog(node.stateFolder), histories, verified.node).map(({ problem }) => `${node.name}: ${problem}`))
  }
  return problems
}

/** Without renewals, which repeat state, owner and epoch of their parent and are not announced in the log. */
const historyOf = ({ ref, links }: Chain): ClaimHistory => ({
  key: links[0]?.record.key ?? ref, complete: true,
  commits: links.flatMap(({ oid, record }, index) => {
    const before = links[index - 1]?.record
    const renewal = before !== undefined && before.state === record.state && before.epoch === record.epoch && before.session === record.session
    return renewal ? [] : [{ oid, node: record.node, epoch: record.epoch, state: record.state }]
  }),
})

const readTaskKeys = async (stage: Stage): Promise<readonly string[]> =>
  (await git(stage.remote, 'ls-tree', '-r', '--name-only', stage.branch, '--', '.chorus/tasks/')).split('\n')
    .flatMap((name) => /\/(\d+)\.md$/.exec(name)?.[1] ?? []).map((number) => `local:drill#${number}`)

/** Commits of all branches beyond the first that carry a task's trailer; patches that were parked are no results. */
const readResults = async (stage: Stage): Promise<ReadonlyMap<string, readonly string[]>> => {
  const branches = (await git(stage.remote, 'for-each-ref', '--format=%(refname)', 'refs/heads')).split('\n').filter((name) => name !== '' && !name.includes('-parked-'))
  const first = (await git(stage.remote, 'rev-list', '--max-parents=0', stage.branch)).trim()
  const text = await git(stage.remote, 'log', '--format=%H %(trailers:key=Chorus-Task,valueonly,separator=%x2C)', ...branches, `^${first}`)
  const results = new Map<string, string[]>()
  for (const line of text.split('\n')) {
    const [commit = '', key = ''] = line.split(' ')
    if (key !== '') results.set(key, [...results.get(key) ?? [], commit])
  }
  return results
}

/** Of pushes that git saw refused: the records that were to be pushed, from the objects that the node itself has. */
const readRefused = async (stage: Stage, chains: readonly Chain[], pushes: readonly Push[]): Promise<ReadonlyMap<string, ClaimRecord>> => {
  const accepted = new Set(chains.flatMap(({ links }) => links.map(({ oid }) => oid)))
  const records = new Map<string, ClaimRecord>()
  for (const push of pushes) {
    const node = stage.nodes[push.node]
    if (push.code !== 1 || node === undefined) continue
    for (const { to } of push.updates) {
      if (accepted.has(to) || records.has(to)) continue
      const text = await objectOf(path.join(node.stateFolder, 'repositories'), to)
      const opened = openRecord(text.replace(/^[^]*?\n\n/, ''))
      if (opened.ok) records.set(to, opened.value.record)
    }
  }
  return records
}

const objectOf = async (folder: string, oid: string): Promise<string> => {
  for (const name of await readdir(folder)) {
    try {
      return await git(path.join(folder, name, 'git'), 'cat-file', 'commit', oid)
    } catch {
      // Not in this copy: looked for in the next.
    }
  }
  return ''
}

/** A node that was never up long enough to push has no such file. */
const readIfThere = (file: string): Promise<string> => readFile(file, 'utf8').catch(() => '')
