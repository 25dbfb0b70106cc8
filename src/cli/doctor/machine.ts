import { execFile } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { statfs } from 'node:fs/promises'
import os from 'node:os'
import { promisify } from 'node:util'
import { messageOf } from '../../core/mod.ts'
import type { Sandbox } from '../../ports/mod.ts'
import type { Probe } from './finding.ts'

const run = promisify(execFile)
const GIB = 2 ** 30
const DISK_GIB_MIN = 1

/** What every node needs, whatever it works on. */
export const machineProbes = (sandbox: Sandbox): readonly Probe[] => [node, git, sandboxProbe(sandbox), multicast, disk('disk', os.tmpdir())]

const node: Probe = {
  name: 'node', required: true, fix: 'install Node 22.18 or newer, or take the one that npm brings along: npm install again without --omit=optional',
  attempt: () => {
    const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
    const said = `${process.version} at ${process.execPath}`
    return Promise.resolve(major > 22 || (major === 22 && minor >= 18) ? said : { problem: said })
  },
}

const git: Probe = {
  name: 'git', required: true, fix: 'install git 2.39 or newer (apt-get install git)',
  attempt: async () => {
    const { stdout } = await run('git', ['--version'])
    const [, major = '0', minor = '0'] = /(\d+)\.(\d+)/.exec(stdout) ?? []
    return Number(major) > 2 || (Number(major) === 2 && Number(minor) >= 39) ? stdout.trim() : { problem: stdout.trim() }
  },
}

/** Runs programs inside, with limits, and looks whether they hold. */
const sandboxProbe = (sandbox: Sandbox): Probe => ({
  name: 'sandbox', required: true, fix: '',
  attempt: async () => {
    const probe = await sandbox.probe()
    return probe.available
      ? `${sandbox.name}: ${Object.entries(probe.facts).map(([name, fact]) => `${name} ${String(fact)}`).join(', ')}`
      : { problem: probe.reason, fix: probe.fix }
  },
})

/** Sends itself a datagram over the group that mDNS uses. */
const multicast: Probe = {
  name: 'multicast', required: false,
  fix: 'on this network nodes do not find each other by themselves: set network.bootstrap, or use `chorus member invite` while a node runs; in a network namespace: ip route add 224.0.0.0/4 dev <interface>',
  attempt: () => new Promise((resolve) => {
    const socket = createSocket({ type: 'udp4', reuseAddr: true })
    const end = (answer: string | { readonly problem: string }): void => { clearTimeout(timer); socket.close(); resolve(answer) }
    const timer = setTimeout(() => { end({ problem: 'a datagram to 224.0.0.251 did not come back' }) }, 1500)
    socket.once('error', (error) => { end({ problem: messageOf(error) }) })
    socket.on('message', (message) => { if (message.toString('utf8') === 'chorus-doctor') end('a datagram to 224.0.0.251 came back') })
    socket.bind(0, () => {
      try {
        socket.addMembership('224.0.0.251')
        socket.setMulticastLoopback(true)
        socket.send('chorus-doctor', socket.address().port, '224.0.0.251')
      } catch (thrown) {
        end({ problem: messageOf(thrown) })
      }
    })
  }),
}

/** Bytes and files: a disk without free inodes is as full. */
export const disk = (name: string, folder: string): Probe => ({
  name, required: true, fix: `free at least ${DISK_GIB_MIN} GiB on the disk of ${folder}, for work trees and dependencies`,
  attempt: async () => {
    const { bavail, bsize, ffree, files } = await statfs(folder)
    const gib = bavail * bsize / GIB
    const said = `${gib.toFixed(1)} GiB free at ${folder}${files > 0 ? `, ${ffree} files` : ''}`
    return gib >= DISK_GIB_MIN && (files === 0 || ffree >= 10_000) ? said : { problem: said }
  },
})
