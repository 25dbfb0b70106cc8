#!/usr/bin/env node
// Plain JavaScript without dependencies, so that any Node from 20 on can read it.
//
//   node scripts/system-packages.js [--quiet] [program...]
//
// Sees to it that the programs of the system that Chorus works with are there (default: bwrap, socat, git). Root on
// Debian and its like: installs the packages that are missing, with one line of progress. Anyone else: one line that names
// them and the command to run, and exit code 69. Nothing on standard output with --quiet.
import { spawnSync } from 'node:child_process'
import { accessSync, constants, readdirSync, statSync } from 'node:fs'
import path from 'node:path'

const PACKAGES = { bwrap: 'bubblewrap', socat: 'socat', git: 'git', prlimit: 'util-linux', docker: 'docker.io', rg: 'ripgrep' }
const EX_UNAVAILABLE = 69
const EX_USAGE = 64

const say = (line, isQuiet) => { (isQuiet ? process.stderr : process.stdout).write(`${line}\n`) }

const isThere = (program) => (process.env.PATH ?? '/usr/bin:/bin').split(path.delimiter).some((folder) => {
  if (!path.isAbsolute(folder)) return false
  const file = path.join(folder, program)
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    // Not in this folder.
    return false
  }
})

const apt = (...words) => spawnSync('apt-get', ['-q', '-o', 'DPkg::Lock::Timeout=120', ...words], {
  encoding: 'utf8',
  stdio: ['ignore', 'pipe', 'pipe'],
  maxBuffer: 64 * 2 ** 20,
  env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' },
})

/** Without package lists an install can only fail. */
const hasLists = () => {
  try {
    return readdirSync('/var/lib/apt/lists').some((name) => name.endsWith('_Packages') || name.includes('_Packages.'))
  } catch {
    return false
  }
}

const install = (packages) => {
  const once = () => apt('install', '-y', '--no-install-recommends', ...packages)
  if (hasLists()) {
    const first = once()
    if (first.status === 0) return first
  }
  // No lists, or old ones that point to files which are gone.
  const update = apt('update')
  const second = once()
  return second.status === 0 ? second : { ...second, stderr: `${update.stderr}${second.stderr}` }
}

const main = (words) => {
  const isQuiet = words.includes('--quiet')
  const named = words.filter((word) => word !== '--quiet')
  const odd = named.find((word) => !/^[a-z0-9][a-z0-9.+-]*$/.test(word))
  if (odd !== undefined) {
    process.stderr.write(`system-packages: expected names of programs and --quiet, got ${JSON.stringify(odd)}\n`)
    return EX_USAGE
  }
  const programs = named.length === 0 ? ['bwrap', 'socat', 'git'] : named
  const missing = programs.filter((program) => !isThere(program))
  if (missing.length === 0) return 0
  const packages = [...new Set(missing.map((program) => PACKAGES[program] ?? program))]
  if (process.getuid?.() !== 0 || !isThere('apt-get')) {
    const how = isThere('apt-get') ? `run \`sudo apt-get install -y ${packages.join(' ')}\`` : `install the packages ${packages.join(' ')} of your system`
    process.stderr.write(`chorus needs ${missing.join(', ')}: ${how}\n`)
    return EX_UNAVAILABLE
  }
  say(`installing system packages: ${packages.join(', ')}`, isQuiet)
  const done = install(packages)
  const left = missing.filter((program) => !isThere(program))
  if (done.status === 0 && left.length === 0) return 0
  process.stderr.write(`${done.stdout ?? ''}${done.stderr ?? ''}${done.error === undefined ? '' : `${done.error.message}\n`}`)
  process.stderr.write(`chorus needs ${left.join(', ')}: \`apt-get install -y ${packages.join(' ')}\` failed (exit ${done.status})\n`)
  return EX_UNAVAILABLE
}

process.exitCode = main(process.argv.slice(2))
