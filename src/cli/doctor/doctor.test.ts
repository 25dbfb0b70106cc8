import { chmod, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { createServer as createHttp } from 'node:http'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BubblewrapSandbox } from '../../adapters/bubblewrap/mod.ts'
import { lockState, markOf } from '../../adapters/system/mod.ts'
import { parseConfig } from '../../node/config.ts'
import type { ChorusConfig } from '../../node/config.ts'
import { makeRunner } from '../bootstrap.ts'
import type { Places } from '../places.ts'
import { engineProbes } from './engine.ts'
import { tryOut } from './finding.ts'
import type { Finding, Probe } from './finding.ts'
import { machineProbes } from './machine.ts'
import { networkProbes } from './network.ts'
import { ownFileProbes } from './own-files.ts'
import { repositoryProbes } from './repository.ts'

const run = promisify(execFile)
const sandbox = new BubblewrapSandbox({ instance: 'doctortest' })

describe('doctor', () => {
  let folder: string
  let places: Places
  const closing: (() => Promise<unknown>)[] = []

  beforeEach(async () => {
    folder = await realpath(await mkdtemp(path.join(os.tmpdir(), 'chorus-doctor-test-')))
    const stateFolder = path.join(folder, 'state')
    await mkdir(stateFolder, { mode: 0o700 })
    places = { configFile: path.join(folder, 'chorus.yaml'), stateFolder, scratchFolder: path.join(folder, 'scratch', 'own'), controlSocket: path.join(folder, 'socket') }
    await mkdir(places.scratchFolder, { recursive: true })
  })

  afterEach(async () => {
    for (const close of closing.splice(0)) await close()
    await rm(folder, { recursive: true, force: true })
  })

  const configOf = (more = '', repository = '{ path: remote.git }'): ChorusConfig =>
    parseConfig(`agent: { id: d, role: backend }\nrepositories:\n  - ${repository}\n${more}`, { env: {} })

  const find = async (probes: readonly Probe[], name: string): Promise<Finding> => {
    const probe = probes.find((candidate) => candidate.name === name)
    if (probe === undefined) throw new Error(`a probe ${name} expected among ${probes.map((candidate) => candidate.name).join()}`)
    return tryOut(probe)
  }

  const serve = async (status: number, headers: Readonly<Record<string, string>> = {}): Promise<string> => {
    const server = createHttp((_request, response) => { response.writeHead(status, headers).end() })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    closing.push(() => new Promise((resolve) => { server.close(resolve) }))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  it('finds this machine fit', async () => {
    const findings = await Promise.all(machineProbes(sandbox).map(tryOut))
    expect(findings.filter(({ ok, required }) => required && !ok)).toEqual([])
  })

  it('writes to the state folder, and leaves nothing there', async () => {
    expect(await find(ownFileProbes(places), 'state')).toMatchObject({ ok: true, found: expect.stringContaining('not in use') as unknown })
    expect((await run('ls', ['-A', places.stateFolder])).stdout.trim().split('\n')).toEqual(['lock'])
  })

  it('says that a node runs on the state folder', async () => {
    const child = spawn('sleep', ['60'])
    closing.push(() => { child.kill('SIGKILL'); return Promise.resolve() })
    const lock = await lockState(places.stateFolder)
    await lock.release()
    await writeFile(path.join(places.stateFolder, 'lock', String(child.pid)), JSON.stringify(await markOf(child.pid ?? 0)))
    expect(await find(ownFileProbes(places), 'state')).toMatchObject({ ok: true, found: expect.stringContaining('in use by a running node') as unknown })
    expect(await find(networkProbes(configOf(), places), 'listen')).toMatchObject({ ok: true, found: expect.stringContaining('which runs') as unknown })
  })

  it('finds a state folder and a swarm key that others can read', async () => {
    await writeFile(path.join(places.stateFolder, 'swarm.key'), `${'ab'.repeat(32)}\n`, { mode: 0o644 })
    expect(await find(ownFileProbes(places), 'swarm key')).toMatchObject({ ok: false, fix: expect.stringContaining('chmod 600') as unknown })
    await chmod(places.stateFolder, 0o755)
    expect(await find(ownFileProbes(places), 'state')).toMatchObject({ ok: false, fix: `chmod 700 ${places.stateFolder}` })
  })

  it('finds a port that is taken, and a bootstrap address where nobody answers', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const config = configOf(`network: { listen: [/ip4/127.0.0.1/tcp/${port}], bootstrap: [/ip4/127.0.0.1/tcp/${port}] }`)
    expect(await find(networkProbes(config, places), 'listen')).toMatchObject({ ok: false, required: true, fix: expect.stringContaining('network.listen') as unknown })
    expect(await find(networkProbes(config, places), 'bootstrap')).toMatchObject({ ok: true })
    await new Promise((resolve) => { server.close(resolve) })
    expect(await find(networkProbes(config, places), 'bootstrap')).toMatchObject({ ok: false, required: false })
    expect(await find(networkProbes(config, places), 'listen')).toMatchObject({ ok: true })
  })

  it('pushes nothing, and says when it may not', async () => {
    const remote = path.join(folder, 'remote.git')
    await run('git', ['init', '-q', '--bare', '-b', 'main', remote])
    const base = await commitTo(remote)
    const probes = repositoryProbes(configOf(), places)
    expect(await find(probes, 'repository')).toMatchObject({ ok: false, found: expect.stringContaining('chorus init') as unknown })
    expect(await find(probes, 'push')).toMatchObject({ ok: true })
    expect((await run('git', ['--git-dir', remote, 'for-each-ref', '--format=%(refname) %(objectname)'])).stdout).toBe(`refs/heads/main ${base}\n`)
    await run('git', ['--git-dir', remote, 'config', 'receive.advertiseAtomic', 'false'])
    expect(await find(probes, 'push')).toMatchObject({ ok: false, found: expect.stringContaining('atomic') as unknown })
    await rm(remote, { recursive: true })
    expect(await find(probes, 'push')).toMatchObject({ ok: false, required: true })
  })

  it('compares the clock with that of the server', async () => {
    const right = await serve(404)
    const wrong = await serve(200, { date: 'Thu, 01 Jan 2015 00:00:00 GMT' })
    expect(await find(repositoryProbes(configOf('', `{ url: ${right}/x.git }`), places), 'clock')).toMatchObject({ ok: true, found: 'as the server\'s' })
    expect(await find(repositoryProbes(configOf('', `{ url: ${wrong}/x.git }`), places), 'clock')).toMatchObject({ ok: false, required: false })
  })

  it('starts the engine in the sandbox', async () => {
    const found = async (command: string): Promise<Finding> => {
      const config = configOf(`execution: { engine: command, command: [${command}] }`)
      return find(engineProbes(config, makeRunner(config), sandbox), 'engine')
    }
    expect(await found('git')).toMatchObject({ ok: true })
    expect(await found('no-such-agent')).toMatchObject({ ok: false, required: true })
  })

  it.each([[200, true], [404, true], [401, false], [503, false]])('takes a model endpoint that answers %i for %s', async (status, ok) => {
    const config = configOf(`execution: { engine: command, command: [git], model: { name: m, endpoint: '${await serve(status)}/v1' } }`)
    expect(await find(engineProbes(config, makeRunner(config), sandbox), 'model')).toMatchObject({ ok })
  })

  it('asks for a key that is not set', async () => {
    const config = configOf('execution: { engine: command, command: [git], model: { name: m, endpoint: http://127.0.0.1:9/v1, key_env: CHORUS_NO_SUCH_KEY } }')
    expect(await find(engineProbes(config, makeRunner(config), sandbox), 'model')).toMatchObject({ ok: false, fix: expect.stringContaining('CHORUS_NO_SUCH_KEY') as unknown })
  })
})

const commitTo = async (remote: string): Promise<string> => {
  const { stdout: tree } = await run('git', ['--git-dir', remote, 'hash-object', '-t', 'tree', '-w', '/dev/null'])
  const { stdout: commit } = await run('git', ['--git-dir', remote, '-c', 'user.name=a', '-c', 'user.email=a@localhost', 'commit-tree', '-m', 'base', tree.trim()])
  await run('git', ['--git-dir', remote, 'update-ref', 'refs/heads/main', commit.trim()])
  return commit.trim()
}
