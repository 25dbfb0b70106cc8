import type { Command } from 'commander'
import os from 'node:os'
import { ChorusError, messageOf } from '../../core/mod.ts'
import { AttachedDrill } from '../chaos/attached.ts'
import type { AttachedOptions } from '../chaos/attached.ts'
import { countEvidence, percentile } from '../chaos/counting.ts'
import type { Counted } from '../chaos/counting.ts'
import { Drill } from '../chaos/drill.ts'
import type { DrillRecord } from '../chaos/drill.ts'
import { auditLogs, gatherEvidence } from '../chaos/gather.ts'
import { parseDrillOptions } from '../chaos/options.ts'
import type { DrillOptions } from '../chaos/options.ts'
import { laySite } from '../chaos/site.ts'
import type { Site } from '../chaos/site.ts'
import { printable, table } from '../console.ts'
import type { Console } from '../console.ts'
import type { CommandContext } from '../program.ts'

const CUT_BY = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** `chaos`: kills, stops and cuts off real nodes on this machine while they work, then counts what was lost or done twice. */
export const addChaosCommand = (program: Command, context: CommandContext): void => {
  program.command('chaos').description('a drill: break ten nodes of its own again and again while they work, then count what was lost or done twice')
    .option('--nodes <n>', 'how many nodes', '10')
    .option('--tasks <n>', 'how many small tasks', '60')
    .option('--minutes <n>', 'faults go on at least so long, while there is work', '2')
    .option('--kills <n>', 'and until so many nodes were killed', '0')
    .option('--holders <n>', 'and until so many were killed that had a task', '0')
    .option('--zombies <n>', 'and until so many were stopped, superseded and woken', '0')
    .option('--work <seconds>', 'how long a task takes its agent, from-to', '1-4')
    .option('--seed <text>', 'repeats what is drawn (not when it happens)')
    .option('--keep', 'leave repository, logs and state on disk')
    .option('--attach <folders...>', 'instead of nodes of its own: state folders of nodes on this machine that were started with --allow-chaos; they are only stopped and woken')
    .action(context.run(async ({ console: out, options: raw, exitWith }) => {
      const options = parseDrillOptions(raw)
      const say = progress(out)
      say(`seed ${options.seed}`)
      if (Array.isArray(raw.attach)) return attached(out, { stateFolders: raw.attach, minutes: options.minutes, seed: options.seed, say }, exitWith)
      let clear: Site['clear'] = () => undefined
      let drill: Drill | undefined
      const cut = (signal: NodeJS.Signals): void => {
        drill?.kill()
        clear({ keep: options.keep })
        process.exit(128 + os.constants.signals[signal])
      }
      for (const signal of CUT_BY) process.on(signal, cut)
      const stage = { nodes: options.nodes, tasks: options.tasks, seed: options.seed, workSeconds: options.workSeconds, claims: CLAIMS, poll: POLL }
      const site = await laySite(stage, (made) => { clear = made })
      drill = new Drill(options, site, { say, line: () => undefined })
      try {
        if (site.withoutCuts !== undefined) say(`no network cuts and no full disk: ${site.withoutCuts}`)
        const { result, words, holds } = await judge(options, site, await drill.run())
        out.result(result, words)
        if (!holds) exitWith(1)
      } finally {
        drill.kill()
        await site.reap().catch((thrown: unknown) => { say(`not everything could be cleared away: ${messageOf(thrown)}`) })
        site.clear({ keep: options.keep })
        if (options.keep) say(`kept: ${site.stage.folder}`)
        for (const signal of CUT_BY) process.off(signal, cut)
      }
    }))
}

