import type { Command } from 'commander'
import { ChorusError, parseTaskKey } from '../../core/mod.ts'
import type { TaskKey } from '../../core/mod.ts'
import type { NodeEvent } from '../../node/node.ts'
import { ControlServer } from '../../surfaces/control/mod.ts'
import { buildNode } from '../bootstrap.ts'
import { allowChaos } from '../chaos/marker.ts'
import { printable, table } from '../console.ts'
import type { Console } from '../console.ts'
import { placesOf } from '../places.ts'
import type { CommandContext } from '../program.ts'

/** `up`: one node in the foreground until Ctrl-C, SIGTERM or `chorus stop`. A second Ctrl-C ends it at once. */
export const addUpCommand = (program: Command, context: CommandContext): void => {
  program.command('up').description('run a node here: find peers, claim tasks, work, deliver')
    .option('--dry-run', 'show what it would take, and claim nothing')
    .option('--allow-chaos', 'let `chorus chaos --attach` on this machine stop and wake this node')
    .action(context.run(async ({ console: out, global, options, exitWith }) => {
      const places = placesOf(global)
      if (options.dryRun === true) return dryRun(out, places)
      const built = await buildNode(places)
      let forbidChaos = (): void => undefined
      const { node, logger } = built
      const ended = Promise.withResolvers<undefined>()
      const stop = (): void => { node.stop().then(() => { ended.resolve(undefined) }, ended.reject) }
      const control = new ControlServer(places.controlSocket, {
        commands: {
          status: () => Promise.resolve(node.status()),
          pause: async () => { await node.pause(); return { paused: true } },
          resume: async () => { await node.resume(); return { paused: false } },
          stop: () => { stop(); return Promise.resolve({ stopping: true }) },
          retry: async (body) => { await node.retry(keyOf(body)); return { retried: true } },
        },
        watch: (listener) => node.watch((event) => { listener(JSON.stringify(event)) }),
      })
      const unwatch = node.watch((event) => { show(out, event) })
      let signals = 0
      const onSignal = (): void => {
        signals += 1
        if (signals === 1) { out.say('stopping: running work is delivered or given back (Ctrl-C again ends at once)'); stop() } else process.exit(130)
      }
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal)
      try {
        out.say(`log: ${built.logFile}`)
        void node.broken.then((failure) => { ended.reject(failure) })
        await control.start()
        if (options.allowChaos === true) forbidChaos = await allowChaos(places.stateFolder, places.configFile)
        await node.start()
        await ended.promise
        exitWith(0)
      } finally {
        forbidChaos()
        await node.stop()
        unwatch()
        await control.stop()
        logger.info('node ended')
        await built.close()
      }
    }))
}

const keyOf = (body: unknown): TaskKey => {
  const key = (body as { key?: unknown } | null)?.key
  if (typeof key !== 'string' || parseTaskKey(key) === undefined) throw new ChorusError('INPUT_INVALID', 'a task key such as local:repository#7 expected')
  return key as TaskKey
}

/** Reads tasks and claims, scores them as the node would, and changes nothing. */
const dryRun = async (out: Console, places: ReturnType<typeof placesOf>): Promise<void> => {
  const { openViewer } = await import('../viewer.ts')
  const { rows, problems } = await (await openViewer(places)).tasks()
  const wanted = rows.filter((row) => row.wouldTake).sort((a, b) => (a.rank ?? 0) - (b.rank ?? 0))
  out.result({ wouldTake: wanted.map((row) => ({ key: row.key, score: row.score, title: row.title })), problems }, wanted.length === 0 ? 'nothing to take'
    : table(['task', 'score', 'prio', 'title'], wanted.map((row) => [row.key, row.score.toFixed(2), String(row.priority), printable(row.title)])))
}

const MARKS: Readonly<Record<string, string>> = {
  node_ready: '●', member_joined: '+', member_left: '-', task_claimed: '◆', task_started: '▶', task_verified: '✓', task_delivered: '⇧', task_completed: '✔',
  task_failed: '✗', task_released: '↺', task_parked: '‖', task_escalated: '!', task_lost: '⤫', node_problem: '!', repository_failed: '!', task_problem: '!',
}

const show = (out: Console, event: NodeEvent & { readonly at: string }): void => {
  out.event(event)
  if (event.kind === 'task_progressed') return
  const { at, kind, ...rest } = event
  const words = Object.entries(rest).map(([name, value]) => `${name} ${Array.isArray(value) ? value.join(' ') : typeof value === 'number' ? Math.round(value * 100) / 100 : String(value)}`)
  out.say(`${at.slice(11, 19)} ${MARKS[kind] ?? '·'} ${kind.replaceAll('_', ' ')}  ${printable(words.join('  '))}`)
}
