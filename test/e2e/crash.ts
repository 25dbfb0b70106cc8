import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import path from 'node:path'
import { POINTS } from './crash/points.ts'
import { tryPoint } from './crash/try-point.ts'
import type { Tried } from './crash/try-point.ts'

/**
 * `npm run e2e:crash`: `kill -9` at every step of a task's life. Real nodes, real git over HTTP, real sandboxes; each point
 * in a repository of its own, two points at a time. Words choose points by their names; `--keep` leaves the folders.
 */
const json = process.argv.includes('--json')
const words = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
const chosen = POINTS.filter((point) => words.length === 0 || words.some((word) => point.name.includes(word)))
const folder = mkdtempSync('/var/tmp/chorus-crash-')
chmodSync(folder, 0o711)
// Thirty times the same program: compiled once.
process.env.NODE_COMPILE_CACHE = path.join(folder, 'compiled')
const say = (text: string): void => { (json ? process.stderr : process.stdout).write(`${text}\n`) }

const tried: Tried[] = []
const broken: string[] = []
const left = chosen.map((point, index) => ({ point, folder: path.join(folder, String(index + 1)) }))
const begunMs = performance.now()
const worker = async (): Promise<void> => {
  for (let next = left.shift(); next !== undefined; next = left.shift()) {
    try {
      const one = await tryPoint(next.point, next.folder)
      tried.push(one)
      say(`${one.problems.length === 0 ? 'ok   ' : 'FAIL '} ${one.point}  (${one.epochs} epochs, ${one.seconds} s)`)
      for (const problem of one.problems) say(`       ${problem}`)
    } catch (thrown) {
      broken.push(next.point.name)
      say(`FAIL  ${next.point.name}\n       ${thrown instanceof Error ? thrown.stack ?? thrown.message : String(thrown)}`)
    }
  }
}
await Promise.all([worker(), worker()])
if (!process.argv.includes('--keep')) rmSync(folder, { recursive: true, force: true })
else say(folder)
const recovered = tried.filter(({ problems, lost, duplicated }) => problems.length === 0 && !lost && !duplicated).length
say(`${Math.round((performance.now() - begunMs) / 1_000)} s`)
process.stdout.write(`${JSON.stringify({
  points: chosen.length, recovered,
  lost: tried.filter(({ lost }) => lost).length + broken.length, duplicated: tried.filter(({ duplicated }) => duplicated).length,
})}\n`)
process.exit(chosen.length > 0 && recovered === chosen.length ? 0 : 1)
