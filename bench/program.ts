import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, rmSync } from 'node:fs'
import path from 'node:path'

/**
 * What users run is the compiled package, not the sources: built anew for each run, laid out as `npm pack` lays it out,
 * in the cache folder below node_modules, from where its packages are found.
 */
export const compiledProgram = (root: string): { readonly launcher: string; readonly node: string } => {
  const folder = path.join(root, 'node_modules/.cache/chorus-bench')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  execFileSync(process.execPath, [path.join(root, 'node_modules/typescript/bin/tsc'), '-p', path.join(root, 'tsconfig.build.json'), '--outDir', path.join(folder, 'dist')], { stdio: ['ignore', 2, 'inherit'] })
  cpSync(path.join(root, 'bin'), path.join(folder, 'bin'), { recursive: true })
  cpSync(path.join(root, 'package.json'), path.join(folder, 'package.json'))
  return { launcher: path.join(folder, 'bin/chorus'), node: process.execPath }
}