const attached = async (out: Console, options: AttachedOptions, exitWith: (code: number) => void): Promise<void> => {
  const drill = new AttachedDrill(options)
  const cut = (signal: NodeJS.Signals): void => {
    drill.clear()
    process.exit(128 + os.constants.signals[signal])
  }
  for (const signal of CUT_BY) process.on(signal, cut)
  try {
    const { broken, violations: _violations, ...counts } = await drill.run()
    for (const problem of broken.slice(0, 20)) process.stderr.write(`chorus: ${printable(problem)}\n`)
    const result = { ...counts, broken: broken.length, seed: options.seed }
    out.result(result, `\n${table(['counted from refs and logs', ''], Object.entries(result).map(([name, value]) => [name, String(value)]))}`)
    if (counts.lost > 0 || counts.duplicated > 0 || broken.length > 0) exitWith(1)
  } finally {
    drill.clear()
    for (const signal of CUT_BY) process.off(signal, cut)
  }
}

/** Short enough for a drill; what an early takeover gains over waiting for the lease still shows. */
const CLAIMS = { lease: '30s', renew: '10s' }
/** Ten nodes that ask one server on the same machine: a look costs more than anything else here. */
const POLL = '8s'

/** For people where results go; with --json beside them, so that a long run shows that it lives. */
const progress = (out: Console): ((text: string) => void) => {
  const begunMs = performance.now()
  return (text) => {
    const line = `${((performance.now() - begunMs) / 1_000).toFixed(1).padStart(7)}s  ${printable(text)}`
    if (out.json) process.stderr.write(`${line}\n`)
    else out.say(line)
  }
}

const judge = async (options: DrillOptions, site: Site, record: DrillRecord): Promise<{ readonly result: unknown; readonly words: string; readonly holds: boolean }> => {
  const evidence = await gatherEvidence(site.stage, record.kills)
  const counted = countEvidence(evidence)
  const broken = [...counted.violations, ...await auditLogs(site.stage, evidence.chains), ...record.surprises]
  const byOthers = counted.reclaims.filter(({ by }) => by === 'another').map(({ ms }) => ms)
  if (byOthers.length === 0) throw new ChorusError('CHECK_FAILED', `no task of a killed node was taken over by another, so there is no time to tell (${counted.kills} kills, ${counted.killsOfHolders} of holders): let it go on longer`, { setting: '--minutes' })
  const { reclaims, violations: _violations, ...counts } = counted
  const result = {
    ...counts, reclaimMsP50: percentile(byOthers, 0.5), reclaimMsP95: percentile(byOthers, 0.95),
    reclaims: byOthers.length, takenBackByItself: reclaims.length - byOthers.length, ...record.faults, faultSeconds: record.faultSeconds,
    nodes: options.nodes, seed: options.seed, broken: broken.length, folder: options.keep ? site.stage.folder : undefined,
  }
  const holds = counts.tasks > 0 && counts.lost === 0 && counts.duplicated === 0 && broken.length === 0
    && counts.kills >= options.killsMin && counts.killsOfHolders >= options.holdersMin && counts.zombiesRefused >= options.zombiesMin
  for (const problem of broken.slice(0, 20)) process.stderr.write(`chorus: ${printable(problem)}\n`)
  return { result, words: wordsOf(counted, result), holds }
}

const wordsOf = (counted: Counted, result: { readonly reclaimMsP50: number; readonly reclaimMsP95: number; readonly takenBackByItself: number; readonly broken: number } & DrillRecord['faults']): string => {
  const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`
  return `\n${table(['counted from refs, repository and logs', ''], [
    ['tasks', String(counted.tasks)],
    ['delivered once', String(counted.delivered)],
    ['lost', String(counted.lost)],
    ['delivered twice', String(counted.duplicated)],
    ['left to people', String(counted.escalated)],
    ['begun again by another owner', String(counted.reworked)],
    ['nodes killed', `${counted.kills}, ${counted.killsOfHolders} of them with a task`],
    ['stopped, cut off, disk full', `${result.pause + result.sleep}, ${result.cut}, ${result.fill}`],
    ['zombies refused', String(counted.zombiesRefused)],
    ['taken over by another after', `${seconds(result.reclaimMsP50)} in the middle, ${seconds(result.reclaimMsP95)} at the 95th percentile`],
    ['taken back by the node itself', String(result.takenBackByItself)],
    ['broken promises', String(result.broken)],
  ])}`
}
