import { mkdtempSync, rmSync } from 'node:fs'
import { CLAIMS, readChains, readTips } from './evidence.ts'
import type { Accepted, Chain, ChainLink } from './evidence.ts'
import { git } from './stage.ts'

/** A copy of somebody's repository, looked at again and again: what moved since the last look is as old as this look. */
export class Mirror {
  readonly folder: string
  readonly #url: string
  readonly #namespace: string
  readonly #seen: Accepted[] = []
  readonly #known = new Set<string>()
  #looked = false

  constructor(url: string, namespace: string) {
    this.folder = mkdtempSync('/var/tmp/chorus-chaos-')
    this.#url = url
    this.#namespace = namespace
  }

  async start(): Promise<void> {
    await git(this.folder, 'init', '-q', '--bare', '.')
    await this.look()
  }

  /** What was there at the first look counts as accepted before everything. */
  async look(): Promise<ReadonlyMap<string, ChainLink>> {
    await git(this.folder, 'fetch', '-q', '--no-auto-maintenance', '--', this.#url, `+${this.#namespace}/claims/*:${CLAIMS}*`, '+refs/heads/*:refs/heads/*')
    const atMs = this.#looked ? Date.now() : 0
    this.#looked = true
    const tips = await readTips(this.folder)
    if ([...tips.values()].some(({ oid }) => !this.#known.has(oid))) {
      for (const { ref, links } of await readChains(this.folder)) for (const { oid } of links) {
        if (this.#known.has(oid)) continue
        this.#known.add(oid)
        this.#seen.push({ atMs, from: '', to: oid, ref })
      }
    }
    return tips
  }

  get accepted(): readonly Accepted[] { return this.#seen }

  chains(): Promise<readonly Chain[]> { return readChains(this.folder) }

  remove(): void { rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 }) }
}
