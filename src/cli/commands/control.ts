import type { Command } from 'commander'
import { askNode, watchNode } from '../../surfaces/control/mod.ts'
import type { NodeStatus } from '../../node/status.ts'
import { printable, table } from '../console.ts'
import type { Console } from '../console.ts'
import { placesOf } from '../places.ts'
import type { CommandContext } from '../program.ts'

/** Commands that speak to the running node of this configuration. */
export const addControlCommands = (program: Command, context: CommandContext): void => {
  program.command('status').description('what the running node does; --watch keeps showing it')
    .option('--watch', 'refresh every second until Ctrl-C')
    .action(context.run(async ({ console: out, global, options }) => {
      const { controlSocket } = placesOf(global)
      if (options.watch !== true || out.json) {
        const status = await askNode(controlSocket, 'status') as NodeStatus
        out.result(status, describe(status))
        return
      }
      for (;;) {
        const status = await askNode(controlSocket, 'status') as NodeStatus
        // Home, clear to the end of the screen.
        out.say(`\u001b[H\u001b[J${describe(status)}`)
        await new Promise((resolve) => { setTimeout(resolve, 1000) })
      }
    }))

  const simple = (name: 'pause' | 'resume' | 'stop', description: string, done: string): void => {
    program.command(name).description(description).action(context.run(async ({ console: out, global }) => {
      await askNode(placesOf(global).controlSocket, name)
      out.result({ [name]: true }, done)
    }))
  }
  simple('pause', 'stop agents within ten seconds and claim nothing until `resume`; survives a restart', 'paused: no agent runs, nothing is claimed')
  simple('resume', 'claim again after `pause`', 'resumed')
  simple('stop', 'deliver or give back what runs, then end the node', 'stopping: running work is delivered or given back')

  program.command('logs').description('live events of the running node')
    .action(context.run(async ({ console: out, global }) => {
      const stop = new AbortController()
      process.once('SIGINT', () => { stop.abort() })
      for await (const line of watchNode(placesOf(global).controlSocket, stop.signal)) show(out, line)
    }))
}

const show = (out: Console, line: string): void => {
  const event = JSON.parse(line) as Record<string, unknown>
  out.event(event)
  const { at, kind, node: _node, ...rest } = event
  out.say(`${String(at).slice(11, 19)}  ${String(kind).padEnd(18)} ${printable(Object.values(rest).map((value) => typeof value === 'object' ? JSON.stringify(value) : String(value)).join('  '))}`)
}

const describe = (status: NodeStatus): string => {
  const lines = [
    `${status.agent_id} (${status.role})  ${status.status}  ${status.current_tasks}/${status.max_tasks} tasks  up ${Math.round(status.uptime_seconds)} s`,
    `node ${status.node_id}`,
    `engine ${status.engine.kind}: ${status.engine.ready ? 'ready' : status.engine.reason}   sandbox ${status.sandbox.kind}: ${status.sandbox.available ? 'ready' : status.sandbox.reason}`,
  ]
  if (status.active_tasks.length > 0) {
    lines.push('', table(['task', 'state', 'epoch', 'since', 'title'], status.active_tasks.map((task) => [task.key, task.status, String(task.epoch), task.claimed_at?.slice(11, 19) ?? '-', task.title])))
  }
  if (status.members.length > 0) {
    lines.push('', table(['member', 'role', 'state', 'tasks', 'seen'], status.members.map((member) =>
      [member.node_id.slice(-10), member.role, member.status, `${member.current_tasks}/${member.max_tasks}`, `${Math.round(member.last_seen_seconds)} s ago`])))
  }
  if (status.problems.length > 0) lines.push('', 'needs a person:', ...status.problems.map((problem) => `  ${problem}`))
  return printable(lines.join('\n'))
}
