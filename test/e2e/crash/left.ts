import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import path from 'node:path'
import { instanceOf } from '../../../src/cli/bootstrap.ts'
import { placesOf } from '../../../src/cli/places.ts'
import type { NodeHome } from './site.ts'

/** What a node must not leave behind once it has ended in order, looked for on this machine. */
export const leftOf = (home: NodeHome): readonly string[] => {
  const { scratchFolder } = placesOf({ config: home.config, state: home.state })
  const work = path.join(scratchFolder, 'work')
  const instance = `chorus-${instanceOf(home.state)}-`
  return [
    ...processesOf([home.home, scratchFolder, instance]).map(({ pid, command }) => `process ${pid} still runs: ${command}`),
    ...entriesOf(home.temporary).map((name) => `${name} is left in the temporary folder`),
    ...entriesOf(work).flatMap((repository) => entriesOf(path.join(work, repository)).map((name) => `the work tree ${name} is left`)),
    ...entriesOf(path.join(scratchFolder, 'gates')).map((name) => `the way out ${name} is left`),
    ...groupsOf(instance).map((group) => `the control group ${group} is left`),
    ...readFileSync('/proc/self/mounts', 'utf8').split('\n').filter((line) => line.includes(`${home.home}/`) && line.split(' ')[1] !== home.state || line.includes(scratchFolder)).map((line) => `mounted: ${line}`),
    ...locksOf(path.join(home.state, 'repositories')).map((file) => `${file} is left`),
    ...entriesOf(path.join(home.state, 'lock')).map((name) => `the lock ${name} of the state folder is left`),
  ]
}

/** What lies outside of the node's own folders and outlives them, as documented. */
export const clearScratch = (home: NodeHome): void => { rmSync(placesOf({ config: home.config, state: home.state }).scratchFolder, { recursive: true, force: true }) }

/** Processes of this machine that name one of these in their command line, or stand in one. Not this one. */
export const processesOf = (marks: readonly string[]): readonly { readonly pid: number; readonly command: string }[] =>
  readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid).flatMap((name) => {
    try {
      const command = readFileSync(`/proc/${name}/cmdline`, 'latin1').replaceAll('\0', ' ').trim()
      const stands = readlinkSync(`/proc/${name}/cwd`)
      return marks.some((mark) => command.includes(mark) || stands.startsWith(mark)) ? [{ pid: Number(name), command: command.slice(0, 200) }] : []
    } catch {
      // It has ended meanwhile, or is a thread of the kernel.
      return []
    }
  })

/** Whether a program with exactly these arguments runs anywhere, inside a sandbox too. */
export const runs = (...args: readonly string[]): boolean => {
  const wanted = `${args.join('\0')}\0`
  return readdirSync('/proc').some((name) => {
    if (!/^\d+$/.test(name)) return false
    try {
      return readFileSync(`/proc/${name}/cmdline`, 'latin1') === wanted
    } catch {
      // It has ended meanwhile.
      return false
    }
  })
}

const entriesOf = (folder: string): readonly string[] => existsSync(folder) ? readdirSync(folder) : []

/** What other programs do there meanwhile makes `find` complain, and changes nothing for these. */
const groupsOf = (prefix: string): readonly string[] =>
  spawnSync('find', ['/sys/fs/cgroup', '-maxdepth', '6', '-type', 'd', '-name', `${prefix}*`], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).stdout.split('\n').filter(Boolean)

const locksOf = (folder: string): readonly string[] =>
  !existsSync(folder) ? [] : readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.lock') || path.basename(name).startsWith('tmp_'))
