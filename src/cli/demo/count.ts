import { mkdtemp, rm } from 'node:fs/promises'
import path from 'node:path'
import { BubblewrapSandbox } from '../../adapters/bubblewrap/mod.ts'
import { openRecord } from '../../work/claims/mod.ts'
import type { ClaimRecord } from '../../work/claims/mod.ts'
import { crossCheckClaims } from '../../memory/audit/mod.ts'
import type { ClaimHistory } from '../../memory/audit/mod.ts'
import { readLog, verifyFolder } from '../commands/audit.ts'
import { git } from './stage.ts'
import type { Stage } from './stage.ts'

/** What the run came to, counted from repository, claim refs and logs; nothing a node said of itself. */
export interface Count {
  readonly tasks: number
  readonly delivered: number
  readonly lost: number
  readonly duplicated: number
  readonly nodes: number
  readonly processes: number
  readonly audit: 'ok' | 'bad'
  readonly checks: 'green' | 'red'
}

/** The tip of every claim ref whose record is whole and signed. */
export const readClaims = async (stage: Stage): Promise<readonly ClaimRecord[]> => {
  const oids = (await git(stage.remote, 'for-each-ref', '--format=%(objectname)', 'refs/chorus/claims')).split('\n').filter((line) => line !== '')
  const records = await Promise.all(oids.map((oid) => readRecord(stage, oid)))
  return records.filter((record) => record !== undefined)
}

const readRecord = async (stage: Stage, oid: string): Promise<ClaimRecord | undefined> => {
  const opened = openRecord((await git(stage.remote, 'cat-file', 'commit', oid)).replace(/^[^]*?\n\n/, ''))
  return opened.ok ? opened.value.record : undefined
}

/** Every claim commit of each task but renewals, which repeat state, owner and epoch of their parent. */
const readHistories = async (stage: Stage): Promise<readonly ClaimHistory[]> => {
  const refs = (await git(stage.remote, 'for-each-ref', '--format=%(refname)', 'refs/chorus/claims')).split('\n').filter((line) => line !== '')
  const histories: ClaimHistory[] = []
  for (const ref of refs) {
    const oids = (await git(stage.remote, 'rev-list', '--reverse', ref)).split('\n').filter((line) => line !== '')
    const chain = await Promise.all(oids.map(async (oid) => ({ oid, record: await readRecord(stage, oid) })))
    const commits = chain.flatMap(({ oid, record }, index) => {
      const before = chain[index - 1]?.record
      const renewal = before !== undefined && before.state === record?.state && before.epoch === record.epoch && before.session === record.session
      return record === undefined || renewal ? [] : [{ oid, node: record.node, epoch: record.epoch, state: record.state }]
    })
    histories.push({ key: chain[0]?.record?.key ?? ref, commits, complete: true })
  }
  return histories
}

/** Tasks on the branch where the run began: files with front matter, by their id. */
export const countTasks = async (stage: Stage): Promise<number> =>
  (await git(stage.remote, 'ls-tree', '-r', '--name-only', stage.branch, '--', '.chorus/tasks/')).split('\n').filter((name) => name.endsWith('.md')).length

export const count = async (stage: Stage): Promise<Count> => {
  const tasks = await countTasks(stage)
  const claims = await readClaims(stage)
  const done = claims.filter((claim) => claim.state === 'done').length
  const trailers = (await git(stage.remote, 'log', '--format=%(trailers:key=Chorus-Task,valueonly,separator=%x0a)', stage.branch)).split('\n').filter((line) => line !== '')
  const perTask = new Map<string, number>()
  for (const key of trailers) perTask.set(key, (perTask.get(key) ?? 0) + 1)
  const signers = new Set<string>()
  const histories = await readHistories(stage)
  let sound = true
  for (const node of stage.nodes) {
    const verified = await verifyFolder(node.stateFolder)
    const entries = await readLog(node.stateFolder)
    sound &&= verified.ok && verified.node !== undefined && crossCheckClaims(entries, histories, verified.node).length === 0
    for (const entry of entries) signers.add(`${entry.node} ${entry.session}`)
  }
  return {
    tasks,
    delivered: claims.filter((claim) => claim.state === 'done' && perTask.has(claim.key)).length,
    lost: tasks - done,
    duplicated: [...perTask.values()].filter((commits) => commits > 1).length,
    nodes: stage.nodes.length,
    processes: signers.size,
    audit: sound ? 'ok' : 'bad',
    checks: await suiteIsGreen(stage) ? 'green' : 'red',
  }
}

/** The whole suite on the final branch, on a fresh checkout, in the sandbox: it is code that agents changed. */
const suiteIsGreen = async (stage: Stage): Promise<boolean> => {
  const folder = await mkdtemp(path.join(stage.folder, 'final-'))
  try {
    await git(stage.folder, 'clone', '-q', '--branch', stage.branch, stage.remote, path.join(folder, 'tree'))
    const sandbox = new BubblewrapSandbox({ instance: 'demo' })
    const run = await sandbox.start({
      command: ['npm', 'test'], workspace: { path: path.join(folder, 'tree'), writable: true }, mounts: [], environment: {}, network: { kind: 'none' }, label: 'final-checks',
      limits: {
        timeoutMs: 120_000, graceMs: 1_000, memoryBytesMax: 2 ** 30, processesMax: 128, cpusMax: 2,
        outputBytesMax: 2 ** 20, fileBytesMax: 2 ** 27, diskBytesMax: 2 ** 28,
      },
    })
    run.stdout.resume()
    run.stderr.resume()
    const end = await run.ended
    return end.outcome === 'exited' && end.code === 0
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
