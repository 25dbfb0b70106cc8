import type { Command } from 'commander'
import { realpathSync, rmSync } from 'node:fs'
import os from 'node:os'
import { BubblewrapSandbox } from '../../adapters/bubblewrap/mod.ts'
import { ChorusError } from '../../core/mod.ts'
import { instanceOf } from '../bootstrap.ts'
import { count, countTasks, readClaims } from '../demo/count.ts'
import type { Count } from '../demo/count.ts'
import { NodeProcess } from '../demo/fleet.ts'
import { giveBootstrap, layStage } from '../demo/stage.ts'
import type { Stage } from '../demo/stage.ts'
import { Story } from '../demo/story.ts'
import { placesOf } from '../places.ts'
import type { CommandContext } from '../program.ts'
import { demoExecution } from '../demo/execution.ts'

/** Longer than any pause that the demo's own settings allow: a failed attempt waits a minute. */
const STUCK_MS = 150_000

/** Whoever cuts the demo short leaves neither nodes nor files behind. */
const CUT_BY = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** `demo`: nodes as processes on this machine share out the issues of a small library, fix, prove and merge them. */
export const addDemoCommand = (program: Command, context: CommandContext): void => {
  program.command('demo').description('watch three nodes on this machine share out and fix the issues of a small library')
    .option('--nodes <n>', 'how many nodes', '3')
    .option('--kill', 'kill one node with SIGKILL while it works: another takes its task over')
    .option('--keep', 'leave repository, logs and state on disk')
    .action(context.run(async ({ console: out, options, exitWith }) => {
      const begunMs = performance.now()
      const nodes = Number(options.nodes)
      if (!Number.isInteger(nodes) || nodes < 1 || nodes > 10) throw new ChorusError('USAGE', 'between 1 and 10 nodes expected', { setting: '--nodes' })
      const story = new Story(out, begunMs)
      const stage = await layStage({ nodes, execution: demoExecution(process.env) })
      story.say(`a library with ${await countTasks(stage)} open issues and a bare remote of its own: ${stage.remote}`)
      const fleet: NodeProcess[] = []
      const scratch = stage.nodes.map((node) => placesOf({ config: node.configFile, state: node.stateFolder }).scratchFolder)
      const clear = (): void => {
        if (options.keep === true) out.say(`kept: ${stage.folder}`)
        else for (const folder of [stage.folder, ...scratch]) rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
      }
      const cut = (signal: NodeJS.Signals): void => {
        for (const node of fleet) node.kill()
        clear()
        process.exit(128 + os.constants.signals[signal])
      }
      for (const signal of CUT_BY) process.on(signal, cut)
      try {
        const killed = await play(stage, story, fleet, options.kill === true)
        const counted = await count(stage)
        const seconds = Math.round((performance.now() - begunMs) / 100) / 10
        out.say(`\n${story.table()}\n`)
        out.result({ ...counted, seconds }, summary(counted, seconds, killed))
        const good = counted.tasks > 0 && counted.delivered === counted.tasks && counted.lost === 0 && counted.duplicated === 0
          && counted.processes === nodes && counted.audit === 'ok' && counted.checks === 'green'
        if (!good) exitWith(1)
      } finally {
        await Promise.all(fleet.map((node) => node.stop()))
        // A node that was killed could not clear its own control groups away.
        for (const node of stage.nodes) await new BubblewrapSandbox({ instance: instanceOf(realpathSync(node.stateFolder)) }).reap()
        for (const signal of CUT_BY) process.off(signal, cut)
        clear()
      }
    }))
}

/** Starts the nodes, waits until every task is done, and stops them. Returns the name of the node that was killed. */
const play = async (stage: Stage, story: Story, fleet: NodeProcess[], kill: boolean): Promise<string | undefined> => {
  const tasks = await countTasks(stage)
  let killed: string | undefined
  let together = false
  let movedMs = performance.now()
  for (const node of stage.nodes) {
    fleet.push(new NodeProcess(node, (line) => {
      story.tell(node.name, line)
      movedMs = performance.now()
      // In the middle of an attempt: the worst moment, and the one that users fear.
      if (kill && together && killed === undefined && line.kind === 'task_progressed') {
        killed = node.name
        fleet.find((process) => process.node === node)?.kill()
        story.say(`${node.name.padEnd(6)} killed with SIGKILL, in the middle of its work`)
      }
    }))
  }
  const [first, ...others] = fleet
  if (first === undefined) return undefined
  const ready = await first.start()
  await Promise.all(others.map(async (process) => {
    giveBootstrap(process.node, Array.isArray(ready.addresses) ? ready.addresses as string[] : [])
    await process.start()
  }))
  together = true
  for (;;) {
    const claims = await readClaims(stage)
    if (claims.filter((claim) => claim.state === 'done').length >= tasks) break
    // Nothing will move any more: every task is done or waits for a person.
    if (claims.length >= tasks && claims.every((claim) => claim.state === 'done' || claim.state === 'escalated' || claim.state === 'parked')) break
    const dead = fleet.find((process) => !process.running && process.node.name !== killed)
    if (dead !== undefined) throw new ChorusError('INTERNAL', `${dead.node.name} ended by itself: ${dead.errors.slice(-600)}`)
    if (performance.now() - movedMs > STUCK_MS) { story.say(`nothing has moved for ${STUCK_MS / 1000} s`); break }
    await new Promise((resolve) => { setTimeout(resolve, 200) })
  }
  await Promise.all(fleet.map((process) => process.stop()))
  return killed
}

const summary = (counted: Count, seconds: number, killed: string | undefined): string => [
  `${counted.delivered} of ${counted.tasks} issues delivered by ${counted.processes} node processes in ${seconds} s${killed === undefined ? '' : `, although ${killed} was killed`}`,
  `lost ${counted.lost}, duplicated ${counted.duplicated}; whole suite on the final branch: ${counted.checks}; signed logs of all nodes: ${counted.audit}`,
].join('\n')
