import { registerHooks } from 'node:module'
import type { Edit, Plant } from './plant.ts'

const ROOT = new URL('../../../', import.meta.url)

/**
 * Before any module of production is loaded: changes their source on the way in. Returns what throws when a file was
 * never loaded, so that no plant misses unnoticed.
 */
export const plantInto = ({ name, edits }: Pick<Plant, 'name' | 'edits'>): () => void => {
  const wanted = new Map<string, Edit[]>()
  for (const edit of edits) {
    const { href } = new URL(edit.file, ROOT)
    wanted.set(href, [...wanted.get(href) ?? [], edit])
  }
  const planted = new Set<string>()
  registerHooks({
    load: (url, context, nextLoad) => {
      const loaded = nextLoad(url, context)
      const here = wanted.get(url)
      if (here === undefined) return loaded
      if (loaded.source === null || loaded.source === undefined) throw new Error(`${name}: ${url} was loaded without its source`)
      const text = typeof loaded.source === 'string' ? loaded.source : Buffer.from(loaded.source as Uint8Array).toString('utf8')
      planted.add(url)
      return { ...loaded, source: here.reduce((source, edit) => edited(source, edit), text) }
    },
  })
  return () => {
    for (const url of wanted.keys()) if (!planted.has(url)) throw new Error(`${name}: ${url} was never loaded, so nothing was planted in it`)
  }
}

export const edited = (source: string, { file, find, replace }: Edit): string => {
  const times = source.split(find).length - 1
  if (times !== 1) throw new Error(`${file}: ${JSON.stringify(find)} is expected there once, and is there ${times} times: the plant does not fit the source any more`)
  return source.replace(find, () => replace)
}
