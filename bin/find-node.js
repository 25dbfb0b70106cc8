// Plain JavaScript without dependencies. Which Node runs Chorus: the running one if it is 22.18 or newer (it then reads
// TypeScript by itself), else the one of the optional dependency node-<platform>-<arch>, else one clear line and exit 78.
import { createRequire } from 'node:module'

export const isNewEnough = () => {
  const [major, minor] = process.versions.node.split('.').map(Number)
  return major > 22 || (major === 22 && minor >= 18)
}

export const findNode = () => {
  if (isNewEnough()) return process.execPath
  try {
    return createRequire(import.meta.url).resolve(`node-${process.platform}-${process.arch}/bin/node`)
  } catch {
    console.error(`chorus needs Node 22.18 or newer: this is ${process.version}, and no bundled Node for ${process.platform}-${process.arch} is installed (was npm run with --omit=optional?)`)
    process.exit(78)
  }
}
