import type { ConfigOutput } from './config-schema.ts'

/** A checked configuration, in the code's own words and units. Paths are as written: relative to the file. */
export interface ChorusConfig {
  readonly agent: {
    readonly id: string | undefined
    readonly role: string
    readonly expertise: readonly string[]
    readonly capabilities: readonly string[]
    readonly maxTasks: number
    readonly specialization: string
    readonly models: readonly ModelConfig[]
  }
  readonly repositories: readonly RepositoryConfig[]
  readonly checks: readonly string[] | undefined
  readonly setup: readonly string[] | undefined
  readonly protected: readonly string[]
  readonly execution: {
    /** `auto` is resolved: acp with a preset, command with a command, else repair. */
    readonly engine: 'repair' | 'command' | 'acp'
    readonly command: readonly string[] | undefined
    readonly preset: 'opencode' | undefined
    readonly binary: string | undefined
    readonly timeoutMs: number
    readonly roundsMax: number
    readonly tokensMax: number | undefined
    readonly model: ModelConfig | undefined
  }
  readonly sandbox: {
    readonly kind: 'bubblewrap'
    readonly memoryBytesMax: number | undefined
    readonly diskBytesMax: number | undefined
    readonly processesMax: number | undefined
    readonly cpusMax: number | undefined
  }
  readonly claims: { readonly leaseMs: number; readonly renewMs: number; readonly namespace: string }
  readonly matching: {
    readonly weights: { readonly role: number; readonly expertise: number; readonly availability: number; readonly performance: number }
    readonly threshold: number
    readonly expertise: 'score' | 'gate'
    readonly roleFamilies: readonly (readonly string[])[]
  }
  readonly network: { readonly listen: readonly string[]; readonly mdns: boolean; readonly bootstrap: readonly string[] }
  readonly pollMs: number
  readonly log: { readonly level: 'debug' | 'info' | 'warn' | 'error' }
  /** For people: what was read but sets nothing. */
  readonly warnings: readonly string[]
}

export interface ModelConfig {
  readonly name: string
  readonly provider: string
  /** Base URL of an OpenAI-compatible interface. */
  readonly endpoint: string
  /** Name of the environment variable that holds the key. */
  readonly keyEnv: string | undefined
}

export interface RepositoryConfig extends DeliveryPolicy {
  readonly provider: 'local'
  /** Exactly one of the two is set. */
  readonly path: string | undefined
  readonly url: string | undefined
  readonly branch: string | undefined
}

export interface DeliveryPolicy {
  readonly delivery: 'branch' | 'merge'
  readonly mergeOn: readonly ('proved' | 'reproduced')[]
  readonly approveFirst: boolean
}

export const toConfig = (file: ConfigOutput, warnings: readonly string[]): ChorusConfig => {
  const { agent, execution, sandbox, claims, matching, network } = file
  const models = agent.models.map(toModel)
  return {
    agent: {
      id: agent.id, role: agent.role, expertise: agent.expertise, capabilities: agent.capabilities, maxTasks: agent.max_tasks,
      specialization: agent.specialization, models,
    },
    repositories: file.repositories.map(toRepository),
    checks: file.checks,
    setup: file.setup,
    protected: file.protected,
    execution: {
      engine: execution.engine !== 'auto' ? execution.engine : execution.preset !== undefined ? 'acp' : execution.command !== undefined ? 'command' : 'repair',
      command: execution.command, preset: execution.preset, binary: execution.binary, timeoutMs: execution.timeout, roundsMax: execution.rounds,
      tokensMax: execution.tokens_max, model: execution.model === undefined ? models[0] : toModel(execution.model),
    },
    sandbox: { kind: sandbox.kind, memoryBytesMax: sandbox.memory, diskBytesMax: sandbox.disk, processesMax: sandbox.processes, cpusMax: sandbox.cpus },
    claims: { leaseMs: claims.lease, renewMs: claims.renew, namespace: claims.namespace },
    matching: { weights: matching.weights, threshold: matching.threshold, expertise: matching.expertise, roleFamilies: matching.role_families },
    network: { listen: network.listen, mdns: network.mdns, bootstrap: network.bootstrap },
    pollMs: file.poll,
    log: file.log,
    warnings,
  }
}

export const toPolicy = (repository: Pick<ConfigOutput['repositories'][number], 'delivery' | 'merge_on' | 'approve_first'>): DeliveryPolicy =>
  ({ delivery: repository.delivery, mergeOn: repository.merge_on, approveFirst: repository.approve_first })

const toRepository = (repository: ConfigOutput['repositories'][number]): RepositoryConfig => ({
  ...toPolicy(repository),
  provider: repository.provider,
  path: repository.path ?? (repository.url === undefined ? '.' : undefined),
  url: repository.url,
  branch: repository.branch,
})

const toModel = (model: { name: string; provider: string; endpoint: string; key_env?: string | undefined }): ModelConfig => ({
  name: model.name,
  provider: model.provider,
  // Ollama speaks the OpenAI protocol below /v1, while its own documentation names the bare host.
  endpoint: model.provider.toLowerCase() === 'ollama' && new URL(model.endpoint).pathname === '/' ? new URL('/v1', model.endpoint).href : model.endpoint,
  keyEnv: model.key_env,
})
