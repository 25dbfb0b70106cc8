import { BoundedMap } from '../../core/mod.ts'
import { openRecord } from '../../work/claims/mod.ts'
import type { ClaimRecord } from '../../work/claims/mod.ts'
import { git } from './stage.ts'

/** One commit of a claim ref. */
export interface ChainLink { readonly oid: string; readonly record: ClaimRecord }

/** A claim ref's whole history, oldest first. */
export interface Chain { readonly ref: string; readonly links: readonly ChainLink[] }

/** An update that the repository accepted. */
export interface Accepted { readonly atMs: number; readonly from: string; readonly to: string; readonly ref: string }

/** A push of a claim that a node's git began, and how it ended, as git itself wrote down. */
export interface Push {
  readonly node: number
  readonly begunMs: number
  /** Undefined when the program never came to its end. */
  readonly code: number | undefined
  readonly updates: readonly { readonly ref: string; readonly from: string; readonly to: string }[]
}

export const CLAIMS = 'refs/chorus/claims/'

/** A commit does not change: its signature is checked once. */
const read = new BoundedMap<string, ClaimRecord>(100_000)

/** Throws what is no record: the drill's repository holds nothing else there. */
const recordOf = (message: string, oid: string): ClaimRecord => {
  const known = read.get(oid)
  if (known !== undefined) return known
  const opened = openRecord(message)
  if (!opened.ok) throw new Error(`the claim commit ${oid} is no record: ${opened.reason}`)
  read.set(oid, opened.value.record)
  return opened.value.record
}

/** The newest record of every claim ref, in one look. */
export const readTips = async (remote: string): Promise<ReadonlyMap<string, ChainLink>> => {
  const text = await git(remote, 'for-each-ref', '--format=%(refname)%00%(objectname)%00%(contents)%00', CLAIMS)
  const fields = text.split('\0')
  const tips = new Map<string, ChainLink>()
  for (let at = 0; at + 2 < fields.length; at += 3) {
    const [ref = '', oid = '', message = ''] = fields.slice(at, at + 3)
    tips.set(ref.trim(), { oid, record: recordOf(message.replace(/\n$/, ''), oid) })
  }
  return tips
}

export const readChains = async (remote: string): Promise<readonly Chain[]> => {
  const refs = (await git(remote, 'for-each-ref', '--format=%(refname)', CLAIMS)).split('\n').filter((line) => line !== '')
  const chains: Chain[] = []
  for (const ref of refs) {
    const fields = (await git(remote, 'log', '--reverse', '--format=%H%x00%B%x00', ref)).split('\0')
    const links: ChainLink[] = []
    for (let at = 0; at + 1 < fields.length; at += 2) {
      const oid = (fields[at] ?? '').trim()
      links.push({ oid, record: recordOf((fields[at + 1] ?? '').replace(/\n$/, ''), oid) })
    }
    chains.push({ ref, links })
  }
  return chains
}

/** Lines `<ms> <old> <new> <ref>` of the repository's hook. */
export const parseLedger = (text: string): readonly Accepted[] => text.split('\n').filter((line) => line !== '').map((line) => {
  const [at = '', from = '', to = '', ref = ''] = line.split(' ')
  if (!/^\d{13}$/.test(at) || !/^[0-9a-f]{40}$/.test(to) || !ref.startsWith('refs/')) throw new Error(`a line of the ledger expected, got ${JSON.stringify(line.slice(0, 120))}`)
  return { atMs: Number(at), from, to, ref }
})

/** Pushes of claims in a node's trace2 event file (git's api-trace2 documentation). A line that a kill cut is left out. */
export const parsePushes = (text: string, node: number): readonly Push[] => {
  const begun = new Map<string, { readonly begunMs: number; readonly updates: Push['updates'] }>()
  const codes = new Map<string, number>()
  for (const line of text.split('\n')) {
    if (!line.includes('"event":"start"') && !line.includes('"event":"exit"')) continue
    const event = parsed(line)
    if (event === undefined || typeof event.sid !== 'string' || event.sid.includes('/')) continue
    if (event.event === 'exit') { codes.set(event.sid, Number(event.code)); continue }
    const updates = updatesOf(Array.isArray(event.argv) ? event.argv as string[] : [])
    if (updates.length > 0) begun.set(event.sid, { begunMs: Date.parse(String(event.time)), updates })
  }
  return [...begun].map(([sid, push]) => ({ node, ...push, code: codes.get(sid) }))
}

const updatesOf = (argv: readonly string[]): Push['updates'] => {
  if (!argv.includes('push')) return []
  const to = new Map(argv.flatMap((argument) => {
    const [, oid, ref] = /^([0-9a-f]{40}):(refs\/.*)$/.exec(argument) ?? []
    return oid === undefined || ref === undefined ? [] : [[ref, oid] as const]
  }))
  return argv.flatMap((argument) => {
    const [, ref, from] = /^--force-with-lease=(refs\/[^:]*):([0-9a-f]*)$/.exec(argument) ?? []
    const target = ref === undefined ? undefined : to.get(ref)
    return ref?.startsWith(CLAIMS) === true && target !== undefined ? [{ ref, from: from ?? '', to: target }] : []
  })
}

const parsed = (line: string): Readonly<Record<string, unknown>> | undefined => {
  try {
    return JSON.parse(line) as Readonly<Record<string, unknown>>
  } catch {
    return undefined
  }
}
