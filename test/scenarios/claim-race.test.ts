import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { openRecord } from '../../src/work/claims/mod.ts'
import { makeBareRepository, makeFolder, plainGit } from '../../src/testing/git-fixture.ts'
import { GitHttpServer } from '../../src/testing/git-http-server.ts'
import type { RacerOrder, RacerReport } from './claim-race-worker.ts'

/** docs/protocol.md §3: whoever wins is written on the server, and nobody else believes to have won. */
const FULL = process.env['CHORUS_RACE'] === 'full'
const SIZES = FULL ? { path: { racers: 20, tasks: 100 }, http: { racers: 20, tasks: 30 } } : { path: { racers: 6, tasks: 12 }, http: { racers: 4, tasks: 6 } }
const TIMEOUT_MS = FULL ? 1_800_000 : 120_000

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => { for (const clean of cleanups.splice(0).reverse()) await clean() })

type Done = Extract<RacerReport, { kind: 'done' }>

const report = async <K extends RacerReport['kind']>(racer: ChildProcess, kind: K): Promise<Extract<RacerReport, { kind: K }>> => {
  const gone = once(racer, 'exit').then(([code]) => { throw new Error(`a racer ended with ${String(code)} before it was ${kind}`) })
  for (;;) {
    const [message] = await Promise.race([once(racer, 'message'), gone]) as [RacerReport]
    if (message.kind === kind) return message as Extract<RacerReport, { kind: K }>
  }
}

const race = async (remote: string, folder: (name: string) => string, size: { readonly racers: number; readonly tasks: number }): Promise<readonly Done[]> => {
  const worker = fileURLToPath(new URL('./claim-race-worker.ts', import.meta.url))
  const racers = Array.from({ length: size.racers }, () => fork(worker, { execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }))
  cleanups.push(() => Promise.all(racers.map(async (racer) => {
    if (racer.exitCode !== null || racer.signalCode !== null) return
    const ended = once(racer, 'exit')
    racer.kill('SIGKILL')
    await ended
  })))
  const ready = racers.map((racer, index) => {
    const order: RacerOrder = { name: `racer-${index}`, remote, folder: folder(`racer-${index}`), tasks: size.tasks }
    racer.send(order)
    return report(racer, 'ready')
  })
  await Promise.all(ready)
  const done = racers.map((racer) => report(racer, 'done'))
  for (const racer of racers) racer.send('go')
  const reports = await Promise.all(done)
  const ended = racers.map((racer) => once(racer, 'exit'))
  for (const racer of racers) racer.send('stop')
  await Promise.all(ended)
  return reports
}

/** Asks the server alone, with plain git. */
const expectOneWinnerEach = async (bare: string, reports: readonly Done[], tasks: number): Promise<void> => {
  expect(reports.flatMap(({ failures }) => failures)).toEqual([])
  const wins = reports.flatMap(({ name, node, won }) => won.map((win) => ({ ...win, name, node })))
  expect(wins.map(({ number }) => Number(number)).sort((one, other) => one - other)).toEqual(Array.from({ length: tasks }, (_, index) => index + 1))
  expect(reports.reduce((sum, { lost }) => sum + lost, 0)).toBe((reports.length - 1) * tasks)

  const refs = (await plainGit(bare, 'for-each-ref', '--format=%(refname) %(objectname)', 'refs/chorus/claims/')).split('\n').map((line) => line.split(' ') as [string, string])
  expect(refs).toHaveLength(tasks)
  for (const win of wins) {
    const tip = new Map(refs).get(win.ref)
    expect(tip).toBeDefined()
    const chain = (await plainGit(bare, 'rev-list', '--first-parent', tip ?? '')).split('\n')
    expect(chain).toContain(win.oid)
    for (const commit of chain) {
      const opened = openRecord((await plainGit(bare, 'cat-file', 'commit', commit)).split('\n\n').slice(1).join('\n\n'))
      expect(opened).toMatchObject({ ok: true, value: { record: { node: win.node, epoch: 1, state: 'held', key: `local:race#${win.number}` } } })
    }
  }
  const times = wins.map(({ ms }) => ms).sort((one, other) => one - other)
  console.log(`claim race: ${reports.length} processes, ${tasks} tasks, ${wins.length} winners; a win took ${Math.round(times[Math.floor(times.length / 2)] ?? 0)} ms (median), ${Math.round(times.at(-1) ?? 0)} ms (longest); wins by process: ${reports.map(({ won }) => won.length).join(' ')}`)
}

test(`${SIZES.path.racers} processes race for ${SIZES.path.tasks} tasks on one bare repository: one winner each`, { timeout: TIMEOUT_MS }, async () => {
  const folder = await makeFolder()
  cleanups.push(() => folder.remove())
  const bare = await makeBareRepository(folder.join('remote'))
  await expectOneWinnerEach(bare, await race(bare, folder.join, SIZES.path), SIZES.path.tasks)
})

test(`${SIZES.http.racers} processes race for ${SIZES.http.tasks} tasks over http: one winner each`, { timeout: TIMEOUT_MS }, async () => {
  const folder = await makeFolder()
  cleanups.push(() => folder.remove())
  const bare = await makeBareRepository(folder.join('remotes', 'r'))
  const server = new GitHttpServer(folder.join('remotes'))
  await server.start()
  cleanups.push(() => server.stop())
  await expectOneWinnerEach(bare, await race(server.url('r'), folder.join, SIZES.http), SIZES.http.tasks)
})
