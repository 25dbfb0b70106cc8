import { ChorusError, messageOf } from '../core/mod.ts'
import type { Clock, Logger, SourceTree, TaskProvider } from '../ports/mod.ts'
import type { RepositoryConfig } from './config-values.ts'
import { BackoffProvider } from './provider-backoff.ts'

/** What a provider is made of. */
export interface ProviderSpec {
  readonly config: RepositoryConfig
  /** Second part of the task key (`repositoryNameOf`). */
  readonly repository: string
  readonly source: SourceTree
}

/** Makes one provider; it may look at the outside, and throws what is wrong with the configuration. */
export type ProviderFactory = (spec: ProviderSpec) => Promise<TaskProvider> | TaskProvider

export interface OpenProviders<Spec extends ProviderSpec> {
  readonly opened: readonly { readonly spec: Spec; readonly provider: TaskProvider }[]
  readonly failed: readonly { readonly spec: Spec; readonly error: unknown }[]
}

export interface OpenOptions {
  /** By the name in `repositories[].provider`. */
  readonly factories: ReadonlyMap<string, ProviderFactory>
  readonly clock: Clock
  readonly logger: Logger
}

/**
 * Opens the providers of all repositories. One that cannot be opened is reported and does not stop the others. Two
 * that would give out the same task keys are a mistake: CONFIG_INVALID.
 */
export const openProviders = async <Spec extends ProviderSpec>(specs: readonly Spec[], options: OpenOptions): Promise<OpenProviders<Spec>> => {
  const opened: { spec: Spec; provider: TaskProvider }[] = []
  const failed: { spec: Spec; error: unknown }[] = []
  const names = new Map<string, number>()
  for (const [index, spec] of specs.entries()) {
    const name = `${spec.config.provider}:${spec.repository}`
    const first = names.get(name)
    if (first !== undefined) {
      throw new ChorusError('CONFIG_INVALID', `repositories[${first}] and repositories[${index}] would both name their tasks ${name}#…: remove one, or rename its folder or remote`, { setting: `repositories[${index}]` })
    }
    names.set(name, index)
    try {
      const factory = options.factories.get(spec.config.provider)
      if (factory === undefined) {
        const known = [...options.factories.keys()].join(', ')
        throw new ChorusError('CONFIG_INVALID', `no provider is called ${JSON.stringify(spec.config.provider)}; known: ${known}`, { setting: `repositories[${index}].provider` })
      }
      opened.push({ spec, provider: new BackoffProvider(await factory(spec), options.clock) })
    } catch (error) {
      options.logger.error('a task provider could not be opened', { repository: name, reason: messageOf(error) })
      failed.push({ spec, error })
    }
  }
  return { opened, failed }
}
