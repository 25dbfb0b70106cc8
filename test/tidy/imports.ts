import { importsOf, isProduction, resolveImport } from './source.ts'
import type { Finding, SourceText } from './source.ts'

/**
 * Who may import whom (ARCHITECTURE.md). A room is a folder with a public face, `mod.ts`; what is not in the table may
 * not be imported. Tests may import what they need.
 */
const GROUPS = ['swarm', 'work', 'memory'] as const
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  core: [],
  ports: ['core'],
  wire: ['core', 'ports'],
  swarm: ['core', 'ports', 'wire'],
  work: ['core', 'ports', 'wire'],
  memory: ['core', 'ports', 'wire'],
  coordinator: ['core', 'ports', 'wire', 'swarm', 'work', 'memory'],
  node: ['core', 'ports', 'wire', 'swarm', 'work', 'memory', 'coordinator'],
  adapters: ['core', 'ports', 'wire'],
  surfaces: ['core', 'ports', 'wire', 'node'],
  testing: ['core', 'ports', 'wire', 'swarm', 'work', 'memory', 'coordinator', 'node', 'adapters'],
  sim: ['core', 'ports', 'wire', 'swarm', 'work', 'memory', 'coordinator', 'node', 'testing'],
  cli: ['core', 'ports', 'wire', 'swarm', 'work', 'memory', 'coordinator', 'node', 'adapters', 'surfaces', 'sim'],
}
/** Composition and command line are read file by file; everything else has one door. */
const OPEN: ReadonlySet<string> = new Set(['node', 'cli', 'testing', 'sim'])

interface Place {
  readonly group: string
  /** `work/claims`, `adapters/git`, or the group itself where it has no rooms. */
  readonly room: string
}

export const placeOf = (path: string): Place | undefined => {
  const [top, group, room, ...rest] = path.split('/')
  if (top !== 'src' || group === undefined || room === undefined) return undefined
  const hasRooms = (GROUPS as readonly string[]).includes(group) || group === 'adapters' || group === 'surfaces'
  return { group, room: hasRooms && rest.length > 0 ? `${group}/${room}` : group }
}

export const importFindings = (files: readonly SourceText[]): readonly Finding[] => files.filter(isProduction).flatMap((file) => {
  const from = placeOf(file.path)
  if (from === undefined || ALLOWED[from.group] === undefined) return [{ rule: 'unknown-folder', place: file.path, reason: `src/ has these folders: ${Object.keys(ALLOWED).join(', ')}` }]
  return importsOf(file).filter(({ target }) => target.startsWith('.')).flatMap(({ target, line }) => {
    const place = `${file.path}:${line}`
    if (!target.endsWith('.ts')) return [{ rule: 'import-suffix', place, reason: `imports end in .ts, got ${target}` }]
    const path = resolveImport(file, target)
    const to = placeOf(path)
    if (to === undefined || to.room === from.room) return []
    const sameGroup = to.group === from.group && (GROUPS as readonly string[]).includes(to.group)
    if (!sameGroup && ALLOWED[from.group]?.includes(to.group) !== true) return [{ rule: 'import-table', place, reason: `${from.room} may not import ${to.room}` }]
    return OPEN.has(to.group) || path.endsWith('/mod.ts') ? [] : [{ rule: 'import-door', place, reason: `${to.room} is entered through its mod.ts, got ${target}` }]
  })
})

/** Circles between rooms, by any import, and between files, by imports that run. */
export const cycleFindings = (files: readonly SourceText[]): readonly Finding[] => {
  const rooms = new Map<string, Set<string>>()
  const modules = new Map<string, Set<string>>()
  for (const file of files.filter(isProduction)) {
    for (const { target, typeOnly } of importsOf(file).filter((found) => found.target.startsWith('.'))) {
      const path = resolveImport(file, target)
      const [from, to] = [placeOf(file.path), placeOf(path)]
      if (!typeOnly) addEdge(modules, file.path, path)
      if (from !== undefined && to !== undefined && from.room !== to.room) addEdge(rooms, from.room, to.room)
    }
  }
  return [
    ...circlesOf(rooms).map((circle) => ({ rule: 'room-cycle', place: circle[0] ?? '', reason: circle.join(' -> ') })),
    ...circlesOf(modules).map((circle) => ({ rule: 'file-cycle', place: circle[0] ?? '', reason: circle.join(' -> ') })),
  ]
}

const addEdge = (edges: Map<string, Set<string>>, from: string, to: string): void => {
  edges.set(from, (edges.get(from) ?? new Set()).add(to))
}

/** One circle for each place at which a depth-first walk comes back. */
const circlesOf = (edges: ReadonlyMap<string, ReadonlySet<string>>): readonly (readonly string[])[] => {
  const done = new Set<string>()
  const circles: string[][] = []
  const walk = (at: string, way: readonly string[]): void => {
    if (way.includes(at)) circles.push([...way.slice(way.indexOf(at)), at])
    if (way.includes(at) || done.has(at)) return
    for (const next of [...(edges.get(at) ?? [])].sort()) walk(next, [...way, at])
    done.add(at)
  }
  for (const start of [...edges.keys()].sort()) walk(start, [])
  return circles
}
