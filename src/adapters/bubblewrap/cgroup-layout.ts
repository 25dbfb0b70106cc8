import path from 'node:path'

export type Controller = 'memory' | 'pids' | 'cpu' | 'cpuacct'

/** Where a controller's groups can be made: candidate parent folders, best first. */
export interface ControllerPlace {
  readonly version: 1 | 2
  readonly parents: readonly string[]
}

/** Where each controller lives; a controller that is nowhere is missing. In version 2 `cpuacct` is part of every group. */
export type CgroupLayout = ReadonlyMap<Controller, ControllerPlace>

/**
 * Reads /proc/self/mountinfo and /proc/self/cgroup (proc(5), cgroups(7)). Machines mount version 1, version 2, or both with
 * the controllers shared out between them. Parents: the root of the hierarchy, then this process's own group, then
 * the one above it (where systemd delegates).
 */
export const cgroupLayout = (mountInfo: string, ownGroups: string, unifiedControllers: (mountPoint: string) => string): CgroupLayout => {
  const own = new Map<string, string>()
  for (const line of ownGroups.split('\n')) {
    const [, controllers, group] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? []
    if (controllers !== undefined && group !== undefined) for (const name of controllers.split(',')) own.set(name, group)
  }
  const layout = new Map<Controller, ControllerPlace>()
  for (const mount of parseMounts(mountInfo)) {
    if (mount.type === 'cgroup2') {
      const offered = unifiedControllers(mount.point).split(/\s+/)
      const place: ControllerPlace = { version: 2, parents: candidates(mount, own.get('')) }
      for (const name of CONTROLLERS) if (name !== 'cpuacct' && offered.includes(name) && !layout.has(name)) layout.set(name, place)
      if (layout.get('cpu') === place || layout.get('memory') === place) layout.set('cpuacct', place)
    } else if (mount.type === 'cgroup') {
      for (const name of CONTROLLERS) {
        if (mount.options.includes(name)) layout.set(name, { version: 1, parents: candidates(mount, own.get(name)) })
      }
    }
  }
  return layout
}

const CONTROLLERS: readonly Controller[] = ['memory', 'pids', 'cpu', 'cpuacct']

interface Mount { readonly root: string; readonly point: string; readonly type: string; readonly options: readonly string[] }

const parseMounts = (mountInfo: string): Mount[] => mountInfo.split('\n').flatMap((line) => {
  const [left, right] = line.split(' - ')
  const [, , , root, point] = left?.split(' ') ?? []
  const [type, , options] = right?.split(' ') ?? []
  if (root === undefined || point === undefined || type === undefined) return []
  return [{ root, point: unescape(point), type, options: options?.split(',') ?? [] }]
})

/** mountinfo writes space, tab, newline and backslash in octal. */
const unescape = (text: string): string => text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))

const candidates = (mount: Mount, own: string | undefined): string[] => {
  if (own === undefined || own === '/' || own.includes('/..')) return [mount.point]
  // In a container the mount shows a part of the hierarchy; paths are given from its real root.
  const inside = own === mount.root || own.startsWith(`${mount.root}/`) ? own.slice(mount.root === '/' ? 0 : mount.root.length) : own
  const folder = path.join(mount.point, inside)
  return [...new Set([mount.point, folder, path.dirname(folder)])].filter((candidate) => candidate.startsWith(mount.point))
}
