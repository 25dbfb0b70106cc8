import { globSync } from 'node:fs'
import { sandboxCompliance } from '../../testing/sandbox-compliance.ts'
import { BubblewrapSandbox } from './mod.ts'

const leftovers = (instance: string) => (): readonly string[] => globSync(`/sys/fs/cgroup/{,*/}chorus-${instance}-*`)

// Where no group can be written, as for most people at their desk, the first suite would hold limits per process too.
const isGrouped = process.getuid?.() === 0
const first = `suite${process.pid}a`.slice(0, 16)
sandboxCompliance('bubblewrap', { open: () => new BubblewrapSandbox({ instance: first }), isExact: isGrouped, leftovers: leftovers(first) })

const second = `suite${process.pid}b`.slice(0, 16)
sandboxCompliance('bubblewrap with limits per process', {
  open: () => new BubblewrapSandbox({ instance: second, limits: 'rlimit' }), isExact: false, leftovers: leftovers(second),
})
