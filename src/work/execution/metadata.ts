import type { ResourceUsage, TaskResultMetadata } from '../../ports/mod.ts'
import type { Evidence } from './attempt.ts'

type Usage = TaskResultMetadata['resource_usage']

/** Adds up what the sandboxes of an attempt used: times summed, peaks the highest, exact only if all are. */
export class UsageSum {
  #sum: Usage = { wall_ms: 0, cpu_ms: 0, memory_bytes_peak: 0, processes_peak: 0, source: 'exact' }

  get value(): Usage { return this.#sum }

  add(usage: ResourceUsage): void {
    const sum = this.#sum
    this.#sum = {
      wall_ms: sum.wall_ms + usage.wallMs,
      cpu_ms: sum.cpu_ms + usage.cpuMs,
      memory_bytes_peak: Math.max(sum.memory_bytes_peak, usage.memoryBytesPeak),
      processes_peak: Math.max(sum.processes_peak, usage.processesPeak),
      source: sum.source === 'exact' && usage.source === 'exact' ? 'exact' : 'sampled',
    }
  }
}

export interface MetadataParts {
  readonly runnerKind: string
  readonly durationMs: number
  readonly commandsExecuted: number
  readonly files: readonly string[]
  readonly usage: Usage
  readonly commit: string
  readonly evidence: Evidence
  readonly tokens: { readonly input: number; readonly output: number } | null
}

const FILES_MAX = 200

/** The seed's result metadata. The branch is filled in by delivery; money is not reckoned here. */
export const buildMetadata = (parts: MetadataParts): TaskResultMetadata => ({
  execution_type: parts.runnerKind === 'command' || parts.runnerKind === 'repair' || parts.runnerKind === 'mock' ? parts.runnerKind : 'ai_powered',
  duration: Math.round(parts.durationMs) / 1_000,
  commands_executed: parts.commandsExecuted,
  files_generated: parts.files.slice(0, FILES_MAX),
  resource_usage: parts.usage,
  artifacts: { commit: parts.commit, branch: '', evidence: parts.evidence },
  tokens: parts.tokens,
  cost: null,
})
