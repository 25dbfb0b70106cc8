import type { Json } from '../../core/mod.ts'

type Facts = { readonly [field: string]: Json | undefined }

/** Which task, in every entry about one. */
export interface AboutTask extends Facts {
  readonly task_key: string
  readonly task_number: string
  readonly repository: string
}

/** States of a claim record (docs/protocol.md, claims). */
export const CLAIM_STATES = ['held', 'parked', 'released', 'delivered', 'done', 'escalated'] as const
export type ClaimState = (typeof CLAIM_STATES)[number]

/**
 * What each type of entry holds: the original's entries and fields, and ours. Typed facts and hashes, never bodies.
 * Further fields are allowed (a newer version may add some); the ones named here are required unless optional.
 */
export interface EntryData {
  readonly task_claimed: AboutTask & {
    readonly title: string
    readonly required_role: string
    readonly priority: number
    readonly epoch: number
    readonly claim_oid: string
  }
  /** `duration` in seconds. */
  readonly task_completed: AboutTask & { readonly duration: number; readonly results: Facts; readonly task_type?: string }
  readonly task_failed: AboutTask & { readonly reason: string; readonly attempt: number; readonly epoch: number; readonly task_type?: string }
  readonly task_released: AboutTask & { readonly reason: string; readonly epoch: number }
  readonly task_parked: AboutTask & { readonly reason: string; readonly epoch: number }
  readonly task_escalated: AboutTask & { readonly reason: string; readonly epoch: number }
  /** Another node holds the claim now. */
  readonly task_lost: AboutTask & { readonly reason: string; readonly epoch: number }
  readonly task_delivered: Facts & {
    readonly task_key: string
    readonly commit: string
    readonly branch: string
    readonly evidence: string
    readonly claim_oid: string
  }
  /** One attempt: engine, model, sandbox, base, commit, evidence, checks: [{command, green, output_hash}], usage. */
  readonly execution: Facts & { readonly task_key: string; readonly epoch: number }
  /** Durable before the push that it announces. */
  readonly claim_intent: Facts & { readonly key: string; readonly ref: string; readonly oid: string; readonly state: string; readonly epoch: number }
  readonly intent_settled: Facts & { readonly oid: string; readonly outcome: string }
  readonly session_started: Facts & { readonly version: string; readonly log_key: string }
  readonly session_ended: Facts & { readonly reason: string }
  readonly system_error: Facts & { readonly error: string }
  /** A secret was found and taken out, or its carrier refused; `hash` is keyed per node. */
  readonly secret_found: Facts & { readonly where: string; readonly rule: string; readonly action: string; readonly hash: string }
}

export type EntryType = keyof EntryData

type Kind = 'text' | 'number' | 'object' | 'oid' | 'claim-state'
const task = { task_key: 'text', task_number: 'text', repository: 'text' } as const
const ending = { ...task, reason: 'text', epoch: 'number' } as const

/** Required fields, for what reaches the log untyped and for what is read back. */
export const REQUIRED_FIELDS: { readonly [T in EntryType]: Readonly<Record<string, Kind>> } = {
  task_claimed: { ...task, title: 'text', required_role: 'text', priority: 'number', epoch: 'number', claim_oid: 'oid' },
  task_completed: { ...task, duration: 'number', results: 'object' },
  task_failed: { ...ending, attempt: 'number' },
  task_released: ending,
  task_parked: ending,
  task_escalated: ending,
  task_lost: ending,
  task_delivered: { task_key: 'text', commit: 'oid', branch: 'text', evidence: 'text', claim_oid: 'oid' },
  execution: { task_key: 'text', epoch: 'number' },
  claim_intent: { key: 'text', ref: 'text', oid: 'oid', state: 'claim-state', epoch: 'number' },
  intent_settled: { oid: 'oid', outcome: 'text' },
  session_started: { version: 'text', log_key: 'text' },
  session_ended: { reason: 'text' },
  system_error: { error: 'text' },
  secret_found: { where: 'text', rule: 'text', action: 'text', hash: 'text' },
}

export const isEntryType = (type: string): type is EntryType => Object.hasOwn(REQUIRED_FIELDS, type)

/** What is wrong with the data of an entry of this type; undefined when nothing is. */
export const dataProblem = (type: EntryType, data: Readonly<Record<string, unknown>>): string | undefined => {
  for (const [field, kind] of Object.entries(REQUIRED_FIELDS[type])) {
    if (!fits(kind, data[field])) return `${type}.${field}: ${WANTED[kind]} expected`
  }
  return undefined
}

const WANTED: { readonly [K in Kind]: string } = {
  text: 'text', number: 'a number', object: 'an object', oid: 'an object id of 40 hex digits',
  'claim-state': CLAIM_STATES.join(', '),
}

const fits = (kind: Kind, value: unknown): boolean => {
  switch (kind) {
    case 'text': return typeof value === 'string'
    case 'number': return typeof value === 'number'
    case 'object': return typeof value === 'object' && value !== null && !Array.isArray(value)
    case 'oid': return typeof value === 'string' && /^[0-9a-f]{40}$/.test(value)
    case 'claim-state': return CLAIM_STATES.some((state) => state === value)
  }
}
