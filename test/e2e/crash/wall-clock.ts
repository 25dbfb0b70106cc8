/**
 * Loaded before `chorus up` (node --import): SIGUSR2 sets this process's wall clock two hours ahead, the next one two hours
 * behind. Nobody may set the machine's own for a test.
 */
const { now } = Date
const HOURS_MS = 2 * 3_600_000
let byMs = 0
const shifted = (): number => now() + byMs

globalThis.Date = new Proxy(Date, {
  construct: (target, args: unknown[], newTarget) => Reflect.construct(target, args.length === 0 ? [shifted()] : args, newTarget) as object,
  get: (target, name, receiver) => name === 'now' ? shifted : Reflect.get(target, name, receiver) as unknown,
})

process.on('SIGUSR2', () => { byMs = byMs > 0 ? -HOURS_MS : HOURS_MS })
