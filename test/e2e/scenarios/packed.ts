import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { git, inFolder, layRepositoryWithBug, stopNode } from './own-repository.ts'
import { expect, lastJson, run, until } from './scenario.ts'
import type { Ended, Scenario } from './scenario.ts'

/** What npm would publish, installed elsewhere: the command works there without sources and development packages. */
export const packed: Scenario = {
  name: 'packed',
  run: ({ root }) => inFolder(async (folder) => {
    const prefix = path.join(folder, 'prefix')
    await npm(root, 'pack', '--pack-destination', folder)
    const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'))
    if (tarball === undefined) throw new Error('npm pack left no archive')
    await npm(folder, 'install', '--global', '--prefix', prefix, '--prefer-offline', '--no-audit', '--no-fund', path.join(folder, tarball))
    judgeContents(path.join(prefix, 'lib/node_modules/chorus-swarm'))

    const repository = await layRepository(path.join(folder, 'notes'))
    const chorus = (...args: readonly string[]): Promise<Ended> =>
      run(path.join(prefix, 'bin/chorus'), args, { cwd: repository, env: { PATH: foreignPath(), CHORUS_STATE: path.join(folder, 'state') }, timeoutMs: 30_000 })

    const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { version: string }
    const told = await chorus('--version')
    expect(told.code === 0 && told.stdout === `${version}\n`, `version ${version} expected, got ${told.stdout}${told.stderr}`)
    const prepared = lastJson(await chorus('init', '--json'))
    expect(typeof prepared.commit === 'string', `init must commit, got ${JSON.stringify(prepared)}`)
    const added = await chorus('task', 'add', 'Sort the notes', '--check', 'sh test.sh', '--json')
    expect(added.code === 0, `task add must succeed, got ${added.code}: ${added.stdout}${added.stderr}`)
    const { wouldTake, problems } = lastJson(await chorus('up', '--dry-run', '--json')) as { wouldTake?: readonly { readonly key: string }[]; problems?: readonly unknown[] }
    expect(wouldTake?.length === 1 && wouldTake[0]?.key === 'local:notes#1' && problems?.length === 0, `the task must be wanted, got ${JSON.stringify({ wouldTake, problems })}`)
    await judgeDemo(path.join(prefix, 'bin/chorus'), repository)
    await npm(folder, 'install', '--prefix', path.join(folder, 'older'), '--no-audit', '--no-fund', `node-linux-${process.arch}@${OLDEST_NODE}`)
    for (const [name, nodeFolder] of [['this machine', undefined], [`Node ${OLDEST_NODE}`, path.join(folder, `older/node_modules/node-linux-${process.arch}/bin`)]] as const) {
      await threeCommands(path.join(prefix, 'bin/chorus'), { folder: path.join(folder, name.replace(/\W/g, '-')), name, nodeFolder })
    }
  }),
}

/** The oldest line of Node that it says it runs on. */
const OLDEST_NODE = '22.23.3'

/** `init`, `task add`, `up`: what a person types in a repository of their own, until the change is on its branch. */
const threeCommands = async (program: string, { folder, name, nodeFolder }: { readonly folder: string; readonly name: string; readonly nodeFolder: string | undefined }): Promise<void> => {
  mkdirSync(folder)
  const { repository, env } = await layRepositoryWithBug(folder)
  const given = { ...env, PATH: [...nodeFolder === undefined ? [] : [nodeFolder], foreignPath()].join(path.delimiter) }
  const chorus = async (...args: readonly string[]): Promise<Record<string, unknown>> => lastJson(await run(program, [...args, '--json'], { cwd: repository, env: given, timeoutMs: 60_000 }))
  await chorus('init')
  await chorus('task', 'add', 'Fix the sum', '--check', 'node --test test/sum.test.js')
  const node = spawn(program, ['up', '--json'], { cwd: repository, env: { ...process.env, ...given }, stdio: ['ignore', 'pipe', 'inherit'] })
  node.stdout.resume()
  try {
    await until(`the task to be done (${name})`, async () => {
      const { tasks } = await chorus('task', 'list') as { readonly tasks: readonly { readonly state: string }[] }
      return tasks[0]?.state === 'done' ? true : undefined
    })
    expect((await git(repository, 'show', 'chorus/1:sum.js')).includes('a + b'), `${name}: the branch must hold the fix`)
  } finally {
    await stopNode(node)
  }
}

/** Only its beginning: it finds the library that it ships, and its nodes start and claim. Cut short as by Ctrl-C. */
const judgeDemo = async (program: string, cwd: string): Promise<void> => {
  const child = spawn(program, ['demo'], { cwd, env: { ...process.env, PATH: foreignPath() }, stdio: ['ignore', 'pipe', 'inherit'] })
  const timer = setTimeout(() => { child.kill('SIGKILL') }, 60_000)
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => {
    const before = said
    said += chunk.toString('utf8')
    if (/ claimed, /.test(said) && !/ claimed, /.test(before)) child.kill('SIGINT')
  })
  const [code] = await once(child, 'close') as [number | null]
  clearTimeout(timer)
  expect(/a library with 12 open issues/.test(said) && / claimed, /.test(said), `12 issues and a first claim expected, got ${said.slice(0, 2000)}`)
  expect(code === 130, `exit code 130 after an interrupt expected, got ${code}`)
}

/** Twice if need be: npm was seen to stand still for good, waiting for nothing. */
const npm = async (cwd: string, ...args: readonly string[]): Promise<void> => {
  const attempt = (): Promise<Ended> => run('npm', args, { cwd, timeoutMs: 150_000 })
  const first = await attempt()
  const ended = first.code === null ? await attempt() : first
  expect(ended.code === 0, `npm ${args.join(' ')} ended with ${ended.code}: ${ended.stderr.slice(-2000)}`)
}

const judgeContents = (home: string): void => {
  const files = readdirSync(home, { recursive: true, encoding: 'utf8' }).filter((name) => !name.startsWith('node_modules'))
  const odd = files.filter((name) => name.startsWith('src') || /^dist\/.*(?:\.test\.|testing)|\.ts$/.test(name))
  expect(odd.length === 0, `no sources and tests expected in the package, found ${odd.slice(0, 5).join(', ')}`)
  const needed = ['bin/chorus', 'dist/cli/main.js', 'examples/textkit/chorus.yaml', 'schema/chorus.schema.json', 'docs/configuration.md', 'README.md', 'LICENSE']
  const missing = needed.filter((name) => !files.includes(name))
  expect(missing.length === 0, `the package lacks ${missing.join(', ')}`)
  for (const name of ['typescript', 'vitest', 'eslint']) expect(!existsSync(path.join(home, 'node_modules', name)), `${name} is for development only`)
}

/** A repository of another kind: no Node in it. */
const layRepository = async (repository: string): Promise<string> => {
  mkdirSync(repository)
  writeFileSync(path.join(repository, 'notes.txt'), 'b\na\n')
  writeFileSync(path.join(repository, 'test.sh'), 'sort -c notes.txt\n')
  await git(repository, 'init', '-q', '-b', 'main')
  await git(repository, 'config', 'user.name', 'P')
  await git(repository, 'config', 'user.email', 'p@localhost')
  await git(repository, 'add', '-A')
  await git(repository, 'commit', '-q', '-m', 'notes')
  return repository
}

/** Without the checkout's own Node and programs, which npm's scripts put first. */
const foreignPath = (): string =>
  (process.env.PATH ?? '').split(path.delimiter).filter((folder) => !folder.includes('node_modules')).join(path.delimiter)
