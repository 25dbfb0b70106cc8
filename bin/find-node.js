// Plain JavaScript without dependencies, so that any Node can read it. Which Node runs Chorus: the running one if it is
// 22.18 or newer (it then reads TypeScript by itself), else the one of the optional dependency node-<platform>-<arch>,
// else one clear line and exit 78 (EX_CONFIG).
import { createRequire } from 'node:module'

const EX_CONFIG = 78
const BUNDLED = ['linux-x64', 'linux-arm64']

export const isNewEnough = () => {
  const [major, minor] = process.versions.node.split('.').map(Number)
  return major > 22 || (major === 22 && minor >= 18)
}

export const findNode = () => {
  if (isNewEnough()) return process.execPath
  const platform = `${process.platform}-${process.arch}`
  try {
    return createRequire(import.meta.url).resolve(`node-${platform}/bin/node`)
  } catch {
    const fix = BUNDLED.includes(platform)
      ? 'the one that comes along is not installed: run npm without --omit=optional, or install a newer Node'
      : `none comes along for ${platform}: install a newer Node`
    console.error(`chorus needs Node 22.18 or newer, and this is ${process.versions.node}; ${fix}`)
    process.exit(EX_CONFIG)
  }
}
