import { spawn } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import path from 'node:path'
import { git } from '../scenarios/own-repository.ts'
import { chorus, lastJson, until } from '../scenarios/scenario.ts'
import type { Ended, ScenarioContext } from '../scenarios/scenario.ts'
import type { Verdict } from './case.ts'
import { judgeEnd, tryConfig } from './configuration.ts'
import type { ConfigCase } from './configuration.ts'
import { canariesIn } from './look.ts'
import { lay } from './stage.ts'
import { NOBODY, asideOf, contentOf, makeFolderIn } from './state-folders.ts'
import type { LogCase, StateCase } from './state-folders.ts'

/** Hostile files on a node's own machine: each against the command line as a person types it. */
export interface CommandLineCases {
  readonly configs: readonly ConfigCase[]
  readonly states: readonly StateCase[]
  readonly logs: readonly LogCase[]
}

export const runCommandLine = async (context: ScenarioContext, folder: string, cases: CommandLineCases): Promise<{ readonly verdicts: readonly Verdict[]; readonly hostExecutions: number; readonly failures: readonly string[] }> => {
  const canaries = makeFolderIn(folder, 'canaries')
  // Another user must be able to walk to the state folders.
  chmodSync(folder, 0o755)
  const repository = await layRepository(path.join(folder, 'empty'))
  const verdicts: Verdict[] = []
  await inTwos(cases.configs, async (about) => {
    const problems = await tryConfig(context, about, { folder: makeFolderIn(folder, 'configs'), canary: path.join(canaries, about.name), repository })
    verdicts.push({ about, problems: [...problems, ...(existsSync(path.join(canaries, about.name)) ? ['it ran on the host'] : [])] })
  })
  if (cases.states.length + cases.logs.length > 0) {
    const place = await layStates(context, folder, repository)
    for (const about of cases.states) verdicts.push({ about, problems: await tryState(context, about, place) })
    await inTwos(cases.logs, async (about) => { verdicts.push({ about, problems: await tryLog(context, about, place) }) })
  }
  return { verdicts, hostExecutions: canariesIn(canaries).length, failures: [] }
}

const inTwos = async <Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> => {
  const left = [...items]
  const next = async (): Promise<void> => { for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item) }
  await Promise.all([next(), next()])
}

interface StatePlace {
  readonly folder: string
  readonly repository: string
  readonly state: string
  /** As the node left it. */
  readonly kept: string
  readonly other: string
}

const layRepository = async (repository: string): Promise<string> => {
  lay(repository, { 'chorus.yaml': 'poll: 1s\nnetwork: {mdns: false, listen: [/ip4/127.0.0.1/tcp/0]}\n', 'README.md': 'empty\n' })
  await git(repository, 'init', '-q', '-b', 'main')
  await git(repository, 'add', '-A')
  await git(repository, '-c', 'user.name=P', '-c', 'user.email=p@localhost', 'commit', '-q', '-m', 'empty')
  return repository
}

/** Two nodes that ran and stopped, so that their state folders are whole. */
const layStates = async (context: ScenarioContext, folder: string, repository: string): Promise<StatePlace> => {
  const [state, other] = [path.join(folder, 'own/state'), path.join(folder, 'other/state')]
  for (const one of [state, other]) {
    mkdirSync(path.dirname(one))
    lastJson(await chorus(context, ['init', '--json'], { cwd: repository, env: { CHORUS_STATE: one, GIT_AUTHOR_NAME: 'P', GIT_AUTHOR_EMAIL: 'p@localhost', GIT_COMMITTER_NAME: 'P', GIT_COMMITTER_EMAIL: 'p@localhost' } }))
    for (let times = 0; times < 2; times += 1) await startAndStop(context, repository, one)
  }
  const kept = path.join(folder, 'kept')
  cpSync(state, kept, { recursive: true, preserveTimestamps: true })
  return { folder, repository, state, kept, other }
}

