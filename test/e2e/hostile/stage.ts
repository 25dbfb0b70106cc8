import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { git, stopNode } from '../scenarios/own-repository.ts'
import { chorus, lastJson } from '../scenarios/scenario.ts'
import type { ScenarioContext } from '../scenarios/scenario.ts'
import { FIX } from './case.ts'
import type { Host, TaskCase } from './case.ts'
import { layTaskFiles } from './task-files.ts'
import type { TaskFileCase } from './task-files.ts'

/** A bare remote, a clone of it and a node on a state folder; nothing is shared with the machine's own nodes. */
export interface Stage {
  readonly folder: string
  readonly repository: string
  readonly remote: string
  readonly state: string
  readonly canaries: string
  /** Also in the environment of the node's process. */
  readonly decoy: string
  readonly env: NodeJS.ProcessEnv
  readonly hits: () => number
  host(number: string): Host
  close(): Promise<void>
}

export const HONEST = ['901', '902'] as const

/** The node merges whatever it believes: the most that a cheat could get. Small limits, so that what never ends is over soon. */
const CONFIG = (remote: string): string => [
  'repositories:', '  - provider: local', `    url: ${JSON.stringify(remote)}`, '    delivery: merge', '    approve_first: false',
  'poll: 1s', 'checks: [sh test/base.sh]', 'protected: [deploy/**]', 'agent: {max_tasks: 2}',
  'network: {mdns: false, listen: [/ip4/127.0.0.1/tcp/0]}', 'sandbox: {disk: 128MiB, processes: 64, memory: 256MiB}',
  'execution:', '  engine: command', '  rounds: 1', '  timeout: 8s', '  command: \'sh "agents/${TASK_ID##*#}.sh"\'', '',
].join('\n')

const testOf = (source: string): string => [
  "import { test } from 'node:test'", "import assert from 'node:assert'", `import { sum } from '../src/${source}.js'`,
  "test('zero', () => assert.equal(sum(0, 0), 0))", "test('adds', () => assert.equal(sum(1, 2), 3))", '',
].join('\n')

export interface Laid {
  readonly cases: ReadonlyMap<string, TaskCase>
  /** Tasks with an agent that would do them. */
  readonly forged: readonly string[]
  readonly files: readonly TaskFileCase[]
}

export const layStage = async (context: ScenarioContext, folder: string, { cases, forged, files }: Laid): Promise<Stage> => {
  const [repository, remote, state, canaries, home] = ['work', 'remote/sums.git', 'state', 'canaries', 'home'].map((name) => path.join(folder, name)) as [string, string, string, string, string]
  const mark = `hostile${process.pid}x`
  const decoy = `decoy-${process.pid}-of-the-host`
  const service = await countingService(decoy)
  for (const made of [canaries, home, path.join(home, '.ssh'), path.join(repository, 'agents')]) mkdirSync(made, { recursive: true })
  // A sandbox's programs are another user of the host: nothing but the sandbox may keep them from it.
  for (const open of [folder, canaries, home, path.join(home, '.ssh')]) chmodSync(open, 0o777)
  lay(home, { '.ssh/id_ed25519': `${decoy}\n`, '.netrc': `${decoy}\n` })
  const host = (number: string): Host => ({ canary: path.join(canaries, number), mark: `${mark}${number}y`, number, remote, repository, state, home, port: service.port })

  lay(repository, {
    'chorus.yaml': CONFIG(remote), 'package.json': '{"name":"sums","type":"module","scripts":{"test":"node --test"}}\n',
    'src/sum.js': 'export const sum = (a, b) => a - b\n', 'test/sum.test.js': testOf('sum'), 'test/sum.sh': 'grep -q "a + b" src/sum.js\n', 'test/base.sh': 'grep -q "other = 1" src/other.js\n',
    'src/other.js': 'export const other = 1\n', '.github/workflows/ci.yml': 'on: push\n',
  })
  for (const number of HONEST) {
    lay(repository, { [`src/honest-${number}.js`]: 'export const sum = (a, b) => a - b\n', [`test/honest-${number}.test.js`]: testOf(`honest-${number}`), [`agents/${number}.sh`]: `sed -i "s/a - b/a + b/" src/honest-${number}.js\n` })
    layTask(repository, number, { title: `mend ${number}`, check: `node --test test/honest-${number}.test.js`, priority: number === HONEST[0] ? 10 : 0 })
  }
  for (const number of forged) {
    lay(repository, { [`agents/${number}.sh`]: `${FIX}\n` })
    layTask(repository, number, { title: `forged ${number}`, check: 'sh test/sum.sh', priority: 9 })
  }
  layTaskFiles(repository, files)
  for (const [number, about] of cases) {
    const knows = host(number)
    lay(repository, { [`agents/${number}.sh`]: scriptOf(about, knows) })
    layTask(repository, number, { title: about.title?.(knows) ?? about.name, check: about.check?.(knows) ?? 'sh test/sum.sh', priority: about.state === 'parked' ? 8 : 4 })
  }
  await git(repository, 'init', '-q', '-b', 'main')
  await git(repository, 'add', '-A')
  const env = {
    CHORUS_STATE: state, HOME: home, HOSTILE_DECOY: decoy, SSH_AUTH_SOCK: path.join(home, 'agent.sock'),
    GIT_AUTHOR_NAME: 'P', GIT_AUTHOR_EMAIL: 'p@localhost', GIT_COMMITTER_NAME: 'P', GIT_COMMITTER_EMAIL: 'p@localhost',
  }
  await git(repository, '-c', 'user.name=P', '-c', 'user.email=p@localhost', 'commit', '-q', '-m', 'sums')
  await git(folder, 'clone', '-q', '--bare', repository, remote)
  await git(repository, 'remote', 'add', 'origin', remote)
  const made = lastJson(await chorus(context, ['init', '--json'], { cwd: repository, env }))
  if (typeof made.commit !== 'string') throw new Error(`init must commit: ${JSON.stringify(made)}`)
  return { folder, repository, remote, state, canaries, decoy, env, hits: service.hits, host, close: service.close }
}

