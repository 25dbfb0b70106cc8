import type { Oid } from '../../core/mod.ts'
import { AssertionError, messageOf } from '../../core/mod.ts'
import type { Egress, SandboxMount, SandboxProbe } from '../../ports/mod.ts'
import type { CheckPlace, CommandRun } from './checks.ts'
import { endOf, runCommand } from './checks.ts'
import type { SetupPlan } from './setup-plan.ts'
import { looksLikeNetwork, setupKey } from './setup-plan.ts'

/** Keeps installed dependencies between attempts. The adapter lies in adapters/setup-cache. */
export interface SetupCache {
  /** Host path of the kept folder; undefined when there is none, or none that is whole. */
  lookup(key: string): Promise<string | undefined>
  /** Moves `folder` out of a work tree and keeps it under the key; undefined when it is not there as a real folder. */
  store(key: string, workspacePath: string, folder: string): Promise<string | undefined>
}

export type SetupOutcome =
  | { readonly kind: 'ready'; readonly mounts: readonly SandboxMount[] }
  | { readonly kind: 'failed'; readonly reason: string; readonly output: string }
  | { readonly kind: 'unavailable'; readonly reason: string }

export interface SetupRequest {
  readonly plan: SetupPlan
  /** The change whose lockfile it is; undefined for a base commit. */
  readonly change: Oid | undefined
  readonly checkout: () => Promise<string>
  readonly place: Omit<CheckPlace, 'folder' | 'network' | 'mounts'>
}

const REGISTRY_PORT = 3128

/** Brings in dependencies in a sandbox that reaches the registry and nothing else, or takes what is kept. */
export const setUp = async (request: SetupRequest, cache: SetupCache, egress: Egress): Promise<SetupOutcome> => {
  const { plan, change, place } = request
  const key = setupKey(plan, { platform: platformOf(place.sandbox.name, await place.sandbox.probe()), change })
  const kept = await keptMounts(plan, key, cache)
  if (kept.length > 0) return { kind: 'ready', mounts: kept }
  const folder = await request.checkout()
  const gate = await egress.openRegistry({ label: place.label })
  try {
    for (const command of plan.commands) {
      const run = await runCommand(command, {
        ...place, folder, mounts: [],
        environment: { ...place.environment, ...egress.registryEnvironment(REGISTRY_PORT) },
        network: { kind: 'socket', socketPath: gate.socketPath, port: REGISTRY_PORT },
      })
      if (!run.green) return blame(run, gate.counts())
    }
  } finally {
    await gate.close()
  }
  const mounts: SandboxMount[] = []
  for (const name of plan.folders) {
    const source = await cache.store(`${key}-${slug(name)}`, folder, name)
    if (source !== undefined) mounts.push(mountOf(source, name))
  }
  return { kind: 'ready', mounts }
}

/** What a set-up that could not even run says of itself; a defect of ours goes on. */
export const setupThrew = (thrown: unknown): SetupOutcome => {
  if (thrown instanceof AssertionError) throw thrown
  return { kind: 'unavailable', reason: `dependencies could not be set up: ${messageOf(thrown)}` }
}

const blame = (run: CommandRun, counts: { readonly allowed: number; readonly refused: number }): SetupOutcome => {
  const what = `setup (${run.command}) ended with ${endOf(run.end)}`
  // The gate counts an upstream that does not answer as refused, too: only a 403 is the allow-list's.
  if (counts.refused > 0 && /\b(?:E?403)\b/.test(run.output)) {
    return { kind: 'failed', reason: `${what}: it asked for a host other than the registry, which is all that set-up reaches`, output: run.output }
  }
  if (counts.refused > 0 || looksLikeNetwork(run.output)) return { kind: 'unavailable', reason: `${what}: the registry does not answer` }
  if (run.end.outcome !== 'exited') return { kind: 'unavailable', reason: what }
  // 126 and 127: the sandbox has no such program.
  if (run.end.code === 126 || run.end.code === 127) return { kind: 'unavailable', reason: `${what}: the program is missing in the sandbox` }
  return { kind: 'failed', reason: what, output: run.output }
}

const keptMounts = async (plan: SetupPlan, key: string, cache: SetupCache): Promise<readonly SandboxMount[]> => {
  const mounts: SandboxMount[] = []
  for (const name of plan.folders) {
    const source = await cache.lookup(`${key}-${slug(name)}`)
    if (source !== undefined) mounts.push(mountOf(source, name))
  }
  return mounts
}

const mountOf = (source: string, name: string): SandboxMount => ({ source, target: `/workspace/${name}`, writable: false })
const slug = (name: string): string => name.replace(/[^a-z0-9]+/gi, '')
const platformOf = (name: string, probe: SandboxProbe): string =>
  probe.available ? `${name} ${Object.entries(probe.facts).filter(([fact]) => /node|npm|platform|arch/i.test(fact)).map(([fact, value]) => `${fact}=${value}`).sort().join(' ')}` : name
