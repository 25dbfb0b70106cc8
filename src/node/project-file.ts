import { z } from 'zod'
import { BoundedMap, fail, ok } from '../core/mod.ts'
import type { Result } from '../core/mod.ts'
import { configSchema } from './config-schema.ts'
import { toPolicy } from './config-values.ts'
import type { DeliveryPolicy } from './config-values.ts'
import { readYaml } from './config-yaml.ts'

/** What the chorus.yaml *of a commit* says of its repository. Never where to run or deliver: that is the node's. */
export interface ProjectFile {
  readonly checks?: readonly string[] | undefined
  readonly setup?: readonly string[] | undefined
  readonly protected?: readonly string[] | undefined
  /** What the repository's own entry (`path: .`) wishes for; the node's configuration decides. */
  readonly policy?: DeliveryPolicy | undefined
}

const { checks, setup, protected: protectedPaths, repositories } = configSchema.shape
const own = z.looseObject({ checks, setup, protected: protectedPaths })
const entries = z.looseObject({ repositories: repositories.unwrap() })

/**
 * Tolerant of everything that is not the repository's business: the file may be of another version and hold another
 * node's sections. Strict about what decides whether work is right: a check that cannot be read is a failure.
 */
export const parseProject = (bytes: Uint8Array): Result<ProjectFile> => {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return fail('expected UTF-8 text')
  }
  const known = parsed.get(text)
  if (known !== undefined) return known
  const read = readProject(text)
  parsed.set(text, read)
  return read
}

/** One file is read at the start of every attempt, at its base and at its result. */
const PARSED_MAX = 16
const parsed = new BoundedMap<string, Result<ProjectFile>>(PARSED_MAX)

const readProject = (text: string): Result<ProjectFile> => {
  const yaml = readYaml(text)
  if (!yaml.ok) return yaml
  const found = own.safeParse(yaml.value.data)
  if (!found.success) {
    const [issue] = found.error.issues
    return fail(`line ${yaml.value.lineOf(issue?.path ?? [])}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not readable'}`)
  }
  const listed = entries.safeParse(yaml.value.data)
  const here = listed.success ? listed.data.repositories.find((entry) => entry.url === undefined && (entry.path === undefined || /^\.\/?$/.test(entry.path))) : undefined
  return ok({ checks: found.data.checks, setup: found.data.setup, protected: found.data.protected, policy: here === undefined ? undefined : toPolicy(here) })
}
