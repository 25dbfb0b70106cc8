import type { EntryData, Entry, IntentLog as AuditIntents } from '../memory/audit/mod.ts'
import type { TaskKey } from '../core/mod.ts'
import type { Intent, IntentLog } from '../work/claims/mod.ts'

/** The log, as far as intents need it. */
export interface IntentStore {
  append(type: 'claim_intent', data: EntryData['claim_intent']): Promise<number>
  find(key: TaskKey): Promise<readonly Entry[]>
  intents(): Pick<AuditIntents, 'unsettled' | 'settled'>
}

/** The claims' intents, kept in the audit log: what is there before the push is what a restart settles. */
export const intentsOf = (log: IntentStore, repository: string): IntentLog => ({
  append: async (intent) => {
    const { alongside, from, ...facts } = intent
    await log.append('claim_intent', { ...facts, from, repository, alongside: alongside.map(({ ref, to }) => ({ ref, to })) })
  },
  unsettled: async () => {
    const found: Intent[] = []
    for (const { key, oid } of await log.intents().unsettled()) {
      const entry = (await log.find(key)).findLast((candidate) => candidate.type === 'claim_intent' && candidate.data.oid === oid)
      const data = entry?.data as unknown as (Intent & { readonly repository?: string }) | undefined
      if (data?.repository === repository) found.push({ ...data, alongside: data.alongside ?? [] })
    }
    return found
  },
  settled: async (oid, outcome) => { await log.intents().settled(oid, outcome === 'did not happen' ? 'did-not-happen' : outcome) },
})
