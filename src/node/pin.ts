import { parseDocument } from 'yaml'
import { ChorusError, fail, messageOf, ok } from '../core/mod.ts'
import type { Result } from '../core/mod.ts'
import type { SourceTree } from '../ports/mod.ts'

/**
 * `.chorus/swarm.yaml` on the default branch: where this repository's claims are kept. Two nodes that looked in different
 * places would both win, so a node that was told otherwise does not claim at all.
 */
export interface Pin {
  /** Made once by `chorus init`; a repository that changed it under us is another one. */
  readonly repository: string
  readonly namespace: string
}

export const PIN_PATH = '.chorus/swarm.yaml'
const PIN_BYTES_MAX = 4096

export const formatPin = (pin: Pin): string => [
  '# Where the claims of this repository are kept. Every node must agree: change it only while none is running.',
  'version: 1',
  `repository: ${pin.repository}`,
  'claims:',
  '  store: git',
  `  namespace: ${pin.namespace}`,
  '',
].join('\n')

export const parsePin = (text: string): Result<Pin> => {
  let value: { version?: unknown; repository?: unknown; claims?: { store?: unknown; namespace?: unknown } } | null
  try {
    const document = parseDocument(text, { uniqueKeys: true })
    if (document.errors[0] !== undefined) throw document.errors[0]
    value = document.toJS({ maxAliasCount: 0 }) as typeof value
  } catch (thrown) {
    return fail(`${PIN_PATH} is not plain YAML: ${messageOf(thrown).split('\n')[0] ?? ''}`)
  }
  if (value?.version !== 1) return fail(`${PIN_PATH} has version ${String(value?.version).slice(0, 20)}; this Chorus knows version 1`)
  const { repository, claims } = value
  if (typeof repository !== 'string' || !/^[A-Za-z0-9-]{1,64}$/.test(repository)) return fail(`${PIN_PATH}: repository must be the id that \`chorus init\` made`)
  if (claims?.store !== 'git') return fail(`${PIN_PATH}: this Chorus keeps claims in git, the repository pins ${String(claims?.store).slice(0, 20)}`)
  if (typeof claims.namespace !== 'string') return fail(`${PIN_PATH}: claims.namespace is missing`)
  return ok({ repository, namespace: claims.namespace })
}

/** Rejects with REPOSITORY_INVALID unless the repository pins just what this node is configured for. `known`: the id this node saw before. */
export const checkPin = async (sources: SourceTree, expected: { readonly namespace: string; readonly known: string | undefined }): Promise<Pin> => {
  const { tip, branch } = await sources.refresh()
  const bytes = tip === undefined ? undefined : await sources.read(tip, PIN_PATH, { bytesMax: PIN_BYTES_MAX })
  if (bytes === undefined) throw new ChorusError('REPOSITORY_INVALID', `${PIN_PATH} is not on ${branch}: run \`chorus init\` in the repository, and push`)
  const pin = parsePin(new TextDecoder().decode(bytes))
  if (!pin.ok) throw new ChorusError('REPOSITORY_INVALID', pin.reason)
  if (pin.value.namespace !== expected.namespace) {
    throw new ChorusError('REPOSITORY_INVALID', `the repository pins the claim namespace ${pin.value.namespace}, this node is set to ${expected.namespace}`, { setting: 'claims.namespace' })
  }
  if (expected.known !== undefined && expected.known !== pin.value.repository) {
    throw new ChorusError('REPOSITORY_INVALID', `the repository's id changed from ${expected.known} to ${pin.value.repository}: it is another one; remove the node's copy to accept it`)
  }
  return pin.value
}
