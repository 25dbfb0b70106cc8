import type { NodeId, Oid, RefName, TaskKey } from '../core/mod.ts'
import type { NodeEvent } from '../node/node.ts'
import type { Verdict } from '../ports/mod.ts'
import type { ClaimRecord } from '../work/claims/mod.ts'

/**
 * What happened in the world, as an observer who misses nothing would tell it: the truth that the checkers judge by.
 * What a node says of itself is `told`; everything else was seen from outside.
 */
export type Happening =
  | { readonly kind: 'process'; readonly node: NodeId; readonly life: string; readonly what: 'started' | 'ready' | 'refused' | 'killed' | 'paused' | 'resumed' | 'stopping' | 'stopped' | 'broke'; readonly detail?: string }
  /** A push that reached the remote, whether or not its sender ever hears of it. */
  | {
      readonly kind: 'push'; readonly node: NodeId; readonly life: string; readonly atomic: boolean; readonly updates: readonly PushedRef[]
      /** When its sender let go of it; when not given, as it arrived. */
      readonly sentMs?: number | undefined
    }
  /** An entry of the node's log that would survive a crash from now on. */
  | { readonly kind: 'log'; readonly node: NodeId; readonly life: string; readonly index: number; readonly type: string; readonly data: Readonly<Record<string, unknown>> }
  | { readonly kind: 'told'; readonly node: NodeId; readonly life: string; readonly event: NodeEvent }
  /** A provider answered. `read`: the state of the task that it showed; `completed`: it was shown as done by this call. */
  | {
      readonly kind: 'provider'; readonly node: NodeId; readonly life: string; readonly operation: 'list' | 'get' | 'report' | 'complete'; readonly number: string | undefined
      readonly outcome: 'answered' | 'failed' | 'lost'; readonly effect?: 'completed' | 'already-complete' | undefined; readonly read?: 'open' | 'closed' | 'gone' | undefined
      readonly commit?: Oid | undefined
    }
  /** The sandbox ran something: `check` are the task's own checks, at a commit where one is checked out. */
  | { readonly kind: 'ran'; readonly node: NodeId; readonly life: string; readonly what: 'agent' | 'check' | 'setup'; readonly number: string | undefined; readonly commit: Oid | undefined; readonly green: boolean | undefined }
  /** A message that no member wrote so (forged, altered, too old), and what the node made of it. */
  | { readonly kind: 'foul'; readonly node: NodeId; readonly life: string; readonly foul: Foul; readonly verdict: Verdict }
  /** More of something than its limit. */
  | { readonly kind: 'overflow'; readonly node: NodeId; readonly life: string; readonly queue: string; readonly length: number; readonly limit: number }
  /** After a stop: what is still there. */
  | { readonly kind: 'left'; readonly node: NodeId; readonly life: string; readonly left: readonly string[] }
  | { readonly kind: 'fault'; readonly what: string; readonly node?: NodeId | undefined; readonly detail?: string }
  | { readonly kind: 'person'; readonly what: 'adds' | 'edits' | 'closes' | 'withdraws' | 'pushes' | 'retries'; readonly number?: string | undefined; readonly key?: TaskKey | undefined; readonly detail?: string }
  /** `quiet`: from now on nothing breaks any more. `end`: all nodes have been stopped. */
  | { readonly kind: 'phase'; readonly phase: 'faults' | 'quiet' | 'stopping' | 'end' }

export type Foul = 'altered' | 'forged' | 'unsigned' | 'stale' | 'mistyped'

export interface PushedRef {
  readonly ref: RefName
  readonly from: Oid | null
  readonly to: Oid | null
  readonly accepted: boolean
  readonly reason?: string | undefined
  /** Of a claim ref: the record that was pushed, and the one that was there. Undefined when it is none. */
  readonly record?: ClaimRecord | undefined
  readonly before?: ClaimRecord | undefined
}

export type Stamped = Happening & { readonly atMs: number }