/** Everything that a case runs carries its mark, and tries to leave a trace on the host. */
const scriptOf = (about: TaskCase, host: Host): string => [
  `export HOSTILE_MARK=${host.mark}`, 'cat > /dev/null', `mkdir -p '${path.dirname(host.canary)}' 2> /dev/null; { echo agent >> '${host.canary}'; } 2> /dev/null`,
  about.agent(host), '',
].join('\n')

const layTask = (repository: string, number: string, task: { readonly title: string; readonly check: string; readonly priority: number }): void => {
  lay(repository, { [`.chorus/tasks/${number}.md`]: `---\nid: ${number}\ntitle: ${task.title}\npriority: ${task.priority}\ncheck: ${JSON.stringify(task.check)}\n---\n\nsum() must add.\n` })
}

export const lay = (folder: string, files: Readonly<Record<string, string | Buffer>>): void => {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true })
    writeFileSync(path.join(folder, name), content)
  }
}

const countingService = async (answer: string): Promise<{ readonly port: number; readonly hits: () => number; readonly close: () => Promise<void> }> => {
  let hits = 0
  const server = createServer((_request, response) => { hits += 1; response.end(answer) })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  return { port: (server.address() as AddressInfo).port, hits: () => hits, close: () => new Promise((resolve) => { server.closeAllConnections(); server.close(() => { resolve() }) }) }
}

export interface NodeEvent { readonly kind: string; readonly key?: string; readonly reason?: string; readonly place?: string; readonly addresses?: readonly string[] }

export interface RunningNode {
  readonly child: ChildProcess
  readonly events: readonly NodeEvent[]
  readonly said: () => string
  stop(): Promise<void>
}

export const startNode = (context: ScenarioContext, stage: Stage, onEvent: (event: NodeEvent) => void): RunningNode => {
  const child = spawn(process.execPath, [path.join(context.root, 'bin/chorus.js'), 'up', '--json'], { cwd: stage.repository, env: { ...process.env, ...stage.env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const events: NodeEvent[] = []
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => { said = (said + chunk.toString('utf8')).slice(-20_000) })
  createInterface({ input: child.stdout }).on('line', (line) => {
    const event = JSON.parse(line) as NodeEvent
    events.push(event)
    onEvent(event)
  })
  return { child, events, said: () => said, stop: () => stopNode(child) }
}
