import { existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const FOLDER = fileURLToPath(new URL('.', import.meta.url))

/** A file of the packages that only end-to-end runs need; says how to get them when they are not there. */
export const installed = (file: string): string => {
  const absolute = path.join(FOLDER, 'node_modules', file)
  if (!existsSync(absolute)) throw new Error(`${file} is not installed: run \`npm ci --prefix test/e2e/agents\``)
  return absolute
}

/** The OpenCode program (MIT, Linux x64): one file that needs nothing else. */
export const opencodeBinary = (): string => installed('opencode-linux-x64-baseline/bin/opencode')
