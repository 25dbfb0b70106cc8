import type { Command } from 'commander'
import { execFile } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, statfs } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { BubblewrapSandbox } from '../../adapters/bubblewrap/mod.ts'
import { GitRepository, GitSourceTree } from '../../adapters/git/mod.ts'
import { ChorusError, messageOf } from '../../core/mod.ts'
import { checkPin } from '../../node/pin.ts'
import { findProgram, loadConfig, remoteOf } from '../bootstrap.ts'
import { printable } from '../console.ts'
import { placesOf } from '../places.ts'
import type { Places } from '../places.ts'
import type { CommandContext } from '../program.ts'

const run = promisify(execFile)

interface Finding {
  readonly name: string
  readonly ok: boolean
  /** False: the node works without it. */
  readonly required: boolean
  readonly found: string
  readonly fix: string
}

/** `doctor`: tries every precondition for real, and says how to mend what is missing. */
export const addDoctorCommand = (program: Command, context: CommandContext): void => {
  program.command('doctor').description('try what a node needs on this machine, and say how to fix what is missing')
    .action(context.run(async ({ console: out, global, exitWith }) => {
      const findings = [checkNode(), await checkGit(), await checkSandbox(), await checkMulticast(), ...checkAgents(), await checkDisk()]
      const places = configured(global)
      if (places !== undefined) findings.push(...await checkRepositories(places))
      const ok = findings.every((finding) => finding.ok || !finding.required)
      out.result({ ok, findings }, findings.map((finding) =>
        printable(`${finding.ok ? 'ok  ' : finding.required ? 'BAD ' : 'none'}  ${finding.name.padEnd(12)} ${finding.found}${finding.ok ? '' : `\n                    fix: ${finding.fix}`}`)).join('\n'))
      if (!ok) exitWith(1)
    }))
}

const configured = (global: Parameters<typeof placesOf>[0]): Places | undefined => {
  try {
    return placesOf(global)
  } catch (thrown) {
    // Outside a prepared repository the machine itself is still worth a look.
    if (thrown instanceof ChorusError && thrown.code === 'CONFIG_MISSING') return undefined
    throw thrown
  }
}

const checkNode = (): Finding => ({ name: 'node', ok: true, required: true, found: `${process.version} at ${process.execPath}`, fix: '' })

const checkGit = async (): Promise<Finding> => {
  const fix = 'install git 2.39 or newer (apt-get install git)'
  try {
    const { stdout } = await run('git', ['--version'])
    const [, major = '0', minor = '0'] = /(\d+)\.(\d+)/.exec(stdout) ?? []
    return { name: 'git', ok: Number(major) > 2 || (Number(major) === 2 && Number(minor) >= 39), required: true, found: stdout.trim(), fix }
  } catch (thrown) {
    return { name: 'git', ok: false, required: true, found: messageOf(thrown), fix }
  }
}

const checkSandbox = async (): Promise<Finding> => {
  const probe = await new BubblewrapSandbox({ instance: 'doctor' }).probe()
  return probe.available
    ? { name: 'sandbox', ok: true, required: true, found: `bubblewrap: ${Object.entries(probe.facts).map(([name, fact]) => `${name} ${String(fact)}`).join(', ')}`, fix: '' }
    : { name: 'sandbox', ok: false, required: true, found: probe.reason, fix: probe.fix }
}

/** Sends itself a datagram over the group that mDNS uses. */
const checkMulticast = (): Promise<Finding> => {
  const about = { name: 'multicast', required: false, fix: 'on this network nodes do not find each other by themselves: set network.bootstrap, or use `chorus member invite` while a node runs; in a network namespace: ip route add 224.0.0.0/4 dev <interface>' }
  return new Promise((resolve) => {
    const socket = createSocket({ type: 'udp4', reuseAddr: true })
    const end = (ok: boolean, found: string): void => { clearTimeout(timer); socket.close(); resolve({ ...about, ok, found }) }
    const timer = setTimeout(() => { end(false, 'a datagram to 224.0.0.251 did not come back') }, 1500)
    socket.once('error', (error) => { end(false, messageOf(error)) })
    socket.on('message', (message) => { if (message.toString('utf8') === 'chorus-doctor') end(true, 'a datagram to 224.0.0.251 came back') })
    socket.bind(0, () => {
      try {
        socket.addMembership('224.0.0.251')
        socket.setMulticastLoopback(true)
        socket.send('chorus-doctor', socket.address().port, '224.0.0.251')
      } catch (thrown) {
        end(false, messageOf(thrown))
      }
    })
  })
}

const checkAgents = (): readonly Finding[] => ['opencode'].map((name) => {
  const file = findProgram(name)
  return { name, ok: file !== undefined, required: false, found: file ?? 'not on PATH', fix: `install it, or set execution.binary; without an agent the search over small edits works on tasks with a failing check` }
})

const checkDisk = async (): Promise<Finding> => {
  const { bavail, bsize } = await statfs(os.tmpdir())
  const gib = bavail * bsize / 2 ** 30
  return { name: 'disk', ok: gib >= 1, required: true, found: `${gib.toFixed(1)} GiB free`, fix: 'free at least 1 GiB for work trees and dependencies' }
}

const checkRepositories = async (places: Places): Promise<readonly Finding[]> => {
  const config = loadConfig(places.configFile)
  const findings: Finding[] = []
  for (const settings of config.repositories) {
    const remote = remoteOf(settings, places)
    await mkdir(places.stateFolder, { recursive: true, mode: 0o700 })
    const folder = await mkdtemp(path.join(places.stateFolder, 'doctor-'))
    const repository = new GitRepository({ folder, remote, branch: settings.branch, userConfig: !existsSync(remote) })
    try {
      await repository.start()
      const pin = await checkPin(new GitSourceTree(repository), { namespace: config.claims.namespace, known: undefined })
      findings.push({ name: 'repository', ok: true, required: true, found: `reachable, claims at ${pin.namespace}`, fix: '' })
    } catch (thrown) {
      findings.push({ name: 'repository', ok: false, required: true, found: messageOf(thrown), fix: 'see the message; the address is repositories[].url or path' })
    } finally {
      await repository.stop()
      await rm(folder, { recursive: true, force: true })
    }
  }
  return findings
}
