import { parseTaskKey, refName, sha256 } from '../../core/mod.ts'
import type { RefName, TaskKey } from '../../core/mod.ts'

/** Where the claims of a repository live. The same for all its nodes: `.chorus/swarm.yaml` pins the root. */
export interface ClaimNames {
  /** Every ref of the protocol starts with it; ends in '/'. */
  readonly prefix: string
  readonly ended: RefName
  /** Appended to each subject; keeps CI quiet where claims must live under refs/heads/. */
  readonly mark: string
  claim(key: TaskKey): RefName
  /** Whose turn it is to merge into a branch. */
  turn(branch: string): RefName
}

export const CLAIMS_ROOT = 'refs/chorus'

export const claimNames = (root: string = CLAIMS_ROOT): ClaimNames => ({
  prefix: `${refName(root)}/`,
  ended: refName(`${root}/ended`),
  mark: root.startsWith('refs/heads/') ? ' [skip ci]' : '',
  claim: (key) => refName(`${root}/claims/${leafOf(key)}`),
  turn: (branch) => refName(`${root}/turn/${/^[A-Za-z0-9_-]{1,32}$/.test(branch) ? branch : 'b'}-${sha256(branch).slice(0, 16)}`),
})

/**
 * `<number or t>-<16 hex of sha256(task key)>`. The number is for people; the hash tells apart what a number alone
 * cannot (docs/protocol.md §3.1). A number with other characters, or over 32 of them, becomes `t`.
 */
export const leafOf = (key: TaskKey): string => {
  const number = parseTaskKey(key)?.number ?? ''
  return `${/^[A-Za-z0-9_-]{1,32}$/.test(number) ? number : 't'}-${sha256(key).slice(0, 16)}`
}