const startAndStop = async (context: ScenarioContext, cwd: string, state: string): Promise<void> => {
  const child = spawn(process.execPath, [path.join(context.root, 'bin/chorus.js'), 'up', '--json', '--state', state], { cwd, stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => { said += chunk.toString('utf8') })
  const gone = once(child, 'exit')
  await until('a node to be ready', () => Promise.resolve(said.includes('node_ready') || child.exitCode !== null ? true : undefined))
  child.kill('SIGTERM')
  await gone
  if (child.exitCode !== 0) throw new Error(`exit code 0 expected of a sound state folder, got ${child.exitCode}: ${said.slice(-500)}`)
}

const tryState = async (context: ScenarioContext, about: StateCase, place: StatePlace): Promise<readonly string[]> => {
  const harmed = about.harm(place.state, place.other) ?? place.state
  const given = contentOf(harmed)
  try {
    const ended = await up(context, place, harmed, about.asNobody === true)
    const changed = [...new Set([...given.keys(), ...contentOf(harmed).keys()])].filter((name) => given.get(name) !== contentOf(harmed).get(name))
    return [...judgeEnd(ended, about), ...(changed.length === 0 ? [] : [`these were changed: ${changed.slice(0, 5).join(', ')}`])]
  } finally {
    restore(place)
    if (harmed !== place.state) rmSync(harmed, { recursive: true, force: true })
  }
}

const up = (context: ScenarioContext, place: StatePlace, state: string, asNobody: boolean): Promise<Ended> => {
  const args = ['up', '--json', '--state', state]
  if (!asNobody || process.getuid?.() !== 0) return chorus(context, args, { cwd: place.repository, timeoutMs: 60_000 })
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [path.join(context.root, 'bin/chorus.js'), ...args], { cwd: place.repository, uid: NOBODY, gid: NOBODY, env: { PATH: process.env['PATH'], HOME: '/nonexistent' }, stdio: ['ignore', 'pipe', 'pipe'] })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk: Buffer) => { stdout += chunk.toString('utf8') })
    child.stderr.on('data', (chunk: Buffer) => { stderr += chunk.toString('utf8') })
    const timer = setTimeout(() => { child.kill('SIGKILL') }, 60_000)
    child.once('error', reject)
    child.once('close', (code) => { clearTimeout(timer); resolve({ code, stdout, stderr }) })
  })
}

/** Written into the same files: a key in another file is another key's place. */
const restore = ({ state, kept }: StatePlace): void => {
  chmodSync(state, 0o700)
  if (existsSync(asideOf(state))) {
    const home = path.join(state, existsSync(path.join(asideOf(state), 'core')) ? 'log' : 'log/core')
    rmSync(home, { recursive: true, force: true })
    renameSync(asideOf(state), home)
  }
  const wanted = filesIn(kept)
  for (const name of filesIn(state)) if (!wanted.has(name)) rmSync(path.join(state, name))
  for (const name of wanted) {
    mkdirSync(path.dirname(path.join(state, name)), { recursive: true })
    const [now, was] = [path.join(state, name), path.join(kept, name)]
    // Not even its time: the log knows a copy by that.
    if (!existsSync(now) || !readFileSync(now).equals(readFileSync(was))) writeFileSync(now, readFileSync(was))
  }
}

const filesIn = (folder: string): ReadonlySet<string> =>
  new Set(readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => !name.startsWith('lock') && statSync(path.join(folder, name)).isFile()))

const tryLog = async (context: ScenarioContext, about: LogCase, place: StatePlace): Promise<readonly string[]> => {
  const copy = path.join(place.folder, 'copies', about.name)
  cpSync(place.kept, copy, { recursive: true, preserveTimestamps: true })
  const verify = (): Promise<Ended> => chorus(context, ['audit', 'verify', copy, '--json'], { cwd: place.repository, timeoutMs: 60_000 })
  const sound = await verify()
  if (sound.code !== 0) return [`the untouched copy must verify: ${sound.stdout.slice(-300)}`]
  about.harm(copy)
  const ended = await verify()
  const said = lastJson(ended)
  const words = JSON.stringify(said)
  return [
    ...(ended.code === 1 || ended.code === 65 ? [] : [`exit code 1 or 65 expected, got ${ended.code}`]),
    ...(said['ok'] === true ? ['it says that the log is sound'] : []),
    ...(words.includes(about.because) ? [] : [`${JSON.stringify(about.because)} expected, got ${words.slice(0, 400)}`]),
  ]
}
