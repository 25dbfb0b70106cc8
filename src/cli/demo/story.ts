import { printable, table } from '../console.ts'
import type { Console } from '../console.ts'
import type { NodeLine } from './fleet.ts'

/** Gathers what the nodes print into one row per task, and shows it line by line as it happens. */
export class Story {
  readonly #out: Console
  readonly #begunMs: number
  readonly #rows = new Map<string, Row>()

  constructor(out: Console, begunMs: number) {
    this.#out = out
    this.#begunMs = begunMs
  }

  tell(node: string, line: NodeLine): void {
    const key = typeof line.key === 'string' ? line.key : undefined
    if (key !== undefined) this.#remember(key, node, line)
    const words = wordsOf(line)
    if (words === undefined) return
    const at = ((performance.now() - this.#begunMs) / 1000).toFixed(1).padStart(6)
    this.#out.say(`${at}s  ${node.padEnd(6)} ${(key === undefined ? '' : `#${key.split('#').at(-1) ?? ''}`).padEnd(5)} ${printable(words)}`)
  }

  say(text: string): void {
    const at = ((performance.now() - this.#begunMs) / 1000).toFixed(1).padStart(6)
    this.#out.say(`${at}s  ${text}`)
  }

  /** Has a node begun to work on something that it has not ended? */
  busyNode(): string | undefined {
    return [...this.#rows.values()].find((row) => row.working)?.node
  }

  table(): string {
    const rows = [...this.#rows].sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }))
    return table(['task', 'node', 'score', 'attempts', 'commit', 'checks', 'seconds'], rows.map(([key, row]) => [
      `#${key.split('#').at(-1) ?? ''} ${row.title.slice(0, 46)}`, row.node, row.score.toFixed(2), String(row.attempts), row.commit.slice(0, 10), row.evidence, row.seconds === undefined ? '-' : row.seconds.toFixed(1),
    ]))
  }

  rows(): readonly (Row & { readonly key: string })[] { return [...this.#rows].map(([key, row]) => ({ key, ...row })) }

  #remember(key: string, node: string, line: NodeLine): void {
    const row = this.#rows.get(key) ?? { node, title: '', score: 0, attempts: 0, commit: '', evidence: '-', seconds: undefined, working: false }
    switch (line.kind) {
      case 'task_claimed': Object.assign(row, { node, title: String(line.title), score: Number(line.score) }); break
      case 'task_started': Object.assign(row, { node, attempts: row.attempts + 1, working: true }); break
      case 'task_verified': Object.assign(row, { evidence: String(line.evidence), commit: String(line.commit) }); break
      case 'task_delivered': Object.assign(row, { node, commit: String(line.commit), working: false }); break
      case 'task_completed': Object.assign(row, { node, seconds: Number(line.seconds), working: false }); break
      case 'task_failed': case 'task_released': case 'task_parked': case 'task_escalated': case 'task_lost': row.working = false; break
    }
    this.#rows.set(key, row)
  }
}

interface Row {
  node: string
  title: string
  score: number
  attempts: number
  commit: string
  evidence: string
  seconds: number | undefined
  working: boolean
}

const wordsOf = (line: NodeLine): string | undefined => {
  switch (line.kind) {
    case 'member_joined': return `found a peer, ${String(line.member).slice(-8)}`
    case 'task_claimed': return `claimed, epoch ${String(line.epoch)}, score ${Number(line.score).toFixed(2)}: ${String(line.title)}`
    case 'task_started': return 'works in a sandbox'
    case 'task_verified': return `verified: ${String(line.evidence)}`
    case 'task_delivered': return `delivered ${String(line.commit).slice(0, 10)} (${String(line.mode)}), fenced by its claim`
    case 'task_completed': return `completed in ${String(line.seconds)} s`
    case 'task_failed': case 'task_released': case 'task_parked': case 'task_escalated': case 'task_lost': return `${line.kind.slice(5)}: ${String(line.reason)}`
    case 'node_problem': case 'repository_failed': case 'task_problem': return `problem: ${String(line.reason)}`
    default: return undefined
  }
}
