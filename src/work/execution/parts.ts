import type { BoundedMap } from '../../core/mod.ts'
import type { Clock, Egress, Logger, Sandbox, SourceTree, Workspaces } from '../../ports/mod.ts'
import type { CommandRun } from './checks.ts'
import type { ExecutionOptions } from './options.ts'
import type { ParseProject } from './project.ts'
import type { SetupCache } from './setup.ts'

export interface ExecutionParts {
  readonly sandbox: Sandbox
  readonly workspaces: Workspaces
  /** Reads the commits that the workspaces make, too. */
  readonly sources: SourceTree
  readonly egress: Egress
  readonly clock: Clock
  readonly logger: Logger
  readonly setupCache: SetupCache
  readonly parseProject: ParseProject
  /** Finds secrets; any text length. Rule names are safe to log. */
  readonly inspect: (text: string) => Promise<readonly { readonly rule: string }[]>
  /** Takes secrets out of what an agent is told. */
  readonly redact: (text: string) => Promise<string>
  readonly options: ExecutionOptions
}

/** What attempts of one repository share. */
export interface RunParts extends ExecutionParts {
  /** Results of the project's checks by commit, commands and mounts. */
  readonly checkMemory: BoundedMap<string, readonly CommandRun[]>
}
