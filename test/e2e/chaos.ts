import { execFileSync, spawn } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { recount } from './chaos-recount.ts'

/**
 * `npm run e2e:chaos`: the drill as a user runs it, at the size that the promise is made for, and then everything counted
 * once more from what it left on disk, by plain git and without any of the drill's code. Any difference fails.
 */
const root = path.resolve(import.meta.dirname, '../..')
const json = process.argv.includes('--json')
const WANTED = { nodes: 10, tasks: 200, minutes: 2, kills: 40, holders: 20, zombies: 10, reclaimMsP50Max: 25_000, secondsMax: 480 }

const drill = (): Promise<{ readonly code: number | null; readonly last: Record<string, unknown> }> => new Promise((resolve, reject) => {
  const options = Object.entries({ nodes: WANTED.nodes, tasks: WANTED.tasks, minutes: WANTED.minutes, kills: WANTED.kills, holders: WANTED.holders, zombies: WANTED.zombies })
  const seed = process.argv.flatMap((argument, index) => argument === '--seed' ? [argument, process.argv[index + 1] ?? ''] : [])
  const child = spawn(process.execPath, [path.join(root, 'bin/chorus.js'), 'chaos', '--json', '--keep', ...options.flatMap(([name, value]) => [`--${name}`, String(value)]), ...seed], { stdio: ['ignore', 'pipe', 'inherit'] })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => { child.kill(signal) })
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => { said += chunk.toString('utf8') })
  child.once('error', reject)
  child.once('close', (code) => {
    const line = said.trim().split('\n').at(-1) ?? ''
    try {
      resolve({ code, last: JSON.parse(line) as Record<string, unknown> })
    } catch (cause) {
      reject(new Error(`a JSON object as the last line expected, got ${JSON.stringify(line.slice(0, 300))}`, { cause }))
    }
  })
})

const begunMs = performance.now()
const { code, last } = await drill()
const seconds = Math.round((performance.now() - begunMs) / 1_000)
const folder = typeof last.folder === 'string' ? last.folder : undefined
const failures: string[] = code === 0 ? [] : [`the drill ended with exit code ${code}: ${JSON.stringify(last)}`]
let counted: Record<string, number> = {}
try {
  if (folder === undefined) throw new Error('the drill kept nothing to count')
  const again = recount(folder)
  counted = { ...again.counts }
  failures.push(...again.problems)
  for (const [name, value] of Object.entries(counted)) if (last[name] !== value) failures.push(`${name}: the drill counted ${JSON.stringify(last[name])}, plain git ${value}`)
} catch (thrown) {
  failures.push(thrown instanceof Error ? thrown.message : String(thrown))
} finally {
  if (folder !== undefined && !process.argv.includes('--keep')) rmSync(folder, { recursive: true, force: true })
}
const at = (name: string): number => counted[name] ?? NaN
const want = (holds: boolean, what: string): void => { if (!holds) failures.push(what) }
want(at('tasks') === WANTED.tasks && at('delivered') === WANTED.tasks, `${WANTED.tasks} tasks delivered expected`)
want(at('lost') === 0 && at('duplicated') === 0, 'nothing lost and nothing delivered twice expected')
want(at('kills') >= WANTED.kills && at('killsOfHolders') >= WANTED.holders, `${WANTED.kills} kills expected, ${WANTED.holders} of holders`)
want(at('zombiesRefused') >= WANTED.zombies, `${WANTED.zombies} zombies that tried and were refused expected`)
want(at('reclaimMsP50') <= WANTED.reclaimMsP50Max, `half of the takeovers within ${WANTED.reclaimMsP50Max} ms expected`)
want(seconds <= WANTED.secondsMax, `at most ${WANTED.secondsMax} s expected, took ${seconds}`)
failures.push(...leftOver())
for (const failure of failures) process.stderr.write(`FAIL ${failure}\n`)
if (!json) process.stdout.write(`${failures.length === 0 ? 'ok' : 'FAIL'}  chaos  (${seconds} s)\n`)
process.stdout.write(`${JSON.stringify(Object.fromEntries(FIELDS().map((name) => [name, counted[name]])))}\n`)
process.exitCode = failures.length === 0 ? 0 : 1

function FIELDS(): readonly string[] { return ['tasks', 'delivered', 'lost', 'duplicated', 'kills', 'killsOfHolders', 'zombiesRefused', 'reclaimMsP50', 'reclaimMsP95'] }

/** What a drill must not leave behind: processes on its folder, namespaces, mounts. */
function leftOver(): readonly string[] {
  if (process.platform !== 'linux' || folder === undefined) return []
  const inFolder = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder) ? [`process ${pid} still runs`] : []
    } catch {
      // It has ended meanwhile.
      return []
    }
  })
  const mounts = readFileSync('/proc/self/mounts', 'utf8').includes(folder) ? [`something is still mounted below ${folder}`] : []
  const spaces = existsSync('/var/run/netns') ? execFileSync('ls', ['/var/run/netns'], { encoding: 'utf8' }).split('\n').filter((name) => name.startsWith('chorus-chaos-')) : []
  return [...inFolder, ...mounts, ...spaces.map((name) => `the network namespace ${name} is still there`)]
}
