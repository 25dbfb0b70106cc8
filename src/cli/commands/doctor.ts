import type { Command } from 'commander'
import { BubblewrapSandbox } from '../../adapters/bubblewrap/mod.ts'
import { ChorusError } from '../../core/mod.ts'
import { loadConfig, makeRunner } from '../bootstrap.ts'
import { printable } from '../console.ts'
import { engineProbes } from '../doctor/engine.ts'
import { tryOut } from '../doctor/finding.ts'
import type { Finding, Probe } from '../doctor/finding.ts'
import { machineProbes } from '../doctor/machine.ts'
import { networkProbes } from '../doctor/network.ts'
import { ownFileProbes } from '../doctor/own-files.ts'
import { repositoryProbes } from '../doctor/repository.ts'
import { placesOf } from '../places.ts'
import type { Places } from '../places.ts'
import type { CommandContext } from '../program.ts'

/** `doctor`: tries every precondition for real, and says how to mend what is missing. */
export const addDoctorCommand = (program: Command, context: CommandContext): void => {
  program.command('doctor').description('try what a node needs on this machine, and say how to fix what is missing')
    .action(context.run(async ({ console: out, global, exitWith }) => {
      const sandbox = new BubblewrapSandbox({ instance: 'doctor' })
      const places = configured(global)
      const probes = [...machineProbes(sandbox), ...places === undefined ? [] : placeProbes(places, sandbox)]
      const findings: Finding[] = []
      // One after another: each may use the machine that the next looks at.
      for (const probe of probes) {
        const finding = await tryOut(probe)
        findings.push(finding)
        out.say(line(finding))
      }
      const ok = findings.every((finding) => finding.ok || !finding.required)
      out.result({ ok, findings }, ok ? 'this machine can run a node' : 'a node cannot work here yet: mend what is marked BAD')
      if (!ok) exitWith(1)
    }))
}

const line = ({ name, ok, required, found, fix }: Finding): string =>
  printable(`${ok ? 'ok  ' : required ? 'BAD ' : 'none'}  ${name.padEnd(12)} ${found}${ok || fix === '' ? '' : `\n                    fix: ${fix}`}`)

const placeProbes = (places: Places, sandbox: BubblewrapSandbox): readonly Probe[] => {
  const config = loadConfig(places.configFile)
  return [...ownFileProbes(places), ...networkProbes(config, places), ...engine(), ...repositoryProbes(config, places)]

  function engine(): readonly Probe[] {
    try {
      return engineProbes(config, makeRunner(config), sandbox)
    } catch (thrown) {
      // It cannot even be assembled: that is what its probe says.
      return [{ name: 'engine', required: true, fix: 'see the message', attempt: () => Promise.reject(thrown as Error) }]
    }
  }
}

const configured = (global: Parameters<typeof placesOf>[0]): Places | undefined => {
  try {
    return placesOf(global)
  } catch (thrown) {
    // Outside a prepared repository the machine itself is still worth a look.
    if (thrown instanceof ChorusError && thrown.code === 'CONFIG_MISSING') return undefined
    throw thrown
  }
}
