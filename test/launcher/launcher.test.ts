import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const BIN = path.resolve(import.meta.dirname, '../../bin')
const BUNDLED = `node-${process.platform}-${process.arch}`

/** A package folder of its own with the real launchers, below a node_modules as npm lays it. */
let top: string
let home: string
beforeEach(() => {
  top = mkdtempSync(path.join(os.tmpdir(), 'chorus-launcher-'))
  home = path.join(top, 'node_modules', 'chorus-swarm')
  mkdirSync(path.join(home, 'bin'), { recursive: true })
  for (const name of ['chorus', 'chorus.js', 'find-node.js', 'with-node.js']) copyFileSync(path.join(BIN, name), path.join(home, 'bin', name))
  put('node_modules/chorus-swarm/package.json', '{"type":"module"}')
})
afterEach(() => { rmSync(top, { recursive: true, force: true }) })

const put = (name: string, text: string): string => {
  const file = path.join(top, name)
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, text)
  return file
}

/** A program that gives itself out as that Node, and tells when it is run for real. */
const putNode = (name: string, version: string): string => {
  const file = put(name, `#!/bin/sh\n[ "$1" = --version ] && { echo v${version}; exit; }\ncase $1 in --max-*) shift;; esac\necho "node ${version} pid $$: $(basename "$1")"\nshift\nprintf '<%s>' "$@"\n`)
  chmodSync(file, 0o755)
  return file
}

const launch = (folders: readonly string[], ...args: readonly string[]) =>
  spawnSync(path.join(home, 'bin/chorus'), args, { encoding: 'utf8', env: { PATH: [...folders, '/usr/bin', '/bin'].join(':') } })

describe('the chorus command', () => {
  it('takes the Node on PATH when it is new enough, with the arguments as they are', () => {
    putNode('path/node', '22.18.0')
    putNode(`node_modules/${BUNDLED}/bin/node`, '24.21.0')
    const { stdout } = launch([path.join(top, 'path')], 'task', 'add', 'two words', '')
    expect(stdout).toMatch(/^node 22\.18\.0 pid \d+: chorus\.js\n<task><add><two words><>$/)
  })

  it.each(['20.20.2', '22.17.9', '18.0.0'])('takes the Node that came along when the one on PATH is %s', (version) => {
    putNode('path/node', version)
    putNode(`node_modules/${BUNDLED}/bin/node`, '24.21.0')
    expect(launch([path.join(top, 'path')], 'up').stdout).toContain('node 24.21.0')
  })

  it('finds the Node that came along inside the package too, and through a link', () => {
    putNode('path/node', '20.20.2')
    putNode(`node_modules/chorus-swarm/node_modules/${BUNDLED}/bin/node`, '24.21.0')
    const link = path.join(top, 'chorus')
    spawnSync('ln', ['-s', path.join(home, 'bin/chorus'), link])
    const { stdout } = spawnSync(link, ['up'], { encoding: 'utf8', env: { PATH: `${path.join(top, 'path')}:/usr/bin:/bin` } })
    expect(stdout).toContain('node 24.21.0')
  })

  it('passes over a Node that came along and does not run here', () => {
    putNode('path/node', '20.20.2')
    chmodSync(put(`node_modules/${BUNDLED}/bin/node`, 'no program'), 0o755)
    expect(launch([path.join(top, 'path')], 'up').stdout).toContain('node 20.20.2')
  })

  it('becomes the node, so that one Ctrl-C is one signal', async () => {
    putNode('path/node', '24.0.0')
    const child = spawn(path.join(home, 'bin/chorus'), ['up'], { env: { PATH: `${path.join(top, 'path')}:/usr/bin:/bin` }, stdio: ['ignore', 'pipe', 'inherit'] })
    let stdout = ''
    child.stdout.on('data', (chunk: Buffer) => { stdout += chunk.toString('utf8') })
    await once(child, 'close')
    expect(stdout).toContain(`pid ${child.pid}:`)
  })

  it('runs the sources of a repository rather than what packing left in dist', () => {
    put('node_modules/chorus-swarm/dist/cli/main.js', "console.log('compiled')")
    const compiled = spawnSync(process.execPath, [path.join(home, 'bin/chorus.js')], { encoding: 'utf8' })
    expect(compiled.stdout).toBe('compiled\n')
    // Outside node_modules, where Node reads TypeScript.
    const repository = path.join(top, 'repository')
    mkdirSync(path.join(repository, 'bin'), { recursive: true })
    for (const name of ['chorus.js', 'find-node.js', 'with-node.js']) copyFileSync(path.join(BIN, name), path.join(repository, 'bin', name))
    put('repository/package.json', '{"type":"module"}')
    put('repository/dist/cli/main.js', "console.log('compiled')")
    put('repository/src/cli/main.ts', "const said: string = 'sources'\nconsole.log(said)")
    expect(spawnSync(process.execPath, [path.join(repository, 'bin/chorus.js')], { encoding: 'utf8' }).stdout).toBe('sources\n')
  })
})

describe('an old Node', () => {
  const runOn = (platform: string, arch: string) => {
    const pretend = `const fake = (name, value) => Object.defineProperty(process, name, { value })
fake('platform', '${platform}'); fake('arch', '${arch}'); fake('versions', { ...process.versions, node: '20.11.0' })`
    return spawnSync(process.execPath, ['--import', `data:text/javascript,${encodeURIComponent(pretend)}`, path.join(home, 'bin/chorus.js'), '--version'], { encoding: 'utf8' })
  }

  it.each([['darwin', 'arm64'], ['darwin', 'x64'], ['win32', 'x64'], ['linux', 'riscv64']])('is told in one line on %s %s to be replaced', (platform, arch) => {
    const { stdout, stderr, status } = runOn(platform, arch)
    expect(status).toBe(78)
    expect(stdout).toBe('')
    expect(stderr).toBe(`chorus needs Node 22.18 or newer, and this is 20.11.0; none comes along for ${platform}-${arch}: install a newer Node\n`)
  })

  it.each(['x64', 'arm64'])('is told in one line on linux %s that the one that comes along was left out', (arch) => {
    const { stderr, status } = runOn('linux', arch)
    expect(status).toBe(78)
    expect(stderr).toBe('chorus needs Node 22.18 or newer, and this is 20.11.0; the one that comes along is not installed: run npm without --omit=optional, or install a newer Node\n')
  })

  it('hands over to the one that came along', () => {
    putNode(`node_modules/${BUNDLED}/bin/node`, '24.21.0')
    put('node_modules/chorus-swarm/dist/cli/main.js', "console.log('compiled')")
    const { stdout, status } = runOn(process.platform, process.arch)
    expect(stdout).toMatch(/node 24\.21\.0 pid \d+: main\.js\n<--version>$/)
    expect(status).toBe(0)
  })
})
